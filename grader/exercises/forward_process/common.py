"""What the exercises of this lesson share: criteria, random schedules, and the names that would give answers away."""

import torch
from torch import Tensor

from grader.exercise import Criterion, Draw

VALUE = "the right numbers"
CLEAN = "inputs untouched, gradients flow"

WITHHOLDS = (
    "diffkit.schedule.linear",
    "diffkit.schedule.cosine",
    "diffkit.schedule.sigmoid",
    "diffkit.schedule.from_alpha_bar",
    "diffkit.schedule.from_log_snr",
    "diffkit.schedule.Schedule.alpha",
    "diffkit.schedule.Schedule.alpha_bar",
    "diffkit.schedule.Schedule.noise_var",
    "diffkit.schedule.Schedule.beta_tilde",
    "diffkit.schedule.Schedule.snr",
    "diffkit.forward.q_step",
    "diffkit.forward.q_marginal",
    "diffkit.forward.q_between",
    "diffkit.forward.q_posterior",
    "diffkit.forward.q_sample",
    "diffkit.forward.trajectory",
    "diffkit.forward.kl_to_prior",
    "diffkit.gaussian.kl",
    "diffkit.oracle.GaussianMixture.noised",
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


def random_beta(d: Draw, T: int, low: float = 0.02, high: float = 0.4) -> Tensor:
    """A table (T+1,) of random betas with beta[0] = 0, float64."""
    beta = torch.zeros(T + 1, dtype=torch.float64)
    beta[1:] = low + (high - low) * torch.rand(T, generator=d.generator, dtype=torch.float64)
    return beta


def random_alpha_bar(d: Draw, T: int) -> Tensor:
    """A table (T+1,) of alpha_bar that belongs to random betas, float64."""
    return torch.cumprod(1 - random_beta(d, T), 0)


def per_example(values: Tensor, x: Tensor) -> Tensor:
    """(B,) coefficients in x's dtype, shaped to multiply x: (B, *D)."""
    return values.to(x).reshape(-1, *[1] * (x.ndim - 1))
