"""How far the end is from noise: `kl_to_prior`."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.forward_process.common import WITHHOLDS, criteria, random_alpha_bar


def kl_to_prior(x_0: Tensor, t: Tensor, alpha_bar: Tensor) -> Tensor:
    """Equation (2.20)."""
    a = alpha_bar[t].to(x_0)
    square, d = (x_0.flatten(1) ** 2).sum(1), x_0.flatten(1).shape[1]
    return 0.5 * (a * (square - d) - d * torch.log(1 - a))


def _kl_parts(x_0: Tensor, t: Tensor, alpha_bar: Tensor) -> tuple[Tensor, Tensor, int]:
    return alpha_bar[t].to(x_0), (x_0.flatten(1) ** 2).sum(1), x_0.flatten(1).shape[1]


def _kl_wrong(rule: Callable[[Tensor, Tensor, int], Tensor]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    return lambda x_0, t, alpha_bar: rule(*_kl_parts(x_0, t, alpha_bar))


def _draw_kl(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 10)
    alpha_bar = random_alpha_bar(d, T)
    x, t = d.randn(3, 5, dtype=torch.float64), d.integers(2, T - 1, 3)
    yield Case("vectors, one t each", (x, t, alpha_bar))
    yield Case("images", (d.randn(2, 1, 4, 4, dtype=torch.float64), t[:2], alpha_bar))
    yield Case("t = 1 and t = T", (x[:2], torch.tensor([1, T]), alpha_bar), "edges")
    yield Case("one example", (x[:1], t[:1], alpha_bar), "edges")
    yield Case("float32 stays float32", (x.float(), t, alpha_bar), "edges", strict_dtype=True)
    yield Case("gradient in x_0", (x, t, alpha_bar), "clean", "gradient", cotangent=d.randn(3, dtype=torch.float64))
    yield Case("called twice", (x, t, alpha_bar), "clean", "twice")


EXERCISE = Exercise(
    name="forward.kl_to_prior",
    prompt="How far is q(x_t | x_0) from the prior N(0, I), in nats, for each example?",
    signature="kl_to_prior(x_0 (B, *D), t (B,) int in 1..T, alpha_bar (T+1,)) -> (B,)",
    reference=kl_to_prior,
    draw=_draw_kl,
    criteria=criteria(2, 1, 1, at="t = 1, t = T, one example, float32"),
    equation="2.20",
    difficulty=3,
    minutes=12,
    hints=(
        "Both are Gaussians with independent coordinates, so the divergence is a sum over coordinates. Sum, do not average.",
        "One coordinate with mean m and variance v against N(0, 1): (m^2 + v - 1 - log v)/2. Here m^2 = alpha_bar_t x_0^2 "
        "and v = 1 - alpha_bar_t.",
        "a = alpha_bar[t].to(x_0); x = x_0.flatten(1); d = x.shape[1]; "
        "return 0.5 * (a * ((x**2).sum(1) - d) - d * torch.log(1 - a))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "mean over coordinates",
            _kl_wrong(lambda a, sq, d: 0.5 * (a * (sq - d) - d * torch.log(1 - a)) / d),
            "you averaged over the coordinates. Divergences of independent coordinates add up.",
        ),
        Misconception(
            "half forgotten",
            _kl_wrong(lambda a, sq, d: a * (sq - d) - d * torch.log(1 - a)),
            "the factor 1/2 is missing.",
        ),
        Misconception(
            "minus d forgotten",
            _kl_wrong(lambda a, sq, d: 0.5 * (a * sq - d * torch.log(1 - a))),
            "the part v - 1 = -alpha_bar_t of each coordinate is missing: at x_0 = 0 the divergence would be too large.",
        ),
        Misconception(
            "in bits",
            _kl_wrong(lambda a, sq, d: 0.5 * (a * (sq - d) - d * torch.log(1 - a)) / math.log(2)),
            "this is the divergence in bits. Nats are asked for: use the natural logarithm and do not divide.",
        ),
        Misconception(
            "the other way round",
            _kl_wrong(lambda a, sq, d: 0.5 * ((d + a * sq) / (1 - a) - d + d * torch.log(1 - a))),
            "this is KL(N(0, I) || q). The divergence is not symmetric: q(x_t | x_0) comes first.",
        ),
        Misconception(
            "sum over the batch",
            _kl_wrong(lambda a, sq, d: (0.5 * (a * (sq - d) - d * torch.log(1 - a))).sum()),
            "you summed over the batch as well. One number per example is asked for, shape (B,).",
        ),
        Misconception(
            "log of the standard deviation",
            _kl_wrong(lambda a, sq, d: 0.5 * (a * (sq - d) - d * torch.log((1 - a).sqrt()))),
            "inside the bracket stands the log of the variance; you took the log of the standard deviation.",
        ),
        Misconception(
            "mean not squared right",
            _kl_wrong(lambda a, sq, d: 0.5 * (a.sqrt() * sq - a * d - d * torch.log(1 - a))),
            "the mean is sqrt(alpha_bar_t) x_0, so its square has alpha_bar_t, not the root of it.",
        ),
    ),
)
