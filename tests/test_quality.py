"""Quality against calls: quantiles, floors, and every sampler against a distance known in closed form."""

import math

import pytest
import torch

from diffkit import data, quality
from diffkit.errors import RangeError, ShapeError
from diffkit.oracle import GaussianMixture
from diffkit.samplers import ancestral, ddim_kernel, last
from diffkit.samplers.path import make_path
from diffkit.schedule import from_alpha_bar
from diffkit.sde import EDM

MODES = [(m, s) for m in quality.METHODS for s in quality.SPACINGS]


def bell(var=0.3, mean=0.4):
    one = torch.ones(1, dtype=torch.float64)
    return GaussianMixture.isotropic(one, mean * one[:, None], var)


def test_quantiles_cut_off_the_shares_they_should():
    mixture = data.bumps()
    x = quality.quantiles(mixture, 200)
    below = torch.special.ndtr((x.unsqueeze(1) - mixture.means[:, 0]) / mixture.covs[:, 0, 0].sqrt()) @ mixture.weights
    torch.testing.assert_close(below, (torch.arange(200, dtype=torch.float64) + 0.5) / 200, rtol=0, atol=1e-12)


def test_the_distance_of_two_bells_is_known():
    """W_2 of N(m, s^2) and N(n, r^2) is the root of (m - n)^2 + (s - r)^2; N points see all but the far tails."""
    x = quality.quantiles(bell(0.5**2, 1.0), 4000)
    assert quality.distance(bell(0.8**2, 0.6), x) == pytest.approx(math.hypot(0.4, 0.3), rel=1e-3)


def test_right_points_are_at_distance_zero_and_random_ones_at_the_floor():
    mixture = data.bumps()
    assert quality.distance(mixture, quality.quantiles(mixture, 500)) == 0
    floor = quality.noise_floor(mixture, 500)
    drawn = [
        quality.distance(mixture, mixture.sample(500, generator=torch.Generator().manual_seed(s))[:, 0])
        for s in range(9)
    ]
    assert min(drawn) < floor < max(drawn)
    assert quality.noise_floor(mixture, 2000) < 0.7 * floor


@pytest.mark.parametrize("u", [0.05, 1.0, 30.0])
def test_the_short_way_to_the_noise_prediction_is_the_oracles(u):
    y = 3 * torch.randn(50, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        quality.line_eps(data.bumps())(y, u), data.bumps().eps(y, 1.0, u), rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("top", [0.3, 2.0])
def test_from_any_level_the_flow_carries_quantiles_to_quantiles(top):
    """On the line the flow keeps the order of the points; 100 steps of second order leave an error of about 1e-3."""
    u = torch.cat([torch.logspace(math.log10(top), -3, 100, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)])
    assert quality.distance(data.bumps(), quality.samples(data.bumps(), "heun", u, 200)) < 1e-3


@pytest.mark.parametrize("method", ["eta 1", "eta 0.5", "ddim", "ancestral"])
def test_on_a_bell_the_points_have_the_mean_and_spread_that_the_recursion_gives(method):
    mean, var, u = 0.4, 0.3, quality.levels("time", 40)
    a, b, c = ddim_kernel(make_path(EDM(float(u[0])), torch.zeros(1, 1).double(), u), quality.ETA[method])
    if method == "ancestral":
        c = quality._ddpm_noise(u).tolist()
    spread = var + float(u[0]) ** 2
    for k, level in enumerate(u[:-1].tolist()):
        spread = (a[k] + b[k] * level / (var + level**2)) ** 2 * spread + c[k] ** 2
    x = quality.samples(bell(var, mean), method, u, 4096)
    assert float(x.mean()) == pytest.approx(mean, abs=4e-3)
    assert float(x.std()) == pytest.approx(spread**0.5, rel=1e-2)


def test_the_ancestral_method_is_the_librarys_chain_in_other_units():
    u = quality.levels("time", 6)
    s = from_alpha_bar(1 / (1 + u.flip(0) ** 2), beta_max=1 - 1e-12)
    mixture, g = bell(), torch.Generator().manual_seed(0)
    eps = lambda x, t: mixture.eps(x, s.alpha_bar[t].sqrt(), s.noise_var[t].sqrt())  # noqa: E731
    x_T = s.alpha_bar[-1].sqrt() * mixture.noised(1.0, float(u[0])).sample(20_000, generator=g)
    chain = last(ancestral(eps, s, x_T, generator=g))
    x = quality.samples(mixture, "ancestral", u, 4096)
    assert float(chain.std()) == pytest.approx(float(x.std()), rel=0.035)  # 6.5 standard errors


@pytest.mark.parametrize(("method", "spacing"), MODES)
def test_more_calls_come_closer(method, spacing):
    few, many = (
        quality.distance(
            data.bumps(),
            quality.samples(data.bumps(), method, quality.levels(spacing, quality.most_steps(method, c)), 256),
        )
        for c in (4, 100)
    )
    assert many < 0.06 < few


@pytest.mark.parametrize(("method", "order"), [("ddim", 1), ("heun", 2), ("dpm-2", 2), ("multistep", 2)])
def test_the_distance_falls_with_the_order_of_the_method(method, order):
    fine, coarse = (
        quality.distance(data.bumps(), quality.samples(data.bumps(), method, quality.levels("log", n), 256))
        for n in (256, 64)
    )
    assert abs(math.log(coarse / fine) / math.log(4) - order) < 0.4


def test_levels_fall_to_zero_whatever_their_spacing():
    for spacing in quality.SPACINGS:
        for n in (1, 2, 9):
            u = quality.levels(spacing, n)
            assert len(u) == n + 1
            assert float(u[-1]) == 0
            assert bool((u.diff() < 0).all())


def test_a_race_says_what_it_spent():
    run = quality.race(bell(), spacings=("karras",), budgets=(1, 4, 5), n_points=64)
    assert run.points.shape == (1, 7, 3, 64)
    assert run.spent[quality.METHODS.index("heun")].tolist() == [1, 3, 5]
    assert run.spent[quality.METHODS.index("ddim")].tolist() == [1, 4, 5]
    for i in range(7):
        assert float(run.distances[0, i, 2]) == pytest.approx(quality.distance(bell(), run.points[0, i, 2]))


def test_what_makes_no_sense_is_refused():
    with pytest.raises(RangeError, match="at least once"):
        quality.most_steps("ddim", 0)
    with pytest.raises(ShapeError, match="on the line"):
        quality.quantiles(data.ring_mixture(), 5)
    with pytest.raises(RangeError, match="choose one of time"):
        quality.race(bell(), spacings=("Karras",), budgets=(2,))
    with pytest.raises(RangeError, match="choose one of ancestral"):
        quality.samples(bell(), "Heun", quality.levels("karras", 3))
