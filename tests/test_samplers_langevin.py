"""Langevin dynamics: its step, its bias, the correction by Metropolis, and the annealed ladder."""

import math

import pytest
import torch
from torch import Tensor

from diffkit import sigmas
from diffkit.errors import RangeError, ShapeError
from diffkit.oracle import GaussianMixture
from diffkit.samplers import annealed_langevin, last, mala, ula
from tests.sampler_checks import (
    assert_mean,
    assert_moments,
    assert_same_distribution,
    gaussian,
    generator,
    mixture,
    one_step,
    randn,
)


def test_ula_step_has_drift_eta_and_variance_two_eta():
    """Difference of two inputs exactly; moments by the CLT, error rate below 1e-9."""
    eta, x, y = 0.3, randn(30, 2, seed=1), randn(30, 2, seed=2)
    one, other = (one_step(ula(torch.sin, v, eta=eta, n_steps=1, generator=generator(3))) for v in (x, y))
    torch.testing.assert_close(one - other, x + eta * x.sin() - y - eta * y.sin(), rtol=1e-9, atol=1e-12)
    point = torch.tensor([[0.4, -1.0]], dtype=torch.float64)
    draws = one_step(ula(torch.sin, point.repeat(50_000, 1), eta=eta, n_steps=1, generator=generator(4)))
    eye = torch.eye(2, dtype=torch.float64)
    assert_moments(draws, (point + eta * point.sin())[0], 2 * eta * eye)


@pytest.mark.parametrize("eta", [0.1, 0.5, 1.0, 1.5])
def test_ula_on_a_standard_normal_settles_at_its_biased_variance(eta: float):
    """1/(1 - eta/2): 2 at eta = 1.  100 steps forget the start; CLT, error rate below 1e-9."""
    x = last(ula(lambda x: -x, randn(100_000, 1), eta=eta, n_steps=100, generator=generator(5)))
    var = torch.full((1, 1), 1 / (1 - eta / 2), dtype=torch.float64)
    assert_moments(x, torch.zeros(1, dtype=torch.float64), var)


def test_no_steps_leave_the_start():
    x = randn(3, 2)
    (step,) = ula(torch.neg, x, eta=0.1, n_steps=0)
    assert torch.equal(step.x, x)


def test_mala_leaves_the_mixture_in_place_and_ula_does_not():
    """Start from exact samples.  Moments by the CLT and energy distance, error rate below 2e-7."""
    data, start, eta = mixture(), mixture().sample(20_000, generator=generator(6)), 0.15
    mean = data.weights @ data.means
    spread = torch.einsum("k,kij->ij", data.weights, data.covs) + torch.einsum(
        "k,ki,kj->ij", data.weights, data.means - mean, data.means - mean
    )
    moved = last(mala(data.log_prob, data.score, start, eta=eta, n_steps=30, generator=generator(7)))
    assert_moments(moved, mean, spread)
    assert_same_distribution(moved[:2000], data.sample(2000, generator=generator(8)))
    biased = last(ula(data.score, start, eta=eta, n_steps=30, generator=generator(7)))
    with pytest.raises(AssertionError, match="standard errors"):
        assert_moments(biased, mean, spread)


def test_one_mala_step_matches_quadrature():
    """From one point, E f(x') = int q(y|x) a(x,y) f(y) dy + f(x) (1 - int q a).  CLT, below 1e-9."""
    data, x, eta = gaussian(0.7, 0.25), torch.tensor([[1.0]], dtype=torch.float64), 0.4
    y = torch.linspace(-6, 8, 20_001, dtype=torch.float64).unsqueeze(1)

    def log_q(to: Tensor, start: Tensor) -> Tensor:
        mean = start + eta * data.score(start)
        return (-((to - mean) ** 2) / (4 * eta)).squeeze(1) - 0.5 * math.log(4 * math.pi * eta)

    log_ratio = data.log_prob(y) + log_q(x, y) - data.log_prob(x) - log_q(y, x)
    density = torch.exp(log_q(y, x)) * log_ratio.exp().clamp(max=1)
    accepted = torch.trapezoid(density, y.squeeze(1))
    mean = torch.trapezoid(density * y.squeeze(1), y.squeeze(1)) + x.squeeze() * (1 - accepted)

    run = mala(data.log_prob, data.score, x.repeat(200_000, 1), eta=eta, n_steps=1, generator=generator(9))
    end = list(run)[-1]
    assert 0.2 < float(accepted) < 0.9
    assert end.out is not None
    assert_mean(end.out.double(), accepted)
    assert_mean(end.x, mean)
    moved = end.x[:, 0] != x[0, 0]
    assert torch.equal(moved, end.out)


def test_mala_is_the_textbook_loop_that_remembers_nothing():
    """Same draws; density and score are computed afresh for both ends of each move, chain by chain."""
    data, eta, x, g = mixture(), 0.4, randn(50, 2), generator(12)
    steps = list(mala(data.log_prob, data.score, x, eta=eta, n_steps=15, generator=generator(12)))
    refused = 0
    for step in steps[1:]:
        y = x + eta * data.score(x) + math.sqrt(2 * eta) * torch.randn(50, 2, dtype=torch.float64, generator=g)
        u = torch.rand(50, dtype=torch.float64, generator=g)
        forward = ((y - x - eta * data.score(x)) ** 2).sum(1) / (4 * eta)
        back = ((x - y - eta * data.score(y)) ** 2).sum(1) / (4 * eta)
        accept = u < torch.exp(data.log_prob(y) - data.log_prob(x) + forward - back)
        x = torch.where(accept[:, None], y, x)
        refused += int((~accept).sum())
        torch.testing.assert_close(step.x, x, rtol=1e-9, atol=1e-9)
    assert refused > 100


def test_mala_refuses_to_leave_for_where_the_density_is_undefined():
    def log_prob(x: Tensor) -> Tensor:
        return torch.where(x[:, 0] > 0, -x[:, 0], torch.nan)

    x = last(mala(log_prob, lambda x: -torch.ones_like(x), randn(200, 1).abs(), eta=0.5, n_steps=20))
    assert bool((x > 0).all())


def test_annealed_langevin_on_gaussian_data_has_the_moments_of_its_recursion():
    """alpha_i = step (sigma_i/sigma_1)^2, drift alpha/2, variance alpha.  CLT, error rate below 1e-9."""
    ladder, n_steps, step = sigmas.geometric(6, 0.2, 3.0), 4, 0.05
    data = gaussian(0.7, 0.25)
    mean, var = torch.zeros(1, dtype=torch.float64), torch.full((1, 1), 9.0, dtype=torch.float64)
    for sigma in ladder[1:].flip(0).tolist():
        alpha = step * (sigma / 0.2) ** 2
        for _ in range(n_steps):
            shrink = 1 - alpha / 2 / (0.25 + sigma**2)
            mean, var = 0.7 + shrink * (mean - 0.7), shrink**2 * var + alpha
    run = annealed_langevin(
        lambda x, sigma: data.score(x, 1.0, torch.tensor(sigma, dtype=torch.float64)),
        ladder,
        3.0 * randn(100_000, 1),
        n_steps=n_steps,
        step_size=step,
        generator=generator(10),
    )
    assert_moments(last(run), mean, var)


@pytest.mark.parametrize("n_steps", [1, 2])
def test_annealed_langevin_visits_each_level_n_steps_times_from_the_noisiest_down(n_steps: int):
    ladder, seen = sigmas.geometric(3, 0.1, 1.0), []

    def score(x: Tensor, sigma: float) -> Tensor:
        seen.append(sigma)
        return -x

    steps = list(annealed_langevin(score, ladder, randn(2, 2), n_steps=n_steps, denoise=True))
    down = ladder[1:].flip(0).tolist()
    assert seen == [level for level in down for _ in range(n_steps)] + [down[-1]]
    assert [step.t for step in steps] == [down[0], *seen[:-1], 0.0]


def test_the_last_denoising_step_is_the_posterior_mean():
    data, ladder = mixture(), sigmas.geometric(4, 0.3, 2.0)

    def score(x: Tensor, sigma: float) -> Tensor:
        return data.score(x, 1.0, torch.tensor(sigma, dtype=torch.float64))

    steps = list(annealed_langevin(score, ladder, randn(50, 2), n_steps=2, denoise=True, generator=generator(1)))
    expected = data.denoiser(steps[-2].x, 1.0, ladder[1])
    torch.testing.assert_close(steps[-1].x, expected, rtol=1e-9, atol=1e-12)


def test_a_slow_ladder_finds_the_weights_of_far_modes_where_plain_langevin_does_not():
    """Modes 10 apart, weights 0.8 and 0.2; all particles start on the wrong side.  Error rate below 1e-9."""
    means = torch.tensor([[-5.0, 0.0], [5.0, 0.0]], dtype=torch.float64)
    data = GaussianMixture.isotropic(torch.tensor([0.8, 0.2], dtype=torch.float64), means, 0.25)
    start = 20.0 + 10 * randn(4000, 2)

    def score(x: Tensor, sigma: float) -> Tensor:
        return data.score(x, 1.0, torch.tensor(sigma, dtype=torch.float64))

    annealed = last(annealed_langevin(score, sigmas.geometric(40, 0.1, 10.0), start, n_steps=10, step_size=2e-3))
    plain = last(ula(data.score, start, eta=0.02, n_steps=400, generator=generator(11)))
    assert 0.6 < float((annealed[:, 0] < 0).double().mean()) < 0.9
    assert float((plain[:, 0] < 0).double().mean()) < 0.1


def test_bad_input_is_refused():
    x = randn(3, 2)
    for eta in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(RangeError, match="eta"):
            ula(torch.sin, x, eta=eta, n_steps=1)
    with pytest.raises(RangeError, match="n_steps"):
        ula(torch.sin, x, eta=0.1, n_steps=-1)
    with pytest.raises(ShapeError, match="every axis but the first"):
        last(mala(lambda x: -x, torch.sin, x, eta=0.1, n_steps=1))
    with pytest.raises(RangeError, match="flip"):
        annealed_langevin(lambda x, s: -x, torch.tensor([1.0, 0.1, 0.0]), x)
    with pytest.raises(RangeError, match="step_size"):
        annealed_langevin(lambda x, s: -x, sigmas.geometric(3), x, step_size=0.0)
