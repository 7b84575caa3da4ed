"""The end of the chain against the prior: `L_T`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.decomposing_the_elbo.common import WITHHOLDS, criteria, dims, random_alpha_bar, sum_of_squares


def L_T(x_0: Tensor, alpha_bar: Tensor) -> Tensor:
    """Equation (4.16)."""
    a = alpha_bar[-1].to(x_0)
    return 0.5 * (a * (sum_of_squares(x_0) - dims(x_0)) - dims(x_0) * torch.log(1 - a))


def _rule(rule: Callable[[Tensor, Tensor, int], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda x_0, alpha_bar: rule(alpha_bar[-1].to(x_0), sum_of_squares(x_0), dims(x_0))


def _draw(d: Draw) -> Iterator[Case]:
    alpha_bar, x = random_alpha_bar(d, d.integer(4, 7)), d.randn(3, 5, dtype=torch.float64)
    yield Case("vectors", (x, alpha_bar))
    yield Case("images", (d.randn(2, 1, 4, 4, dtype=torch.float64), alpha_bar))
    yield Case("T = 1", (x, alpha_bar[:2]), "edges")
    yield Case("one example", (x[:1], alpha_bar), "edges")
    yield Case("float32", (x.float(), alpha_bar), "edges")
    yield Case("gradient in x_0", (x, alpha_bar), "edges", "gradient", cotangent=d.randn(3, dtype=torch.float64))
    yield Case("called twice", (x, alpha_bar), "edges", "twice")


EXERCISE = Exercise(
    name="elbo.L_T",
    prompt="Give the first term of the bound: the divergence of the chain's end from the prior, per example.",
    signature="L_T(x_0 (B, *D), alpha_bar (T+1,)) -> (B,) nats",
    reference=L_T,
    draw=_draw,
    criteria=criteria(2, 1, at="T = 1, one example, float32, gradient, input untouched"),
    equation="4.16",
    difficulty=1,
    minutes=5,
    hints=(
        "Two Gaussians with covariances that are multiples of the identity: you have just coded that. What are their means "
        "and variances at t = T?",
        "Mean sqrt(alpha_bar_T) x_0 and variance 1 - alpha_bar_T against mean 0 and variance 1. T is the table's last entry.",
        "a = alpha_bar[-1].to(x_0).expand(len(x_0)); shape = (-1, *[1] * (x_0.ndim - 1)); "
        "return kl_isotropic(a.reshape(shape).sqrt() * x_0, 1 - a, torch.zeros_like(x_0), torch.ones_like(a))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "the other way round",
            _rule(lambda a, sq, d: 0.5 * ((d + a * sq) / (1 - a) - d + d * torch.log(1 - a))),
            "this is KL(prior || q). Here q(x_T | x_0) comes first.",
        ),
        Misconception(
            "table's entry T - 1",
            lambda x_0, alpha_bar: L_T(x_0, alpha_bar[:-1]),
            "this is the divergence one step earlier. The table has T+1 entries; alpha_bar_T is the last one.",
        ),
        Misconception(
            "mean without root",
            _rule(lambda a, sq, d: 0.5 * (a**2 * sq - a * d - d * torch.log(1 - a))),
            "the mean is sqrt(alpha_bar_T) x_0, so its square has alpha_bar_T, not the square of it.",
        ),
        Misconception(
            "mean over coordinates",
            _rule(lambda a, sq, d: 0.5 * (a * (sq - d) - d * torch.log(1 - a)) / d),
            "you averaged over the coordinates. Divergences of independent coordinates add up.",
        ),
        Misconception(
            "variances forgotten",
            _rule(lambda a, sq, d: 0.5 * a * sq),
            "only the distance of the means is there. The variance 1 - alpha_bar_T is not 1 either.",
        ),
        Misconception(
            "half forgotten",
            _rule(lambda a, sq, d: a * (sq - d) - d * torch.log(1 - a)),
            "the factor 1/2 is missing.",
        ),
        Misconception(
            "mean over the batch",
            _rule(lambda a, sq, d: (0.5 * (a * (sq - d) - d * torch.log(1 - a))).mean()),
            "you averaged over the batch. One number per example is asked for, shape (B,).",
        ),
    ),
)
