"""Summing variables out of a joint table: `marginal`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.graphical_models.common import WITHHOLDS, criteria, random_joint

Keep = tuple[int, ...]


def marginal(joint: Tensor, keep: Keep) -> Tensor:
    """Equation (1.8), for any axes."""
    gone = [i for i in range(joint.ndim) if i not in keep]
    kept = joint.sum(gone) if gone else joint
    return kept.permute([sorted(keep).index(i) for i in keep])


def _reduced(joint: Tensor, keep: Keep, reduce: Callable[[Tensor, list[int]], Tensor]) -> Tensor:
    """The other axes reduced away, the rest in the order of keep."""
    gone = [i for i in range(joint.ndim) if i not in keep]
    left = reduce(joint, gone) if gone else joint
    rank = sorted(keep)
    return left.permute([rank.index(i) for i in keep])


def _draw_marginal(d: Draw) -> Iterator[Case]:
    p, big, square = random_joint(d, 2, 3, 4), random_joint(d, 2, 3, 2, 3), random_joint(d, 3, 3, 3)
    yield Case("two of three variables", (p, (0, 2)))
    yield Case("one of three variables", (p, (1,)))
    yield Case("the last of three equal ones", (square, (2,)))
    yield Case("in another order", (square, (2, 0)), "edges")
    yield Case("two of four, in another order", (big, (3, 1)), "edges")
    yield Case("all of them", (p, (0, 1, 2)), "edges")
    yield Case("none of them", (square, ()), "edges")
    yield Case("float32 stays float32", (square.float(), (1,)), "edges", strict_dtype=True)
    yield Case("a transposed view", (p.mT, (0, 1)), "edges")
    yield Case("called twice", (p, (0, 2)), "clean", "twice")
    yield Case("gradient", (p, (0, 2)), "clean", "gradient", cotangent=d.randn(2, 4, dtype=torch.float64))


def _one_by_one(joint: Tensor, keep: Keep) -> Tensor:
    left, kept = joint, sorted(keep)
    for i in range(joint.ndim):
        if i not in keep:
            left = left.sum(min(i, left.ndim - 1))
    return left.permute([kept.index(i) for i in keep])


def _empty_sum(joint: Tensor, keep: Keep) -> Tensor:
    gone = [i for i in range(joint.ndim) if i not in keep]
    rank = sorted(keep)
    return joint.sum(gone).permute([rank.index(i) for i in keep])


EXERCISE = Exercise(
    name="graphs.marginal",
    prompt="Sum all variables but some out of a joint table.",
    signature="marginal(joint, one axis per variable, keep: tuple of axes in the wanted order) -> table of those",
    reference=marginal,
    draw=_draw_marginal,
    criteria=criteria(2, 1, 1, at="another order, all, none, dtypes, any memory layout"),
    equation="1.8",
    difficulty=2,
    minutes=8,
    hints=(
        "Which axes are not in keep? Sum over those. Then put the rest in the order that keep asks for.",
        "joint.sum([axes]) sums over several axes at once; permute reorders. In torch, an empty list of axes means all axes.",
        "gone = [i for i in range(joint.ndim) if i not in keep]; kept = joint.sum(gone) if gone else joint; "
        "return kept.permute([sorted(keep).index(i) for i in keep])",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "sums what should stay",
            lambda p, keep: p.sum(list(keep)) if keep else p,
            "you summed over the variables in keep. Those should stay; sum over all the others.",
        ),
        Misconception(
            "order forgotten",
            lambda p, keep: marginal(p, tuple(sorted(keep))),
            "the axes come in the order of the joint, not in the order of keep: keep = (2, 0) wants axis 2 first.",
        ),
        Misconception(
            "mean instead of sum",
            lambda p, keep: _reduced(p, keep, lambda q, gone: q.mean(gone)),
            "you averaged. The chances of all the ways in which something can happen are added.",
        ),
        Misconception(
            "largest instead of sum",
            lambda p, keep: _reduced(p, keep, lambda q, gone: q.amax(gone)),
            "this takes the most likely value of the other variables. All their values count: add them up.",
        ),
        Misconception(
            "a slice instead of a sum",
            lambda p, keep: p[tuple(slice(None) if i in keep else 0 for i in range(p.ndim))].permute(
                [sorted(keep).index(i) for i in keep]
            ),
            "this fixes the other variables at their first value. That is one of the summands; add up all of them.",
        ),
        Misconception(
            "an empty sum",
            _empty_sum,
            "nearly: when all variables are kept, the list of axes to sum over is empty, and torch takes an empty list "
            "to mean all axes. Treat that case by itself.",
        ),
        Misconception(
            "axes move while summing",
            _one_by_one,
            "you sum axis after axis with their old numbers. After the first sum the axes behind it have moved up by one: "
            "give sum all axes at once, or begin with the largest number.",
        ),
        Misconception(
            "normalised slices",
            lambda p, keep: _reduced(p / p.sum(0), keep, lambda q, gone: q.sum(gone)),
            "you divided by a sum first. The joint sums to 1 already, and so will the marginal.",
        ),
    ),
)
