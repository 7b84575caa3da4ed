"""How fast the flow spreads: `divergence`, exact."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.probability_flow.common import WITHHOLDS, criteria, jacobian, random_layer


def divergence(x: Tensor, A: Tensor, b: Tensor, C: Tensor) -> Tensor:
    """Trace of the Jacobian of v(x) = C tanh(A x + b)."""
    u = torch.tanh(x @ A.mT + b)
    return (1 - u**2) @ (A * C.mT).sum(1)


def _of_jacobian(rule: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda *args: rule(jacobian(*args))


def _diagonal(J: Tensor) -> Tensor:
    return J.diagonal(dim1=1, dim2=2)


def _without_slope(x: Tensor, A: Tensor, b: Tensor, C: Tensor) -> Tensor:
    return (C @ A).trace().expand(len(x))


def _u_for_slope(x: Tensor, A: Tensor, b: Tensor, C: Tensor) -> Tensor:
    return torch.tanh(x @ A.mT + b) @ (A * C.mT).sum(1)


def _in_place(x: Tensor, A: Tensor, b: Tensor, C: Tensor) -> Tensor:
    value = divergence(x, A, b, C)
    x += 1e-3
    return value


def _draw_divergence(d: Draw) -> Iterator[Case]:
    x, field = d.randn(5, 3, dtype=torch.float64), random_layer(d, 3, 4)
    yield Case("five points in three dimensions", (x, *field))
    yield Case("two dimensions, six units", (d.randn(4, 2, dtype=torch.float64), *random_layer(d, 2, 6)))
    yield Case("as many units as dimensions", (x, *random_layer(d, 3, 3)))
    yield Case("one point", (x[:1], *field), "edges")
    yield Case("as many points as dimensions", (x[:3], *field), "edges")
    yield Case("one dimension", (x[:, :1], *random_layer(d, 1, 4)), "edges")
    yield Case("called twice", (x, *field), "edges", "twice")


EXERCISE = Exercise(
    name="flow.divergence",
    prompt="The exact divergence of a small field, one value per point.",
    signature="divergence(x (B, d), A (H, d), b (H,), C (d, H)) -> (B,)",
    reference=divergence,
    draw=_draw_divergence,
    criteria=criteria(3, 1, at="one point, as many points as dimensions, one dimension"),
    equation="9.16",
    difficulty=3,
    minutes=15,
    hints=(
        "The divergence is the trace of the Jacobian: the derivative of v_i along x_i, summed over i. One backward pass "
        "gives one row of the Jacobian.",
        "For each i: row = torch.autograd.grad(v[:, i].sum(), x, retain_graph=True)[0]; add row[:, i]. Or by hand: the "
        "derivative of tanh is 1 - tanh^2.",
        "u = torch.tanh(x @ A.mT + b); return (1 - u**2) @ (A * C.mT).sum(1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "whole Jacobian summed",
            _of_jacobian(lambda J: J.sum((1, 2))),
            "all entries of the Jacobian are summed: that is what autograd.grad(v.sum(), x) gives. Only the diagonal counts.",
        ),
        Misconception(
            "first entry only",
            _of_jacobian(lambda J: J[:, 0, 0]),
            "this is the first entry of the diagonal. Sum over all coordinates i.",
        ),
        Misconception(
            "mean of the diagonal",
            _of_jacobian(lambda J: _diagonal(J).mean(1)),
            "you took the mean of the diagonal. A trace is a sum: the volume changes in every dimension.",
        ),
        Misconception(
            "determinant",
            _of_jacobian(torch.linalg.det),
            "this is the determinant of the Jacobian. It belongs to a whole map; for a velocity the trace is wanted.",
        ),
        Misconception(
            "minus",
            lambda x, A, b, C: -divergence(x, A, b, C),
            "the sign is turned. The divergence itself is asked for; the minus stands in the equation of log p.",
        ),
        Misconception(
            "absolute values",
            _of_jacobian(lambda J: _diagonal(J).abs().sum(1)),
            "absolute values are summed. Spreading in one direction and shrinking in another cancel.",
        ),
        Misconception(
            "squares of all entries",
            _of_jacobian(lambda J: (J**2).sum((1, 2))),
            "this is the squared length of the Jacobian. The trace sums the diagonal, without squares.",
        ),
        Misconception(
            "tanh not differentiated",
            _without_slope,
            "the Jacobian is taken as C A, as if there were no tanh. Its slope is 1 - tanh^2, at each point another.",
        ),
        Misconception(
            "tanh for its slope",
            _u_for_slope,
            "you put tanh where its derivative belongs, 1 - tanh^2.",
        ),
        Misconception(
            "one number for the batch",
            lambda x, A, b, C: divergence(x, A, b, C).sum().expand(len(x)),
            "the divergence is summed over the batch. Each point has its own.",
        ),
        Misconception(
            "changes x in place",
            _in_place,
            "the numbers are right, but x itself is changed. Work on a copy.",
        ),
    ),
)
