"""The model's joint density: `log_joint`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.likelihood_to_elbo.common import F64, WITHHOLDS, criteria, log_normal, per_number, random_table


def log_joint(x: Tensor, means: Tensor, var: Tensor) -> Tensor:
    """Equation (3.1), in logarithms."""
    out = log_normal(x[-1], 0.0, 1.0)
    for t in range(1, len(x)):
        out = out + log_normal(x[t - 1], means[t], var[t])
    return out


def _draw_joint(d: Draw) -> Iterator[Case]:
    T = d.integer(3, 5)
    x, means, var = d.randn(T + 1, 3, 5, dtype=F64), d.randn(T + 1, 3, 5, dtype=F64), random_table(d, T, 0.2, 0.9)
    image = d.randn(T + 1, 2, 1, 3, 3, dtype=F64), d.randn(T + 1, 2, 1, 3, 3, dtype=F64)
    yield Case("paths of vectors", (x, means, var))
    yield Case("paths of images", (*image, var))
    yield Case("one step, T = 1", (x[:2], means[:2], var[:2]), "edges")
    yield Case("one example", (x[:, :1], means[:, :1], var), "edges")
    square = d.randn(T + 1, T + 1, T + 1, dtype=F64)
    yield Case("as many examples as steps and numbers", (square, square.flip(0), var), "edges")
    yield Case("float32 stays float32", (x[:3].float(), means[:3].float(), var[:3]), "edges", strict_dtype=True)
    yield Case("a transposed view", (x.mT.contiguous().mT, means, var), "edges")
    yield Case("called twice", (x, means, var), "clean", "twice")
    yield Case("gradient in the means", (x, means, var), "clean", "gradient", wrt=1, cotangent=d.randn(3, dtype=F64))


def _steps_only(x: Tensor, means: Tensor, var: Tensor) -> Tensor:
    return log_joint(x, means, var) - log_normal(x[-1], 0.0, 1.0)


def _square_only(x: Tensor, means: Tensor, var: Tensor) -> Tensor:
    out = -0.5 * (x[-1] ** 2).flatten(1).sum(1)
    for t in range(1, len(x)):
        out = out - 0.5 * ((x[t - 1] - means[t]) ** 2 / var[t]).flatten(1).sum(1)
    return out


def _in_place(x: Tensor, means: Tensor, var: Tensor) -> Tensor:
    out = log_joint(x, means, var)
    with torch.no_grad():
        x[:-1] -= means[1:]
    return out


def _averaged(x: Tensor, means: Tensor, var: Tensor) -> Tensor:
    out = per_number(x[-1], 0.0, 1.0).flatten(1).mean(1)
    for t in range(1, len(x)):
        out = out + per_number(x[t - 1], means[t], var[t]).flatten(1).mean(1)
    return out


EXERCISE = Exercise(
    name="bound.log_joint",
    prompt="Give the log density of a whole path under the model, log p(x_{0:T}).",
    signature="log_joint(x (T+1, B, *D), means (T+1, B, *D), var (T+1,)) -> (B,)",
    reference=log_joint,
    draw=_draw_joint,
    criteria=criteria(2, 1, 1, at="T = 1, one example, equal sizes, float32, any memory layout"),
    equation="3.1",
    difficulty=2,
    minutes=10,
    hints=(
        "A product of densities is a sum of log densities. One factor has no parent: which? All others look one step back.",
        "log p(x_T) with mean 0 and variance 1, plus for t = 1..T the log density of x_{t-1} with mean means[t] and "
        "variance var[t].",
        "out = log_normal(x[-1], 0.0, 1.0); for t in range(1, len(x)): out = out + log_normal(x[t - 1], means[t], var[t])",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "prior forgotten",
            _steps_only,
            "the factor p(x_T) is missing. The path has to start somewhere, and where it starts has a density too.",
        ),
        Misconception(
            "prior at the data",
            lambda x, m, v: _steps_only(x, m, v) + log_normal(x[0], 0.0, 1.0),
            "the standard normal is evaluated at x_0. The model's path begins at x_T: only that one is N(0, I).",
        ),
        Misconception(
            "x_t in the place of x_{t-1}",
            lambda x, m, v: log_normal(x[-1], 0.0, 1.0) + sum(log_normal(x[t], m[t], v[t]) for t in range(1, len(x))),
            "means[t] is the mean of p(x_{t-1} | x_t), so it belongs to x[t - 1]. You compare it with x[t].",
        ),
        Misconception(
            "tables one early",
            lambda x, m, v: log_joint(x, m.roll(1, 0), v.roll(1, 0)),
            "the step to x_{t-1} uses means[t] and var[t]; you read entry t - 1. Entry 0 belongs to no step.",
        ),
        Misconception(
            "last step left out",
            lambda x, m, v: log_joint(x, m, v) - log_normal(x[-2], m[-1], v[-1]),
            "the step from x_T to x_{T-1} is missing: the loop must include t = T, and range(1, T) ends before it.",
        ),
        Misconception(
            "variance as standard deviation",
            lambda x, m, v: log_joint(x, m, v**2),
            "var holds variances, and you square them once more, as if they were standard deviations.",
        ),
        Misconception(
            "average over the numbers",
            _averaged,
            "you average over the numbers of an example. Independent coordinates multiply, so their logarithms add up.",
        ),
        Misconception(
            "sum over the batch",
            lambda x, m, v: log_joint(x, m, v).sum(),
            "you summed over the batch as well. One number per example is asked for, shape (B,).",
        ),
        Misconception(
            "only the squares",
            _square_only,
            "only the squared distances are there. A normal density also has the factor 1/sqrt(2 pi var), which depends "
            "on the variance.",
        ),
        Misconception(
            "no logarithm",
            lambda x, m, v: torch.exp(log_joint(x, m, v)),
            "this is the density itself. For images it is smaller than any float: stay with logarithms.",
        ),
        Misconception(
            "changes x in place",
            _in_place,
            "the numbers are right, but the path was overwritten on the way. Build new tensors.",
        ),
    ),
)
