"""Ancestral sampling: the reverse chain of DDPM, one draw from p(x_{t-1} | x_t) after the other.

Source: Ho et al. 2020, algorithm 2 and eq. 11.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.samplers.affine import Affine, affine_chain
from diffkit.samplers.checks import check_count, check_state
from diffkit.samplers.path import check_steps, step_indices
from diffkit.samplers.step import Model, Step
from diffkit.schedule import Schedule


def ancestral(
    eps: Model,
    s: Schedule,
    x_T: Tensor,
    *,
    t_start: int | None = None,
    variance: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[Step]:
    """x_{t-1} = (x_t - beta_t/sqrt(1 - alpha_bar_t) eps(x_t, t)) / sqrt(alpha_t) + sqrt(variance_t) z, t = T..1.

    eps(x, t): noise prediction, t: (B,) long.  x_T: (B, *D).  t_start: the t that x_T belongs to, default T.
    variance: (T+1,), default `s.beta`; the other choice of the paper is `s.beta_tilde`.
    No noise is added at t = 1.
    """
    start = s.T if t_start is None else check_count(t_start, "t_start")
    steps = check_steps(range(start, -1, -1), s.T)
    check_state(x_T, generator)
    k = reverse_kernel(s, steps, variance)
    return affine_chain(eps, x_T, steps, step_indices(steps[:-1], x_T), k, generator)


def reverse_kernel(s: Schedule, steps: list[int], variance: Tensor | None = None) -> Affine:
    """Coefficients of p(x_{t-1} | x_t) for each t in steps but the last.  Ho et al. 2020, eq. 11."""
    variance = s.beta if variance is None else _checked_variance(variance, s)
    t = torch.tensor(steps[:-1], device=s.beta.device)
    a = 1 / s.alpha[t].sqrt()
    b = -a * s.beta[t] / s.noise_var[t].sqrt()
    c = torch.where(t > 1, variance[t].sqrt(), 0.0)  # the last step returns its mean: data carry no noise
    return Affine(a.tolist(), b.tolist(), c.tolist())


def _checked_variance(variance: Tensor, s: Schedule) -> Tensor:
    if not isinstance(variance, Tensor) or variance.shape != s.beta.shape:
        shape = tuple(variance.shape) if isinstance(variance, Tensor) else type(variance).__name__
        raise ShapeError(f"variance is {shape}: pass a table ({s.T + 1},), e.g. s.beta or s.beta_tilde")
    if not bool(torch.isfinite(variance).all()) or bool((variance < 0).any()):
        raise RangeError("variance must be finite and >= 0: pass sigma^2, not log sigma^2")
    return variance.to(s.beta)
