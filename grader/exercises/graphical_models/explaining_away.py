"""The collider, seen from one cause: `explaining_away`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.graphical_models.common import WITHHOLDS, criteria, random_table


def explaining_away(p_a: Tensor, p_b: Tensor, c_given_ab: Tensor) -> Tensor:
    """Equation (1.18)."""
    top = p_a[:, None, None] * c_given_ab
    return top / top.sum(0)


def _draw_collider(d: Draw) -> Iterator[Case]:
    A, B, C = 3, 4, 2
    p_a, p_b, c = random_table(d, A), random_table(d, B), random_table(d, A, B, C)
    square = random_table(d, 3), random_table(d, 3), random_table(d, 3, 3, 3)
    blind = random_table(d, 3).expand(3, 3, 3)
    yield Case("3, 4 and 2 values", (p_a, p_b, c))
    yield Case("three values each", square)
    yield Case("c knows nothing of a and b", (square[0], square[1], blind), "edges")
    yield Case("only one value of b", (p_a, p_b[:1] / p_b[:1].sum(), c[:, :1]), "edges")
    zero = square[1].clone()
    zero[d.integer(0, 2)] = 0
    yield Case("a value of b that never happens", (square[0], zero / zero.sum(), square[2]), "edges")
    yield Case("float32 stays float32", tuple(x.float() for x in square), "edges", strict_dtype=True)
    yield Case("called twice", (p_a, p_b, c), "clean", "twice")
    cotangent = d.randn(A, B, C, dtype=torch.float64)
    yield Case("gradient in p(a)", (p_a, p_b, c), "clean", "gradient", cotangent=cotangent)


def _joint(p_a: Tensor, p_b: Tensor, c: Tensor) -> Tensor:
    return p_a[:, None, None] * p_b[None, :, None] * c


def _a_given_c(p_a: Tensor, p_b: Tensor, c: Tensor) -> Tensor:
    p_ac = _joint(p_a, p_b, c).sum(1, keepdim=True)
    return (p_ac / p_ac.sum(0)).expand(c.shape)


EXERCISE = Exercise(
    name="graphs.explaining_away",
    prompt="In the collider, give the distribution of a once b and c are known.",
    signature="explaining_away(p_a (A,), p_b (B,), c_given_ab (A, B, C)) -> p(a | b, c) (A, B, C)",
    reference=explaining_away,
    draw=_draw_collider,
    criteria=criteria(3, 1, 1, at="a blind c, one value, a value that never happens, dtypes"),
    equation="1.18",
    difficulty=3,
    minutes=12,
    level="stretch",
    hints=(
        "Bayes' rule with b as a bystander: how likely was a beforehand, and how well does it explain c, given this b?",
        "p(a | b, c) is proportional to p(a) p(c | a, b). Divide by the sum over a. p(b) is in top and bottom and cancels.",
        "top = p_a[:, None, None] * c_given_ab; return top / top.sum(0)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "prior alone",
            lambda p_a, p_b, c: p_a[:, None, None].expand(c.shape),
            "this is p(a). a and b are independent only while c is unknown; once c is seen, both c and b matter.",
        ),
        Misconception(
            "b ignored",
            _a_given_c,
            "this is p(a | c), with b summed out. Once c is known, b tells about a: it may explain c away.",
        ),
        Misconception(
            "no prior",
            lambda p_a, p_b, c: c / c.sum(0),
            "the prior p(a) is missing: how likely a was before anything was seen.",
        ),
        Misconception(
            "b asked for",
            lambda p_a, p_b, c: p_b[None, :, None] * c / (p_b[None, :, None] * c).sum(1, keepdim=True),
            "this is p(b | a, c). Asked for is a: the prior is p(a), and the sum in the denominator runs over a.",
        ),
        Misconception(
            "not divided",
            _joint,
            "this is the joint p(a, b, c). Divide by p(b, c), its sum over a.",
        ),
        Misconception(
            "0 / 0",
            lambda p_a, p_b, c: _joint(p_a, p_b, c) / _joint(p_a, p_b, c).sum(0),
            "nearly: where p(b) = 0 you divide 0 by 0, which is nan. p(b) stands in top and bottom: cancel it before you compute.",
        ),
        Misconception(
            "divided by p(c) only",
            lambda p_a, p_b, c: _joint(p_a, p_b, c) / _joint(p_a, p_b, c).sum((0, 1)),
            "this is p(a, b | c). b is known too: divide by p(b, c), the sum over a alone.",
        ),
        Misconception(
            "p(b) in the top only",
            lambda p_a, p_b, c: _joint(p_a, p_b, c) / (p_a[:, None, None] * c).sum(0),
            "p(b) stands in the numerator but not in the denominator. It belongs in both, where it cancels, or in neither.",
        ),
        Misconception(
            "sum over c",
            lambda p_a, p_b, c: _joint(p_a, p_b, c) / _joint(p_a, p_b, c).sum(2, keepdim=True).clamp(min=1e-300),
            "you divided by the sum over c, which gives back p(c | a, b). Sum over a.",
        ),
    ),
)
