"""The noise levels: `sigma_ladder`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.langevin_dynamics.common import WITHHOLDS, criteria


def sigma_ladder(n: int, sigma_min: float, sigma_max: float) -> Tensor:
    """Equation (7.15)."""
    i = torch.arange(n, dtype=torch.float64)
    return _with_zero(sigma_min * (sigma_max / sigma_min) ** (i / (n - 1)))


def _with_zero(levels: Tensor) -> Tensor:
    return torch.cat([torch.zeros(1, dtype=torch.float64), levels])


def _line(low: float, high: float, n: int) -> Tensor:
    return torch.linspace(low, high, n, dtype=torch.float64)


def _draw_ladder(d: Draw) -> Iterator[Case]:
    low, high = d.uniform(0.01, 0.1), d.uniform(5, 50)
    yield Case("a ladder", (d.integer(6, 10), low, high))
    yield Case("more levels, close together", (20, high / 10, high))
    yield Case("two levels", (2, low, high), "edges")
    yield Case("a range of a million", (9, low / 1000, 10 * high), "edges")
    yield Case("double precision", (5, low, high), "edges", strict_dtype=True)


EXERCISE = Exercise(
    name="langevin.sigma_ladder",
    prompt="Make the noise levels: sigma[0] = 0, then n levels from sigma_min to sigma_max with a constant ratio.",
    signature="sigma_ladder(n int >= 2, sigma_min float, sigma_max float) -> (n+1,) float64",
    reference=sigma_ladder,
    draw=_draw_ladder,
    criteria=criteria(2, 1, at="two levels, a wide range, float64"),
    equation="7.15",
    difficulty=2,
    minutes=6,
    hints=(
        "A constant ratio means: evenly spaced logarithms. And do not forget the clean level in front.",
        "sigma_i = sigma_min (sigma_max/sigma_min)^((i-1)/(n-1)) for i = 1..n, and sigma_0 = 0.",
        "i = torch.arange(n, dtype=torch.float64); levels = sigma_min * (sigma_max / sigma_min) ** (i / (n - 1)); "
        "return torch.cat([levels.new_zeros(1), levels])",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "evenly spaced",
            lambda n, low, high: _with_zero(_line(low, high, n)),
            "the levels are evenly spaced. At the clean end the ratio of neighbours would be huge, so their shells of noise "
            "would not touch. The ratio is constant: space the logarithms evenly.",
        ),
        Misconception(
            "no level 0",
            lambda n, low, high: sigma_ladder(n, low, high)[1:],
            "sigma[0] = 0, the clean data, is missing. Every table of the course has n+1 entries.",
        ),
        Misconception(
            "falling",
            lambda n, low, high: _with_zero(sigma_ladder(n, low, high)[1:].flip(0)),
            "the levels fall. The paper counts from the noisiest, this course from the clean end: sigma[1] = sigma_min.",
        ),
        Misconception(
            "n for n-1",
            lambda n, low, high: _with_zero(low * (high / low) ** (torch.arange(n, dtype=torch.float64) / n)),
            "the exponent runs over i/n, so sigma_max is never reached. From sigma_1 to sigma_n there are n - 1 steps.",
        ),
        Misconception(
            "one level too many",
            lambda n, low, high: sigma_ladder(n + 1, low, high),
            "there are n + 1 levels above 0. n levels, with the 0 in front n + 1 entries.",
        ),
        Misconception(
            "variances",
            lambda n, low, high: sigma_ladder(n, low, high) ** 2,
            "these are variances. The levels are standard deviations.",
        ),
        Misconception(
            "logarithms returned",
            lambda n, low, high: _with_zero(sigma_ladder(n, low, high)[1:].log()),
            "these are the logarithms. Take the exponential at the end.",
        ),
        Misconception(
            "single precision",
            lambda n, low, high: sigma_ladder(n, low, high).float(),
            "the numbers are right, but in float32. Tables of the course are float64: pass dtype=torch.float64.",
        ),
    ),
)
