"""The midpoint rule in half log-SNR: `dpm_step`."""

import math
from collections.abc import Callable, Iterator

from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.fast_sampling.common import F64, WITHHOLDS, Predict, criteria, noise_std, signal, wavy


def dpm_step(predict: Predict, x: Tensor, lam: float, lam_next: float) -> Tensor:
    """Equation (10.24)."""

    def move(eps: Tensor, end: float) -> Tensor:
        keep, end_keep = 1 / (1 + math.exp(-2 * lam)), 1 / (1 + math.exp(-2 * end))
        return (end_keep / keep) ** 0.5 * x - (1 - end_keep) ** 0.5 * (math.exp(end - lam) - 1) * eps

    middle = (lam + lam_next) / 2
    x_middle = move(predict(x, lam), middle)
    return move(predict(x_middle, middle), lam_next)


def _move(x: Tensor, eps: Tensor, lam: float, end: float) -> Tensor:
    """The DDIM step from lam to end."""
    return signal(end) / signal(lam) * x - noise_std(end) * math.expm1(end - lam) * eps


Mover = Callable[[Tensor, Tensor, float, float], Tensor]


def _with(move: Mover) -> Callable[[Predict, Tensor, float, float], Tensor]:
    """The right plan with another way to move."""

    def wrong(predict: Predict, x: Tensor, lam: float, lam_next: float) -> Tensor:
        middle = (lam + lam_next) / 2
        half = move(x, predict(x, lam), lam, middle)
        return move(x, predict(half, middle), lam, lam_next)

    return wrong


def _from_the_middle(predict: Predict, x: Tensor, lam: float, lam_next: float) -> Tensor:
    middle = (lam + lam_next) / 2
    half = _move(x, predict(x, lam), lam, middle)
    return _move(half, predict(half, middle), middle, lam_next)


def _middle_of_u(predict: Predict, x: Tensor, lam: float, lam_next: float) -> Tensor:
    middle = -math.log((math.exp(-lam) + math.exp(-lam_next)) / 2)
    return _move(x, predict(_move(x, predict(x, lam), lam, middle), middle), lam, lam_next)


def _mean_slope(predict: Predict, x: Tensor, lam: float, lam_next: float) -> Tensor:
    first = predict(x, lam)
    middle = (lam + lam_next) / 2
    return _move(x, (first + predict(_move(x, first, lam, middle), middle)) / 2, lam, lam_next)


def _told_the_end(predict: Predict, x: Tensor, lam: float, lam_next: float) -> Tensor:
    half = _move(x, predict(x, lam), lam, (lam + lam_next) / 2)
    return _move(x, predict(half, lam_next), lam, lam_next)


def _told_the_start(predict: Predict, x: Tensor, lam: float, lam_next: float) -> Tensor:
    half = _move(x, predict(x, lam), lam, (lam + lam_next) / 2)
    return _move(x, predict(half, lam), lam, lam_next)


def _in_place(predict: Predict, x: Tensor, lam: float, lam_next: float) -> Tensor:
    return x.copy_(dpm_step(predict, x, lam, lam_next))


def _draw(d: Draw) -> Iterator[Case]:
    predict, x = Served(wavy), 2 * d.randn(4, 2, dtype=F64)
    lam = d.uniform(-1.5, 0.0)
    lam_next = lam + d.uniform(0.8, 1.6)
    yield Case("a step down", (predict, x, lam, lam_next))
    yield Case("images", (predict, d.randn(2, 1, 3, 3, dtype=F64), lam, lam_next))
    yield Case("nearly clean", (predict, x, lam + 2, lam_next + 3), "edges")
    yield Case("a step up", (predict, x, lam_next, lam), "edges")
    yield Case("one example", (predict, x[:1], lam, lam_next), "edges")
    yield Case("float32 stays float32", (predict, x.float(), lam, lam_next), "edges", strict_dtype=True)
    yield Case("called twice", (predict, x, lam, lam_next), "clean", "twice")
    yield Case("two calls", (predict, x, lam, lam_next), "clean", max_calls=2)


EXERCISE = Exercise(
    name="fast.dpm_step",
    prompt="Take one step of DPM-Solver-2: to the middle by DDIM, then the whole way with the noise predicted there.",
    signature="dpm_step(predict: (x (B, *D), lam float) -> (B, *D), x (B, *D), lam float, lam_next float) -> (B, *D)",
    reference=dpm_step,
    draw=_draw,
    criteria=criteria(3, 1, 1, at="nearly clean, upwards, one example, float32"),
    equation="10.24",
    difficulty=3,
    minutes=18,
    hints=(
        "Write a helper that makes a DDIM step from (x, lam) to any level with a given eps. Use it twice, both times from x.",
        "alpha_bar = 1/(1 + exp(-2 lam)); step: sqrt(bar_s/bar_t) x - sqrt(1 - bar_s) (exp(lam_s - lam_t) - 1) eps. Middle: "
        "(lam + lam_next)/2.",
        "x_middle = move(predict(x, lam), middle); return move(predict(x_middle, middle), lam_next)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "DDIM",
            lambda p, x, lam, end: _move(x, p(x, lam), lam, end),
            "this is the DDIM step: first order. Ask once more, in the middle of the step.",
        ),
        Misconception(
            "two half steps",
            _from_the_middle,
            "these are two DDIM steps of half the length: still first order. The second move starts from x again and goes the "
            "whole way.",
        ),
        Misconception(
            "middle of u",
            _middle_of_u,
            "the middle is taken in u = exp(-lam). Take the mean of the two lam.",
        ),
        Misconception(
            "mean of both predictions",
            _mean_slope,
            "the two predictions are averaged. The one from the middle stands for the whole step by itself.",
        ),
        Misconception(
            "told the end of the step",
            _told_the_end,
            "the second call is told lam_next, but its x is in the middle. Point and level belong together.",
        ),
        Misconception(
            "told the start of the step",
            _told_the_start,
            "the second call is told lam, but its x is in the middle. Point and level belong together.",
        ),
        Misconception(
            "step length for its exponential",
            _with(lambda x, e, lam, end: signal(end) / signal(lam) * x - noise_std(end) * (end - lam) * e),
            "the factor of eps is the length of the step in lam. The integral of the exponential gives exp(h) - 1.",
        ),
        Misconception(
            "noise of the start",
            _with(lambda x, e, lam, end: signal(end) / signal(lam) * x - noise_std(lam) * math.expm1(end - lam) * e),
            "sqrt(1 - alpha_bar) is that of the start. The step arrives at the end: take it there.",
        ),
        Misconception(
            "plus",
            _with(lambda x, e, lam, end: signal(end) / signal(lam) * x + noise_std(end) * math.expm1(end - lam) * e),
            "the noise is added. On the way to the data it is taken away: minus.",
        ),
        Misconception(
            "x not rescaled",
            _with(lambda x, e, lam, end: x - noise_std(end) * math.expm1(end - lam) * e),
            "the factor sqrt(alpha_bar_s/alpha_bar_t) of x is missing.",
        ),
        Misconception(
            "changes x in place",
            _in_place,
            "the numbers are right, but the caller's x was changed in place. Build a new tensor.",
        ),
    ),
)
