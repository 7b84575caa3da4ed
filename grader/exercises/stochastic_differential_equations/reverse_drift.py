"""The drift of the way back: `reverse_drift`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.stochastic_differential_equations.common import F64, FLOWS, WITHHOLDS, criteria, per_example


def reverse_drift(drift: Tensor, g: Tensor, score: Tensor) -> Tensor:
    """Equation (8.26)."""
    return drift - per_example(g**2, score) * score


def _last_axis(drift: Tensor, g: Tensor, score: Tensor) -> Tensor:
    return drift - (g**2).to(score) * score


def _float64(drift: Tensor, g: Tensor, score: Tensor) -> Tensor:
    return drift - (g**2).reshape(-1, *[1] * (score.ndim - 1)) * score


def _draw_drift(d: Draw) -> Iterator[Case]:
    def sizes(n: int) -> Tensor:
        return torch.tensor([d.uniform(1.2, 3) for _ in range(n)], dtype=F64)

    drift, score, g = d.randn(4, 3), d.randn(4, 3), sizes(4)
    yield Case("a batch of points", (drift, g, score))
    yield Case("images as wide as the batch is long", (d.randn(3, 1, 3, 3), sizes(3), d.randn(3, 1, 3, 3)))
    yield Case("one example", (drift[:1], g[:1], score[:1]), "edges")
    yield Case("no drift, as in VE", (0 * drift, g, score), "edges")
    yield Case("float32 stays float32", (drift, g, score), "edges", strict_dtype=True)
    yield Case("a transposed view", (drift, g, d.randn(3, 4).mT), "edges")
    yield Case("gradient in the score", (drift, g, score), "clean", "gradient", wrt=2, cotangent=d.randn(4, 3))
    yield Case("called twice", (drift, g, score), "clean", "twice")


EXERCISE = Exercise(
    name="sde.reverse_drift",
    prompt="Give the drift of the reverse equation, for dt < 0.",
    signature="reverse_drift(drift (B, *D), g (B,) float64, score (B, *D)) -> (B, *D)",
    reference=reverse_drift,
    draw=_draw_drift,
    criteria=criteria(2, 1, 1, at="one example, no drift, dtype, any memory layout", clean_text=FLOWS),
    equation="8.26",
    difficulty=2,
    minutes=6,
    hints=(
        "The forward drift stays, because dt is negative. The score comes in with the noise variance per time.",
        "f - g^2 s, with g^2 reshaped to (B, 1, .., 1) and in the score's dtype.",
        "return drift - (g**2).to(score).reshape(-1, *[1] * (score.ndim - 1)) * score",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "plus the score",
            lambda f, g, s: f + per_example(g**2, s) * s,
            "the score is added. Time runs backwards, dt < 0: minus g^2 s times a negative dt moves uphill.",
        ),
        Misconception(
            "half the score",
            lambda f, g, s: f - per_example(g**2, s) * s / 2,
            "the score has the factor g^2/2. That is the drift of the equation without noise (lesson 09). With noise it is g^2.",
        ),
        Misconception(
            "g not squared",
            lambda f, g, s: f - per_example(g, s) * s,
            "the score has the factor g. It is the noise variance per time that has to be undone: g^2.",
        ),
        Misconception(
            "drift turned around",
            lambda f, g, s: -f + per_example(g**2, s) * s,
            "everything is turned around. That is right for a time that runs forward from noise to data; here dt < 0.",
        ),
        Misconception(
            "only the drift turned",
            lambda f, g, s: -f - per_example(g**2, s) * s,
            "f has changed its sign, and the score has not. With dt < 0 the drift is f - g^2 s.",
        ),
        Misconception(
            "score forgotten",
            lambda f, g, s: f.clone(),
            "the score does not occur. Running the forward equation with negative steps spreads the points even more.",
        ),
        Misconception(
            "g along the last axis",
            _last_axis,
            "g has shape (B,) and lines up with the last axis of the score. Reshape it to (B, 1, .., 1).",
        ),
        Misconception(
            "float64 comes out",
            _float64,
            "the values are right, but float32 became float64 because g is float64. Cast it to the score's dtype.",
        ),
    ),
)
