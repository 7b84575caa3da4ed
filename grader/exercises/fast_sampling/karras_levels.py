"""Where to put the levels: `karras_levels`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.fast_sampling.common import F64, WITHHOLDS, criteria


def karras_levels(n: int, u_min: float, u_max: float, rho: float) -> Tensor:
    """Equation (10.28)."""
    place = torch.arange(n, dtype=torch.float64) / (n - 1)
    low, high = u_min ** (1 / rho), u_max ** (1 / rho)
    levels = (low + place * (high - low)) ** rho
    return torch.cat([torch.zeros(1, dtype=torch.float64), levels])


def _with_zero(levels: Tensor) -> Tensor:
    return torch.cat([torch.zeros(1, dtype=F64), levels])


def _line(low: float, high: float, n: int) -> Tensor:
    return torch.linspace(low, high, n, dtype=F64)


def _draw(d: Draw) -> Iterator[Case]:
    low, high, rho = d.uniform(0.002, 0.1), d.uniform(5, 80), d.uniform(4, 9)
    yield Case("a ladder", (d.integer(6, 10), low, high, rho))
    yield Case("another rho", (d.integer(6, 10), low, high, rho / 2))
    yield Case("rho = 1, even steps", (6, low, high, 1.0), "edges")
    yield Case("two levels", (2, low, high, rho), "edges")
    yield Case("many levels, large rho", (30, low, high, 4 * rho), "edges")
    yield Case("double precision", (5, low, high, rho), "edges", strict_dtype=True)


EXERCISE = Exercise(
    name="fast.karras_levels",
    prompt="Make the noise levels of Karras: u[0] = 0, then n levels that are evenly spaced in u^(1/rho).",
    signature="karras_levels(n int >= 2, u_min float, u_max float, rho float) -> (n+1,) float64, rising",
    reference=karras_levels,
    draw=_draw,
    criteria=criteria(2, 1, at="rho = 1, two levels, a large rho, float64"),
    equation="10.28",
    difficulty=2,
    minutes=8,
    hints=(
        "Take the root of the two ends, space evenly between them, and take the power again. The clean level comes in front.",
        "u_i = (u_min^(1/rho) + (i-1)/(n-1) (u_max^(1/rho) - u_min^(1/rho)))^rho for i = 1..n, and u_0 = 0.",
        "levels = (low + torch.arange(n, dtype=torch.float64) / (n - 1) * (high - low)) ** rho",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "even steps",
            lambda n, low, high, rho: _with_zero(_line(low, high, n)),
            "the levels are evenly spaced, as for rho = 1: hardly any are left for the low noise, where the details are made.",
        ),
        Misconception(
            "geometric",
            lambda n, low, high, rho: _with_zero(
                _line(0, 1, n).mul(torch.tensor(high / low, dtype=F64).log()).exp() * low
            ),
            "the levels have a constant ratio, as in lesson 07. That is the limit of a very large rho.",
        ),
        Misconception(
            "power and root exchanged",
            lambda n, low, high, rho: karras_levels(n, low, high, 1 / rho),
            "power and root are exchanged: even in u^rho puts nearly all levels at the noisy end. Even in u^(1/rho).",
        ),
        Misconception(
            "no power at the end",
            lambda n, low, high, rho: _with_zero(_line(low ** (1 / rho), high ** (1 / rho), n)),
            "these are the roots of the levels. Take the power rho at the end.",
        ),
        Misconception(
            "no level 0",
            lambda n, low, high, rho: karras_levels(n, low, high, rho)[1:],
            "u[0] = 0, the clean data, is missing. Every table of the course has n + 1 entries.",
        ),
        Misconception(
            "falling",
            lambda n, low, high, rho: _with_zero(karras_levels(n, low, high, rho)[1:].flip(0)),
            "the levels fall. The paper counts from the noisiest, this course from the clean end: u[1] = u_min.",
        ),
        Misconception(
            "n for n-1",
            lambda n, low, high, rho: _with_zero(
                (low ** (1 / rho) + torch.arange(n, dtype=F64) / n * (high ** (1 / rho) - low ** (1 / rho))) ** rho
            ),
            "the places run over i/n, so u_max is never reached. From u_1 to u_n there are n - 1 gaps.",
        ),
        Misconception(
            "power taken too early",
            lambda n, low, high, rho: _with_zero(low + _line(0, 1, n) ** rho * (high - low)),
            "the power is taken of the place only. Take it of the whole sum, after mixing the two roots.",
        ),
        Misconception(
            "single precision",
            lambda n, low, high, rho: karras_levels(n, low, high, rho).float(),
            "the numbers are right, but in float32. Tables of the course are float64: pass dtype=torch.float64.",
        ),
    ),
)
