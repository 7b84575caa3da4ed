"""The velocity of the probability flow: `velocity`."""

from collections.abc import Iterator

from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.probability_flow.common import WITHHOLDS, criteria, per_example


def velocity(x: Tensor, score: Tensor, f: Tensor, g: Tensor) -> Tensor:
    """Equation (9.6) with the linear drift f(t) x."""
    return per_example(f, x) * x - 0.5 * per_example(g, x) ** 2 * score


def _weighted(x: Tensor, score: Tensor, f: Tensor, weight: Tensor) -> Tensor:
    """f x - weight * score."""
    return per_example(f, x) * x - per_example(weight, x) * score


def _in_place(x: Tensor, score: Tensor, f: Tensor, g: Tensor) -> Tensor:
    x *= per_example(f, x)
    x -= 0.5 * per_example(g, x) ** 2 * score
    return x


def _float64(x: Tensor, score: Tensor, f: Tensor, g: Tensor) -> Tensor:
    return velocity(x.double(), score.double(), f, g)


def _draw_velocity(d: Draw) -> Iterator[Case]:
    def coefficients(n: int) -> tuple[Tensor, Tensor]:
        return -0.3 - d.randn(n).abs().double(), 0.6 + d.randn(n).abs().double()

    x, score = d.randn(4, 3), d.randn(4, 3)
    f, g = coefficients(4)
    square = d.randn(3, 1, 3, 3), d.randn(3, 1, 3, 3), *coefficients(3)
    yield Case("one t per example", (x, score, f, g))
    yield Case("images as wide as the batch is long", square)
    yield Case("no noise, g = 0", (x, score, f, 0 * g), "edges")
    yield Case("no drift, f = 0", (x, score, 0 * f, g), "edges")
    yield Case("one example", (x[:1], score[:1], f[:1], g[:1]), "edges")
    yield Case("float32 stays float32", (x, score, f, g), "edges", strict_dtype=True)
    yield Case("float64", (x.double(), score.double(), f, g), "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(3, 4).mT, score, f, g), "edges")
    yield Case("called twice", (x, score, f, g), "clean", "twice")
    yield Case("gradient in the score", (x, score, f, g), "clean", "gradient", 1, d.randn(4, 3))


EXERCISE = Exercise(
    name="flow.velocity",
    prompt="The velocity with which a point moves in the probability flow.",
    signature="velocity(x (B, *D), score (B, *D), f (B,), g (B,)) -> (B, *D)",
    reference=velocity,
    draw=_draw_velocity,
    criteria=criteria(2, 1, 1, at="g = 0, f = 0, one example, dtypes, any memory layout"),
    equation="9.6",
    difficulty=1,
    minutes=6,
    hints=(
        "Two parts: the drift f x, and half of the squared noise size times the score, subtracted.",
        "f x - g^2/2 * score, with f and g reshaped to (B, 1, .., 1) and cast to x's dtype.",
        "f, g = (c.to(x).reshape(-1, *[1] * (x.ndim - 1)) for c in (f, g)); return f * x - 0.5 * g**2 * score",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "whole g squared",
            lambda x, s, f, g: _weighted(x, s, f, g**2),
            "you took the whole g^2. That is the drift of the reverse SDE, which needs noise to go with it. Without noise "
            "half is right.",
        ),
        Misconception(
            "g not squared",
            lambda x, s, f, g: _weighted(x, s, f, 0.5 * g),
            "g is not squared. In Fokker-Planck the noise counts with its variance, g^2.",
        ),
        Misconception(
            "half inside the square",
            lambda x, s, f, g: _weighted(x, s, f, (0.5 * g) ** 2),
            "you squared g/2, which gives a quarter of g^2. Square first, then halve.",
        ),
        Misconception(
            "plus the score",
            lambda x, s, f, g: _weighted(x, s, f, -0.5 * g**2),
            "the score is added. With time running from data to noise the points move away from the crowd: subtract it. "
            "On the way back dt is negative, and the sign turns by itself.",
        ),
        Misconception(
            "no drift",
            lambda x, s, f, g: _weighted(x, s, 0 * f, 0.5 * g**2),
            "the drift f x is missing. That is right for VE only, where f = 0.",
        ),
        Misconception(
            "f without x",
            lambda x, s, f, g: per_example(f, x) - 0.5 * per_example(g, x) ** 2 * s,
            "f stands there alone. It is a rate: the drift is f times x.",
        ),
        Misconception(
            "half of everything",
            lambda x, s, f, g: 0.5 * _weighted(x, s, f, g**2),
            "the drift is halved too. Only the score's part is halved: half of g^2.",
        ),
        Misconception(
            "(B,) against the last axis",
            lambda x, s, f, g: f.to(x) * x - 0.5 * g.to(x) ** 2 * s,
            "f and g have shape (B,) and line up with the last axis of x. It fails, or, when an image is as wide as the "
            "batch is long, it runs and is wrong. Reshape them to (B, 1, .., 1).",
        ),
        Misconception(
            "first t for all",
            lambda x, s, f, g: velocity(x, s, f[:1], g[:1]),
            "every example gets the first example's f and g. Each one has its own time.",
        ),
        Misconception(
            "float64 comes out",
            _float64,
            "the values are right, but float32 became float64, because f and g are float64. Cast them to x's dtype.",
        ),
        Misconception(
            "changes x in place",
            _in_place,
            "the numbers are right, but x itself is changed (x *= ...). A solver still needs the old x.",
        ),
    ),
)
