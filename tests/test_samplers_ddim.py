"""DDIM: marginals kept, closed form on Gaussian data, ancestral at eta = 1, first order, exact inversion."""

import pytest
import torch
from torch import Tensor

from diffkit.errors import RangeError
from diffkit.samplers import ancestral, ddim, ddim_invert, ddim_kernel, last, time_grid, uniform_times
from diffkit.samplers.path import Noise, make_path
from diffkit.schedule import Schedule, cosine, linear
from diffkit.sde import EDM, VE, VP, SubVP
from tests.sampler_checks import (
    assert_same_distribution,
    eps_model,
    gaussian,
    generator,
    mixture,
    order,
    randn,
    wavy_eps,
)

PATHS: list[tuple[Noise, list[float]]] = [
    (linear(200), [200, 150, 77, 3, 1, 0]),
    (cosine(40), list(range(40, -1, -1))),
    (VP(), time_grid(30, 1.0, 0.0)),
    (SubVP(), time_grid(30, 1.0, 0.0)),
    (VE(0.01, 5.0), time_grid(30, 1.0, 0.0)),
    (EDM(5.0), time_grid(30, 5.0, 0.0)),
]
every_path = pytest.mark.parametrize(("noise", "times"), PATHS, ids=lambda v: repr(v)[:20])


@every_path
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_every_eta_keeps_the_marginals_given_the_data(noise: Noise, times: list[float], eta: float):
    """If eps is the noise in x_t = alpha x_0 + sigma eps, then x_s = alpha_s x_0 + noise of variance
    sigma_s^2.
    """
    path = make_path(noise, randn(1, 1), times)
    a, b, c = (torch.tensor(v, dtype=torch.float64) for v in ddim_kernel(path, eta))
    alpha, sigma = (torch.tensor(v, dtype=torch.float64) for v in (path.alpha, path.sigma))
    torch.testing.assert_close(a * alpha[:-1], alpha[1:], rtol=1e-12, atol=0)
    torch.testing.assert_close((a * sigma[:-1] + b) ** 2 + c**2, sigma[1:] ** 2, rtol=1e-9, atol=1e-14)


@every_path
def test_eta_scales_the_posterior_s_standard_deviation(noise: Noise, times: list[float]):
    path = make_path(noise, randn(1, 1), times)
    half, full = (torch.tensor(ddim_kernel(path, eta).c) for eta in (0.5, 1.0))
    torch.testing.assert_close(half, full / 2)
    if isinstance(noise, Schedule) and len(times) == noise.T + 1:
        torch.testing.assert_close(full.double(), noise.beta_tilde.flip(0)[:-1].sqrt(), rtol=1e-5, atol=1e-7)


@every_path
def test_on_gaussian_data_ddim_walks_its_closed_form_path(noise: Noise, times: list[float]):
    """A step multiplies x - alpha m by (alpha_s alpha_t v + sigma_s sigma_t) / (alpha_t^2 v + sigma_t^2)."""
    m, v = 0.7, 0.25
    x = randn(10, 1)
    path = make_path(noise, x, times)
    steps = list(ddim(eps_model(gaussian(m, v), noise), noise, x, times=times))
    expected = x
    for i in range(len(times) - 1):
        (a_t, a_s), (s_t, s_s) = path.alpha[i : i + 2], path.sigma[i : i + 2]
        factor = (a_s * a_t * v + s_s * s_t) / (a_t**2 * v + s_t**2)
        expected = a_s * m + factor * (expected - a_t * m)
        torch.testing.assert_close(steps[i + 1].x, expected, rtol=1e-9, atol=1e-9)
    assert [step.t for step in steps] == times


def test_eta_one_is_ancestral_sampling_with_beta_tilde():
    s, x = linear(100), randn(20, 2)
    eps = eps_model(mixture(), s)
    by_ddim = list(ddim(eps, s, x, eta=1.0, generator=generator(1)))
    by_ancestral = list(ancestral(eps, s, x, variance=s.beta_tilde, generator=generator(1)))
    for one, other in zip(by_ddim, by_ancestral, strict=True):
        assert one.t == other.t
        torch.testing.assert_close(one.x, other.x, rtol=1e-9, atol=1e-9)


def test_ddim_is_euler_s_method_in_sigma_over_alpha():
    s, x = linear(50), randn(20, 2)
    steps = list(ddim(wavy_eps, s, x))
    alpha, level = s.alpha_bar.sqrt(), (s.noise_var / s.alpha_bar).sqrt()
    y = x / alpha[50]
    for t in range(50, 0, -1):
        y = y + (level[t - 1] - level[t]) * wavy_eps(alpha[t] * y, torch.full((20,), t))
        torch.testing.assert_close(steps[51 - t].x, alpha[t - 1] * y, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sde", [VP(), SubVP(), VE(0.01, 5.0)], ids=repr)
def test_ddim_is_a_first_order_solver_of_the_flow(sde):
    """Away from the data the mixture's flow is smooth, so the order shows."""
    eps, x = eps_model(mixture(), sde), 1.2 * randn(20, 2)
    ends = {n: last(ddim(eps, sde, x, times=time_grid(n, 0.7, 0.2))) for n in (40, 80, 160, 320, 5120)}
    errors = [float((ends[n] - ends[5120]).norm()) for n in (40, 80, 160, 320)]
    assert abs(order([40, 80, 160, 320], errors) - 1) < 0.3


def round_trip(s: Schedule, n: int, refine: int) -> float:
    eps, x_0 = eps_model(mixture(), s), mixture().sample(50, generator=generator(4))
    times = uniform_times(s.T, n)
    x_T = last(ddim_invert(eps, s, x_0, times=times[::-1], refine=refine))
    return float((last(ddim(eps, s, x_T, times=times)) - x_0).norm())


def test_refined_inversion_is_the_exact_inverse():
    assert round_trip(linear(200), 200, 40) < 1e-9
    assert round_trip(linear(1000), 100, 60) < 1e-9


def test_plain_inversion_is_inexact_and_improves_with_steps():
    s = linear(1000)
    errors = [round_trip(s, n, 0) for n in (100, 200, 400)]
    assert abs(order([100, 200, 400], errors) - 1) < 0.3


def test_a_mixture_is_sampled_within_the_noise_floor():
    """Energy distance, error rate 1e-7."""
    s = linear(1000)
    for eta, times in ((0.0, uniform_times(1000, 250)), (0.5, None)):
        x = last(ddim(eps_model(mixture(), s), s, randn(2000, 2), times=times, eta=eta, generator=generator(5)))
        assert_same_distribution(x, mixture().sample(2000, generator=generator(6)))


def test_only_eta_zero_ignores_the_generator():
    s, x = linear(20), randn(5, 2)
    eps = eps_model(mixture(), s)

    def run(eta: float, seed: int) -> Tensor:
        return last(ddim(eps, s, x, eta=eta, generator=generator(seed)))

    assert torch.equal(run(0.0, 1), run(0.0, 2))
    assert not torch.equal(run(0.1, 1), run(0.1, 2))


@pytest.mark.parametrize("eta", [-0.1, float("nan"), float("inf"), 3.0])
def test_impossible_eta_is_refused(eta: float):
    s = linear(20)
    with pytest.raises(RangeError, match="eta"):
        ddim(eps_model(mixture(), s), s, randn(5, 2), times=[20, 10, 1, 0], eta=eta)
