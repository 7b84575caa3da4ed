"""What the exercises of this lesson share: criteria, random schedules, Gaussians, and names that would give answers away."""

import math

import torch
from torch import Tensor

from grader.exercise import Criterion, Draw

VALUE = "the right numbers"
CLEAN = "inputs untouched, gradients flow"

# The package diffkit.elbo is not there at all while grading.
WITHHOLDS = (
    "diffkit.schedule.Schedule.noise_var",
    "diffkit.schedule.Schedule.beta_tilde",
    "diffkit.schedule.Schedule.snr",
    "diffkit.forward.q_step",
    "diffkit.forward.q_marginal",
    "diffkit.forward.q_between",
    "diffkit.forward.q_posterior",
    "diffkit.forward.q_sample",
    "diffkit.forward.kl_to_prior",
    "diffkit.gaussian.kl",
    "diffkit.gaussian.product",
    "diffkit.gaussian.FullGaussian.condition",
    "diffkit.oracle.GaussianMixture.posterior",
    "diffkit.oracle.GaussianMixture.reverse",
)


def criteria(value: float, edges: float = 0.0, clean: float = 0.0, *, at: str = "") -> tuple[Criterion, ...]:
    """The usual three criteria with their points.  at: which edge cases are asked."""
    all_three = (
        Criterion("value", value, VALUE),
        Criterion("edges", edges, f"edge cases: {at}"),
        Criterion("clean", clean, CLEAN),
    )
    return tuple(c for c in all_three if c.points)


def random_beta(d: Draw, T: int, low: float = 0.05, high: float = 0.45) -> Tensor:
    """A table (T+1,) of random betas with beta[0] = 0, float64."""
    beta = torch.zeros(T + 1, dtype=torch.float64)
    beta[1:] = low + (high - low) * torch.rand(T, generator=d.generator, dtype=torch.float64)
    return beta


def random_alpha_bar(d: Draw, T: int) -> Tensor:
    """A table (T+1,) of alpha_bar that belongs to random betas, float64."""
    return torch.cumprod(1 - random_beta(d, T), 0)


def random_var(d: Draw, *shape: int) -> Tensor:
    """Positive variances, float64."""
    return 0.2 + torch.rand(*shape, generator=d.generator, dtype=torch.float64)


def per_example(values: Tensor, x: Tensor) -> Tensor:
    """(B,) coefficients in x's dtype, shaped to multiply x: (B, *D)."""
    return values.to(x).reshape(-1, *[1] * (x.ndim - 1))


def sum_of_squares(x: Tensor) -> Tensor:
    """(B, *D) -> (B,)."""
    return (x**2).flatten(1).sum(1)


def dims(x: Tensor) -> int:
    """Numbers per example."""
    return x[0].numel()


def log_normal(x: Tensor, mean: Tensor, var: Tensor | float) -> Tensor:
    """log N(x; mean, var I), summed over coordinates.  x, mean: (B, *D); var: a number.  Returns (B,)."""
    var = torch.as_tensor(var).to(x)
    return -0.5 * (sum_of_squares(x - mean) / var + dims(x) * torch.log(2 * math.pi * var))
