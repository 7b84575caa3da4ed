"""Drift and diffusion of the limit of the noise ladder: `ve_coefficients`."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.stochastic_differential_equations.common import F64, WITHHOLDS, criteria

Pair = tuple[Tensor, Tensor]


def ve_coefficients(t: Tensor, sigma_min: float, sigma_max: float) -> Pair:
    """Equation (8.9): f = 0, g = sigma(t) sqrt(2 log r)."""
    r = sigma_max / sigma_min
    return torch.zeros_like(t), sigma_min * r**t * math.sqrt(2 * math.log(r))


def _level(t: Tensor, low: float, high: float) -> Tensor:
    return low * (high / low) ** t


def _still(g: Tensor) -> Pair:
    return torch.zeros_like(g), g


def _draw_ve(d: Draw) -> Iterator[Case]:
    low, high = d.uniform(0.01, 0.1), d.uniform(3, 40)
    t = torch.tensor([d.uniform(0.05, 0.95) for _ in range(6)], dtype=F64)
    yield Case("some times", (t, low, high))
    yield Case("the ends, t = 0 and t = 1", (torch.tensor([0.0, 1.0], dtype=F64), low, high), "edges")
    yield Case("float32 times", (t.float(), low, high), "edges", strict_dtype=True)
    yield Case("called twice", (t, low, high), "clean", "twice")


EXERCISE = Exercise(
    name="sde.ve_coefficients",
    prompt="Give drift factor and diffusion of the variance-exploding equation of a geometric ladder.",
    signature="ve_coefficients(t (N,), sigma_min float, sigma_max float) -> (f (N,), g (N,))",
    reference=ve_coefficients,
    draw=_draw_ve,
    criteria=criteria(2, 1, 1, at="t = 0 and 1, float32"),
    equation="8.9",
    difficulty=2,
    minutes=6,
    hints=(
        "Nothing shrinks, so there is no drift. g^2 is how fast the variance sigma(t)^2 grows.",
        "sigma(t) = sigma_min r^t with r = sigma_max/sigma_min. The derivative of sigma^2 is 2 log(r) sigma^2.",
        "r = sigma_max / sigma_min; return torch.zeros_like(t), sigma_min * r**t * math.sqrt(2 * math.log(r))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "noise level as diffusion",
            lambda t, low, high: _still(_level(t, low, high)),
            "g is sigma(t), the noise that is there already. g^2 is how fast the variance grows: the derivative of sigma^2.",
        ),
        Misconception(
            "two missing",
            lambda t, low, high: _still(_level(t, low, high) * math.log(high / low) ** 0.5),
            "a factor sqrt(2) is missing: the derivative of r^(2t) is 2 log(r) r^(2t).",
        ),
        Misconception(
            "derivative of sigma",
            lambda t, low, high: _still(_level(t, low, high) * math.log(high / low)),
            "this is the derivative of sigma. Variances add, standard deviations do not: differentiate sigma^2 and take the root.",
        ),
        Misconception(
            "variance as diffusion",
            lambda t, low, high: _still(_level(t, low, high) ** 2 * 2 * math.log(high / low)),
            "this is g^2. Take the root.",
        ),
        Misconception(
            "sigma_min forgotten",
            lambda t, low, high: _still((high / low) ** t * (2 * math.log(high / low)) ** 0.5),
            "the factor sigma_min is missing: the ladder begins at sigma_min, not at 1.",
        ),
        Misconception(
            "logarithm to base ten",
            lambda t, low, high: _still(_level(t, low, high) * (2 * math.log10(high / low)) ** 0.5),
            "this is the logarithm to base 10. Differentiating r^t gives the natural one.",
        ),
        Misconception(
            "straight ladder",
            lambda t, low, high: _still((2 * (low + t * (high - low)) * (high - low)).sqrt()),
            "sigma rises in a straight line. The ladder of lesson 07 is geometric: a constant ratio.",
        ),
        Misconception(
            "drift of VP",
            lambda t, low, high: (
                -(_level(t, low, high) ** 2) * math.log(high / low),
                _level(t, low, high) * (2 * math.log(high / low)) ** 0.5,
            ),
            "you gave it the drift -g^2/2 of the variance-preserving equation. Here nothing shrinks: f = 0, and the variance "
            "explodes.",
        ),
    ),
)
