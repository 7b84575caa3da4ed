"""The cosine table: `cosine_betas`."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.forward_process.common import WITHHOLDS, criteria


def cosine_betas(T: int, s: float, beta_max: float) -> Tensor:
    """Equation (2.18)."""
    f = _curve(T, s)
    beta = torch.zeros(T + 1, dtype=torch.float64)
    beta[1:] = (1 - f[1:] / f[:-1]).clamp(max=beta_max)
    return beta


def _curve(T: int, s: float, power: int = 2, end: float = 1.0) -> Tensor:
    u = torch.arange(T + 1, dtype=torch.float64) / T
    return torch.cos(math.pi / 2 * (u + s) / (end + s)) ** power


def _cosine_from(f: Tensor, beta_max: float) -> Tensor:
    return torch.cat([torch.zeros(1, dtype=torch.float64), (1 - f[1:] / f[:-1]).clamp(max=beta_max)])


def _draw_cosine(d: Draw) -> Iterator[Case]:
    s = d.uniform(0.03, 0.1)  # large: f(0) is 1 - 2.5 s^2, and who forgets it shall be seen in 32 bits, too
    yield Case("a short table", (d.integer(6, 12), s, 0.999))
    yield Case("a long table", (d.integer(100, 300), d.uniform(0.004, 0.02), 0.999))
    yield Case("a lower clip", (d.integer(20, 30), s, 0.5), "edges")
    yield Case("the table is float64", (20, s, 0.999), "edges", strict_dtype=True)


EXERCISE = Exercise(
    name="forward.cosine_betas",
    prompt="Build the cosine table of betas, with beta[0] = 0 and beta clipped at beta_max.",
    signature="cosine_betas(T int, s float, beta_max float) -> beta (T+1,) float64",
    reference=cosine_betas,
    draw=_draw_cosine,
    criteria=criteria(2, 1, at="another clip, a float64 table"),
    equation="2.18",
    difficulty=2,
    minutes=10,
    hints=(
        "This schedule is drawn from its end: first the curve alpha_bar, then the betas that lead along it.",
        "f(t) = cos^2(pi/2 (t/T + s)/(1 + s)), alpha_bar_t = f(t)/f(0), beta_t = 1 - alpha_bar_t/alpha_bar_{t-1}, at most beta_max.",
        "beta[1:] = (1 - f[1:] / f[:-1]).clamp(max=beta_max), with f computed at t = 0..T (f(0) cancels in the ratio)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "not divided by f(0)",
            lambda T, s, m: _cosine_from(torch.cat([torch.ones(1, dtype=torch.float64), _curve(T, s)[1:]]), m),
            "alpha_bar must be f(t)/f(0). Without the division the first step jumps from 1 to f(1) and beta_1 is too large.",
        ),
        Misconception(
            "cosine without square",
            lambda T, s, m: _cosine_from(_curve(T, s, power=1), m),
            "the cosine is not squared. cos itself is the curve of sqrt(alpha_bar).",
        ),
        Misconception(
            "offset not divided out",
            lambda T, s, m: _cosine_from(_curve(T, s, end=1.0 - s), m),
            "t/T + s must be divided by 1 + s, so that the curve just reaches 0 at t = T.",
        ),
        Misconception(
            "no clip",
            lambda T, s, m: cosine_betas(T, s, 1.0),
            "beta is not clipped at beta_max. At t = T the curve is 0 and beta would be 1: all data gone in one step.",
        ),
        Misconception(
            "returns alpha_bar",
            lambda T, s, m: _curve(T, s) / _curve(T, s)[0],
            "this is the table of alpha_bar. Go on to beta_t = 1 - alpha_bar_t / alpha_bar_{t-1}.",
        ),
        Misconception(
            "alpha instead of beta",
            lambda T, s, m: 1 - cosine_betas(T, s, m),
            "these are the alphas, alpha_bar_t / alpha_bar_{t-1}. beta is 1 minus them.",
        ),
        Misconception(
            "ratio upside down",
            lambda T, s, m: torch.cat(
                [torch.zeros(1, dtype=torch.float64), (_curve(T, s)[:-1] / _curve(T, s)[1:] - 1).clamp(max=m)]
            ),
            "the ratio is upside down: divide alpha_bar_t by alpha_bar_{t-1}, not the other way round.",
        ),
        Misconception(
            "no entry for t = 0",
            lambda T, s, m: cosine_betas(T, s, m)[1:],
            "the table has T entries; put beta[0] = 0 in front, so that beta[t] belongs to step t.",
        ),
    ),
)
