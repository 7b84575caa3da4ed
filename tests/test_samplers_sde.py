"""Stochastic samplers in continuous time: Euler-Maruyama with its order, and predictor-corrector."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.samplers import (
    Affine,
    ancestral_kernel,
    corrector_step,
    euler_maruyama,
    euler_maruyama_kernel,
    last,
    predictor_corrector,
    reverse_kernel,
    reverse_sde,
    time_grid,
)
from diffkit.sde import SDE, VE, VP, SubVP
from tests.sampler_checks import (
    assert_moments,
    assert_same_distribution,
    gaussian,
    generator,
    mixture,
    one_step,
    order,
    randn,
    score_model,
)

SDES = [VP(), SubVP(), VE(0.1, 5.0)]
every_sde = pytest.mark.parametrize("sde", SDES, ids=repr)
M, V = 0.7, 0.25  # the Gaussian data


def score_slopes(sde: SDE, times: list[float]) -> tuple[Tensor, Tensor]:
    """alpha m and 1/(alpha^2 v + sigma^2) at each time: the score of the Gaussian data is -(x - first)
    second.
    """
    alpha, sigma = sde.marginal(torch.tensor(times, dtype=torch.float64))
    return alpha * M, 1 / (alpha**2 * V + sigma**2)


def recursion(k: Affine, centre: Tensor, precision: Tensor, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
    """Exact mean and variance after the updates x <- a x - b precision (x - centre) + c z."""
    for a, b, c, m, p in zip(*k, centre, precision, strict=False):
        mean, var = (a - b * p) * mean + b * p * m, (a - b * p) ** 2 * var + c**2
    return mean, var


@every_sde
def test_reverse_euler_maruyama_has_weak_order_one(sde: SDE):
    """Mean and variance on Gaussian data obey a recursion, so the order is seen without sampling noise."""
    ns, mean_errors, var_errors = [200, 400, 800, 1600], [], []
    for n in ns:
        times = time_grid(n, 1.0, 0.05)
        centre, precision = score_slopes(sde, times)
        kernel = euler_maruyama_kernel(sde, times)
        mean, var = recursion(kernel, centre, precision, centre[0], 1 / precision[0])
        mean_errors.append(abs(float(mean - centre[-1])))
        var_errors.append(abs(float(var - 1 / precision[-1])))
    assert abs(order(ns, var_errors) - 1) < 0.3
    if not isinstance(sde, VE):  # there the mean is exact
        assert abs(order(ns, mean_errors) - 1) < 0.3


@every_sde
def test_reverse_sde_on_gaussian_data_has_the_moments_of_its_recursion(sde: SDE):
    """CLT, error rate below 1e-9."""
    times = time_grid(30, 1.0, 0.05)
    centre, precision = score_slopes(sde, times)
    x_T = centre[0] + randn(100_000, 1) / precision[0].sqrt()
    x = last(reverse_sde(score_model(gaussian(M, V), sde), sde, x_T, times, generator=generator(1)))
    kernel = euler_maruyama_kernel(sde, times)
    mean, var = recursion(kernel, centre, precision, centre[0], 1 / precision[0])
    assert_moments(x, mean.reshape(1), var.reshape(1, 1))


@every_sde
def test_reverse_sde_is_the_generic_method_with_the_reverse_drift(sde: SDE):
    score, x_T, times = score_model(mixture(), sde), randn(30, 2), time_grid(20, 1.0, 0.01)
    slow = euler_maruyama(
        lambda x, t: sde.reverse_drift(x, t, score(x, t)), sde.diffusion, x_T, times, generator=generator(2)
    )
    fast = reverse_sde(score, sde, x_T, times, generator=generator(2))
    for one, other in zip(slow, fast, strict=True):
        assert one.t == other.t
        torch.testing.assert_close(one.x, other.x, rtol=1e-9, atol=1e-9)


@every_sde
def test_forward_euler_maruyama_noises_data_towards_the_marginal(sde: SDE):
    """CLT around the exact recursion of the method, error rate below 1e-9; the recursion is near the
    marginal.
    """
    times = torch.linspace(0, 1, 201, dtype=torch.float64).tolist()
    mean, var = (torch.tensor(v, dtype=torch.float64) for v in (M, V))
    for t, t_next in pairwise(times):
        dt = t_next - t
        growth = 1 + float(sde.rate(t)) * dt
        mean, var = growth * mean, growth**2 * var + float(sde.diffusion(t)) ** 2 * dt
    x_0 = M + V**0.5 * randn(50_000, 1)
    x = last(euler_maruyama(sde.drift, sde.diffusion, x_0, times, generator=generator(3)))
    assert_moments(x, mean.reshape(1), var.reshape(1, 1))
    alpha, sigma = sde.marginal(1.0)
    torch.testing.assert_close(var, alpha**2 * V + sigma**2, rtol=0.05, atol=0)


def test_ancestral_sampling_is_euler_maruyama_up_to_second_order_in_the_step():
    """One step of the chain minus one step of the SDE is O(dt^2) in the mean, O(dt^1.5) in the noise."""
    ns, gaps = [100, 200, 400, 800], []
    for T in ns:
        s, t = VP().schedule(T), T // 2
        chain = reverse_kernel(s, [t, t - 1])
        em = euler_maruyama_kernel(VP(), [t / T, (t - 1) / T])
        score_weight = -chain.b[0] * float(s.noise_var[t].sqrt())  # b multiplies eps = -sigma score
        gaps.append([abs(chain.a[0] - em.a[0]), abs(score_weight - em.b[0]), abs(chain.c[0] - em.c[0])])
    of_x, of_score, of_noise = (order(ns, list(g)) for g in zip(*gaps, strict=True))
    assert abs(of_x - 2) < 0.3
    assert abs(of_score - 2) < 0.3
    assert abs(of_noise - 1.5) < 0.3


@every_sde
def test_a_mixture_is_sampled_within_the_noise_floor(sde: SDE):
    """Energy distance, error rate 1e-7 each."""
    score, x_T = score_model(mixture(), sde), sde.prior_sample(randn(2000, 2), generator=generator(4))
    truth = mixture().sample(2000, generator=generator(5))
    x = last(reverse_sde(score, sde, x_T, time_grid(500, 1.0, 1e-3), generator=generator(6)))
    assert_same_distribution(x, truth)
    for predictor in (euler_maruyama_kernel, ancestral_kernel):
        run = predictor_corrector(
            score, sde, x_T, time_grid(150, 1.0, 1e-3), predictor=predictor, generator=generator(7)
        )
        assert_same_distribution(last(run), truth)


def test_the_ancestral_kernel_of_vp_is_the_ddpm_chain_with_beta_tilde():
    T, sde = 40, VP()
    s = sde.schedule(T)
    chain = reverse_kernel(s, list(range(T, -1, -1)), s.beta_tilde)
    kernel = ancestral_kernel(sde, [t / T for t in range(T, -1, -1)])
    sigma = s.noise_var.sqrt().flip(0)[:-1]
    torch.testing.assert_close(torch.tensor(kernel.a), torch.tensor(chain.a), rtol=1e-9, atol=0)
    torch.testing.assert_close(torch.tensor(kernel.b), -torch.tensor(chain.b) * sigma.float(), rtol=1e-5, atol=0)
    torch.testing.assert_close(torch.tensor(kernel.c), torch.tensor(chain.c), rtol=1e-5, atol=1e-8)


def test_the_ancestral_kernel_of_ve_is_song_s_equation_47():
    sde, times = VE(0.1, 5.0), [0.9, 0.4, 0.2]
    kernel = ancestral_kernel(sde, times)
    sigma = sde.marginal(torch.tensor(times, dtype=torch.float64))[1].tolist()
    for i in range(2):
        step = sigma[i] ** 2 - sigma[i + 1] ** 2
        assert kernel.a[i] == 1
        assert math.isclose(kernel.b[i], step, rel_tol=1e-12)
        assert math.isclose(kernel.c[i], math.sqrt(sigma[i + 1] ** 2 * step / sigma[i] ** 2), rel_tol=1e-12)


def test_the_corrector_is_song_s_algorithm_4():
    x, s, z = randn(7, 2, 3, seed=1), randn(7, 2, 3, seed=2), randn(7, 2, 3, seed=3)
    z_norm = sum(float((z[i] ** 2).sum()) ** 0.5 for i in range(7)) / 7
    s_norm = sum(float((s[i] ** 2).sum()) ** 0.5 for i in range(7)) / 7
    eta = 2 * 0.9 * (0.2 * z_norm / s_norm) ** 2
    torch.testing.assert_close(corrector_step(x, s, z, 0.2, 0.9), x + eta * s + (2 * eta) ** 0.5 * z)


def test_a_corrector_s_step_shrinks_with_the_alpha_of_its_move():
    """Song et al. 2021, algorithm 5: alpha = 1 - beta of the step, alpha_bar_t / alpha_bar_s.  Nothing is predicted."""
    sde, x, times = VP(), randn(7, 2), [0.9, 0.6]
    score = score_model(mixture(), sde)
    run = predictor_corrector(
        score, sde, x, times, predictor=lambda sde, t: Affine([1.0], [0.0], [0.0]), snr=0.2, generator=generator(3)
    )
    g = generator(3)
    _, z = (torch.randn(7, 2, dtype=torch.float64, generator=g) for _ in range(2))  # the first is the predictor's
    bar = sde.marginal(torch.tensor(times, dtype=torch.float64))[0] ** 2
    expected = corrector_step(x, score(x, 0.6), z, 0.2, float(bar[0] / bar[1]))
    torch.testing.assert_close(last(run), expected, rtol=1e-12, atol=1e-12)


@every_sde
def test_corrector_steps_leave_the_marginal_in_place(sde: SDE):
    """Ten Langevin steps from exact samples.  Energy distance, error rate 1e-7; the bias of order eta is
    below it.
    """
    t = 0.3
    alpha, sigma = sde.marginal(t)
    level = mixture().noised(float(alpha), float(sigma))
    x = level.sample(2000, generator=generator(8))
    for i in range(10):
        x = corrector_step(x, level.score(x), randn(2000, 2, seed=20 + i), 0.16)
    assert_same_distribution(x, level.sample(2000, generator=generator(9)))


def test_correctors_repair_a_coarse_predictor():
    """12 steps of Euler-Maruyama leave the variance 36 % too large.  Margins of 10 standard errors, below
    1e-9.
    """
    sde, times = VP(), time_grid(12, 1.0, 0.05)
    centre, precision = score_slopes(sde, times)
    x_T = centre[0] + randn(20_000, 1) / precision[0].sqrt()
    gaps = []
    for n in (0, 10):
        run = predictor_corrector(
            score_model(gaussian(M, V), sde), sde, x_T, times, n_corrector=n, generator=generator(10)
        )
        gaps.append(abs(float(last(run).var() * precision[-1]) - 1))
    assert gaps[0] > 0.25
    assert gaps[1] < gaps[0] - 0.1


def test_without_correctors_only_the_predictor_runs():
    sde, times, x_T = VP(), time_grid(20, 1.0, 0.01), randn(30, 2)
    score = score_model(mixture(), sde)
    one = last(predictor_corrector(score, sde, x_T, times, n_corrector=0, generator=generator(11)))
    torch.testing.assert_close(one, last(reverse_sde(score, sde, x_T, times, generator=generator(11))))


def test_one_reverse_step_has_the_right_moments():
    """Mean x + (f x - g^2 s) dt and variance g^2 |dt|, with dt < 0.  CLT, error rate below 1e-9."""
    sde, t, dt = SubVP(), 0.6, -0.05
    point = torch.tensor([[0.4, -1.0]], dtype=torch.float64)
    score = score_model(mixture(), sde)
    x = one_step(reverse_sde(score, sde, point.repeat(50_000, 1), [t, t + dt], generator=generator(12)))
    mean = point + sde.reverse_drift(point, t, score(point, t)) * dt
    assert_moments(x, mean[0], torch.eye(2, dtype=torch.float64) * float(sde.diffusion(t)) ** 2 * abs(dt))


def test_bad_input_is_refused():
    sde, x = VP(), randn(3, 2)
    score = score_model(mixture(), sde)
    with pytest.raises(RangeError, match="fall"):
        reverse_sde(score, sde, x, [0.1, 1.0])
    with pytest.raises(RangeError, match="lie in"):
        reverse_sde(score, sde, x, [1.5, 0.1])
    with pytest.raises(RangeError, match="entries"):
        reverse_sde(score, sde, x, [1.0])
    with pytest.raises(RangeError, match="entries"):
        euler_maruyama(sde.drift, sde.diffusion, x, [1.0])
    with pytest.raises(RangeError, match="snr"):
        predictor_corrector(score, sde, x, [1.0, 0.5], snr=0.0)
    with pytest.raises(RangeError, match="n_corrector"):
        predictor_corrector(score, sde, x, [1.0, 0.5], n_corrector=-1)
    with pytest.raises(ShapeError, match="axes"):
        predictor_corrector(score, sde, x[:, 0], [1.0, 0.5])
    with pytest.raises(RangeError, match="sort them"):
        euler_maruyama(sde.drift, sde.diffusion, x, [0.1, 0.1])
