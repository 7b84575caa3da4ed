"""Many steps in one jump: `q_sample`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.forward_process.common import (
    WITHHOLDS,
    criteria,
    per_example,
    random_alpha_bar,
)


def q_sample(x_0: Tensor, t: Tensor, alpha_bar: Tensor, noise: Tensor) -> Tensor:
    """Equation (2.11)."""
    a = alpha_bar[t]
    return per_example(a.sqrt(), x_0) * x_0 + per_example((1 - a).sqrt(), x_0) * noise


def _jump(signal: Tensor, sigma: Tensor, x_0: Tensor, noise: Tensor) -> Tensor:
    return per_example(signal, x_0) * x_0 + per_example(sigma, x_0) * noise


def _draw_sample(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 12)
    alpha_bar = random_alpha_bar(d, T)
    x, t, noise = d.randn(3, 5), d.integers(2, T - 1, 3), d.randn(3, 5)
    square, square_noise, square_t = d.randn(4, 1, 4, 4), d.randn(4, 1, 4, 4), d.integers(1, T, 4)
    yield Case("one t per example", (x, t, alpha_bar, noise))
    yield Case("images as wide as the batch is long", (square, square_t, alpha_bar, square_noise))
    yield Case("t = 0, 1 and T", (x, torch.tensor([0, 1, T]), alpha_bar, noise), "edges")
    yield Case("one example", (x[:1], t[:1], alpha_bar, noise[:1]), "edges")
    yield Case("float32 stays float32", (square, square_t, alpha_bar, square_noise), "edges", strict_dtype=True)
    yield Case("float64", (x.double(), t, alpha_bar, noise.double()), "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(5, 3).mT, t, alpha_bar, noise), "edges")
    yield Case("called twice", (x, t, alpha_bar, noise), "clean", "twice")
    yield Case("gradient in x_0", (x, t, alpha_bar, noise), "clean", "gradient", cotangent=d.randn(3, 5))


def _one_step_alpha(x_0: Tensor, t: Tensor, alpha_bar: Tensor, noise: Tensor) -> Tensor:
    alpha = alpha_bar / torch.cat([alpha_bar[:1], alpha_bar[:-1]])
    return _jump(alpha[t].sqrt(), (1 - alpha[t]).sqrt(), x_0, noise)


def _no_cast(x_0: Tensor, t: Tensor, alpha_bar: Tensor, noise: Tensor) -> Tensor:
    a = alpha_bar[t].reshape(-1, *[1] * (x_0.ndim - 1))
    return a.sqrt() * x_0 + (1 - a).sqrt() * noise


EXERCISE = Exercise(
    name="forward.q_sample",
    prompt="Jump from x_0 to x_t at once, with a different t for every example.",
    signature="q_sample(x_0 (B, *D), t (B,) int in 0..T, alpha_bar (T+1,) float64, noise (B, *D)) -> x_t (B, *D)",
    reference=q_sample,
    draw=_draw_sample,
    criteria=criteria(2, 2, 1, at="t = 0, 1 and T, one example, dtypes, any memory layout"),
    equation="2.11",
    difficulty=2,
    minutes=10,
    hints=(
        "Two coefficients per example, both from alpha_bar[t]. They have shape (B,); x_0 has shape (B, *D).",
        "x_t = sqrt(a) x_0 + sqrt(1 - a) noise with a = alpha_bar[t], reshaped to (B, 1, .., 1) and cast to x_0's dtype.",
        "a = alpha_bar[t].to(x_0).reshape(-1, *[1] * (x_0.ndim - 1)); return a.sqrt() * x_0 + (1 - a).sqrt() * noise",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "signal without root",
            lambda x, t, ab, noise: _jump(ab[t], (1 - ab[t]).sqrt(), x, noise),
            "x_0 is multiplied by alpha_bar_t; its square root belongs there. alpha_bar is a share of the variance.",
        ),
        Misconception(
            "noise without root",
            lambda x, t, ab, noise: _jump(ab[t].sqrt(), 1 - ab[t], x, noise),
            "the noise is multiplied by 1 - alpha_bar_t, the variance. Multiply by the standard deviation, its square root.",
        ),
        Misconception(
            "no roots at all",
            lambda x, t, ab, noise: _jump(ab[t], 1 - ab[t], x, noise),
            "both square roots are missing. alpha_bar_t and 1 - alpha_bar_t are shares of the variance; multiply by their "
            "roots.",
        ),
        Misconception(
            "alpha for alpha_bar",
            _one_step_alpha,
            "you used one step's alpha_t. A jump over t steps needs the product, alpha_bar_t.",
        ),
        Misconception(
            "index t-1",
            lambda x, t, ab, noise: _jump(ab[t - 1].sqrt(), (1 - ab[t - 1]).sqrt(), x, noise),
            "you read the table at t - 1. It has T+1 entries with alpha_bar[0] = 1, so x_t uses alpha_bar[t].",
        ),
        Misconception(
            "swapped",
            lambda x, t, ab, noise: _jump((1 - ab[t]).sqrt(), ab[t].sqrt(), x, noise),
            "the coefficients are swapped: at t = 0 alpha_bar is 1 and x_0 must come back unchanged.",
        ),
        Misconception(
            "(B,) against the last axis",
            lambda x, t, ab, noise: ab[t].sqrt().to(x) * x + (1 - ab[t]).sqrt().to(x) * noise,
            "the coefficients have shape (B,) and line up with the last axis of x, not the first. It fails, or worse: "
            "when an image is as wide as the batch is long it runs and is wrong. Reshape them to (B, 1, .., 1).",
        ),
        Misconception(
            "first t for all",
            lambda x, t, ab, noise: ab[t[0]].sqrt() * x + (1 - ab[t[0]]).sqrt() * noise,
            "every example gets the first example's t. Each one has its own.",
        ),
        Misconception(
            "float64 comes out",
            _no_cast,
            "the values are right, but float32 images became float64, because alpha_bar is float64. Cast the "
            "coefficients to x_0's dtype: a batch that doubles its memory is slow everywhere after.",
        ),
        Misconception(
            "one noise for the batch",
            lambda x, t, ab, noise: _jump(ab[t].sqrt(), (1 - ab[t]).sqrt(), x, noise[:1]),
            "all examples share the first example's noise. Use each row of noise for its own example.",
        ),
    ),
)
