"""Are two variables independent?  `is_independent`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.graphical_models.common import WITHHOLDS, criteria, random_joint, random_table

TOL = 1e-9


def is_independent(joint: Tensor, tol: float) -> bool:
    """Equation (1.6) = 0."""
    product = torch.outer(joint.sum(1), joint.sum(0))
    return bool((joint - product).abs().max() <= tol)


def _gap(joint: Tensor) -> Tensor:
    return joint - torch.outer(joint.sum(1), joint.sum(0))


def _bump(p: Tensor, size: float, i: int = 1, j: int = 1) -> Tensor:
    """The same marginals, but four entries moved: dependent."""
    p = p.clone()
    for row, column, sign in ((i, j, 1), (i, j - 1, -1), (i - 1, j, -1), (i - 1, j - 1, 1)):
        p[row, column] += sign * size
    return p


def _lopsided(size: float) -> Tensor:
    """(3, 3), rows and columns sum to 0: size in the corner, half of it at most everywhere else."""
    u = torch.tensor([1, -0.5, -0.5], dtype=torch.float64)
    return size * torch.outer(u, u)


def _draw_pairs(d: Draw) -> Iterator[Case]:
    yield from d.in_any_order(_pairs(d))
    yield from d.in_any_order(_edges(d))


def _pairs(d: Draw) -> Iterator[Case]:
    a, b = random_table(d, 3), random_table(d, 4)
    product = torch.outer(a, b)
    yield Case("two dependent variables", (random_joint(d, 3, 4), TOL))
    yield Case("two that were multiplied together", (product, TOL))
    yield Case("equal sizes", (torch.outer(a, random_table(d, 3)), TOL))
    yield Case("equal sizes, dependent", (random_joint(d, 3, 3), TOL))
    for _ in range(4):
        both = torch.outer(random_table(d, 4), random_table(d, 2)), random_joint(d, 4, 2)
        yield Case("either of the two", (both[d.integer(0, 1)], TOL))


def _edges(d: Draw) -> Iterator[Case]:
    a, b = random_table(d, 3), random_table(d, 4)
    product = torch.outer(a, b)
    late = torch.outer(random_table(d, 4), b)
    yield Case("dependent in the last corner only", (_bump(late, 0.2 * float(late.min()), 3, 3), TOL), "edges")
    yield Case("slightly dependent", (_bump(product, 1e-5), TOL), "edges")
    # b = a^2 with a = -1, 0, 1: uncorrelated, and b is known exactly once a is.
    tail = d.uniform(0.2, 0.4)
    square = torch.tensor([[0, tail], [1 - 2 * tail, 0], [0, tail]], dtype=torch.float64)
    yield Case("one is the square of the other", (square, TOL), "edges")
    flat = torch.full((4, 4), 1 / 16, dtype=torch.float64)
    yield Case("equal marginals", (_bump(flat, d.uniform(0.01, 0.05)), TOL), "edges")
    zero = a.clone()
    zero[d.integer(0, 2)] = 0
    yield Case("a value that never happens", (torch.outer(zero / zero.sum(), b), TOL), "edges")
    # In the corner the pair is far too rare; everywhere else the difference is half of that at most.
    rare = torch.full((3, 3), 1 / 9, dtype=torch.float64) - _lopsided(size := d.uniform(0.01, 0.05))
    yield Case("one pair too rare, all others within the tolerance", (rare, 0.7 * size), "edges")
    yield Case("exact numbers, tolerance 0", (torch.full((2, 2), 0.25, dtype=torch.float64), 0.0), "edges")
    yield Case("called twice", (product, TOL), "edges", "twice")
    rough = torch.outer(a, b).float().double()
    yield Case("rounded to float32, with a tolerance to match", (rough / rough.sum(), 1e-6), "edges")


def _exact(joint: Tensor, tol: float) -> bool:
    return bool((_gap(joint) == 0).all())


def _uncorrelated(joint: Tensor, tol: float) -> bool:
    i, j = (torch.arange(n, dtype=joint.dtype) for n in joint.shape)
    return bool((i @ _gap(joint) @ j).abs() <= tol)


def _rows(joint: Tensor, tol: float) -> bool:
    rows = joint / joint.sum(1, keepdim=True)
    return bool((rows - joint.sum(0)).abs().max() <= tol)


def _when(test: Callable[[Tensor], Tensor]) -> Callable[[Tensor, float], bool]:
    return lambda joint, tol: bool(test(joint) <= tol)


EXERCISE = Exercise(
    name="graphs.is_independent",
    prompt="Say whether two variables are independent, from their joint table.",
    signature="is_independent(joint (A, B) float64, tol float) -> True or False",
    reference=is_independent,
    draw=_draw_pairs,
    criteria=criteria(2, 1, at="hidden dependence, values that never happen, rounding, called twice"),
    equation="1.6",
    difficulty=2,
    minutes=8,
    hints=(
        "Build the table that the joint would be if the two were independent, and compare.",
        "That table has the entries p(a) p(b): torch.outer of the two marginals. Compare with a tolerance, since computers round.",
        "return bool((joint - torch.outer(joint.sum(1), joint.sum(0))).abs().max() <= tol)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "no tolerance",
            _exact,
            "you ask for equality to the last bit. Computers round, so p(a, b) and p(a) p(b) are hardly ever equal "
            "exactly. Compare with the tolerance.",
        ),
        Misconception(
            "uncorrelated",
            _uncorrelated,
            "you ask whether the two are uncorrelated. Independent variables are uncorrelated, but not the other way "
            "round: if b is the square of a, the correlation may be 0, and yet a tells all about b.",
        ),
        Misconception(
            "differences cancel",
            _when(lambda p: _gap(p).sum().abs()),
            "you add up p(a, b) - p(a) p(b) before taking absolute values. That sum is always 0.",
        ),
        Misconception(
            "one entry only",
            _when(lambda p: _gap(p)[0, 0].abs()),
            "you look at one entry. Independence is a statement about every pair of values.",
        ),
        Misconception(
            "absolute value forgotten",
            _when(lambda p: _gap(p).max()),
            "you take the largest difference without its absolute value. A pair that is too rare counts as much as one "
            "that is too frequent.",
        ),
        Misconception(
            "any entry",
            _when(lambda p: _gap(p).abs().min()),
            "one pair of values that fits is enough for you. All of them must fit: take the largest difference.",
        ),
        Misconception(
            "rows with nan",
            _rows,
            "you compare p(b | a) with p(b), which is the same question, but where p(a) = 0 you divide 0 by 0. Compare "
            "p(a, b) with p(a) p(b): no division.",
        ),
        Misconception(
            "negated",
            lambda p, tol: not is_independent(p, tol),
            "your function says True for dependent variables. True should mean independent.",
        ),
        Misconception(
            "marginals compared",
            lambda p, tol: bool(
                p.shape[0] == p.shape[1] and (p.sum(0).sort()[0] - p.sum(1).sort()[0]).abs().max() <= tol
            ),
            "you compare p(a) with p(b). Two dice that are glued together have equal marginals, too.",
        ),
        Misconception(
            "loose tolerance",
            lambda p, tol: is_independent(p, max(tol, 1e-3)),
            "you use a tolerance of your own. A weak dependence is a dependence: use the one that is given.",
        ),
    ),
)
