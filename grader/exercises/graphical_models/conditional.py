"""Dividing by a marginal: `conditional`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.graphical_models.common import WITHHOLDS, criteria, no_zero, random_joint


def conditional(joint: Tensor, given: int) -> Tensor:
    """Equation (1.5), for any axes."""
    others = [i for i in range(joint.ndim) if i != given]
    total = joint.sum(others, keepdim=True)
    return joint / no_zero(total)


def _total(joint: Tensor, given: int) -> Tensor:
    """p(given), with size 1 on every other axis."""
    others = [i for i in range(joint.ndim) if i != given]
    return joint.sum(others, keepdim=True)


def _draw_conditional(d: Draw) -> Iterator[Case]:
    p, square, big = random_joint(d, 3, 4), random_joint(d, 4, 4), random_joint(d, 2, 3, 4)
    never = random_joint(d, 3, 3, 3)
    never[:, d.integer(0, 2), :] = 0
    never = never / never.sum()
    yield Case("given the first of two", (p, 0))
    yield Case("given the second of two, equal sizes", (square, 1))
    yield Case("given the middle of three", (big, 1))
    yield Case("given the last of three, equal sizes", (random_joint(d, 3, 3, 3), 2), "edges")
    yield Case("a value that never happens", (never, 1), "edges")
    yield Case("only one value", (p[:1] / p[:1].sum(), 0), "edges")
    yield Case("float32 stays float32", (square.float(), 0), "edges", strict_dtype=True)
    yield Case("a transposed view", (p.mT, 0), "edges")
    yield Case("called twice", (square, 0), "clean", "twice")
    yield Case("gradient", (square, 0), "clean", "gradient", cotangent=d.randn(4, 4, dtype=torch.float64))


def _in_place(joint: Tensor, given: int) -> Tensor:
    total = no_zero(_total(joint, given)).detach().clone()
    with torch.no_grad():
        joint /= total
    return joint


def _wrong_axis(joint: Tensor, given: int) -> Tensor:
    return joint / no_zero(joint.sum(given, keepdim=True))


EXERCISE = Exercise(
    name="graphs.conditional",
    prompt="Condition a joint table on one of its variables.",
    signature="conditional(joint, one axis per variable, given: int, an axis) -> table of the same shape",
    reference=conditional,
    draw=_draw_conditional,
    criteria=criteria(2, 1, 1, at="a value that never happens, one value, dtypes, any memory layout"),
    equation="1.5",
    difficulty=2,
    minutes=8,
    hints=(
        "Once the variable is known, only one slice of the table counts. What must be done so that the slice sums to 1?",
        "p(rest | given) = joint / p(given), and p(given) is the joint summed over all other axes. keepdim=True keeps the "
        "shapes aligned. Where p(given) is 0, the slice is 0 as well: divide it by 1.",
        "total = joint.sum([i for i in range(joint.ndim) if i != given], keepdim=True); "
        "return joint / torch.where(total > 0, total, 1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "the wrong sum",
            _wrong_axis,
            "you summed over the variable that is known. Its slices should each sum to 1: sum over all the others.",
        ),
        Misconception(
            "divided by everything",
            lambda p, given: p / p.sum(),
            "you divided by the sum of the whole table, which is 1. Divide each slice by its own sum.",
        ),
        Misconception(
            "0 / 0",
            lambda p, given: p / _total(p, given),
            "where the known value never happens you divide 0 by 0, which is nan. Put 1 in place of a total of 0.",
        ),
        Misconception(
            "shapes not aligned",
            lambda p, given: p / no_zero(_total(p, given).flatten()),
            "p(given) has lost its axes, so torch lines it up with the last axis, whichever that is: an error, or, with "
            "equal sizes, a silent wrong answer. Use keepdim=True.",
        ),
        Misconception(
            "largest instead of sum",
            lambda p, given: p / no_zero(p.amax([i for i in range(p.ndim) if i != given], keepdim=True)),
            "you divided by the largest entry of each slice. Then its largest entry is 1; its sum should be.",
        ),
        Misconception(
            "multiplied",
            lambda p, given: p * _total(p, given),
            "you multiplied by p(given). The chain rule reads p(rest, given) = p(rest | given) p(given): divide.",
        ),
        Misconception(
            "softmax",
            lambda p, given: (
                torch.softmax(p.movedim(given, 0).flatten(1), 1).reshape(p.movedim(given, 0).shape).movedim(0, given)
            ),
            "a softmax makes the slices sum to 1, but it changes the proportions inside. Divide by the sum.",
        ),
        Misconception(
            "changes the table in place",
            _in_place,
            "the numbers are right, but the joint itself is changed (/= ...). Build a new tensor: the caller still "
            "needs the joint.",
        ),
    ),
)
