"""The path of the noise: `log_q`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.likelihood_to_elbo.common import (
    F64,
    WITHHOLDS,
    criteria,
    log_normal,
    per_number,
    random_beta,
    root_mean,
)


def log_q(x: Tensor, beta: Tensor) -> Tensor:
    """Equation (3.5), in logarithms."""
    out = torch.zeros(x.shape[1], dtype=x.dtype)
    for t in range(1, len(x)):
        out = out + log_normal(x[t], (1 - beta[t]).sqrt() * x[t - 1], beta[t])
    return out


def _total(terms: Iterator[Tensor]) -> Tensor:
    return torch.stack(list(terms)).sum(0)


def _jumps(x: Tensor, beta: Tensor) -> Tensor:
    bar = torch.cumprod(1 - beta, 0)
    return _total(log_normal(x[t], bar[t].sqrt().to(x) * x[0], 1 - bar[t]) for t in range(1, len(x)))


def _unshrunk(x: Tensor, beta: Tensor) -> Tensor:
    return _total(log_normal(x[t], x[t - 1], beta[t]) for t in range(1, len(x)))


def _no_root(x: Tensor, beta: Tensor) -> Tensor:
    return _total(log_normal(x[t], (1 - beta[t]).to(x) * x[t - 1], beta[t]) for t in range(1, len(x)))


def _turned(x: Tensor, beta: Tensor) -> Tensor:
    return _total(log_normal(x[t - 1], root_mean(x[t], beta, t), beta[t]) for t in range(1, len(x)))


def _deviation(x: Tensor, beta: Tensor) -> Tensor:
    return _total(log_normal(x[t], root_mean(x[t - 1], beta, t), beta[t] ** 2) for t in range(1, len(x)))


def _averaged(x: Tensor, beta: Tensor) -> Tensor:
    steps = (per_number(x[t], root_mean(x[t - 1], beta, t), beta[t]) for t in range(1, len(x)))
    return _total(s.flatten(1).mean(1) for s in steps)


def _in_place(x: Tensor, beta: Tensor) -> Tensor:
    out = log_q(x, beta)
    with torch.no_grad():
        beta.neg_().add_(1)
    return out


def _draw_log_q(d: Draw) -> Iterator[Case]:
    T = d.integer(3, 5)
    x, beta = d.randn(T + 1, 3, 5, dtype=F64), random_beta(d, T)
    yield Case("paths of vectors", (x, beta))
    yield Case("paths of images", (d.randn(T + 1, 2, 1, 3, 3, dtype=F64), beta))
    yield Case("one step, T = 1", (x[:2], beta[:2]), "edges")
    yield Case("one example", (x[:, :1], beta), "edges")
    yield Case("as many examples as steps and numbers", (d.randn(T + 1, T + 1, T + 1, dtype=F64), beta), "edges")
    yield Case("float32 stays float32", (x[:3].float(), beta[:3]), "edges", strict_dtype=True)
    yield Case("called twice", (x, beta), "clean", "twice")
    yield Case("gradient in the path", (x, beta), "clean", "gradient", cotangent=d.randn(3, dtype=F64))


EXERCISE = Exercise(
    name="bound.log_q",
    prompt="Give the log density of the noisy versions, log q(x_{1:T} | x_0).",
    signature="log_q(x (T+1, B, *D), beta (T+1,)) -> (B,)",
    reference=log_q,
    draw=_draw_log_q,
    criteria=criteria(2, 1, 1, at="T = 1, one example, equal sizes, float32"),
    equation="3.5",
    difficulty=2,
    minutes=8,
    hints=(
        "As many factors as steps. Each is the forward step of lesson 02, as a density. What stands behind the bar has no factor.",
        "Sum over t = 1..T of the log density of x_t with mean sqrt(1 - beta_t) x_{t-1} and variance beta_t.",
        "for t in range(1, len(x)): out = out + log_normal(x[t], (1 - beta[t]).sqrt() * x[t - 1], beta[t])",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "the data has a factor",
            lambda x, beta: log_q(x, beta) + log_normal(x[0], 0.0, 1.0),
            "there is a factor for x_0. It stands behind the bar, so it is given; and nobody knows q(x_0), it is not N(0, I).",
        ),
        Misconception(
            "product of jumps",
            _jumps,
            "you multiply the jumps q(x_t | x_0). Given x_0 the noisy versions still depend on each other: the factors are "
            "the single steps q(x_t | x_{t-1}).",
        ),
        Misconception(
            "no shrinking",
            _unshrunk,
            "the mean of x_t is sqrt(1 - beta_t) x_{t-1}; you take x_{t-1} itself.",
        ),
        Misconception(
            "scale without root",
            _no_root,
            "the mean of x_t has the factor sqrt(1 - beta_t); you left out the root.",
        ),
        Misconception(
            "the wrong way round",
            _turned,
            "you ask for the density of x_{t-1} given x_t. The noise goes from x_{t-1} to x_t.",
        ),
        Misconception(
            "variance as standard deviation",
            _deviation,
            "beta_t is the variance already; you square it once more.",
        ),
        Misconception(
            "last step left out",
            lambda x, beta: log_q(x[:-1], beta),
            "the step to x_T is missing: the loop must include t = T, and range(1, T) ends before it.",
        ),
        Misconception(
            "average over the numbers",
            _averaged,
            "you average over the numbers of an example. Their log densities add up.",
        ),
        Misconception(
            "sum over the batch",
            lambda x, beta: log_q(x, beta).sum(),
            "you summed over the batch as well. One number per example is asked for, shape (B,).",
        ),
        Misconception(
            "changes beta in place",
            _in_place,
            "the numbers are right, but the table of betas was overwritten. Build new tensors.",
        ),
    ),
)
