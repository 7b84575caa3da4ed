"""The unit of published bounds: `bits_per_dim`."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.decomposing_the_elbo.common import WITHHOLDS, criteria


def bits_per_dim(log_p: Tensor, dims: int, width: float) -> Tensor:
    """Equation (4.22); width = 1 for a log probability."""
    return -log_p / (dims * math.log(2)) - math.log2(width)


def _draw(d: Draw) -> Iterator[Case]:
    dims, width = d.integer(20, 60), d.uniform(0.01, 0.3)
    log_p = d.randn(4, dtype=torch.float64) * 20 - 60
    yield Case("a density and its interval", (log_p, dims, width))
    yield Case("another one", (log_p.abs() * 0.3, d.integer(3, 9), d.uniform(0.4, 0.9)))
    yield Case("a probability: width 1", (log_p, dims, 1.0), "edges")
    yield Case("one example, one dimension", (log_p[:1], 1, width), "edges")
    yield Case("float32", (log_p.float(), dims, width), "edges", strict_dtype=True)
    yield Case("called twice", (log_p, dims, width), "edges", "twice")


EXERCISE = Exercise(
    name="elbo.bits_per_dim",
    prompt="Turn log densities or log probabilities of whole examples, in nats, into bits per dimension.",
    signature="bits_per_dim(log_p (B,), dims int, width float, 1 if log_p is of a probability) -> (B,)",
    reference=bits_per_dim,
    draw=_draw,
    criteria=criteria(2, 1, at="a probability, one dimension, float32, input untouched"),
    equation="4.22",
    difficulty=2,
    minutes=6,
    hints=(
        "Three things happen: a sign, a change of unit from e to 2 shared among the dimensions, and, for a density, the "
        "width of a pixel's interval.",
        "b = -log_p / (dims log 2) - log2(width). A probability is about density times width, once per dimension.",
        "return -log_p / (dims * math.log(2)) - math.log2(width)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "sign",
            lambda log_p, dims, width: log_p / (dims * math.log(2)) - math.log2(width),
            "the sign of the first part is turned: a code for an unlikely image is long.",
        ),
        Misconception(
            "nats",
            lambda log_p, dims, width: -log_p / dims - math.log(width),
            "these are nats per dimension. Divide by log 2.",
        ),
        Misconception(
            "dimensions forgotten",
            lambda log_p, dims, width: -log_p / math.log(2) - math.log2(width),
            "log_p is of the whole example: divide it by the number of dimensions.",
        ),
        Misconception(
            "width forgotten",
            lambda log_p, dims, width: -log_p / (dims * math.log(2)),
            "the width of the interval is missing. A density has no bits before it is multiplied by a width.",
        ),
        Misconception(
            "width added with the wrong sign",
            lambda log_p, dims, width: -log_p / (dims * math.log(2)) + math.log2(width),
            "a narrower interval is harder to hit, so it costs more bits: -log2(width) is positive.",
        ),
        Misconception(
            "width shared",
            lambda log_p, dims, width: -log_p / (dims * math.log(2)) - math.log2(width) / dims,
            "every dimension has its own interval, so its bits are not divided by the number of dimensions.",
        ),
        Misconception(
            "times log 2",
            lambda log_p, dims, width: -log_p * math.log(2) / dims - math.log2(width),
            "a nat is more than a bit, 1.44 of them: divide by log 2.",
        ),
        Misconception(
            "mean over the batch",
            lambda log_p, dims, width: (-log_p / (dims * math.log(2)) - math.log2(width)).mean(),
            "you averaged over the batch. One number per example is asked for.",
        ),
    ),
)
