"""The order of a method, from its errors: `order`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.fast_sampling.common import F64, WITHHOLDS, criteria


def order(n: Tensor, errors: Tensor) -> float:
    """Equation (10.19)."""
    x, y = torch.log(n), torch.log(errors)
    x = x - x.mean()
    return float(-(x * y).sum() / (x**2).sum())


def _slope(x: Tensor, y: Tensor) -> float:
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / (x * x).sum())


def _draw(d: Draw) -> Iterator[Case]:
    def measured(n: Tensor, p: float, wobble: float) -> tuple[Tensor, Tensor]:
        return n, d.uniform(0.5, 3.0) * n**-p * torch.exp(wobble * d.randn(len(n), dtype=F64))

    n = torch.tensor([8.0, 16.0, 32.0, 64.0], dtype=F64)
    uneven = torch.tensor([5.0, 7.0, 20.0, 31.0, 90.0], dtype=F64)
    yield Case("a method of first order, nearly", measured(n, 1.0, 0.1))
    yield Case("a method of second order, uneven steps", measured(uneven, 2.0, 0.2))
    yield Case("two measurements", measured(n[:2], 1.5, 0.3), "edges")
    yield Case("an exact power", measured(uneven, d.uniform(1.2, 3.5), 0.0), "edges")
    yield Case("falling n", measured(uneven.flip(0), 2.0, 0.2), "edges")
    yield Case("called twice", measured(n, 2.0, 0.2), "edges", "twice")


EXERCISE = Exercise(
    name="fast.order",
    prompt="From errors at several numbers of steps, compute the order: the p of error = C n^(-p).",
    signature="order(n (k,) float64, errors (k,) float64) -> float",
    reference=order,
    draw=_draw,
    criteria=criteria(3, 1, at="two measurements, an exact power, any sequence, inputs untouched"),
    equation="10.19",
    difficulty=2,
    minutes=10,
    hints=(
        "A power law is a straight line if both axes are logarithmic. The order is minus its slope. Fit the line to all points.",
        "log e = log C - p log n. Least squares: p = - sum (x - mean x) y / sum (x - mean x)^2, x = log n, y = log e.",
        "x = torch.log(n) - torch.log(n).mean(); return float(-(x * torch.log(errors)).sum() / (x**2).sum())",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "sign",
            lambda n, e: -order(n, e),
            "this is the slope itself, which is negative: errors fall as n grows. The order is minus the slope.",
        ),
        Misconception(
            "first and last only",
            lambda n, e: float(-(torch.log(e[-1]) - torch.log(e[0])) / (torch.log(n[-1]) - torch.log(n[0]))),
            "only the first and the last measurement are used. Fit a line to all of them: one bad point then counts less.",
        ),
        Misconception(
            "n without logarithm",
            lambda n, e: -_slope(n, torch.log(e)),
            "log e is fitted against n. That would be a straight line for errors that fall exponentially. Take log n.",
        ),
        Misconception(
            "no logarithms",
            lambda n, e: -_slope(n, e),
            "a line is fitted to the errors themselves. A power law is straight only in logarithms.",
        ),
        Misconception(
            "line through the origin",
            lambda n, e: float(-(torch.log(n) * torch.log(e)).sum() / (torch.log(n) ** 2).sum()),
            "the means are not taken off, so the line is forced through the origin, as if C were 1.",
        ),
        Misconception(
            "axes exchanged",
            lambda n, e: -_slope(torch.log(e), torch.log(n)),
            "log n is fitted against log e. The number of steps is what we choose: it belongs on the horizontal axis.",
        ),
        Misconception(
            "mean of neighbouring slopes",
            lambda n, e: float(-(torch.log(e).diff() / torch.log(n).diff()).mean()),
            "this is the mean of the slopes between neighbours. Neighbours that are close together then count far too much. Use "
            "least squares.",
        ),
        Misconception(
            "two kinds of logarithm",
            lambda n, e: -_slope(torch.log10(n), torch.log(e)),
            "the logarithms have different bases. Which one does not matter, but it must be the same for both.",
        ),
    ),
)
