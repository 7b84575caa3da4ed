"""Several paths inside the logarithm: `importance_weighted`."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.likelihood_to_elbo.common import F64, WITHHOLDS, criteria


def importance_weighted(log_w: Tensor) -> Tensor:
    """Equation (3.14)."""
    return torch.logsumexp(log_w, 0) - math.log(len(log_w))


def _in_place(log_w: Tensor) -> Tensor:
    out = importance_weighted(log_w)
    with torch.no_grad():
        log_w -= log_w.amax(0)
    return out


def _draw_weights(d: Draw) -> Iterator[Case]:
    K = d.integer(4, 7)
    log_w = d.randn(K, 3, dtype=F64) - 2
    yield Case("a few paths", (log_w,))
    yield Case("many paths", (2 * d.randn(50, 4, dtype=F64),))
    yield Case("weights too small for floats", (5 * d.randn(K, 3, dtype=F64) - 2000,), "edges")
    yield Case("weights too large for floats", (5 * d.randn(K, 3, dtype=F64) + 2000,), "edges")
    yield Case("one path, K = 1", (log_w[:1],), "edges")
    yield Case("as many paths as examples", (d.randn(5, 5, dtype=F64),), "edges")
    yield Case("called twice", (log_w,), "edges", "twice")
    yield Case("gradient in the weights", (log_w,), "edges", "gradient", cotangent=d.randn(3, dtype=F64))


EXERCISE = Exercise(
    name="bound.importance_weighted",
    prompt="Average the weights of K paths inside the logarithm.",
    signature="importance_weighted(log_w (K, B)) -> (B,)",
    reference=importance_weighted,
    draw=_draw_weights,
    criteria=criteria(2, 1, at="huge and tiny weights, K = 1, K = B, inputs untouched, gradients flow"),
    equation="3.14",
    difficulty=2,
    minutes=8,
    hints=(
        "The mean of the weights, then its logarithm. But the weights are given by their logarithms and may be e^-2000.",
        "log((w_1 + .. + w_K)/K) = logsumexp of the log weights over the paths, minus log K.",
        "return torch.logsumexp(log_w, 0) - math.log(len(log_w))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "mean of the logarithms",
            lambda log_w: log_w.mean(0),
            "you average the logarithms. That is the ordinary bound again, only less noisy; the average belongs inside the log.",
        ),
        Misconception(
            "sum instead of mean",
            lambda log_w: torch.logsumexp(log_w, 0),
            "log K is not subtracted: you took the logarithm of the sum of the weights, not of their mean.",
        ),
        Misconception(
            "divided by K outside",
            lambda log_w: torch.logsumexp(log_w, 0) / len(log_w),
            "you divide the logarithm by K. The sum is divided inside, which subtracts log K outside.",
        ),
        Misconception(
            "exponential overflows",
            lambda log_w: torch.log(torch.exp(log_w).mean(0)),
            "right for moderate weights, but exp(-2000) is 0 and exp(2000) is infinite. Use torch.logsumexp.",
        ),
        Misconception(
            "over the wrong axis",
            lambda log_w: torch.logsumexp(log_w, -1) - math.log(log_w.shape[-1]),
            "you average over the examples. The first axis counts the paths: average over that one.",
        ),
        Misconception(
            "best path only",
            lambda log_w: log_w.amax(0),
            "you take the largest weight only. All of them count.",
        ),
        Misconception(
            "weights weight themselves",
            lambda log_w: (torch.softmax(log_w, 0) * log_w).sum(0),
            "you average the logarithms with the weights themselves. The plain mean of w, then one logarithm, is asked for.",
        ),
        Misconception(
            "as a loss",
            lambda log_w: -importance_weighted(log_w),
            "this is minus the bound. A lower bound on log p(x_0) is asked for.",
        ),
        Misconception(
            "changes the weights in place",
            _in_place,
            "the value is right, but the log weights were shifted in place. The next call finds other numbers.",
        ),
    ),
)
