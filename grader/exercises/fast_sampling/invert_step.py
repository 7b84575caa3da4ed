"""One step from data to noise: `invert_step`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.fast_sampling.common import F64, WITHHOLDS, criteria

Fixed = Callable[[Tensor], Tensor]


def invert_step(predict: Fixed, x_s: Tensor, bar_s: float, bar_t: float, rounds: int) -> Tensor:
    """Equation (10.16)."""
    a = (bar_s / bar_t) ** 0.5
    b = (1 - bar_s) ** 0.5 - a * (1 - bar_t) ** 0.5
    x = x_s
    for _ in range(rounds):
        x = (x_s - b * predict(x)) / a
    return x


def _coefficients(bar_s: float, bar_t: float) -> tuple[float, float]:
    a = (bar_s / bar_t) ** 0.5
    return a, (1 - bar_s) ** 0.5 - a * (1 - bar_t) ** 0.5


def _downwards(predict: Fixed, x_s: Tensor, bar_s: float, bar_t: float, rounds: int) -> Tensor:
    a, b = _coefficients(bar_s, bar_t)
    x = x_s
    for _ in range(rounds):
        x = a * x_s + b * predict(x)
    return x


def _chained(predict: Fixed, x_s: Tensor, bar_s: float, bar_t: float, rounds: int) -> Tensor:
    a, b = _coefficients(bar_s, bar_t)
    x = x_s
    for _ in range(rounds):
        x = (x - b * predict(x)) / a
    return x


def _not_divided(predict: Fixed, x_s: Tensor, bar_s: float, bar_t: float, rounds: int) -> Tensor:
    _, b = _coefficients(bar_s, bar_t)
    x = x_s
    for _ in range(rounds):
        x = x_s - b * predict(x)
    return x


def _plus(predict: Fixed, x_s: Tensor, bar_s: float, bar_t: float, rounds: int) -> Tensor:
    return invert_step(lambda x: -predict(x), x_s, bar_s, bar_t, rounds)


def _same_answer(predict: Fixed, x_s: Tensor, bar_s: float, bar_t: float, rounds: int) -> Tensor:
    return invert_step(predict, x_s, bar_s, bar_t, 1)


def _one_more(predict: Fixed, x_s: Tensor, bar_s: float, bar_t: float, rounds: int) -> Tensor:
    return invert_step(predict, x_s, bar_s, bar_t, rounds + 1)


def _in_place(predict: Fixed, x_s: Tensor, bar_s: float, bar_t: float, rounds: int) -> Tensor:
    return x_s.copy_(invert_step(predict, x_s, bar_s, bar_t, rounds))


def _draw(d: Draw) -> Iterator[Case]:
    bar_s = d.uniform(0.5, 0.8)
    bar_t, slope = bar_s * d.uniform(0.5, 0.8), d.uniform(0.3, 0.8)

    def bent(x: Tensor) -> Tensor:
        return torch.sin(slope * x + 0.4)

    predict, x = Served(bent), 2 * d.randn(4, 2, dtype=F64)
    yield Case("one round", (predict, x, bar_s, bar_t, 1))
    yield Case("three rounds", (predict, x, bar_s, bar_t, 3))
    yield Case("from the data, s = 0", (predict, x, 1.0, bar_s, 2), "edges")
    yield Case("images", (predict, d.randn(2, 1, 3, 3, dtype=F64), bar_s, bar_t, 2), "edges")
    yield Case("float32 stays float32", (predict, x.float(), bar_s, bar_t, 2), "edges", strict_dtype=True)
    yield Case("called twice", (predict, x, bar_s, bar_t, 2), "clean", "twice")
    yield Case("one call per round", (predict, x, bar_s, bar_t, 4), "clean", max_calls=4)


EXERCISE = Exercise(
    name="fast.invert_step",
    prompt="Find the x_t that a DDIM step (eta = 0) would take to x_s, by rounds of guessing.",
    signature="invert_step(predict: x -> eps at level t, x_s (B, *D), bar_s float, bar_t float, rounds int >= 1) -> x_t",
    reference=invert_step,
    draw=_draw,
    criteria=criteria(3, 1, 1, at="s = 0, images, float32"),
    equation="10.16",
    difficulty=3,
    minutes=15,
    hints=(
        "The step down is x_s = a x_t + b eps(x_t). Solve it for the x_t outside of eps; inside, put the latest guess.",
        "x <- (x_s - b predict(x))/a, starting from x = x_s, with a = sqrt(bar_s/bar_t), b = sqrt(1 - bar_s) - a sqrt(1 - bar_t).",
        "x = x_s; for _ in range(rounds): x = (x_s - b * predict(x)) / a",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "another step down",
            _downwards,
            "this is a step down once more: a x_s + b eps (or s and t are exchanged). You have x_s and look for x_t: (x_s - b eps)/a.",
        ),
        Misconception(
            "each round a new step",
            _chained,
            "each round starts from the last guess, so the rounds climb on and on. Every round solves for the same x_s; only "
            "the argument of predict is new.",
        ),
        Misconception(
            "only one round",
            _same_answer,
            "predict is asked about x_s only. Ask again about each new guess.",
        ),
        Misconception(
            "one round too many",
            _one_more,
            "you take one round more than asked. The first guess, x_s itself, costs no call.",
        ),
        Misconception(
            "sign of b",
            _plus,
            "the sign in front of b is wrong: x_s = a x_t + b eps, so x_t = (x_s - b eps)/a. (b is negative.)",
        ),
        Misconception(
            "not divided by a",
            _not_divided,
            "the division by a is missing: the data have to shrink on the way to t.",
        ),
        Misconception(
            "changes x_s in place",
            _in_place,
            "the numbers are right, but the caller's x_s was changed in place. Build a new tensor.",
        ),
    ),
)
