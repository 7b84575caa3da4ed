"""One factor for each example: `scale_each`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.start_here.common import WITHHOLDS, criteria


def scale_each(a: Tensor, x: Tensor) -> Tensor:
    """Equation (0.3)."""
    return a.to(x).reshape(-1, *[1] * (x.ndim - 1)) * x


def _draw_scale(d: Draw) -> Iterator[Case]:
    def factors(n: int) -> Tensor:
        return torch.tensor([d.uniform(0.2, 3) for _ in range(n)], dtype=torch.float64)

    yield Case("images", (factors(3), d.randn(3, 1, 5, 5)))
    yield Case("images as wide as the batch is long", (factors(4), d.randn(4, 1, 4, 4)))
    yield Case("vectors", (factors(5), d.randn(5, 3)), "edges")
    yield Case("one number per example", (factors(4), d.randn(4)), "edges")
    yield Case("one example", (factors(1), d.randn(1, 1, 4, 4)), "edges")
    yield Case("float32 stays float32", (factors(3), d.randn(3, 1, 5, 5)), "edges", strict_dtype=True)
    yield Case("called twice", (factors(3), d.randn(3, 1, 5, 5)), "clean", "twice")
    yield Case("gradient in x", (factors(3), d.randn(3, 4)), "clean", "gradient", wrt=1, cotangent=d.randn(3, 4))


def _in_place(a: Tensor, x: Tensor) -> Tensor:
    x *= a.to(x).reshape(-1, *[1] * (x.ndim - 1))
    return x


EXERCISE = Exercise(
    name="start.scale_each",
    prompt="Multiply each example of a batch by its own number.",
    signature="scale_each(a (B,) float64, x (B, *D)) -> (B, *D) in x's dtype",
    reference=scale_each,
    draw=_draw_scale,
    criteria=criteria(1, 1, 1, at="vectors, single numbers, one example, dtype"),
    equation="0.3",
    difficulty=2,
    minutes=8,
    hints=(
        "a has shape (B,), x has shape (B, *D). Give a as many axes as x has, all of length 1 but the first.",
        "a.reshape(-1, 1, 1, 1) fits images. For any number of axes: [1] * (x.ndim - 1). And a.to(x) takes x's dtype.",
        "return a.to(x).reshape(-1, *[1] * (x.ndim - 1)) * x",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "along the last axis",
            lambda a, x: a.to(x) * x,
            "a * x lines up a with the *last* axis of x. That fails, or worse: where an image is as wide as the batch is long "
            "it runs and is wrong. Reshape a to (B, 1, .., 1).",
        ),
        Misconception(
            "images only",
            lambda a, x: a.to(x)[:, None, None, None] * x,
            "[:, None, None, None] fits images, and only images: on vectors it makes a result with too many axes. Count "
            "the axes with x.ndim.",
        ),
        Misconception(
            "one axis added",
            lambda a, x: a.to(x).unsqueeze(1) * x,
            "one new axis is enough for vectors, not for images. Count the axes with x.ndim.",
        ),
        Misconception(
            "first factor for all",
            lambda a, x: a[0].to(x) * x,
            "every example is multiplied by a[0]. Example b gets a[b].",
        ),
        Misconception(
            "float64 comes out",
            lambda a, x: a.reshape(-1, *[1] * (x.ndim - 1)) * x,
            "the numbers are right, but a is float64, so the product is float64 too. Bring a to x's dtype: a.to(x).",
        ),
        Misconception(
            "changes x in place",
            _in_place,
            "the numbers are right, but x itself was multiplied (x *= ...). Whoever called you still needs x as it was.",
        ),
        Misconception(
            "divided",
            lambda a, x: x / a.to(x).reshape(-1, *[1] * (x.ndim - 1)),
            "the examples are divided by their numbers. Multiply.",
        ),
        Misconception(
            "gradient cut off",
            lambda a, x: (a.to(x).reshape(-1, *[1] * (x.ndim - 1)) * x).detach(),
            "the numbers are right, but .detach() (or torch.no_grad, .numpy(), .item()) cuts the gradient off: nothing "
            "could be learned through this function.",
        ),
    ),
)
