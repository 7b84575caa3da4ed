"""What the exercises of this lesson share: criteria, random tables, the given density, the names to withhold."""

import math

import torch
from torch import Tensor

from grader.exercise import Criterion, Draw

VALUE = "the right numbers"
CLEAN = "inputs untouched, gradients flow"
F64 = torch.float64

WITHHOLDS = (
    "diffkit.gaussian.kl",
    "diffkit.gaussian.FullGaussian.log_prob",
    "diffkit.gaussian.FullGaussian.condition",
    "diffkit.gaussian.Gaussian.sample",
    "diffkit.schedule.Schedule.beta_tilde",
    "diffkit.oracle.Posterior.log_prob",
    "diffkit.oracle.GaussianMixture.posterior",
    "diffkit.oracle.GaussianMixture.reverse",
    "diffkit.oracle.GaussianMixture._whiten",
    "diffkit.oracle.GaussianMixture._log_joint",
    "diffkit.oracle.GaussianMixture._log_weighted",
)


def criteria(value: float, edges: float = 0.0, clean: float = 0.0, *, at: str = "") -> tuple[Criterion, ...]:
    """The usual three criteria with their points.  at: which edge cases are asked."""
    all_three = (
        Criterion("value", value, VALUE),
        Criterion("edges", edges, f"edge cases: {at}"),
        Criterion("clean", clean, CLEAN),
    )
    return tuple(c for c in all_three if c.points)


def random_beta(d: Draw, T: int, low: float = 0.1, high: float = 0.6) -> Tensor:
    """A table (T+1,) of random betas with beta[0] = 0, float64."""
    beta = torch.zeros(T + 1, dtype=F64)
    beta[1:] = low + (high - low) * torch.rand(T, generator=d.generator, dtype=F64)
    return beta


def random_alpha_bar(d: Draw, T: int) -> Tensor:
    """A table (T+1,) of alpha_bar that belongs to random betas, float64."""
    return torch.cumprod(1 - random_beta(d, T), 0)


def random_table(d: Draw, T: int, low: float, high: float) -> Tensor:
    """A table (T+1,) of random numbers, float64; entry 0 belongs to no step and holds a number all the same."""
    return low + (high - low) * torch.rand(T + 1, generator=d.generator, dtype=F64)


def per_number(x: Tensor, mean: Tensor | float, var: Tensor | float) -> Tensor:
    """log N(x; mean, var) of each number, in x's dtype."""
    var = torch.as_tensor(var, dtype=x.dtype)
    return -0.5 * ((x - mean) ** 2 / var + torch.log(2 * math.pi * var))


def log_normal(x: Tensor, mean: Tensor | float, var: Tensor | float) -> Tensor:
    """log N(x; mean, var I) of each example, the function that the lesson gives.  x: (B, *D).  Returns (B,)."""
    return per_number(x, mean, var).flatten(1).sum(1)


def root_mean(x: Tensor, beta: Tensor, t: int) -> Tensor:
    """Mean of q(x_t | x_{t-1}) at x_{t-1} = x."""
    return (1 - beta[t]).sqrt().to(x) * x
