"""Langevin dynamics: samples from a density of which only the score is known.

Source: Roberts & Tweedie 1996 (unadjusted, and Metropolis-adjusted).
Convention: drift eta, noise sqrt(2 eta).  Song & Ermon write alpha/2 and sqrt(alpha): the same with alpha = 2 eta.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import randn_like, sum_event
from diffkit.samplers.affine import Affine, affine_chain
from diffkit.samplers.checks import check_count, check_output, check_positive, check_state
from diffkit.samplers.step import Step

Score = Callable[[Tensor], Tensor]
LogProb = Callable[[Tensor], Tensor]


def ula(
    score: Score, x: Tensor, *, eta: float, n_steps: int, generator: torch.Generator | None = None
) -> Iterator[Step]:
    """x <- x + eta score(x) + sqrt(2 eta) z, n_steps times.  `Step.t` counts the updates made.

    Unadjusted: a finite eta leaves a bias.  On N(0, 1) the variance becomes 1/(1 - eta/2), not 1.
    """
    check_state(x, generator)
    eta = check_positive(eta, "eta")
    n = check_count(n_steps, "n_steps", lowest=0)
    k = Affine([1.0] * n, [eta] * n, [(2 * eta) ** 0.5] * n)
    return affine_chain(lambda y, _: score(y), x, range(n + 1), [0.0] * n, k, generator)


def mala(
    log_prob: LogProb,
    score: Score,
    x: Tensor,
    *,
    eta: float,
    n_steps: int,
    generator: torch.Generator | None = None,
) -> Iterator[Step]:
    """Langevin steps that are accepted or refused so that the density is left exactly unchanged, for any eta.

    log_prob: (B, *D) -> (B,), up to a constant.  `Step.out` is the mask (B,) of accepted proposals.
    """
    check_state(x, generator)
    check_count(n_steps, "n_steps", lowest=0)
    if eta > torch.finfo(x.dtype).max:
        raise RangeError(f"eta = {eta:g} does not fit {x.dtype}: take smaller steps, or x.double()")
    return _mala(log_prob, score, x, check_positive(eta, "eta"), n_steps, generator)


@torch.no_grad()
def _mala(
    log_prob: LogProb, score: Score, x: Tensor, eta: float, n_steps: int, generator: torch.Generator | None
) -> Iterator[Step]:
    yield Step(0, x)
    log_p, s = _evaluate(log_prob, score, x)
    for i in range(n_steps):
        y = torch.add(x, s, alpha=eta).add_(randn_like(x, generator), alpha=(2 * eta) ** 0.5)
        log_p_y, s_y = _evaluate(log_prob, score, y)
        log_ratio = log_p_y - log_p + log_proposal(x, y, s_y, eta) - log_proposal(y, x, s, eta)
        u = torch.rand(len(x), generator=generator, dtype=x.dtype, device=x.device)
        accept = torch.log(u) < log_ratio  # a proposal with log_ratio = nan is refused
        where = accept.reshape(-1, *[1] * (x.ndim - 1))
        x, s = torch.where(where, y, x), torch.where(where, s_y, s)
        log_p = torch.where(accept, log_p_y, log_p)
        yield Step(i + 1, x, accept)


def log_proposal(y: Tensor, x: Tensor, score_x: Tensor, eta: float) -> Tensor:
    """log density of proposing y from x, N(y; x + eta score(x), 2 eta I), up to a constant.  Returns (B,)."""
    return -sum_event((y - x - eta * score_x) ** 2) / (4 * eta)


def _evaluate(log_prob: LogProb, score: Score, x: Tensor) -> tuple[Tensor, Tensor]:
    log_p, s = log_prob(x), score(x)
    if log_p.shape != x.shape[:1]:
        raise ShapeError(
            f"log_prob returned {tuple(log_p.shape)} for {len(x)} examples: sum over every axis but the first"
        )
    check_output(s, x.shape)
    return log_p, s
