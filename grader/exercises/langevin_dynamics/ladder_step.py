"""The DDPM step, seen from the ladder of noise levels: `ladder_step`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.langevin_dynamics.common import FLOWS, WITHHOLDS, criteria, per_example


def ladder_step(y: Tensor, sigma: Tensor, sigma_prev: Tensor, score_y: Tensor, noise: Tensor) -> Tensor:
    """Equation (7.22)."""
    delta = sigma**2 - sigma_prev**2
    return _move(y, delta, sigma_prev / sigma * delta.sqrt(), score_y, noise)


def _move(y: Tensor, drift: Tensor, factor: Tensor, score_y: Tensor, noise: Tensor) -> Tensor:
    return y + per_example(drift, y) * score_y + per_example(factor, y) * noise


def _last_axis(y: Tensor, sigma: Tensor, sigma_prev: Tensor, score_y: Tensor, noise: Tensor) -> Tensor:
    delta = sigma**2 - sigma_prev**2
    return y + delta.to(y) * score_y + (sigma_prev / sigma * delta.sqrt()).to(y) * noise


def _no_cast(y: Tensor, sigma: Tensor, sigma_prev: Tensor, score_y: Tensor, noise: Tensor) -> Tensor:
    delta = (sigma**2 - sigma_prev**2).reshape(-1, *[1] * (y.ndim - 1))
    ratio = (sigma_prev / sigma).reshape(-1, *[1] * (y.ndim - 1))
    return y + delta * score_y + ratio * delta.sqrt() * noise


def _draw_ladder_step(d: Draw) -> Iterator[Case]:
    def levels(n: int) -> tuple[Tensor, Tensor]:
        prev = torch.tensor([d.uniform(0.3, 1.5) for _ in range(n)], dtype=torch.float64)
        return prev + torch.tensor([d.uniform(0.2, 0.8) for _ in range(n)], dtype=torch.float64), prev

    sigma, prev = levels(3)
    y, score_y, noise = d.randn(3, 5), d.randn(3, 5), d.randn(3, 5)
    square = d.randn(4, 1, 4, 4), *levels(4), d.randn(4, 1, 4, 4), d.randn(4, 1, 4, 4)
    yield Case("one level per example", (y, sigma, prev, score_y, noise))
    yield Case("images as wide as the batch is long", square)
    yield Case("the last step, to sigma = 0", (y, sigma, 0 * prev, score_y, noise), "edges")
    yield Case("one example", (y[:1], sigma[:1], prev[:1], score_y[:1], noise[:1]), "edges")
    yield Case("float32 stays float32", (y, sigma, prev, score_y, noise), "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(5, 3).mT, sigma, prev, score_y, noise), "edges")
    yield Case("gradient in y", (y, sigma, prev, score_y, noise), "clean", "gradient", cotangent=d.randn(3, 5))
    yield Case("called twice", (y, sigma, prev, score_y, noise), "clean", "twice")


EXERCISE = Exercise(
    name="langevin.ladder_step",
    prompt="Take the DDPM step in the coordinates of the ladder, from noise level sigma to sigma_prev.",
    signature="ladder_step(y (B, *D), sigma (B,), sigma_prev (B,), score_y (B, *D), noise (B, *D)) -> (B, *D)",
    reference=ladder_step,
    draw=_draw_ladder_step,
    criteria=criteria(2, 2, 1, at="sigma_prev = 0, one example, dtype, any memory layout", clean_text=FLOWS),
    equation="7.22",
    difficulty=3,
    minutes=12,
    hints=(
        "The step removes the noise variance sigma^2 - sigma_prev^2. How much along the score, and how much new noise?",
        "With delta = sigma^2 - sigma_prev^2: y + delta * score_y + (sigma_prev/sigma) sqrt(delta) * noise, each factor "
        "reshaped to (B, 1, .., 1).",
        "delta = sigma**2 - sigma_prev**2; c = lambda v: v.to(y).reshape(-1, *[1] * (y.ndim - 1)); "
        "return y + c(delta) * score_y + c(sigma_prev / sigma * delta.sqrt()) * noise",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "Langevin drift",
            lambda y, s, p, f, z: _move(y, (s**2 - p**2) / 2, p / s * (s**2 - p**2).sqrt(), f, z),
            "the drift is delta/2: that half only keeps the distribution at its level, as Langevin does. The other half "
            "moves it down to the next level.",
        ),
        Misconception(
            "noise of the full width",
            lambda y, s, p, f, z: _move(y, s**2 - p**2, (s**2 - p**2).sqrt(), f, z),
            "the noise is sqrt(delta), without sigma_prev/sigma. That is close on a fine ladder, but the last step, to "
            "sigma_prev = 0, must add none.",
        ),
        Misconception(
            "difference squared",
            lambda y, s, p, f, z: _move(y, (s - p) ** 2, p / s * (s - p).abs(), f, z),
            "delta is (sigma - sigma_prev)^2. Variances are subtracted: sigma^2 - sigma_prev^2.",
        ),
        Misconception(
            "not squared",
            lambda y, s, p, f, z: _move(y, s - p, p / s * (s - p).sqrt(), f, z),
            "delta is sigma - sigma_prev. Standard deviations do not subtract; variances do.",
        ),
        Misconception(
            "variance as standard deviation",
            lambda y, s, p, f, z: _move(y, s**2 - p**2, (p / s) ** 2 * (s**2 - p**2), f, z),
            "the noise is multiplied by its variance. Take the root: (sigma_prev/sigma) sqrt(delta).",
        ),
        Misconception(
            "ratio upside down",
            lambda y, s, p, f, z: _move(y, s**2 - p**2, s / p * (s**2 - p**2).sqrt(), f, z),
            "sigma_prev and sigma have changed places in the noise: it would be infinite in the last step.",
        ),
        Misconception(
            "minus the score",
            lambda y, s, p, f, z: _move(y, p**2 - s**2, p / s * (s**2 - p**2).sqrt(), f, z),
            "the score is subtracted (or delta has the wrong sign). The step goes uphill.",
        ),
        Misconception(
            "no noise",
            lambda y, s, p, f, z: _move(y, s**2 - p**2, 0 * s, f, z),
            "no noise is added. Then y_{t-1} is the mean of the reverse step instead of a draw, and all the samples are too much alike.",
        ),
        Misconception(
            "(B,) against the last axis",
            _last_axis,
            "the factors have shape (B,) and line up with the last axis of y, not the first. Reshape them to (B, 1, .., 1).",
        ),
        Misconception(
            "float64 comes out",
            _no_cast,
            "the values are right, but float32 became float64 because sigma is float64. Cast the factors to y's dtype.",
        ),
    ),
)
