"""Score matching: five losses with one minimiser, the score grad log p.

explicit    needs the true score, which only an oracle has.
implicit    = explicit + a constant, by integration by parts; needs the trace of the Jacobian of the model.
sliced      = implicit with the trace estimated along random directions.
denoising   = explicit on the noisy density + a constant; needs neither.  Its least value is that constant, above 0.
multilevel  = denoising at many noise levels at once, weighted; with weights sigma^2 half of the mean simple loss.

A score is a function of x, (B, *D) to (B, *D), that treats the examples one by one (no batch normalisation).
Each loss returns one value per example, (B,).

Source: Hyvarinen 2005; Vincent 2011; Song et al. 2019 (sliced); Song & Ermon 2019.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import sum_event
from diffkit.inputs import check_batch, check_like, noise_like
from diffkit.schedule import alongside, broadcast

Score = Callable[[Tensor], Tensor]


def explicit(score: Score, true_score: Score, x: Tensor) -> Tensor:
    """1/2 ||s(x) - grad log p(x)||^2, (B,).  x: (B, *D), from p.  Hyvarinen 2005, eq. 2."""
    difference = _score_of(score, check_batch(x, "x")) - _score_of(true_score, x)
    return 0.5 * sum_event(difference**2)


def implicit(score: Score, x: Tensor) -> Tensor:
    """1/2 ||s(x)||^2 + trace of ds/dx, (B,).  x: (B, *D), from p.  Hyvarinen 2005, eq. 4.

    The trace is exact: D backward passes, taken as one batch.  Below 0 at its best.
    """
    dims = check_batch(x, "x")[0].numel()
    basis = torch.eye(dims, dtype=x.dtype, device=x.device).reshape(dims, 1, *x.shape[1:]).expand(dims, *x.shape)
    value, parts = _with_jacobian(score, x, basis)
    return 0.5 * sum_event(value**2) + parts.sum(0)


def sliced(
    score: Score,
    x: Tensor,
    *,
    directions: Tensor | None = None,
    generator: torch.Generator | None = None,
    n: int = 1,
    variance_reduced: bool = True,
) -> Tensor:
    """Mean over n directions v of v . (ds/dx) v + 1/2 (v . s)^2, (B,).  Song et al. 2019, eq. 7.

    directions: (n, B, *D) with E[v v^T] = I, else drawn: random signs, the least noisy choice.
    variance_reduced: put 1/2 ||s||^2, its exact mean, for the second part (eq. 8).
    """
    check_batch(x, "x")
    if n < 1:
        raise RangeError(f"n = {n}: at least one direction is needed")
    if directions is None:
        directions = torch.sign(noise_like(x.expand(n, *x.shape), None, generator))
    elif directions.ndim != x.ndim + 1 or not len(directions):
        raise ShapeError(f"directions are {tuple(directions.shape)}: pass (n, {', '.join(map(str, x.shape))})")
    check_like(directions, x.expand(len(directions), *x.shape), "directions")
    value, parts = _with_jacobian(score, x, directions)
    trace = parts.mean(0)
    if variance_reduced:
        return trace + 0.5 * sum_event(value**2)
    along = _dot(directions, value)
    return trace + 0.5 * (along**2).mean(0)


def denoising(
    score: Score,
    x_0: Tensor,
    sigma: Tensor | float,
    *,
    alpha: Tensor | float = 1.0,
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """1/2 ||s(x) + eps / sigma||^2 at x = alpha x_0 + sigma eps, (B,).  Vincent 2011, eq. 9.

    x_0: (B, *D); alpha, sigma > 0: numbers or (B,); noise: eps, else drawn.  For the true score of the noisy
    density its mean is 1/2 (D / sigma^2 - E||grad log p||^2), not 0.
    """
    noise = noise_like(check_batch(x_0), noise, generator)
    a, sd = _level(alpha, x_0, "alpha"), _level(sigma, x_0, "sigma")
    return 0.5 * sum_event((_score_of(score, a * x_0 + sd * noise) + noise / sd) ** 2)


def multilevel(
    score: Callable[[Tensor, Tensor], Tensor],
    x_0: Tensor,
    sigmas: Tensor,
    *,
    alphas: Tensor | None = None,
    weights: Tensor | None = None,
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Mean over L levels i of weights[i] times the denoising loss there, (B,).  Song & Ermon 2019, eq. 6.

    score: f(x, i), i: (n,) level indices 0..L-1; it sees all levels in one call.  sigmas, alphas, weights:
    (L,); alphas default to 1 and weights to sigma^2, which makes all levels equally loud.  noise: (L, B, *D).
    """
    levels, size = len(sigmas), len(check_batch(x_0))
    if sigmas.ndim != 1 or any(v is not None and v.shape != sigmas.shape for v in (alphas, weights)):
        raise ShapeError("sigmas, alphas and weights must have the shape (L,), one entry per noise level")
    noise = noise_like(x_0.expand(levels, *x_0.shape), noise, generator).flatten(0, 1)
    i = torch.arange(levels, device=x_0.device).repeat_interleave(size)
    alphas = torch.ones_like(sigmas) if alphas is None else alphas
    weights = sigmas**2 if weights is None else weights
    sd, a, w = (v.to(x_0.device)[i] for v in (sigmas, alphas, weights))
    x = x_0.expand(levels, *x_0.shape).flatten(0, 1)
    loss = denoising(lambda noisy: score(noisy, i), x, sd, alpha=a, noise=noise)
    return (w.to(loss) * loss).reshape(levels, size).mean(0)


def _with_jacobian(score: Score, x: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """s(x), and v . J v for each direction v, (n, B).

    The graph is kept when gradients are on, so that the parameters of the score learn from the trace too.
    """
    learning = torch.is_grad_enabled()
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        value = _score_of(score, x)
        if not value.requires_grad:
            raise RangeError("the score has no gradient: remove detach() or no_grad() inside it, its trace is needed")
        (rows,) = torch.autograd.grad(
            value, x, directions, is_grads_batched=True, create_graph=learning, materialize_grads=True
        )
    return (value if learning else value.detach()), _dot(directions, rows)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner products over all but the first two axes: (n, B, *D) to (n, B)."""
    product = a * b
    return product.flatten(2).sum(2) if product.ndim > 2 else product


def _score_of(score: Score, x: Tensor) -> Tensor:
    return check_like(score(x), x, "the score")


def _level(value: Tensor | float, x: Tensor, name: str) -> Tensor:
    level = value if isinstance(value, Tensor) else alongside(value, x)
    if level.is_complex():
        raise RangeError(f"{name} is {level.dtype}: pass a real number, or one per example")
    if level.device.type == "cpu" and not bool(((level > 0) & torch.isfinite(level)).all()):
        raise RangeError(f"{name} must be positive and finite: without noise there is nothing to remove")
    return broadcast(level, x)
