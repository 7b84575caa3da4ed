"""Mean 0 and variance 1, without spoiling the input: `standardize`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.start_here.common import WITHHOLDS, criteria


def standardize(x: Tensor) -> Tensor:
    """Equation (0.4)."""
    flat = x.flatten(1)
    centred = flat - flat.mean(1, keepdim=True)
    return (centred / (centred**2).mean(1, keepdim=True).sqrt()).reshape(x.shape)


def _through_a_view(x: Tensor) -> Tensor:
    flat = x.view(len(x), -1)  # no copy: the same memory under another shape
    flat -= flat.mean(1, keepdim=True)
    flat /= (flat**2).mean(1, keepdim=True).sqrt()
    return flat.view(x.shape)


def _with_std(x: Tensor, power: float, correction: int) -> Tensor:
    flat = x.flatten(1)
    centred = flat - flat.mean(1, keepdim=True)
    return (centred / flat.var(1, keepdim=True, correction=correction) ** power).reshape(x.shape)


def _draw_standardize(d: Draw) -> Iterator[Case]:
    def x(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
        return d.uniform(1.5, 3) * d.randn(*shape, dtype=dtype) + d.uniform(1, 4)

    yield Case("images", (x(3, 1, 4, 4),))
    yield Case("vectors", (x(4, 6),))
    yield Case("one example", (x(1, 1, 4, 4),), "edges")
    yield Case("float32 stays float32", (x(3, 8, dtype=torch.float32),), "edges", strict_dtype=True)
    yield Case("called twice", (x(3, 1, 4, 4),), "clean", "twice")
    yield Case("gradient in x", (x(3, 5),), "clean", "gradient", cotangent=d.randn(3, 5, dtype=torch.float64))


EXERCISE = Exercise(
    name="start.standardize",
    prompt="Shift and scale each example, so that its own numbers have mean 0 and variance 1.",
    signature="standardize(x (B, *D)) -> (B, *D)",
    reference=standardize,
    draw=_draw_standardize,
    criteria=criteria(1, 1, 1, at="one example, dtype"),
    equation="0.4",
    difficulty=2,
    minutes=10,
    hints=(
        "Each example has its own mean and variance, over all axes but the first. Keep those axes, with length 1.",
        "flat = x.flatten(1); flat - flat.mean(1, keepdim=True) has mean 0. Divide by the root of the mean of its squares. "
        "Never -= or /= on x, nor on a view of it.",
        "c = flat - flat.mean(1, keepdim=True); return (c / (c**2).mean(1, keepdim=True).sqrt()).reshape(x.shape)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "changes x through a view",
            _through_a_view,
            "the numbers are right, but x itself has changed. flatten and view do not copy: they show the same memory under "
            "another shape, so -= on the view changes x. Write flat - ..., not flat -= ...",
        ),
        Misconception(
            "over the whole batch",
            lambda x: (x - x.mean()) / ((x - x.mean()) ** 2).mean().sqrt(),
            "mean and variance are taken over the whole batch. Each example has its own: leave out the first axis.",
        ),
        Misconception(
            "over the first axis",
            lambda x: (x - x.mean(0)) / ((x - x.mean(0)) ** 2).mean(0).sqrt(),
            "mean and variance are taken across the batch, pixel by pixel (axis 0). Take them within each example.",
        ),
        Misconception(
            "divided by the variance",
            lambda x: _with_std(x, 1.0, 0),
            "you divide by the variance. Divide by the standard deviation, its root.",
        ),
        Misconception(
            "divided by n - 1",
            lambda x: _with_std(x, 0.5, 1),
            "torch's std and var divide by n - 1, unless told correction=0. The equation divides by n.",
        ),
        Misconception(
            "not scaled",
            lambda x: _with_std(x, 0.0, 0),
            "the mean is 0 now, but the variance is what it was. Divide by the standard deviation.",
        ),
        Misconception(
            "not shifted",
            lambda x: x / x.flatten(1).std(1, correction=0).reshape(-1, *[1] * (x.ndim - 1)),
            "the variance is 1 now, but the mean is not 0. Subtract the mean first.",
        ),
        Misconception(
            "scaled by the squares of x",
            lambda x: (
                (x.flatten(1) - x.flatten(1).mean(1, keepdim=True)) / (x.flatten(1) ** 2).mean(1, keepdim=True).sqrt()
            ).reshape(x.shape),
            "you divide by the root of the mean of x^2. That is the standard deviation only after the mean was subtracted.",
        ),
    ),
)
