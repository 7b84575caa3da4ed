"""How good is one probe?  `probe_variance`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.probability_flow.common import WITHHOLDS, criteria

Pair = tuple[Tensor, Tensor]


def probe_variance(J: Tensor) -> Pair:
    """Equations (9.21) and (9.22)."""
    S = (J + J.mT) / 2
    every, on_diagonal = (S**2).sum((1, 2)), (S.diagonal(dim1=1, dim2=2) ** 2).sum(1)
    return 2 * every, 2 * (every - on_diagonal)


def _parts(J: Tensor) -> Pair:
    """Sums of squares of the symmetric part: all entries, the diagonal."""
    S = (J + J.mT) / 2
    return (S**2).sum((1, 2)), (S.diagonal(dim1=1, dim2=2) ** 2).sum(1)


def _by(rule: Callable[[Tensor, Tensor], Pair]) -> Callable[[Tensor], Pair]:
    return lambda J: rule(*_parts(J))


def _of_j(J: Tensor) -> Pair:
    every, diagonal = (J**2).sum((1, 2)), (J.diagonal(dim1=1, dim2=2) ** 2).sum(1)
    return 2 * every, 2 * (every - diagonal)


def _draw_variance(d: Draw) -> Iterator[Case]:
    J = d.randn(3, 4, 4, dtype=torch.float64)
    S = J + J.mT
    yield Case("three Jacobians", (J,))
    yield Case("six dimensions", (d.randn(2, 6, 6, dtype=torch.float64),))
    yield Case("a symmetric one, as that of a score", (S,), "edges")
    yield Case("a diagonal one", (torch.diag_embed(J[:, 0]),), "edges")
    yield Case("a rotation: J = -J transposed", (J - J.mT,), "edges")
    yield Case("one dimension", (J[:, :1, :1],), "edges")
    yield Case("called twice", (J,), "edges", "twice")


EXERCISE = Exercise(
    name="flow.probe_variance",
    prompt="The variance of Hutchinson's estimate from one probe: normal, and of signs.",
    signature="probe_variance(J (n, d, d)) -> (normal (n,), signs (n,))",
    reference=probe_variance,
    draw=_draw_variance,
    criteria=criteria(3, 2, at="symmetric, diagonal, a rotation, one dimension"),
    equation="9.22",
    difficulty=3,
    minutes=12,
    hints=(
        "z . Jz does not see the part of J that is not symmetric. Take the symmetric part first. For signs z_i^2 = 1 is "
        "certain, so the diagonal brings no variance.",
        "S = (J + J^T)/2; normal: 2 sum of all S_ij^2; signs: 2 sum of those with i != j.",
        "S = (J + J.mT) / 2; a = 2 * (S**2).sum((1, 2)); return a, a - 2 * (S.diagonal(dim1=1, dim2=2)**2).sum(1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "J not made symmetric",
            _of_j,
            "J itself is squared. z . Jz sees only the symmetric part: for a rotation every probe gives exactly 0.",
        ),
        Misconception(
            "J + J^T not halved",
            _by(lambda every, diagonal: (8 * every, 8 * (every - diagonal))),
            "the symmetric part is (J + J^T)/2; the half is missing, so the variances are 4 times too large.",
        ),
        Misconception(
            "factor 2 missing",
            _by(lambda every, diagonal: (every, every - diagonal)),
            "the factor 2 is missing: the variance of z_i^2 is 2, and each pair i, j occurs twice.",
        ),
        Misconception(
            "exchanged",
            _by(lambda every, diagonal: (2 * (every - diagonal), 2 * every)),
            "the two are exchanged. For signs the diagonal brings nothing, so theirs is the smaller one.",
        ),
        Misconception(
            "diagonal taken off once",
            _by(lambda every, diagonal: (2 * every, 2 * every - diagonal)),
            "the factor 2 belongs to the diagonal as well: 2 (all - diagonal).",
        ),
        Misconception(
            "the same for both",
            _by(lambda every, diagonal: (2 * every, 2 * every)),
            "you gave the normal one for both. For signs z_i^2 = 1 is certain: the diagonal drops out.",
        ),
        Misconception(
            "standard deviation",
            _by(lambda every, diagonal: ((2 * every).sqrt(), (2 * (every - diagonal)).clamp(min=0).sqrt())),
            "these are standard deviations. The variance is asked for.",
        ),
        Misconception(
            "only the diagonal",
            _by(lambda every, diagonal: (2 * diagonal, torch.zeros_like(every))),
            "only the diagonal counts for you. The entries beside it bring the variance: z_i z_j is a coin toss.",
        ),
        Misconception(
            "one side of the diagonal",
            _by(lambda every, diagonal: (every + diagonal, every - diagonal)),
            "each pair i, j is counted once. S_ij and S_ji both stand in the sum.",
        ),
        Misconception(
            "means",
            lambda J: tuple(v / J.shape[1] ** 2 for v in probe_variance(J)),
            "you took means over the entries. The formula has sums.",
        ),
    ),
)
