"""The implicit loss by value: `implicit_loss`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.score_matching.common import WITHHOLDS, criteria, event, jacobian, layer, random_layer


def implicit_loss(x: Tensor, A: Tensor, b: Tensor, C: Tensor) -> Tensor:
    """The inside of J_I in equation (6.11), for s(x) = C tanh(A x + b)."""
    s, slopes = layer(x, A, b, C)
    return 0.5 * event(s**2) + slopes @ (A * C.mT).sum(1)


def _wrong(rule: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """A rule that makes the loss from the half squared length (B,) and the Jacobian (B, d, d)."""
    return lambda x, A, b, C: rule(0.5 * event(layer(x, A, b, C)[0] ** 2), jacobian(x, A, b, C))


def _trace(J: Tensor) -> Tensor:
    return J.diagonal(dim1=1, dim2=2).sum(1)


def _draw_implicit(d: Draw) -> Iterator[Case]:
    x, model = d.randn(5, 3, dtype=torch.float64), random_layer(d, 3, 4)
    weights = d.randn(5, dtype=torch.float64)
    yield Case("points in three dimensions", (x, *model))
    yield Case("points in the plane", (d.randn(4, 2, dtype=torch.float64), *random_layer(d, 2, 6)))
    yield Case("one point", (x[:1], *model), "edges")
    yield Case("as many points as dimensions", (x[:3], *model), "edges")
    yield Case("on the line, one unit", (d.randn(4, 1, dtype=torch.float64), *random_layer(d, 1, 1)), "edges")
    yield Case("gradient in A", (x, *model), "clean", "gradient", 1, weights)
    yield Case("gradient in C", (x, *model), "clean", "gradient", 3, weights)
    yield Case("called twice", (x, *model), "clean", "twice")


EXERCISE = Exercise(
    name="score.implicit_loss",
    prompt="The implicit loss of the small model s(x) = C tanh(A x + b), one value per point.",
    signature="implicit_loss(x (B, d), A (H, d), b (H,), C (d, H)) -> (B,)",
    reference=implicit_loss,
    draw=_draw_implicit,
    criteria=criteria(2, 1, 2, at="one point, one unit, as many points as dimensions"),
    equation="6.11",
    difficulty=4,
    minutes=20,
    hints=(
        "Two parts: half the squared length of s, and the trace of its Jacobian: the slope of s_i along x_i, added over i. "
        "Rows do not know of each other, so the gradient of s[:, i].sum() holds the slopes of all rows at once.",
        "With torch: torch.autograd.grad(s[:, i].sum(), x, create_graph=True)[0][:, i] for each i. By hand: the slope of "
        "tanh is 1 - tanh^2, so the trace is the sum over h of (1 - tanh_h^2) times the sum over i of C[i, h] A[h, i].",
        "u = torch.tanh(x @ A.mT + b); s = u @ C.mT; return 0.5 * (s**2).sum(1) + (1 - u**2) @ (A * C.mT).sum(1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "trace subtracted",
            _wrong(lambda half, J: half - _trace(J)),
            "the trace has the wrong sign. The minus of the cross term and the minus of integration by parts make a plus.",
        ),
        Misconception(
            "trace forgotten",
            _wrong(lambda half, J: half),
            "the trace is missing. Without it the best model is s = 0.",
        ),
        Misconception(
            "half forgotten",
            _wrong(lambda half, J: 2 * half + _trace(J)),
            "the factor 1/2 before the squared length is missing.",
        ),
        Misconception(
            "half of the trace",
            _wrong(lambda half, J: half + 0.5 * _trace(J)),
            "the trace has no factor 1/2: the cross term in the square is twice the product, and the 1/2 outside cancels that.",
        ),
        Misconception(
            "all slopes added",
            _wrong(lambda half, J: half + J.sum((1, 2))),
            "you added all entries of the Jacobian, for example by taking the gradient of s.sum(). Only the diagonal counts: "
            "s_i along its own x_i.",
        ),
        Misconception(
            "slope of tanh forgotten",
            lambda x, A, b, C: 0.5 * event(layer(x, A, b, C)[0] ** 2) + torch.trace(C @ A),
            "this is the trace of C A, as if the model were linear. Each unit has its slope 1 - tanh^2.",
        ),
        Misconception(
            "slope without square",
            lambda x, A, b, C: (
                0.5 * event(layer(x, A, b, C)[0] ** 2) + (1 - torch.tanh(x @ A.mT + b)) @ (A * C.mT).sum(1)
            ),
            "the slope of tanh is 1 - tanh^2; the square is missing.",
        ),
        Misconception(
            "sum over the batch",
            _wrong(lambda half, J: (half + _trace(J)).sum()),
            "you summed over the batch. One number per point is asked for, shape (B,).",
        ),
        Misconception(
            "trace cut off from the model",
            _wrong(lambda half, J: half + _trace(J).detach()),
            "the numbers are right, but no gradient comes through the trace: a model trained so shrinks to 0. Pass "
            "create_graph=True to torch.autograd.grad, and no .detach().",
        ),
    ),
)
