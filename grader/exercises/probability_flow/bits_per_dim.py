"""Bits per dimension of whole numbers, by dequantisation: `bits_per_dim`."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.probability_flow.common import CALLS, WITHHOLDS, criteria

LogDensity = Callable[[Tensor], Tensor]


def bits_per_dim(log_density: LogDensity, k: Tensor, u: Tensor, low: float, w: float) -> Tensor:
    """Equation (9.24) at x = low + w (k + u)."""
    log_p = log_density(low + w * (k + u))
    return -log_p / (k[0].numel() * math.log(2)) - math.log2(w)


Place = Callable[[Tensor, Tensor, float, float], Tensor]  # k, u, low, w -> x
Unit = Callable[[Tensor, int, float], Tensor]  # log p, d, w -> bits


def _right_place(k: Tensor, u: Tensor, low: float, w: float) -> Tensor:
    return low + w * (k + u)


def _right_unit(log_p: Tensor, d: int, w: float) -> Tensor:
    return -log_p / (d * math.log(2)) - math.log2(w)


def _by(place: Place = _right_place, unit: Unit = _right_unit) -> Callable[..., Tensor]:
    def wrong(log_density: LogDensity, k: Tensor, u: Tensor, low: float, w: float) -> Tensor:
        return unit(log_density(place(k, u, low, w)), k[0].numel(), w)

    return wrong


def _random_density(d: Draw) -> LogDensity:
    centre, width = d.uniform(-0.4, 0.4), d.uniform(0.3, 0.7)

    def log_density(x: Tensor) -> Tensor:
        z = (x - centre) / width
        return (-0.5 * z**2 - math.log(width) - 0.9).flatten(1).sum(1)

    return log_density


def _draw_bits(d: Draw) -> Iterator[Case]:
    p, w = Served(_random_density(d)), d.uniform(0.1, 0.3)
    low = -1 - w / d.uniform(1.5, 4.0)

    def whole(*shape: int) -> Tensor:
        return torch.randint(0, 9, shape, generator=d.generator).double()

    def even(*shape: int) -> Tensor:
        return 0.1 + 0.8 * torch.rand(*shape, generator=d.generator, dtype=torch.float64)

    k, u = whole(5, 3), even(5, 3)
    yield Case("vectors of whole numbers", (p, k, u, low, w))
    yield Case("images", (p, whole(2, 1, 3, 3), even(2, 1, 3, 3), low, w))
    yield Case("cells wider than 1", (p, whole(4, 2) % 2, even(4, 2), low, 1.5 + w), "edges")
    yield Case("one example", (p, k[:1], u[:1], low, w), "edges")
    yield Case("one dimension", (p, k[:, :1], u[:, :1], low, w), "edges")
    yield Case("called twice", (p, k, u, low, w), "clean", "twice")
    yield Case("one call of the density", (p, k, u, low, w), "clean", max_calls=1)


EXERCISE = Exercise(
    name="flow.bits_per_dim",
    prompt="Bits per dimension of whole numbers, from a density and one uniform noise.",
    signature="bits_per_dim(log_density: x -> (B,), k (B, *D) whole numbers, u (B, *D), low float, w float) -> (B,)",
    reference=bits_per_dim,
    draw=_draw_bits,
    criteria=criteria(2, 1, 1, at="cells wider than 1, one example, one dimension", clean_text=CALLS),
    equation="9.24",
    difficulty=2,
    minutes=10,
    hints=(
        "Spread the whole numbers over their cells, ask for the density there, then change the unit: nats to bits, image "
        "to pixel, density to probability.",
        "x = low + w (k + u); bits = -log p / (d log 2) - log2 w, where d counts the pixels of one example.",
        "return -log_density(low + w * (k + u)) / (k[0].numel() * math.log(2)) - math.log2(w)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "width forgotten",
            _by(unit=lambda log_p, d, w: -log_p / (d * math.log(2))),
            "this is the density's own number. It depends on the units of x and may be negative. A cell has the volume "
            "w^d: subtract log2 w.",
        ),
        Misconception(
            "sign of the width",
            _by(unit=lambda log_p, d, w: -log_p / (d * math.log(2)) + math.log2(w)),
            "log2 w is added. Probability = density times width, so -log2 P = -log2 p - log2 w.",
        ),
        Misconception(
            "nats",
            _by(unit=lambda log_p, d, w: -log_p / d - math.log(w)),
            "these are nats. Divide by log 2, both parts.",
        ),
        Misconception(
            "not per dimension",
            _by(unit=lambda log_p, d, w: -log_p / math.log(2) - d * math.log2(w)),
            "these are the bits of the whole example. Divide by its number of pixels.",
        ),
        Misconception(
            "width once per example",
            _by(unit=lambda log_p, d, w: (-log_p / math.log(2) - math.log2(w)) / d),
            "the width is counted once for the example. A cell has w in each of the d dimensions: its volume is w^d.",
        ),
        Misconception(
            "log-likelihood, not its negative",
            _by(unit=lambda log_p, d, w: log_p / (d * math.log(2)) + math.log2(w)),
            "the sign of everything is turned. A code length is minus the logarithm of a probability.",
        ),
        Misconception(
            "not dequantised",
            _by(place=lambda k, u, low, w: low + w * k),
            "u is not used: the density is asked at the edge of each cell. Spread k over its cell: k + u.",
        ),
        Misconception(
            "noise not scaled",
            _by(place=lambda k, u, low, w: low + w * k + u),
            "u is not multiplied by w, so it reaches into other cells. x = low + w (k + u).",
        ),
        Misconception(
            "centred noise",
            _by(place=lambda k, u, low, w: low + w * (k + u - 0.5)),
            "you centred the noise, u - 1/2. Here low is the lower edge of the first cell, so u runs from 0 to 1.",
        ),
        Misconception(
            "low forgotten",
            _by(place=lambda k, u, low, w: w * (k + u)),
            "low is missing: the cells begin there.",
        ),
        Misconception(
            "mean over the batch",
            _by(unit=lambda log_p, d, w: _right_unit(log_p, d, w).mean().expand(len(log_p))),
            "this is one mean for the batch. Each example has its own.",
        ),
    ),
)
