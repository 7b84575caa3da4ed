"""How the network is told the step: `timestep_embedding`."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.ddpm.common import WITHHOLDS, criteria


def timestep_embedding(t: Tensor, dim: int, period: float) -> Tensor:
    """Equation (5.18)."""
    half = dim // 2
    omega = period ** -(torch.arange(half, dtype=torch.float64) / (half - 1))
    angle = t.double().unsqueeze(1) * omega
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def _waves(t: Tensor, omega: Tensor) -> Tensor:
    angle = t.double().unsqueeze(1) * omega
    return torch.cat([angle.sin(), angle.cos()], 1)


def _exponents(dim: int) -> Tensor:
    return torch.arange(dim // 2, dtype=torch.float64)


def _interleaved(t: Tensor, dim: int, period: float) -> Tensor:
    return timestep_embedding(t, dim, period).unflatten(1, (2, dim // 2)).mT.flatten(1)


def _low_precision(t: Tensor, dim: int, period: float) -> Tensor:
    omega = (period ** -(_exponents(dim) / (dim // 2 - 1))).half()
    return _waves(t, omega.double())


def _draw(d: Draw) -> Iterator[Case]:
    t = d.integers(1, 40, 5)
    yield Case("a batch", (t, 8, d.uniform(50, 200)))
    yield Case("more frequencies", (d.integers(1, 300, 4), 2 * d.integer(6, 10), d.uniform(500, 5000)))
    yield Case("t = 0 and t = 1", (torch.tensor([0, 1]), 6, d.uniform(50, 200)), "edges")
    yield Case("two frequencies", (t, 4, d.uniform(50, 200)), "edges")
    yield Case("one example", (t[:1], 8, d.uniform(50, 200)), "edges")
    yield Case("called twice", (t, 8, d.uniform(50, 200)), "edges", "twice")
    yield Case("t as floats, between steps", (t.double() + 0.25, 8, d.uniform(50, 200)), "edges", strict_dtype=True)


EXERCISE = Exercise(
    name="ddpm.timestep_embedding",
    prompt="Turn each step t into a vector of sines and cosines.",
    signature="timestep_embedding(t (B,), dim int, even and at least 4, period float) -> (B, dim) float64, the sines first",
    reference=timestep_embedding,
    draw=_draw,
    criteria=criteria(3, 1, at="t = 0, dim = 4, one example, t between steps, inputs untouched"),
    equation="5.18",
    difficulty=2,
    minutes=10,
    hints=(
        "dim/2 frequencies, from 1 down to 1/period, each a fixed factor below the one before. Every t times every frequency is "
        "a table (B, dim/2).",
        "omega_i = period ** (-i / (h - 1)) for i = 0 .. h - 1 with h = dim/2; then sin(t omega_i) and cos(t omega_i), in float64.",
        "omega = period ** -(torch.arange(h, dtype=torch.float64) / (h - 1)); angle = t.double()[:, None] * omega; "
        "return torch.cat([angle.sin(), angle.cos()], dim=1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "cosines first",
            lambda t, dim, P: timestep_embedding(t, dim, P).roll(dim // 2, 1),
            "the cosines come first in yours. Here the sines do: a network trained with one order cannot use the other.",
        ),
        Misconception(
            "interleaved",
            _interleaved,
            "sines and cosines alternate in yours. Here all sines come first, then all cosines.",
        ),
        Misconception(
            "last frequency missed",
            lambda t, dim, P: _waves(t, P ** -(_exponents(dim) / (dim // 2))),
            "your exponents are i/h, so the lowest frequency 1/period is never reached. Divide by h - 1.",
        ),
        Misconception(
            "rising frequencies",
            lambda t, dim, P: _waves(t, P ** (_exponents(dim) / (dim // 2 - 1))),
            "your frequencies rise to `period`. They fall from 1 to 1/period: a minus sign in the exponent.",
        ),
        Misconception(
            "evenly spaced",
            lambda t, dim, P: _waves(t, torch.linspace(1, 1 / P, dim // 2, dtype=torch.float64)),
            "your frequencies are evenly spaced. They form a geometric row: each is the one before times a fixed factor.",
        ),
        Misconception(
            "full turns",
            lambda t, dim, P: _waves(t, 2 * math.pi * P ** -(_exponents(dim) / (dim // 2 - 1))),
            "there is a factor 2 pi too many. With it the highest frequency makes a full turn per step and says nothing.",
        ),
        Misconception(
            "always 10000",
            lambda t, dim, P: timestep_embedding(t, dim, 10_000.0),
            "you use 10000. That is the usual choice, but here `period` is an argument.",
        ),
        Misconception(
            "sines twice",
            lambda t, dim, P: timestep_embedding(t, dim, P)[:, : dim // 2].repeat(1, 2),
            "the second half repeats the sines. A sine alone cannot tell an angle from its mirror image: the second half is cosines.",
        ),
        Misconception(
            "half precision",
            _low_precision,
            "the frequencies are rounded to a few digits. Multiplied by t = 300, that is a visible error: use float64.",
        ),
    ),
)
