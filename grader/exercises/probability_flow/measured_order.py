"""How fast does the error fall?  `measured_order`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.probability_flow.common import WITHHOLDS, criteria


def measured_order(n: Tensor, errors: Tensor) -> Tensor:
    """Equation (9.14)."""
    u = n.log() - n.log().mean()
    return -(u * errors.log()).sum() / (u**2).sum()


def _line(x: Tensor, y: Tensor) -> Tensor:
    """Slope of the line with the least squares."""
    u = x - x.mean()
    return (u * y).sum() / (u**2).sum()


def _draw_order(d: Draw) -> Iterator[Case]:
    n = torch.tensor([4.0, 7.0, 15.0, 40.0, 64.0], dtype=torch.float64) + d.integer(1, 3)
    order, size = d.uniform(0.8, 4.2), d.uniform(0.2, 0.6)
    exact = size * n**-order
    rough = exact * torch.exp(0.4 * d.randn(5, dtype=torch.float64))
    yield Case("errors on a straight line", (n, exact))
    yield Case("errors that scatter", (n, rough))
    yield Case("two runs", (n[:2], rough[:2]), "edges")
    yield Case("runs in any order", (n.flip(0), rough.flip(0)), "edges")
    yield Case("errors that grow", (n, 1 / rough), "edges")
    yield Case("called twice", (n, rough), "edges", "twice")


EXERCISE = Exercise(
    name="flow.measured_order",
    prompt="The order of a solver from its errors at several numbers of steps.",
    signature="measured_order(n (m,), errors (m,)) -> one number",
    reference=measured_order,
    draw=_draw_order,
    criteria=criteria(3, 1, at="two runs, any order of runs, errors that grow"),
    equation="9.14",
    difficulty=2,
    minutes=8,
    hints=(
        "error = C n^-q becomes a straight line when you take logarithms. What is its slope?",
        "log e = log C - q log n. Take the slope of log e over log n with the least squares, and turn its sign.",
        "u = n.log() - n.log().mean(); return -(u * errors.log()).sum() / (u**2).sum()",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "slope with its sign",
            lambda n, e: -measured_order(n, e),
            "this is the slope itself, negative when the errors fall. The order is minus the slope.",
        ),
        Misconception(
            "no logarithms",
            lambda n, e: -_line(n, e),
            "the line goes through n and the errors themselves. A power becomes a straight line only in logarithms of both.",
        ),
        Misconception(
            "logarithm of the errors only",
            lambda n, e: -_line(n, e.log()),
            "only the errors are in logarithms. That fits exp(-q n). Take the logarithm of n too.",
        ),
        Misconception(
            "first and last run",
            lambda n, e: torch.log(e[0] / e[-1]) / torch.log(n[-1] / n[0]),
            "only the first and the last run count. Errors scatter: let all of them vote, by least squares.",
        ),
        Misconception(
            "line through the origin",
            lambda n, e: -(n.log() * e.log()).sum() / (n.log() ** 2).sum(),
            "the line is forced through the origin, as if C were 1. Subtract the mean of log n first.",
        ),
        Misconception(
            "axes exchanged",
            lambda n, e: -_line(e.log(), n.log()),
            "this is the slope of log n over log e. It is about one over the order.",
        ),
        Misconception(
            "doubling assumed",
            lambda n, e: (e[:-1] / e[1:]).log2().mean(),
            "log2 of neighbouring errors is the order only if the number of steps doubles each time. Here it does not.",
        ),
        Misconception(
            "mean of neighbouring slopes",
            lambda n, e: -(e.log().diff() / n.log().diff()).mean(),
            "you average the slopes between neighbours. Close neighbours then count too much; fit one line.",
        ),
    ),
)
