"""Solvers of the probability-flow ODE: closed form, theoretical orders, round trips, and what they are made
of.
"""

import sys
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from diffkit import sigmas
from diffkit.errors import RangeError
from diffkit.samplers import (
    adaptive,
    ddim,
    dpm_solver_2,
    dpm_solver_2m,
    euler,
    euler_maruyama,
    heun,
    last,
    probability_flow,
    rk4,
    time_grid,
    uniform_times,
)
from diffkit.schedule import cosine, linear
from diffkit.sde import EDM, SDE, VE, VP, SubVP
from tests.sampler_checks import (
    assert_same_distribution,
    eps_model,
    gaussian,
    generator,
    mixture,
    order,
    randn,
    score_model,
)

SDES = [VP(), SubVP(), VE(0.1, 5.0), EDM(5.0)]
every_sde = pytest.mark.parametrize("sde", SDES, ids=repr)


def grid(sde: SDE, n: int, start: float = 0.7, end: float = 0.2) -> list[float]:
    return time_grid(n, start * sde.t_max, end * sde.t_max)


@every_sde
def test_on_gaussian_data_the_flow_is_a_scaling_about_the_mean(sde: SDE):
    """x_s = alpha_s m + (x_t - alpha_t m) sqrt(alpha_s^2 v + sigma_s^2) / sqrt(alpha_t^2 v + sigma_t^2)."""
    m, v, x = 0.7, 0.25, randn(20, 1)
    times = grid(sde, 200, 1.0, 0.01)
    steps = list(probability_flow(score_model(gaussian(m, v), sde), sde, x, times, step=rk4))
    alpha, sigma = sde.marginal(torch.tensor(times, dtype=torch.float64))
    std = (alpha**2 * v + sigma**2).sqrt()
    for i in (1, 50, 200):
        expected = alpha[i] * m + (x - alpha[0] * m) * std[i] / std[0]
        torch.testing.assert_close(steps[i].x, expected, rtol=1e-6, atol=1e-6)


@every_sde
@pytest.mark.parametrize(("step", "theory"), [(euler, 1), (heun, 2), (rk4, 4)])
def test_fixed_steps_have_their_theoretical_order(sde: SDE, step, theory: int):
    score, x, ns = score_model(mixture(), sde), 1.2 * randn(20, 2), [10, 20, 40, 80]
    exact = last(probability_flow(score, sde, x, grid(sde, 400), step=rk4))
    errors = [float((last(probability_flow(score, sde, x, grid(sde, n), step=step)) - exact).norm()) for n in ns]
    assert abs(order(ns, errors) - theory) < 0.3


@every_sde
def test_both_dpm_solvers_have_order_two(sde: SDE):
    eps, x, ns = eps_model(mixture(), sde), 1.2 * randn(20, 2), [20, 40, 80, 160]
    exact = last(probability_flow(score_model(mixture(), sde), sde, x, grid(sde, 400), step=rk4))
    for solve in (
        lambda n: dpm_solver_2(eps, sde, x, grid(sde, n)),
        lambda n: dpm_solver_2m(eps, sde, x, times=grid(sde, n)),
    ):
        errors = [float((last(solve(n)) - exact).norm()) for n in ns]
        assert abs(order(ns, errors) - 2) < 0.3


@pytest.mark.parametrize("s", [linear(1000), cosine(1000)], ids=repr)
def test_multistep_on_a_schedule_beats_ddim_at_equal_calls(s):
    eps, x = eps_model(mixture(), s), randn(50, 2)
    exact = last(ddim(eps, s, x))
    times = uniform_times(s.T, 40)
    multi = float((last(dpm_solver_2m(eps, s, x, times=times)) - exact).norm())
    single = float((last(ddim(eps, s, x, times=times)) - exact).norm())
    assert multi < single / 2


def test_dpm_solver_2_asks_at_the_middle_in_log_snr():
    sde, asked = VP(), []

    def eps(x: Tensor, t: float) -> Tensor:
        asked.append(t)
        return torch.sin(x)

    list(dpm_solver_2(eps, sde, randn(3, 2), [0.9, 0.4, 0.0]))
    lam = [float(sde.half_log_snr(t)) for t in asked[:3]]
    assert abs(lam[1] - (lam[0] + lam[2]) / 2) < 1e-9
    assert len(asked) == 3, "the step that ends at t = 0 needs one call"
    assert 0.0 not in asked


def test_the_first_and_a_last_step_to_clean_data_of_the_multistep_solver_are_ddim():
    s, x = linear(30), randn(5, 2)
    eps = eps_model(mixture(), s)
    for times in ([30, 12], [30, 0]):
        multi, single = last(dpm_solver_2m(eps, s, x, times=times)), last(ddim(eps, s, x, times=times))
        torch.testing.assert_close(multi, single, rtol=1e-9, atol=1e-12)


@every_sde
def test_encoding_and_decoding_return_to_the_start(sde: SDE):
    score, x, times = (
        score_model(mixture(), sde),
        mixture().sample(50, generator=generator(1)),
        grid(sde, 200, 1, 0),
    )
    z = last(probability_flow(score, sde, x, times[::-1], step=rk4))
    back = last(probability_flow(score, sde, z, times, step=rk4))
    torch.testing.assert_close(back, x, rtol=0, atol=1e-5)


def test_heun_on_edm_is_karras_algorithm_1():
    levels, x = sigmas.karras(12, 0.05, 5.0).flip(0)[:-1].tolist(), 5 * randn(20, 2)
    data = mixture()

    def slope(y: Tensor, sigma: float) -> Tensor:
        return (y - data.denoiser(y, 1.0, torch.tensor(sigma, dtype=torch.float64))) / sigma

    expected = x
    for now, then in pairwise(levels):
        d = slope(expected, now)
        guess = expected + (then - now) * d
        expected = expected + (then - now) * (d + slope(guess, then)) / 2
    out = last(probability_flow(score_model(data, EDM()), EDM(), x, levels, step=heun))
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)


@every_sde
def test_the_flow_carries_the_prior_to_the_mixture(sde: SDE):
    """Energy distance, error rate 1e-7 each."""
    x_T = mixture().noised(*(float(v) for v in sde.marginal(sde.t_max))).sample(2000, generator=generator(2))
    truth = mixture().sample(2000, generator=generator(3))
    eps = eps_model(mixture(), sde)
    times = grid(sde, 60, 1.0, 0.001)
    for run in (
        probability_flow(score_model(mixture(), sde), sde, x_T, times, step=heun),
        dpm_solver_2(eps, sde, x_T, times),
        dpm_solver_2m(eps, sde, x_T, times=times),
    ):
        assert_same_distribution(last(run), truth)


def test_adaptive_steps_meet_their_tolerance():
    """The tolerance is that of one substep; the flow stretches early errors by up to 100."""
    pytest.importorskip("torchdiffeq", reason="torchdiffeq is not installed")
    sde, x = VP(), randn(20, 2)
    score = score_model(mixture(), sde)
    exact = last(probability_flow(score, sde, x, time_grid(1000, 1.0, 0.01), step=rk4))
    for tolerance in (1e-4, 1e-8):
        step = adaptive(rtol=tolerance, atol=tolerance)
        for times in ([1.0, 0.01], [1.0, 0.5, 0.01]):
            error = float((last(probability_flow(score, sde, x, times, step=step)) - exact).abs().max())
            assert error < 300 * tolerance


def test_without_torchdiffeq_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchdiffeq", None)
    with pytest.raises(ImportError, match="pip install torchdiffeq"):
        adaptive()


def test_one_step_may_lead_up_as_well_as_down():
    """x + dt (f x - g^2 score / 2), in the direction of the two times."""
    sde, x = VP(), randn(3, 2)
    score = score_model(mixture(), sde)
    for t, u in ((0.2, 0.3), (0.3, 0.2)):
        slope = sde.drift(x, t) - 0.5 * sde.diffusion(t) ** 2 * score(x, t)
        torch.testing.assert_close(last(probability_flow(score, sde, x, [t, u], step=euler)), x + (u - t) * slope)
        noise = torch.randn(3, 2, dtype=torch.float64, generator=generator(5))
        walked = last(euler_maruyama(sde.drift, sde.diffusion, x, [t, u], generator=generator(5)))
        expected = x + (u - t) * sde.drift(x, t) + sde.diffusion(t) * abs(u - t) ** 0.5 * noise
        torch.testing.assert_close(walked, expected)


def test_bad_input_is_refused():
    sde, x = VP(), randn(3, 2)
    score = score_model(mixture(), sde)
    with pytest.raises(RangeError, match="sort"):
        probability_flow(score, sde, x, [0.1, 0.5, 0.3])
    with pytest.raises(RangeError, match="entries"):
        probability_flow(score, sde, x, [0.5])
    with pytest.raises(RangeError, match="lie in"):
        dpm_solver_2(score, sde, x, [2.0, 0.5])
    with pytest.raises(RangeError, match="pass times"):
        dpm_solver_2m(score, sde, x)
    with pytest.raises(RangeError, match="whole steps"):
        dpm_solver_2m(score, linear(10), x, times=[9.5, 1.0])
    for bad in (0.0, -1.0, float("nan")):
        with pytest.raises(RangeError, match="rtol"):
            adaptive(rtol=bad)
