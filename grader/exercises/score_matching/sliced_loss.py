"""The sliced loss by value: `sliced_loss`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.score_matching.common import WITHHOLDS, criteria, event, jacobian, layer, random_layer


def sliced_loss(x: Tensor, v: Tensor, A: Tensor, b: Tensor, C: Tensor) -> Tensor:
    """The inside of J_S in equation (6.16), for s(x) = C tanh(A x + b)."""
    s, slopes = layer(x, A, b, C)
    bent = (((v @ A.mT) * slopes) @ C.mT * v).sum(2)
    return (bent + 0.5 * ((v * s).sum(2)) ** 2).mean(0)


def _parts(x: Tensor, v: Tensor, A: Tensor, b: Tensor, C: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """v.Jv (n, B), v.s (n, B) and ||s||^2 (B,)."""
    s = layer(x, A, b, C)[0]
    return torch.einsum("nbi,bij,nbj->nb", v, jacobian(x, A, b, C), v), (v * s).sum(2), event(s**2)


def _wrong(rule: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda *args: rule(*_parts(*args))


def _draw_sliced(d: Draw) -> Iterator[Case]:
    x, model = d.randn(5, 3, dtype=torch.float64), random_layer(d, 3, 4)
    v, signs = d.randn(2, 5, 3, dtype=torch.float64), torch.sign(d.randn(3, 4, 2, dtype=torch.float64))
    weights = d.randn(5, dtype=torch.float64)
    yield Case("two normal directions per point", (x, v, *model))
    yield Case("three directions of signs", (d.randn(4, 2, dtype=torch.float64), signs, *random_layer(d, 2, 5)))
    yield Case("one direction", (x, v[:1], *model), "edges")
    yield Case("one point", (x[:1], v[:, :1], *model), "edges")
    yield Case("as many points as dimensions", (x[:3], v[:, :3], *model), "edges")
    yield Case("gradient in A", (x, v, *model), "clean", "gradient", 2, weights)
    yield Case("called twice", (x, v, *model), "clean", "twice")


EXERCISE = Exercise(
    name="score.sliced_loss",
    prompt="The sliced loss of the small model, averaged over the given directions, one value per point.",
    signature="sliced_loss(x (B, d), v (n, B, d), A (H, d), b (H,), C (d, H)) -> (B,)",
    reference=sliced_loss,
    draw=_draw_sliced,
    criteria=criteria(2, 1, 1, at="one direction, one point, as many points as dimensions"),
    equation="6.16",
    difficulty=4,
    minutes=18,
    hints=(
        "The gradient of v . s(x) with respect to x is J^T v. Its inner product with v is v . J v: one backward pass, "
        "however many dimensions there are.",
        "For each k: along = (v[k] * s).sum(1); g = torch.autograd.grad(along.sum(), x, create_graph=True)[0]; "
        "part = (g * v[k]).sum(1) + along**2 / 2. Average the parts. Or by hand: J v = C ((1 - tanh^2) * (A v)).",
        "u = torch.tanh(x @ A.mT + b); s = u @ C.mT; Jv = ((v @ A.mT) * (1 - u**2)) @ C.mT; "
        "return ((v * Jv).sum(2) + 0.5 * (v * s).sum(2)**2).mean(0)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "whole length",
            _wrong(lambda bent, along, square: bent.mean(0) + 0.5 * square),
            "you put 1/2 ||s||^2 for 1/2 (v . s)^2. Their means are equal, and yours is the less noisy form, used in practice. "
            "Here the form of (6.16) is asked for.",
        ),
        Misconception(
            "sum over directions",
            _wrong(lambda bent, along, square: (bent + 0.5 * along**2).sum(0)),
            "you added over the directions. Take their mean: otherwise more directions mean a larger loss.",
        ),
        Misconception(
            "first direction only",
            _wrong(lambda bent, along, square: bent[0] + 0.5 * along[0] ** 2),
            "only the first direction counts. Average over all of them.",
        ),
        Misconception(
            "directions averaged first",
            lambda x, v, A, b, C: sliced_loss(x, v.mean(0, keepdim=True), A, b, C),
            "you averaged the directions and then used one. The loss is a square in v: compute it for each, then average.",
        ),
        Misconception(
            "half forgotten",
            _wrong(lambda bent, along, square: (bent + along**2).mean(0)),
            "the factor 1/2 before (v . s)^2 is missing.",
        ),
        Misconception(
            "sign",
            _wrong(lambda bent, along, square: (0.5 * along**2 - bent).mean(0)),
            "the part with the Jacobian has the wrong sign.",
        ),
        Misconception(
            "square forgotten",
            _wrong(lambda bent, along, square: (bent + 0.5 * along).mean(0)),
            "v . s must be squared.",
        ),
        Misconception(
            "trace instead",
            lambda x, v, A, b, C: (
                jacobian(x, A, b, C).diagonal(dim1=1, dim2=2).sum(1) + 0.5 * _parts(x, v, A, b, C)[1].square().mean(0)
            ),
            "this takes the whole trace. The point of slicing is not to: use v . J v.",
        ),
        Misconception(
            "directions shortened",
            lambda x, v, A, b, C: sliced_loss(x, v / v.norm(dim=2, keepdim=True), A, b, C),
            "the directions were normalised to length 1. Then E[v v^T] is I / d, and the loss is d times too small.",
        ),
        Misconception(
            "cut off from the model",
            _wrong(lambda bent, along, square: (bent.detach() + 0.5 * along**2).mean(0)),
            "the numbers are right, but no gradient comes through v . J v. Pass create_graph=True to torch.autograd.grad.",
        ),
    ),
)
