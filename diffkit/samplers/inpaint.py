"""Inpainting by replacement: the known part of x_{t-1} is made by the forward process, the rest by the sampler.

Source: Song et al. 2021, appendix I.2; Lugmayr et al. 2022, "RePaint", algorithm 1 (resampling).
Not exact: the unknown part is drawn given a noisy copy of the known one.  For an unbiased conditional see
`guidance.linear_inverse`.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import randn_like
from diffkit.samplers.affine import Affine
from diffkit.samplers.ancestral import reverse_kernel
from diffkit.samplers.checks import check_count, check_output, check_state
from diffkit.samplers.path import check_steps, step_indices
from diffkit.samplers.step import Model, Step
from diffkit.schedule import Schedule


def inpaint(
    eps: Model,
    s: Schedule,
    x_T: Tensor,
    known: Tensor,
    mask: Tensor,
    *,
    n_resample: int = 1,
    variance: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[Step]:
    """Ancestral sampling in which x_{t-1} is overwritten, where mask is True, by q(x_{t-1} | known).

    known: clean values, in x_T's shape (ignored where mask is False).  mask: bool, broadcastable to x_T.
    n_resample > 1 goes back to t and repeats the step, so that both parts can agree; each costs a call.
    """
    check_state(x_T, generator)
    check_count(n_resample, "n_resample")
    if mask.dtype != torch.bool:
        raise RangeError(f"mask has dtype {mask.dtype}: pass a bool tensor, True where the value is known")
    aligned = zip(mask.shape[::-1], x_T.shape[::-1], strict=False)
    if known.shape != x_T.shape or mask.ndim > x_T.ndim or any(m not in (1, n) for m, n in aligned):
        shapes = f"known {tuple(known.shape)}, mask {tuple(mask.shape)}, x_T {tuple(x_T.shape)}"
        raise ShapeError(f"{shapes}: known must have x_T's shape, and mask must broadcast to it")
    check_state(known)
    steps = check_steps(range(s.T, -1, -1), s.T)
    return _inpaint(eps, s, x_T, known, mask, n_resample, steps, reverse_kernel(s, steps, variance), generator)


@torch.no_grad()
def _inpaint(
    eps: Model,
    s: Schedule,
    x: Tensor,
    known: Tensor,
    mask: Tensor,
    n_resample: int,
    steps: list[int],
    k: Affine,
    generator: torch.Generator | None,
) -> Iterator[Step]:
    tables = (s.alpha, s.beta, s.alpha_bar, s.noise_var)
    alpha, beta, alpha_bar, noise_var = (v.sqrt().tolist() for v in tables)  # the roots of these
    yield Step(s.T, x)
    for t, given, a, b, c in zip(steps[:-1], step_indices(steps[:-1], x), *k, strict=True):
        for repeat in range(n_resample):
            out = eps(x, given)
            check_output(out, x.shape)
            free = torch.mul(x, a).add_(out, alpha=b).add_(randn_like(x, generator), alpha=c)
            fixed = torch.mul(known, alpha_bar[t - 1]).add_(randn_like(x, generator), alpha=noise_var[t - 1])
            x = torch.where(mask, fixed, free)
            if repeat + 1 < n_resample:
                x = torch.mul(x, alpha[t]).add_(randn_like(x, generator), alpha=beta[t])
        yield Step(t - 1, x, out)
