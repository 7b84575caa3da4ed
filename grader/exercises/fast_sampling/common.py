"""What the exercises of this lesson share: criteria, made-up predictors, and the names that would give answers away."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from grader.exercise import Criterion, Draw

VALUE = "the right numbers"
CLEAN = "inputs untouched, no more calls than needed"
F64 = torch.float64

Predict = Callable[[Tensor, float], Tensor]

# The samplers are not in the sandbox at all; they are named here because they are the answers.
WITHHOLDS = (
    "diffkit.schedule.Schedule.beta_tilde",
    "diffkit.schedule.Schedule.noise_var",
    "diffkit.schedule.Schedule.alpha_bar",
    "diffkit.forward.q_posterior",
    "diffkit.sigmas.karras",
    "diffkit.sigmas._ladder",
    "diffkit.samplers.path.uniform_times",
    "diffkit.samplers.path.posterior_std",
    "diffkit.samplers.ddim.ddim",
    "diffkit.samplers.ddim.ddim_kernel",
    "diffkit.samplers.ddim.ddim_invert",
    "diffkit.samplers.ddim.transfer",
    "diffkit.samplers.dpm_solver.dpm_solver_2",
    "diffkit.samplers.dpm_solver.dpm_solver_2m",
    "diffkit.samplers.dpm_solver.multistep_kernel",
    "diffkit.samplers.ode.euler",
    "diffkit.samplers.ode.heun",
    "diffkit.quality.heun_until_zero",
    "diffkit.quality.most_steps",
)


def criteria(
    value: float, edges: float = 0.0, clean: float = 0.0, *, at: str = "", clean_text: str = CLEAN
) -> tuple[Criterion, ...]:
    """The usual three criteria with their points.  at: which edge cases are asked."""
    all_three = (
        Criterion("value", value, VALUE),
        Criterion("edges", edges, f"edge cases: {at}"),
        Criterion("clean", clean, clean_text),
    )
    return tuple(c for c in all_three if c.points)


def two_bars(d: Draw, n: int) -> tuple[Tensor, Tensor]:
    """alpha_bar at t and, larger, at s: (n,) float64 each, inside (0, 1)."""
    bar_s = 0.3 + 0.6 * torch.rand(n, generator=d.generator, dtype=F64)
    return bar_s * (0.2 + 0.6 * torch.rand(n, generator=d.generator, dtype=F64)), bar_s


def random_beta(d: Draw, T: int, low: float = 0.03, high: float = 0.3) -> Tensor:
    """A table (T+1,) of random betas with beta[0] = 0, float64."""
    beta = torch.zeros(T + 1, dtype=F64)
    beta[1:] = low + (high - low) * torch.rand(T, generator=d.generator, dtype=F64)
    return beta


def falling(d: Draw, n: int, to_zero: bool = True) -> Tensor:
    """n+1 falling noise levels, float64; the last one is 0 if asked."""
    gaps = 0.2 + torch.rand(n + 1, generator=d.generator, dtype=F64)
    u = gaps.flip(0).cumsum(0).flip(0)
    return u - u[-1] if to_zero else u


def wavy(y: Tensor, level: float = 0.0) -> Tensor:
    """A made-up noise predictor that depends on the point and on the level."""
    return torch.sin(1.3 * y + 0.7 * float(level)) + 0.1 * float(level) * y


def shaped(values: Tensor, x: Tensor) -> Tensor:
    """(B,) coefficients in x's dtype, shaped to multiply x: (B, *D)."""
    return values.to(x).reshape(-1, *[1] * (x.ndim - 1))


def signal(lam: float) -> float:
    """sqrt(alpha_bar) at half log-SNR lam."""
    return (1 / (1 + math.exp(-2 * lam))) ** 0.5


def noise_std(lam: float) -> float:
    """sqrt(1 - alpha_bar) at half log-SNR lam."""
    return (1 / (1 + math.exp(2 * lam))) ** 0.5
