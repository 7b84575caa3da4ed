"""What a step of a sampler does to a density: `density_after`."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.stochastic_differential_equations.common import F64, WITHHOLDS, criteria


def density_after(p: Tensor, x: Tensor, mean: Tensor, var: float) -> Tensor:
    """Equation (8.30) by the trapezoidal rule."""
    away = x.unsqueeze(1) - mean
    kernel = torch.exp(-0.5 * away**2 / var) / math.sqrt(2 * math.pi * var)
    return torch.trapezoid(p * kernel, x, dim=1)


def _kernel(x: Tensor, mean: Tensor, var: float) -> Tensor:
    """N(x[i]; mean[j], var), (G, G)."""
    return torch.exp(-0.5 * (x.unsqueeze(1) - mean) ** 2 / var) / math.sqrt(2 * math.pi * var)


def _normalised(p: Tensor, x: Tensor, mean: Tensor, var: float) -> Tensor:
    out = density_after(p, x, mean, var)
    return out / out.sum()


def _no_constant(p: Tensor, x: Tensor, mean: Tensor, var: float) -> Tensor:
    return density_after(p, x, mean, var) * math.sqrt(2 * math.pi * var)


def _plain_sum(p: Tensor, x: Tensor, mean: Tensor, var: float) -> Tensor:
    return (p * _kernel(x, mean, var)).sum(1)


def _draw_density(d: Draw) -> Iterator[Case]:
    def bell(x: Tensor, m: float, v: float) -> Tensor:
        return torch.exp(-0.5 * (x - m) ** 2 / v) / math.sqrt(2 * math.pi * v)

    def draw(n: int) -> tuple[Tensor, Tensor, Tensor, float]:
        x = torch.linspace(-3, 3, n, dtype=F64) + 0.1 * torch.sin(torch.linspace(0, 6, n, dtype=F64))
        p = 0.6 * bell(x, d.uniform(-1, -0.5), 0.4) + 0.4 * bell(x, d.uniform(0.5, 1.2), 0.7)
        return p, x, d.uniform(0.7, 0.9) * x + d.uniform(0.1, 0.4), d.uniform(0.15, 0.3)

    p, x, mean, var = draw(31)
    yield Case("a bent density on uneven points", (p, x, mean, var))
    yield Case("another one", draw(24))
    yield Case("a mean that does not rise", (p, x, torch.sin(2 * x), var), "edges")
    yield Case("two points", draw(2), "edges")
    yield Case("far noise", (p, x, mean, 50 * var), "edges")
    yield Case("called twice", (p, x, mean, var), "clean", "twice")


EXERCISE = Exercise(
    name="sde.density_after",
    prompt="Compute what one step, x to mean(x) plus noise of variance var, makes of a density on the line.",
    signature="density_after(p (G,), x (G,) rising, mean (G,), var float) -> (G,)",
    reference=density_after,
    draw=_draw_density,
    criteria=criteria(3, 1, 1, at="any mean, two points, much noise"),
    equation="8.30",
    difficulty=3,
    minutes=15,
    hints=(
        "Who arrives at the point x[i]? From each x[j], as many as are there, times the density of the jump. Add up all j.",
        "kernel[i, j] = N(x[i]; mean[j], var). The integral runs over x[j]: torch.trapezoid over the last axis.",
        "kernel = torch.exp(-0.5 * (x.unsqueeze(1) - mean) ** 2 / var) / math.sqrt(2 * math.pi * var); "
        "return torch.trapezoid(p * kernel, x, dim=1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "integral over where they go",
            lambda p, x, mean, var: torch.trapezoid(p.unsqueeze(1) * _kernel(x, mean, var), x, dim=0),
            "rows and columns have changed places: you add up over where the points go. Add up over where they come from.",
        ),
        Misconception(
            "variance as standard deviation",
            lambda p, x, mean, var: density_after(p, x, mean, var**2),
            "the variance is used as a standard deviation: the exponent has the distance squared over 2 var.",
        ),
        Misconception(
            "no mean",
            lambda p, x, mean, var: density_after(p, x, x, var),
            "the points only get noise and do not move. The kernel stands around mean(x), not around x.",
        ),
        Misconception(
            "no constant",
            _no_constant,
            "the kernel lacks its constant 1/sqrt(2 pi var): it is not a density.",
        ),
        Misconception(
            "sum without the width",
            _plain_sum,
            "a sum is not an integral: the distance of the points is missing. Use torch.trapezoid.",
        ),
        Misconception(
            "shares instead of a density",
            _normalised,
            "your values sum to 1. A density has the integral 1.",
        ),
        Misconception(
            "half in the exponent missing",
            lambda p, x, mean, var: torch.trapezoid(
                p * torch.exp(-((x.unsqueeze(1) - mean) ** 2) / var) / math.sqrt(2 * math.pi * var), x, dim=1
            ),
            "the exponent lacks the half: a normal density has -distance^2/(2 var).",
        ),
    ),
)
