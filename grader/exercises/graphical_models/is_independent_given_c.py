"""Are two variables independent once a third is known?  `is_independent_given_c`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.graphical_models.common import (
    WITHHOLDS,
    criteria,
    no_zero,
    random_joint,
    random_table,
)

TOL = 1e-9


def is_independent_given_c(joint: Tensor, tol: float) -> bool:
    """Equation (1.7) = 0."""
    given = joint / no_zero(joint.sum((0, 1)))
    product = given.sum(1, keepdim=True) * given.sum(0, keepdim=True)
    return bool((given - product).abs().max() <= tol)


def _gap(q: Tensor) -> Tensor:
    """q(a, b) - q(a) q(b) in every slice."""
    return q - q.sum(1, keepdim=True) * q.sum(0, keepdim=True)


def _fork(d: Draw, A: int, B: int, C: int) -> Tensor:
    p = torch.einsum("c,ca,cb->abc", random_table(d, C), random_table(d, C, A), random_table(d, C, B))
    return p.contiguous()  # what is held for a second call crosses the wire without its strides


def _bump(joint: Tensor, sizes: tuple[float, ...]) -> Tensor:
    """The same marginals in each slice, but four entries moved by the slice's size: dependent where it is not 0."""
    joint = joint.clone()
    step = torch.tensor(sizes, dtype=joint.dtype)
    joint[1, 1] += step
    joint[1, 0] -= step
    joint[0, 1] -= step
    joint[0, 0] += step
    return joint


def _draw_triples(d: Draw) -> Iterator[Case]:
    yield from d.in_any_order(_triples(d))
    yield from d.in_any_order(_edges(d))


def _triples(d: Draw) -> Iterator[Case]:
    fork = _fork(d, 3, 4, 2)
    chain = torch.einsum("a,ac,cb->abc", random_table(d, 3), random_table(d, 3, 3), random_table(d, 3, 3))
    collider = torch.einsum("a,b,abc->abc", random_table(d, 3), random_table(d, 3), random_table(d, 3, 3, 2))
    yield Case("a fork", (fork, TOL))
    yield Case("a chain", (chain, TOL))
    yield Case("a collider", (collider, TOL))
    yield Case("any three variables", (random_joint(d, 3, 4, 2), TOL))
    for _ in range(4):
        both = _fork(d, 3, 4, 2), random_joint(d, 3, 4, 2)
        yield Case("a fork, or any three variables", (both[d.integer(0, 1)], TOL))


def _edges(d: Draw) -> Iterator[Case]:
    fork = _fork(d, 3, 4, 2)
    separate = torch.einsum("a,b,c->abc", random_table(d, 3), random_table(d, 2), random_table(d, 3))
    yield Case("three that have nothing to do with each other", (separate, TOL), "edges")
    blind = random_joint(d, 3, 4)[:, :, None] * random_table(d, 2)
    yield Case("a dependent pair, and a c that knows nothing of it", (blind, TOL), "edges")
    size = 0.3 * float(fork.min())
    yield Case("independent for the first value of c, not for the second", (_bump(fork, (0, size)), TOL), "edges")
    even = torch.stack([fork.sum(2) / 2] * 2, 2)
    even = torch.outer(even.sum((1, 2)), even.sum((0, 2)))[:, :, None].expand(-1, -1, 2) / 2
    twist = _bump(even, (0.3 * float(even.min()), -0.3 * float(even.min())))
    yield Case("two slices that lean in opposite directions", (twist, TOL), "edges")
    never = torch.cat([fork, torch.zeros(3, 4, 1, dtype=fork.dtype)], 2)
    yield Case("a value of c that never happens", (never, TOL), "edges")
    yield Case("only one value of c", (torch.outer(random_table(d, 3), random_table(d, 4))[:, :, None], TOL), "edges")
    u = torch.tensor([1, -0.5, -0.5], dtype=torch.float64)
    rare = (1 / 9 - (size := d.uniform(0.01, 0.05)) * torch.outer(u, u))[:, :, None] * random_table(d, 2)
    yield Case("one pair too rare, all others within the tolerance", (rare, 0.7 * size), "edges")
    yield Case("exact numbers, tolerance 0", (torch.full((2, 2, 2), 0.125, dtype=torch.float64), 0.0), "edges")
    yield Case("called twice", (fork, TOL), "edges", "twice")
    yield Case("slightly dependent", (_bump(fork, (1e-7, 1e-7)), TOL), "edges")


def _when(gap: Callable[[Tensor], Tensor]) -> Callable[[Tensor, float], bool]:
    return lambda joint, tol: bool(gap(joint).abs().max() <= tol)


EXERCISE = Exercise(
    name="graphs.is_independent_given_c",
    prompt="Say whether a and b are independent once c is known, from the joint table of the three.",
    signature="is_independent_given_c(joint (A, B, C) float64, tol float) -> True or False",
    reference=is_independent_given_c,
    draw=_draw_triples,
    criteria=criteria(
        3, 1, at="slices that differ, values that never happen, one value, weak dependence, called twice"
    ),
    equation="1.7",
    difficulty=3,
    minutes=10,
    hints=(
        "Fixing c leaves a slice of the table. In each slice, ask the question of the last exercise.",
        "Divide each slice by p(c), so that it sums to 1. Then compare it with the product of its own marginals, "
        "p(a | c) p(b | c). Slices with p(c) = 0 never happen and may be left out.",
        "q = joint / torch.where(p_c > 0, p_c, 1); return bool((q - q.sum(1, keepdim=True) * q.sum(0, keepdim=True))"
        ".abs().max() <= tol), with p_c = joint.sum((0, 1))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "c forgotten",
            _when(lambda p: _gap(p.sum(2))),
            "you summed c out. That asks whether a and b are independent while c is unknown: a different question, "
            "with a different answer for the fork and for the collider.",
        ),
        Misconception(
            "slices not normalised",
            _when(_gap),
            "you compare p(a, b, c) with p(a, c) p(b, c). Divide by p(c) first: p(a, b | c) against p(a | c) p(b | c).",
        ),
        Misconception(
            "first slice only",
            _when(lambda p: _gap(p[:, :, :1] / no_zero(p[:, :, :1].sum()))),
            "you look at the first value of c alone. The two must be independent whatever value c has.",
        ),
        Misconception(
            "absolute value forgotten",
            lambda p, tol: bool(_gap(p / no_zero(p.sum((0, 1)))).max() <= tol),
            "you take the largest difference without its absolute value. A pair that is too rare counts as much as one "
            "that is too frequent.",
        ),
        Misconception(
            "averaged over c",
            _when(lambda p: (_gap(p / no_zero(p.sum((0, 1)))) * p.sum((0, 1))).sum(2)),
            "you average the differences over c. Slices that lean in opposite directions then cancel. Compare slice by slice.",
        ),
        Misconception(
            "nan where c never happens",
            _when(lambda p: _gap(p / p.sum((0, 1)))),
            "where p(c) = 0 you divide 0 by 0, and nan is never small. Such a slice never happens: put 1 for its total.",
        ),
        Misconception(
            "a, b, c all independent",
            _when(
                lambda p: p - p.sum((1, 2))[:, None, None] * p.sum((0, 2))[None, :, None] * p.sum((0, 1))[None, None, :]
            ),
            "you compare with p(a) p(b) p(c). That asks whether all three are independent of each other, which is more.",
        ),
        Misconception(
            "independent of c",
            _when(lambda p: p - p.sum(2, keepdim=True) * p.sum((0, 1))),
            "you compare with p(a, b) p(c). That asks whether c tells anything about the pair, not whether a tells "
            "anything about b.",
        ),
        Misconception(
            "negated",
            lambda p, tol: not is_independent_given_c(p, tol),
            "your function says True for dependent variables. True should mean independent.",
        ),
        Misconception(
            "loose tolerance",
            lambda p, tol: is_independent_given_c(p, 1e-4),
            "you use a tolerance of your own. A weak dependence is a dependence: use the one that is given.",
        ),
    ),
)
