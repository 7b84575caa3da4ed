"""How uncertain a code is: `encoder_entropy`."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.latent_diffusion.common import F64, WITHHOLDS, criteria, summed


def encoder_entropy(log_var: Tensor) -> Tensor:
    """Equation (12.2), without its minus sign."""
    return 0.5 * (log_var + math.log(2 * math.pi * math.e)).flatten(1).sum(1)


def _each(rule: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda log_var: summed(rule(log_var))


def _draw_entropy(d: Draw) -> Iterator[Case]:
    log_var = d.randn(3, 4, dtype=F64) - 1
    yield Case("codes as vectors", (log_var,))
    yield Case("codes as small images", (d.randn(2, 2, 3, 4, dtype=F64),))
    yield Case("one example", (log_var[:1],), "edges")
    yield Case("one number per code", (d.randn(3, 1, dtype=F64),), "edges")
    yield Case("as many examples as numbers", (d.randn(4, 4, dtype=F64),), "edges")
    yield Case("very precise codes: a negative entropy", (d.randn(3, 4, dtype=F64) - 12,), "edges")
    yield Case("float32 stays float32", (d.randn(3, 4),), "edges", strict_dtype=True)
    yield Case("called twice", (log_var,), "clean", "twice")
    yield Case("gradient", (log_var,), "clean", "gradient", cotangent=d.randn(3, dtype=F64))


EXERCISE = Exercise(
    name="latent.encoder_entropy",
    prompt="Give the entropy of each code from its log variances.",
    signature="encoder_entropy(log_var (B, *D)) -> (B,) nats",
    reference=encoder_entropy,
    draw=_draw_entropy,
    criteria=criteria(2, 1, 1, at="one example, one number, B = D, negative entropies, float32"),
    equation="12.2",
    difficulty=1,
    minutes=5,
    hints=(
        "Independent coordinates: their entropies add. One normal number with variance v has an entropy that only v decides.",
        "H = sum over i of log(2 pi e v_i)/2, and log_var is log v already.",
        "return 0.5 * (log_var + math.log(2 * math.pi * math.e)).flatten(1).sum(1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "minus the entropy",
            lambda log_var: -encoder_entropy(log_var),
            "this is minus the entropy, E[log q]. A wide code must have a large entropy.",
        ),
        Misconception(
            "e forgotten",
            _each(lambda v: 0.5 * (v + math.log(2 * math.pi))),
            "1/2 per coordinate is missing: the square in the exponent has the mean 1, which is the e in log(2 pi e v).",
        ),
        Misconception(
            "half forgotten",
            _each(lambda v: v + math.log(2 * math.pi * math.e)),
            "the factor 1/2 is missing: the normaliser is the root of 2 pi v.",
        ),
        Misconception(
            "logarithm taken again",
            _each(lambda v: 0.5 * (torch.log(v.abs()) + math.log(2 * math.pi * math.e))),
            "log_var is the logarithm of the variance already.",
        ),
        Misconception(
            "variance for its logarithm",
            _each(lambda v: 0.5 * (torch.exp(v) + math.log(2 * math.pi * math.e))),
            "you add the variance. Its logarithm is what enters the entropy, and that is log_var itself.",
        ),
        Misconception(
            "mean over the coordinates",
            lambda log_var: 0.5 * (log_var + math.log(2 * math.pi * math.e)).flatten(1).mean(1),
            "entropies of independent coordinates add up: sum over the coordinates, do not average.",
        ),
        Misconception(
            "sum over the last axis only",
            lambda log_var: 0.5 * (log_var + math.log(2 * math.pi * math.e)).sum(-1),
            "codes may be images: sum over all axes but the first, flatten(1).sum(1).",
        ),
        Misconception(
            "mean over the batch",
            lambda log_var: encoder_entropy(log_var).mean(),
            "one number per example is asked for, not their mean.",
        ),
        Misconception(
            "in bits",
            lambda log_var: encoder_entropy(log_var) / math.log(2),
            "this is in bits. Nats are asked for.",
        ),
    ),
)
