"""What the fork says about b once a is known: `b_given_a`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.graphical_models.common import WITHHOLDS, criteria, random_table


def b_given_a(p_c: Tensor, a_given_c: Tensor, b_given_c: Tensor) -> Tensor:
    """Equation (1.10) divided by p(a)."""
    p_ac = (p_c.unsqueeze(1) * a_given_c).mT
    c_given_a = p_ac / p_ac.sum(1, keepdim=True)
    return c_given_a @ b_given_c


def _c_given_a(p_c: Tensor, a_given_c: Tensor) -> Tensor:
    """Bayes' rule, (A, C)."""
    p_ac = (p_c[:, None] * a_given_c).mT
    return p_ac / p_ac.sum(1, keepdim=True)


def _draw_fork(d: Draw) -> Iterator[Case]:
    A, B, C = 3, 4, 2
    p_c, a, b = random_table(d, C), random_table(d, C, A), random_table(d, C, B)
    square = random_table(d, 3), random_table(d, 3, 3), random_table(d, 3, 3)
    eye = torch.eye(3, dtype=torch.float64)
    yield Case("3, 4 and 2 values", (p_c, a, b))
    yield Case("three values each", square)
    yield Case("a is a copy of c", (square[0], eye, square[2]), "edges")
    yield Case("a knows nothing of c", (square[0], square[1][:1].expand(3, 3), square[2]), "edges")
    yield Case("only one value of c", (torch.ones(1, dtype=torch.float64), a[:1], b[:1]), "edges")
    yield Case("float32 stays float32", tuple(x.float() for x in square), "edges", strict_dtype=True)
    yield Case("called twice", (p_c, a, b), "clean", "twice")
    cotangent = d.randn(A, B, dtype=torch.float64)
    yield Case("gradient in p(a | c)", (p_c, a, b), "clean", "gradient", wrt=1, cotangent=cotangent)


def _with(c_given_a: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Another idea of p(c | a), (A, C)."""
    return lambda p_c, a_given_c, b_given_c: c_given_a(p_c, a_given_c) @ b_given_c


def _likeliest(p_c: Tensor, a_given_c: Tensor) -> Tensor:
    best = _c_given_a(p_c, a_given_c).argmax(1)
    return torch.nn.functional.one_hot(best, len(p_c)).to(p_c)


def _p_ab(p_c: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.einsum("c,ca,cb->ab", p_c, a, b)


EXERCISE = Exercise(
    name="graphs.b_given_a",
    prompt="In the fork, give the distribution of b once a is known.",
    signature="b_given_a(p_c (C,), a_given_c (C, A), b_given_c (C, B)) -> p(b | a) (A, B)",
    reference=b_given_a,
    draw=_draw_fork,
    criteria=criteria(3, 1, 1, at="a copy, no information, one value, dtypes"),
    equation="1.10",
    difficulty=3,
    minutes=12,
    hints=(
        "Knowing a changes what we believe about c; c then says what to expect of b. Two steps.",
        "Bayes: p(c | a) = p(c) p(a | c) / p(a), with p(a) = sum_c p(c) p(a | c). Then p(b | a) = sum_c p(c | a) p(b | c).",
        "p_ab = torch.einsum('c,ca,cb->ab', p_c, a_given_c, b_given_c); return p_ab / (p_c @ a_given_c)[:, None]",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "p(c) for p(c | a)",
            _with(lambda p_c, a: p_c.expand(a.shape[1], -1)),
            "you weigh the values of c by p(c), as if a had not been seen. Then every row is p(b). Use p(c | a).",
        ),
        Misconception(
            "no prior",
            _with(lambda p_c, a: (a / a.sum(0)).mT),
            "your p(c | a) is proportional to p(a | c) alone. Bayes' rule also has the factor p(c).",
        ),
        Misconception(
            "not divided by p(a)",
            _p_ab,
            "this is p(a, b). Divide row a by p(a), so that each row sums to 1.",
        ),
        Misconception(
            "divided by p(b)",
            lambda p_c, a, b: _p_ab(p_c, a, b) / (p_c @ b),
            "you divided by p(b), which gives p(a | b). Known is a: divide by p(a).",
        ),
        Misconception(
            "likelihoods only",
            _with(lambda p_c, a: a.mT),
            "you used p(a | c) where p(c | a) belongs. The bar turns around by Bayes' rule.",
        ),
        Misconception(
            "likeliest c only",
            _with(_likeliest),
            "you guess the most likely c and go on with it alone. c stays unknown: all its values count, each with its "
            "probability.",
        ),
        Misconception(
            "transposed",
            lambda p_c, a, b: b_given_a(p_c, a, b).mT,
            "the table has the axes (B, A). What is known comes first: (A, B).",
        ),
        Misconception(
            "c counted equally",
            _with(lambda p_c, a: torch.full((a.shape[1], len(p_c)), 1 / len(p_c), dtype=p_c.dtype)),
            "all values of c count the same for you. Weigh them by p(c | a).",
        ),
    ),
)
