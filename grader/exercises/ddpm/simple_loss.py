"""The loss that is trained: `simple_loss`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception, Served
from grader.exercises.ddpm.common import WITHHOLDS, bars, criteria, per_example, random_beta, wavy

Predict = Callable[[Tensor, Tensor], Tensor]


def simple_loss(predict: Predict, x_0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """Equation (5.11), without the expected value."""
    a = per_example(alpha_bar[t], x_0)
    x_t = a.sqrt() * x_0 + (1 - a).sqrt() * noise
    return ((noise - predict(x_t, t)) ** 2).flatten(1).sum(1)


def _noisy(x_0: Tensor, noise: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return per_example(a, x_0) * x_0 + per_example(b, x_0) * noise


def _error(predict: Predict, x_t: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    return (noise - predict(x_t, t)).flatten(1)


def _jump(x_0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    return _noisy(x_0, noise, alpha_bar[t].sqrt(), (1 - alpha_bar[t]).sqrt())


def _last_axis(predict: Predict, x_0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    a = alpha_bar[t].to(x_0)
    return (_error(predict, a.sqrt() * x_0 + (1 - a).sqrt() * noise, t, noise) ** 2).sum(1)


def _one_by_one(predict: Predict, x_0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    rows = [simple_loss(predict, x_0[i : i + 1], t[i : i + 1], noise[i : i + 1], alpha_bar) for i in range(len(x_0))]
    return torch.cat(rows)


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 12)
    alpha_bar = bars(random_beta(d, T))
    predict = Served(wavy)
    x, noise, t = d.randn(3, 5), d.randn(3, 5), d.integers(2, T - 1, 3)
    square, more, steps = d.randn(4, 1, 4, 4), d.randn(4, 1, 4, 4), d.integers(1, T, 4)
    yield Case("one t per example", (predict, x, t, noise, alpha_bar))
    yield Case("images as wide as the batch is long", (predict, square, steps, more, alpha_bar))
    yield Case("t = 1, 2 and T", (predict, x, torch.tensor([1, 2, T]), noise, alpha_bar), "edges")
    yield Case("one example", (predict, x[:1], t[:1], noise[:1], alpha_bar), "edges")
    yield Case("float32 stays float32", (predict, x, t, noise, alpha_bar), "edges", strict_dtype=True)
    yield Case("a transposed view", (predict, d.randn(5, 3).mT, t, noise, alpha_bar), "edges")
    yield Case("called twice", (predict, x, t, noise, alpha_bar), "clean", "twice")
    yield Case("one call for the whole batch", (predict, x, t, noise, alpha_bar), "calls", max_calls=1)


EXERCISE = Exercise(
    name="ddpm.simple_loss",
    prompt="Noise the data, let the predictor guess the noise, and return the squared error of each example.",
    signature="simple_loss(predict: (x_t, t) -> eps, x_0 (B, *D), t (B,) int in 1..T, noise (B, *D), alpha_bar (T+1,)) -> (B,)",
    reference=simple_loss,
    draw=_draw,
    criteria=(
        *criteria(2, 1, 1, at="t = 1, 2 and T, one example, dtype, any memory layout"),
        Criterion("calls", 1, "the network is called once for the batch"),
    ),
    equation="5.11",
    difficulty=2,
    minutes=10,
    hints=(
        "Three lines: jump to x_t, ask the predictor, compare its answer with the noise that you used for the jump.",
        "x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise; loss = sum over all coordinates of (noise - predict(x_t, t))^2.",
        "return ((noise - predict(x_t, t)) ** 2).flatten(1).sum(1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "mean over coordinates",
            lambda p, x, t, n, ab: (_error(p, _jump(x, t, n, ab), t, n) ** 2).mean(1),
            "you take the mean over coordinates. The norm in the bound is a sum; with the mean the loss is too small by the "
            "factor d, and adding it to other terms of the bound would be wrong.",
        ),
        Misconception(
            "no square",
            lambda p, x, t, n, ab: _error(p, _jump(x, t, n, ab), t, n).sum(1),
            "the error is not squared. Without the square it can fall below zero for ever, and nothing is learned.",
        ),
        Misconception(
            "absolute value",
            lambda p, x, t, n, ab: _error(p, _jump(x, t, n, ab), t, n).abs().sum(1),
            "you take absolute values. The best prediction is then a median, not the mean E[eps | x_t].",
        ),
        Misconception(
            "norm with its root",
            lambda p, x, t, n, ab: (_error(p, _jump(x, t, n, ab), t, n) ** 2).sum(1).sqrt(),
            "you return the norm. The loss is the squared norm: no root.",
        ),
        Misconception(
            "one number for the batch",
            lambda p, x, t, n, ab: simple_loss(p, x, t, n, ab).mean(),
            "you return the mean over the batch. Return one loss per example, (B,); the mean is taken outside.",
        ),
        Misconception(
            "clean data shown",
            lambda p, x, t, n, ab: (_error(p, x, t, n) ** 2).sum(1),
            "the predictor sees x_0. It must see x_t: how else could it find noise?",
        ),
        Misconception(
            "compared with x_0",
            lambda p, x, t, n, ab: ((x - p(_jump(x, t, n, ab), t)) ** 2).flatten(1).sum(1),
            "you compare the prediction with x_0. This predictor guesses the noise.",
        ),
        Misconception(
            "signal without root",
            lambda p, x, t, n, ab: (_error(p, _noisy(x, n, ab[t], (1 - ab[t]).sqrt()), t, n) ** 2).sum(1),
            "x_0 is multiplied by alpha_bar_t; its square root belongs there.",
        ),
        Misconception(
            "noise without root",
            lambda p, x, t, n, ab: (_error(p, _noisy(x, n, ab[t].sqrt(), 1 - ab[t]), t, n) ** 2).sum(1),
            "the noise is multiplied by 1 - alpha_bar_t; its square root belongs there.",
        ),
        Misconception(
            "network told t-1",
            lambda p, x, t, n, ab: (_error(p, _jump(x, t, n, ab), t - 1, n) ** 2).sum(1),
            "the predictor is told t - 1, while the data carry the noise of t. On samples nobody would see it.",
        ),
        Misconception(
            "noise of t-1",
            lambda p, x, t, n, ab: (_error(p, _jump(x, t - 1, n, ab), t, n) ** 2).sum(1),
            "you read alpha_bar at t - 1. The table has T+1 entries, so x_t uses alpha_bar[t].",
        ),
        Misconception(
            "(B,) against the last axis",
            _last_axis,
            "the coefficients have shape (B,) and line up with the last axis of x_0. Reshape them to (B, 1, .., 1).",
        ),
        Misconception(
            "example by example",
            _one_by_one,
            "right, but the network is called once per example. A network wants the whole batch at once.",
        ),
    ),
)
