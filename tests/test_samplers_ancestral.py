"""Ancestral sampling against the posterior, the exact reverse kernel, and exact recursions on Gaussians."""

import pytest
import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.forward import q_posterior
from diffkit.samplers import ancestral, last
from diffkit.samplers.step import Model
from diffkit.schedule import Schedule, cosine, linear
from tests.sampler_checks import (
    assert_moments,
    assert_same_distribution,
    check_reverse_step,
    eps_model,
    gaussian,
    generator,
    mixture,
    one_step,
    randn,
)

SCHEDULES = [linear(200), cosine(50), linear(5, 0.1, 0.6)]
every_schedule = pytest.mark.parametrize("s", SCHEDULES, ids=repr)


@every_schedule
@pytest.mark.parametrize("name", ["beta", "beta_tilde"])
def test_each_step_draws_from_the_posterior_at_the_predicted_data(s: Schedule, name: str):
    """Means to 1e-9; variances by 4 x 20,000 draws, error rate below 1e-8."""
    variance: Tensor = getattr(s, name)

    def step(eps: Model, s: Schedule, x: Tensor, t: int, g: torch.Generator) -> Tensor:
        return one_step(ancestral(eps, s, x, t_start=t, variance=variance, generator=g))

    check_reverse_step(step, s, variance)


@every_schedule
def test_with_the_exact_predictor_the_mean_is_that_of_the_true_reverse_kernel(s: Schedule):
    data, x = mixture(), randn(40, 2, seed=1)
    levels = list(zip(s.alpha_bar.sqrt().tolist(), s.noise_var.sqrt().tolist(), strict=True))
    for t in (2, s.T // 2 + 1, s.T):
        mean = one_step(ancestral(eps_model(data, s), s, x, t_start=t, variance=torch.zeros_like(s.beta)))
        truth = data.reverse(x, levels[t - 1], levels[t]).mean
        torch.testing.assert_close(mean, truth, rtol=1e-9, atol=1e-9)


def gaussian_recursion(s: Schedule, mean_0: float, var_0: float, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of the sampler's output on N(mean_0, var_0) data, from N(0, 1) at t = T.

    The exact predictor is affine in x, so each step's mean is too; it is read off q_posterior at x = 0 and x
    = 1.
    """
    mean, var = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    points = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    for t in range(s.T, 0, -1):
        x_0 = gaussian(mean_0, var_0).denoiser(points, s.alpha_bar[t].sqrt(), s.noise_var[t].sqrt())
        shift, end = q_posterior(s, x_0, points, torch.full((2,), t)).mean
        slope = end - shift
        mean, var = shift + slope * mean, slope**2 * var + (variance[t] if t > 1 else 0)
    return mean, var


@pytest.mark.parametrize("name", ["beta", "beta_tilde"])
@pytest.mark.parametrize("s", [cosine(20), linear(60, 1e-3, 0.3)], ids=repr)
def test_on_gaussian_data_the_output_has_the_moments_of_the_exact_recursion(s: Schedule, name: str):
    """The two choices of variance and the small T leave biases, and the recursion knows them.  Error rate
    below 1e-9.
    """
    variance: Tensor = getattr(s, name)
    mean, var = gaussian_recursion(s, 0.7, 0.25, variance)
    assert abs(float(var) - 0.25) > 2e-3, "choose a setting in which the bias shows"
    x = last(ancestral(eps_model(gaussian(), s), s, randn(100_000, 1), variance=variance, generator=generator(1)))
    assert_moments(x, mean, var.reshape(1, 1))


def test_the_recursion_tends_to_the_data_as_steps_grow():
    gaps = []
    for T in (50, 200, 800):
        s = linear(T, 0.1 / T, 20 / T)
        gaps.append(abs(float(gaussian_recursion(s, 0.7, 0.25, s.beta)[1]) - 0.25))
    assert gaps[0] > 3 * gaps[1] > 9 * gaps[2]


def test_a_mixture_is_sampled_within_the_noise_floor():
    """Energy distance, error rate 1e-7."""
    s = linear(1000)
    x = last(ancestral(eps_model(mixture(), s), s, randn(2000, 2), generator=generator(2)))
    assert_same_distribution(x, mixture().sample(2000, generator=generator(3)))


def test_bad_variances_and_starts_are_refused():
    s, x = linear(10), randn(2, 3)
    eps = eps_model(mixture(), s)
    with pytest.raises(ShapeError, match="beta_tilde"):
        ancestral(eps, s, x, variance=torch.ones(10))
    with pytest.raises(RangeError, match="log sigma"):
        ancestral(eps, s, x, variance=-torch.ones(11))
    for t_start in (0, -1, 2.5):
        with pytest.raises(RangeError, match=r"t_start.* at least 1"):
            ancestral(eps, s, x, t_start=t_start)
    with pytest.raises(RangeError, match=r"times must lie in 0\.\.10"):
        ancestral(eps, s, x, t_start=11)
