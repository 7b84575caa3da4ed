"""The explicit loss by value: `explicit_loss`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.score_matching.common import WITHHOLDS, criteria, event


def explicit_loss(s: Tensor, true: Tensor) -> Tensor:
    """The inside of equation (6.6)."""
    return 0.5 * event((s - true) ** 2)


def _draw_explicit(d: Draw) -> Iterator[Case]:
    s, true = d.randn(4, 3, dtype=torch.float64), d.randn(4, 3, dtype=torch.float64)
    images = d.randn(3, 1, 4, 5, dtype=torch.float64), d.randn(3, 1, 4, 5, dtype=torch.float64)
    yield Case("vectors", (s, true))
    yield Case("images", images)
    yield Case("one example", (s[:1], true[:1]), "edges")
    yield Case("a transposed view", (d.randn(3, 4, dtype=torch.float64).mT, true), "edges")
    yield Case("float32 stays float32", (s.float(), true.float()), "edges", strict_dtype=True)
    yield Case("gradient in s", (s, true), "clean", "gradient", cotangent=d.randn(4, dtype=torch.float64))
    yield Case("called twice", images, "clean", "twice")


def _in_place(s: Tensor, true: Tensor) -> Tensor:
    with torch.no_grad():
        s -= true
    return 0.5 * event(s**2)


EXERCISE = Exercise(
    name="score.explicit_loss",
    prompt="Half the squared distance between the model's arrow and the true one, for each example.",
    signature="explicit_loss(s (B, *D), true (B, *D)) -> (B,)",
    reference=explicit_loss,
    draw=_draw_explicit,
    criteria=criteria(1, 1, 1, at="one example, any memory layout, float32"),
    equation="6.6",
    difficulty=1,
    minutes=4,
    hints=(
        "A squared length is a sum over all coordinates. Which axis must not be summed?",
        "1/2 sum over everything but the first axis of (s - true)^2. x.flatten(1) puts all other axes into one.",
        "return 0.5 * ((s - true) ** 2).flatten(1).sum(1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "half forgotten",
            lambda s, t: event((s - t) ** 2),
            "the factor 1/2 is missing.",
        ),
        Misconception(
            "mean over coordinates",
            lambda s, t: 0.5 * ((s - t) ** 2).flatten(1).mean(1),
            "you averaged over the coordinates. A squared length is their sum.",
        ),
        Misconception(
            "length without square",
            lambda s, t: 0.5 * event((s - t) ** 2).sqrt(),
            "this is half the length. Its square is asked for.",
        ),
        Misconception(
            "mean over the batch",
            lambda s, t: (0.5 * event((s - t) ** 2)).mean(),
            "you averaged over the batch as well. One number per example is asked for, shape (B,).",
        ),
        Misconception(
            "absolute values",
            lambda s, t: 0.5 * event((s - t).abs()),
            "you add absolute values. Add squares.",
        ),
        Misconception(
            "difference of squares",
            lambda s, t: 0.5 * (event(s**2) - event(t**2)),
            "this is the difference of the squared lengths: two arrows of equal length in opposite directions would "
            "count as equal. Subtract first, then square.",
        ),
        Misconception(
            "sum of arrows",
            lambda s, t: 0.5 * event((s + t) ** 2),
            "you add the two arrows. Subtract the true one.",
        ),
        Misconception(
            "last axis only",
            lambda s, t: 0.5 * ((s - t) ** 2).sum(-1),
            "only the last axis is summed: right for vectors, not for images. Sum over everything but the first axis.",
        ),
        Misconception(
            "changes s in place",
            _in_place,
            "the numbers are right, but s itself was overwritten (s -= ...), and autograd cannot see through it.",
        ),
    ),
)
