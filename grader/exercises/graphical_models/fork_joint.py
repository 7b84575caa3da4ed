"""The joint table of a fork: `fork_joint`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.graphical_models.common import WITHHOLDS, criteria, random_table


def fork_joint(p_c: Tensor, a_given_c: Tensor, b_given_c: Tensor) -> Tensor:
    """Equation (1.9)."""
    return torch.einsum("c,ca,cb->abc", p_c, a_given_c, b_given_c)


def _draw_fork(d: Draw) -> Iterator[Case]:
    A, B, C = 3, 4, 2
    p_c, a, b = random_table(d, C), random_table(d, C, A), random_table(d, C, B)
    square = random_table(d, 3), random_table(d, 3, 3), random_table(d, 3, 3)
    never = p_c.clone()
    never[d.integer(0, 1)] = 0
    yield Case("3, 4 and 2 values", (p_c, a, b))
    yield Case("three values each", square)
    yield Case("a value of c that never happens", (never / never.sum(), a, b), "edges")
    yield Case("only one value of c", (torch.ones(1, dtype=torch.float64), a[:1], b[:1]), "edges")
    yield Case("float32 stays float32", tuple(x.float() for x in square), "edges", strict_dtype=True)
    yield Case("a transposed view", (p_c, random_table(d, A, C).mT.div(2), b), "edges")
    yield Case("called twice", (p_c, a, b), "clean", "twice")
    cotangent = d.randn(A, B, C, dtype=torch.float64)
    yield Case("gradient in p(a | c)", (p_c, a, b), "clean", "gradient", wrt=1, cotangent=cotangent)


def _in_place(p_c: Tensor, a_given_c: Tensor, b_given_c: Tensor) -> Tensor:
    with torch.no_grad():
        a_given_c *= p_c[:, None]
    return torch.einsum("ca,cb->abc", a_given_c.detach(), b_given_c)


def _independent(p_c: Tensor, a_given_c: Tensor, b_given_c: Tensor) -> Tensor:
    return torch.einsum("c,a,b->abc", p_c, p_c @ a_given_c, p_c @ b_given_c)


EXERCISE = Exercise(
    name="graphs.fork_joint",
    prompt="Build the joint table of the fork from its three tables.",
    signature="fork_joint(p_c (C,), a_given_c (C, A), b_given_c (C, B)) -> p (A, B, C)",
    reference=fork_joint,
    draw=_draw_fork,
    criteria=criteria(2, 1, 1, at="values that never happen, one value, dtypes, any memory layout"),
    equation="1.9",
    difficulty=2,
    minutes=6,
    hints=(
        "Entry [i, j, k] is the chance of a = i, b = j and c = k together: one factor for each node, given its parents.",
        "p[i, j, k] = p_c[k] * a_given_c[k, i] * b_given_c[k, j]. Mind where c stands: first in the tables, last in the joint.",
        'return torch.einsum("c,ca,cb->abc", p_c, a_given_c, b_given_c)',
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "p(c) forgotten",
            lambda p_c, a, b: torch.einsum("ca,cb->abc", a, b),
            "the factor p(c) is missing. c has no parents, but it is a node, and every node has a factor. Your table "
            "does not sum to 1.",
        ),
        Misconception(
            "p(c) twice",
            lambda p_c, a, b: torch.einsum("c,c,ca,cb->abc", p_c, p_c, a, b),
            "p(c) stands there twice, once for each arrow. There is one factor for each node, not for each arrow.",
        ),
        Misconception(
            "axes c, a, b",
            lambda p_c, a, b: torch.einsum("c,ca,cb->cab", p_c, a, b),
            "the numbers are right but the axes are (C, A, B). The joint is asked for with c last.",
        ),
        Misconception(
            "axes b, a, c",
            lambda p_c, a, b: torch.einsum("c,ca,cb->bac", p_c, a, b),
            "the numbers are right but a and b have changed places: the axes are (A, B, C).",
        ),
        Misconception(
            "independent",
            _independent,
            "you multiplied p(a), p(b) and p(c). That is the joint of three nodes without arrows; here a and b depend on c.",
        ),
        Misconception(
            "sum instead of product",
            lambda p_c, a, b: p_c + a.mT[:, None, :] + b.mT[None, :, :],
            "the factors are added. Chances of things that happen together are multiplied.",
        ),
        Misconception(
            "c summed out",
            lambda p_c, a, b: torch.einsum("c,ca,cb->ab", p_c, a, b),
            "this is p(a, b): c has been summed out already. Keep it as the last axis.",
        ),
        Misconception(
            "changes a table in place",
            _in_place,
            "the numbers are right, but the table p(a | c) itself is changed (*= ...). Build a new tensor: the caller "
            "still needs the old one, and autograd must see through it.",
        ),
    ),
)
