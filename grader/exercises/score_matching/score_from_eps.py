"""From the noise to the score: `score_from_eps`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.score_matching.common import WITHHOLDS, criteria, per_example, random_alpha_bar


def score_from_eps(eps: Tensor, t: Tensor, alpha_bar: Tensor) -> Tensor:
    """Equation (6.27)."""
    return -eps / per_example((1 - alpha_bar[t]).sqrt(), eps)


def _wrong(rule: Callable[[Tensor, Tensor], Tensor], *, shift: int = 0) -> Callable[..., Tensor]:
    """A rule of eps and alpha_bar, read from the table at t + shift."""
    return lambda eps, t, ab: rule(eps, per_example(ab[t + shift], eps))


def _one_step(eps: Tensor, t: Tensor, ab: Tensor) -> Tensor:
    return score_from_eps(eps, t, ab / torch.cat([ab[:1], ab[:-1]]))


def _no_cast(eps: Tensor, t: Tensor, ab: Tensor) -> Tensor:
    return -eps / (1 - ab[t]).sqrt().reshape(-1, *[1] * (eps.ndim - 1))


def _draw_score(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 12)
    alpha_bar = random_alpha_bar(d, T)
    eps, t, square_t = d.randn(3, 5), d.integers(2, T - 1, 3), d.integers(2, T, 4)
    images = d.randn(4, 1, 4, 4), square_t, alpha_bar
    yield Case("one t per example", (eps, t, alpha_bar))
    yield Case("images as wide as the batch is long", images)
    yield Case("t = 1 and t = T", (eps[:2], torch.tensor([1, T]), alpha_bar), "edges")
    yield Case("one example", (eps[:1], t[:1], alpha_bar), "edges")
    yield Case("float32 stays float32", images, "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(5, 3).mT, t, alpha_bar), "edges")
    yield Case("gradient in eps", (eps, t, alpha_bar), "clean", "gradient", 0, d.randn(3, 5))
    yield Case("called twice", (eps, t, alpha_bar), "clean", "twice")


EXERCISE = Exercise(
    name="score.score_from_eps",
    prompt="Turn a noise prediction into a score.",
    signature="score_from_eps(eps (B, *D), t (B,) int in 1..T, alpha_bar (T+1,) float64) -> (B, *D)",
    reference=score_from_eps,
    draw=_draw_score,
    criteria=criteria(1, 1, 1, at="t = 1 and T, one example, float32, any memory layout"),
    equation="6.27",
    difficulty=1,
    minutes=5,
    hints=(
        "The noise led away from the data. The score leads back, and it is longer where there was less noise.",
        "-eps / sqrt(1 - a) with a = alpha_bar[t], one per example, reshaped to (B, 1, .., 1) and cast to eps' dtype.",
        "return -eps / (1 - alpha_bar[t]).sqrt().to(eps).reshape(-1, *[1] * (eps.ndim - 1))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "sign",
            _wrong(lambda e, a: e / (1 - a).sqrt()),
            "the minus is missing: noise leads away from the data, the score leads back.",
        ),
        Misconception(
            "variance for standard deviation",
            _wrong(lambda e, a: -e / (1 - a)),
            "you divide by 1 - alpha_bar_t, the variance. Divide by its square root.",
        ),
        Misconception(
            "multiplied",
            _wrong(lambda e, a: -e * (1 - a).sqrt()),
            "you multiply by sqrt(1 - alpha_bar_t). Divide: with little noise the density is steep and the score long.",
        ),
        Misconception(
            "not scaled",
            _wrong(lambda e, a: -e),
            "this is only -eps. Divide by the standard deviation of the noise, sqrt(1 - alpha_bar_t).",
        ),
        Misconception(
            "signal for noise",
            _wrong(lambda e, a: -e / a.sqrt()),
            "you divide by sqrt(alpha_bar_t), the factor of the data. The factor of the noise is sqrt(1 - alpha_bar_t).",
        ),
        Misconception(
            "alpha for alpha_bar",
            _one_step,
            "you used one step's alpha_t. x_t holds the noise of all t steps: alpha_bar_t.",
        ),
        Misconception(
            "index t-1",
            _wrong(lambda e, a: -e / (1 - a).sqrt(), shift=-1),
            "you read the table at t - 1. x_t uses alpha_bar[t].",
        ),
        Misconception(
            "(B,) against the last axis",
            lambda e, t, ab: -e / (1 - ab[t]).sqrt().to(e),
            "the coefficients have shape (B,) and line up with the last axis. Reshape them to (B, 1, .., 1).",
        ),
        Misconception(
            "float64 comes out",
            _no_cast,
            "the values are right, but float32 became float64, because alpha_bar is float64. Cast the coefficients.",
        ),
    ),
)
