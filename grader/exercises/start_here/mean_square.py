"""Shapes that fit by accident: `mean_square`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.start_here.common import WITHHOLDS, criteria


def mean_square(prediction: Tensor, target: Tensor) -> Tensor:
    """Equation (0.5)."""
    return ((prediction.squeeze(1) - target) ** 2).mean()


def _draw_mean_square(d: Draw) -> Iterator[Case]:
    def pair(n: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
        return d.randn(n, 1, dtype=dtype), d.randn(n, dtype=dtype)

    yield Case("a few pairs", pair(6))
    yield Case("more pairs", pair(31))
    yield Case("one pair", pair(1), "edges")
    yield Case("two pairs", pair(2), "edges")
    yield Case("float32", pair(9, torch.float32), "edges")
    yield Case("called twice", pair(5), "clean", "twice")
    yield Case(
        "gradient in the predictions", pair(5), "clean", "gradient", cotangent=torch.ones((), dtype=torch.float64)
    )


EXERCISE = Exercise(
    name="start.mean_square",
    prompt="The mean squared error of predictions of shape (N, 1) and targets of shape (N,).",
    signature="mean_square(prediction (N, 1), target (N,)) -> one number",
    reference=mean_square,
    draw=_draw_mean_square,
    criteria=criteria(1, 1, 1, at="one pair, two pairs, float32"),
    equation="0.5",
    difficulty=2,
    minutes=6,
    hints=(
        "What shape has prediction - target? Print it once. Then bring both to the same shape before you subtract.",
        "prediction.squeeze(1) has shape (N,). Subtract, square, average.",
        "return ((prediction.squeeze(1) - target) ** 2).mean()",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "every prediction with every target",
            lambda p, z: ((p - z) ** 2).mean(),
            "(N, 1) minus (N,) is (N, N): every prediction was compared with every target. No error, no warning. Bring both "
            "to the same shape first.",
        ),
        Misconception(
            "sum for mean",
            lambda p, z: ((p.squeeze(1) - z) ** 2).sum(),
            "this is the sum. Divide by N, or take .mean().",
        ),
        Misconception(
            "not squared",
            lambda p, z: (p.squeeze(1) - z).mean(),
            "the differences are not squared, so errors up and down cancel.",
        ),
        Misconception(
            "absolute values",
            lambda p, z: (p.squeeze(1) - z).abs().mean(),
            "these are absolute differences. The equation squares them.",
        ),
        Misconception(
            "root taken",
            lambda p, z: ((p.squeeze(1) - z) ** 2).mean().sqrt(),
            "this is the root of the mean square. The equation has no root.",
        ),
        Misconception(
            "square of the mean",
            lambda p, z: (p.squeeze(1) - z).mean() ** 2,
            "first the mean, then the square: the errors cancel before they are squared. Square first.",
        ),
        Misconception(
            "one error per pair",
            lambda p, z: (p.squeeze(1) - z) ** 2,
            "this is one number per pair. Take their mean.",
        ),
        Misconception(
            "a number without history",
            lambda p, z: ((p.squeeze(1) - z) ** 2).mean().item(),
            "the number is right, but .item() makes a plain Python number of it: no gradient flows, nothing is learned.",
        ),
    ),
)
