"""The weighted loss, repaired: `mended_loss`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception
from grader.exercises.bug_hunt.common import WITHHOLDS


def mended_loss(guess: Tensor, eps: Tensor, weight: Tensor) -> Tensor:
    """The lines of the pipeline, with the weight of an example on its own error."""
    square = (guess - eps) ** 2
    return (weight.to(square) * square.flatten(1).mean(1)).mean()


def _by(rule: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """rule(square (B, *D), weight (B,)) in place of the last two lines."""
    return lambda guess, eps, weight: rule((guess - eps) ** 2, weight.to(guess))


def _each(square: Tensor) -> Tensor:
    return square.flatten(1).mean(1)


def _draw(d: Draw) -> Iterator[Case]:
    def weights(B: int) -> Tensor:
        return 0.5 + torch.rand(B, generator=d.generator, dtype=torch.float64).cumsum(0)

    points = d.randn(5, 3, dtype=torch.float64), d.randn(5, 3, dtype=torch.float64), weights(5)
    images = d.randn(2, 3, 4, 4), d.randn(2, 3, 4, 4)
    square = d.randn(4, 4, dtype=torch.float64), d.randn(4, 4, dtype=torch.float64), weights(4)
    yield Case("points", points)
    yield Case("images, float32", (*images, weights(2)), strict_dtype=True)
    yield Case("as many examples as coordinates", square)
    yield Case("one example", (points[0][:1], points[1][:1], points[2][:1]), "edges")
    yield Case("not contiguous", (points[0][:3].mT, points[1][:3].mT, points[2][:3]), "edges")
    yield Case("called twice", points, "clean", "twice")
    yield Case("gradient", points, "clean", "gradient", wrt=0, cotangent=torch.tensor(1.0, dtype=torch.float64))


EXERCISE = Exercise(
    name="hunt.mended_loss",
    prompt="Write the loss with its broken line repaired, so that it takes images too.",
    signature="mended_loss(guess (B, *D), eps (B, *D), weight (B,)) -> number",
    reference=mended_loss,
    draw=_draw,
    criteria=(
        Criterion("value", 2, "the right numbers"),
        Criterion("edges", 1, "one example, not contiguous"),
        Criterion("clean", 1, "inputs untouched, gradients flow"),
    ),
    equation="13.19",
    difficulty=1,
    minutes=5,
    hints=(
        "Three of the four lines stay. In the last one weight and each have the same shape already.",
        "L = 1/B sum_i w_i ||guess_i - eps_i||^2 / d.",
        "return (weight.to(each) * each).mean()",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "still broadcast",
            _by(lambda square, w: (w.unsqueeze(1) * _each(square)).mean()),
            "the weights still meet every example: (B, 1) times (B,) is a (B, B) table. Leave both (B,).",
        ),
        Misconception(
            "summed over the coordinates",
            _by(lambda square, w: (w * square.flatten(1).sum(1)).mean()),
            "the coordinates are summed. Line 3 takes their mean.",
        ),
        Misconception(
            "summed over the batch",
            _by(lambda square, w: (w * _each(square)).sum()),
            "the examples are summed. The last line takes their mean.",
        ),
        Misconception(
            "divided by the weights",
            _by(lambda square, w: (w * _each(square)).sum() / w.sum()),
            "you divide by the sum of the weights. That is a weighted mean; the loss divides by B.",
        ),
        Misconception(
            "weights left out",
            _by(lambda square, w: _each(square).mean()),
            "the weights are gone. Each example's error is multiplied by its own.",
        ),
        Misconception(
            "one number per example",
            _by(lambda square, w: w * _each(square)),
            "you return one number per example. The loss is their mean.",
        ),
        Misconception(
            "error not squared",
            lambda guess, eps, weight: (weight.to(guess) * _each((guess - eps).abs())).mean(),
            "the error is not squared. Line 2 was right.",
        ),
        Misconception(
            "gradient cut off",
            lambda guess, eps, weight: mended_loss(guess.detach(), eps, weight),
            "the numbers are right, but no gradient reaches the guess: nothing would be learned. Leave out detach and item.",
        ),
    ),
)
