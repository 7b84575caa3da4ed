"""From the score to the clean point: `tweedie`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.score_matching.common import WITHHOLDS, criteria, per_example, random_alpha_bar


def tweedie(x_t: Tensor, score: Tensor, t: Tensor, alpha_bar: Tensor) -> Tensor:
    """Equation (6.26)."""
    a = per_example(alpha_bar[t], x_t)
    return (x_t + (1 - a) * score) / a.sqrt()


def _wrong(rule: Callable[[Tensor, Tensor, Tensor], Tensor], *, shift: int = 0) -> Callable[..., Tensor]:
    """A rule of x_t, the score and alpha_bar, read from the table at t + shift."""
    return lambda x, s, t, ab: rule(x, s, per_example(ab[t + shift], x))


def _no_cast(x: Tensor, s: Tensor, t: Tensor, ab: Tensor) -> Tensor:
    a = ab[t].reshape(-1, *[1] * (x.ndim - 1))
    return (x + (1 - a) * s) / a.sqrt()


def _one_step(x: Tensor, s: Tensor, t: Tensor, ab: Tensor) -> Tensor:
    alpha = ab / torch.cat([ab[:1], ab[:-1]])
    return tweedie(x, s, t, alpha)


def _last_axis(x: Tensor, s: Tensor, t: Tensor, ab: Tensor) -> Tensor:
    a = ab[t].to(x)
    return (x + (1 - a) * s) / a.sqrt()


def _draw_tweedie(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 12)
    alpha_bar, t, square_t = random_alpha_bar(d, T), d.integers(2, T - 1, 3), d.integers(1, T, 4)
    x, s = d.randn(3, 5), d.randn(3, 5)
    images = d.randn(4, 1, 4, 4), d.randn(4, 1, 4, 4), square_t, alpha_bar
    yield Case("one t per example", (x, s, t, alpha_bar))
    yield Case("images as wide as the batch is long", images)
    yield Case("t = 0, 1 and T", (x, s, torch.tensor([0, 1, T]), alpha_bar), "edges")
    yield Case("one example", (x[:1], s[:1], t[:1], alpha_bar), "edges")
    yield Case("float32 stays float32", images, "edges", strict_dtype=True)
    yield Case("float64", (x.double(), s.double(), t, alpha_bar), "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(5, 3).mT, s, t, alpha_bar), "edges")
    yield Case("gradient in the score", (x, s, t, alpha_bar), "clean", "gradient", 1, d.randn(3, 5))
    yield Case("called twice", (x, s, t, alpha_bar), "clean", "twice")


EXERCISE = Exercise(
    name="score.tweedie",
    prompt="The best guess of the clean point from the noisy point and its score.",
    signature="tweedie(x_t (B, *D), score (B, *D), t (B,) int in 0..T, alpha_bar (T+1,) float64) -> (B, *D)",
    reference=tweedie,
    draw=_draw_tweedie,
    criteria=criteria(2, 1, 1, at="t = 0, 1 and T, one example, dtypes, any memory layout"),
    equation="6.26",
    difficulty=2,
    minutes=8,
    hints=(
        "Two moves: along the score by the variance of the noise, then undo the shrinking of the forward process.",
        "(x_t + (1 - a) score) / sqrt(a) with a = alpha_bar[t], reshaped to (B, 1, .., 1) and cast to x_t's dtype.",
        "a = alpha_bar[t].to(x_t).reshape(-1, *[1] * (x_t.ndim - 1)); return (x_t + (1 - a) * score) / a.sqrt()",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "against the score",
            _wrong(lambda x, s, a: (x - (1 - a) * s) / a.sqrt()),
            "you move against the score, away from the data. Add it.",
        ),
        Misconception(
            "standard deviation for variance",
            _wrong(lambda x, s, a: (x + (1 - a).sqrt() * s) / a.sqrt()),
            "the score is multiplied by sqrt(1 - alpha_bar_t). Multiply by the variance of the noise, 1 - alpha_bar_t.",
        ),
        Misconception(
            "shrinking not undone",
            _wrong(lambda x, s, a: x + (1 - a) * s),
            "this is the best guess of sqrt(alpha_bar_t) x_0. Divide by sqrt(alpha_bar_t).",
        ),
        Misconception(
            "divided without root",
            _wrong(lambda x, s, a: (x + (1 - a) * s) / a),
            "you divide by alpha_bar_t. x_0 was multiplied by its square root.",
        ),
        Misconception(
            "only the score divided",
            _wrong(lambda x, s, a: x + (1 - a) * s / a.sqrt()),
            "only the second part is divided by sqrt(alpha_bar_t). Divide the whole sum.",
        ),
        Misconception(
            "score taken for noise",
            _wrong(lambda x, s, a: (x - (1 - a).sqrt() * s) / a.sqrt()),
            "this is the formula for a noise prediction. The score is -eps / sqrt(1 - alpha_bar_t).",
        ),
        Misconception(
            "alpha for alpha_bar",
            _one_step,
            "you used one step's alpha_t. All t steps of noise must be undone: alpha_bar_t.",
        ),
        Misconception(
            "index t-1",
            _wrong(lambda x, s, a: (x + (1 - a) * s) / a.sqrt(), shift=-1),
            "you read the table at t - 1. x_t uses alpha_bar[t].",
        ),
        Misconception(
            "(B,) against the last axis",
            _last_axis,
            "the coefficients have shape (B,) and line up with the last axis. Reshape them to (B, 1, .., 1).",
        ),
        Misconception(
            "float64 comes out",
            _no_cast,
            "the values are right, but float32 became float64, because alpha_bar is float64. Cast the coefficients.",
        ),
    ),
)
