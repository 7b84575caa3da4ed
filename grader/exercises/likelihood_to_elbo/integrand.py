"""What the bound averages: `integrand`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.likelihood_to_elbo.common import F64, WITHHOLDS, criteria, log_normal, random_beta, random_table
from grader.exercises.likelihood_to_elbo.log_joint import log_joint
from grader.exercises.likelihood_to_elbo.log_q import log_q


def integrand(x: Tensor, means: Tensor, var: Tensor, beta: Tensor) -> Tensor:
    """log p(x_{0:T}) - log q(x_{1:T} | x_0), minus what stands inside equation (3.10)."""
    return log_joint(x, means, var) - log_q(x, beta)


def _only_the_end(x: Tensor, means: Tensor, var: Tensor, beta: Tensor) -> Tensor:
    bar = torch.cumprod(1 - beta, 0)[-1]
    return log_joint(x, means, var) - log_normal(x[-1], bar.sqrt().to(x) * x[0], 1 - bar)


def _draw_integrand(d: Draw) -> Iterator[Case]:
    T = d.integer(3, 5)
    x, means = d.randn(T + 1, 3, 5, dtype=F64), d.randn(T + 1, 3, 5, dtype=F64)
    var, beta = random_table(d, T, 0.2, 0.9), random_beta(d, T)
    yield Case("paths of vectors", (x, means, var, beta))
    image = d.randn(T + 1, 2, 1, 3, 3, dtype=F64), d.randn(T + 1, 2, 1, 3, 3, dtype=F64)
    yield Case("paths of images", (*image, var, beta))
    yield Case("one step, T = 1", (x[:2], means[:2], var[:2], beta[:2]), "edges")
    yield Case("one example", (x[:, :1], means[:, :1], var, beta), "edges")
    yield Case("called twice", (x, means, var, beta), "edges", "twice")
    cotangent = d.randn(3, dtype=F64)
    yield Case("gradient in the means", (x, means, var, beta), "edges", "gradient", wrt=1, cotangent=cotangent)


EXERCISE = Exercise(
    name="bound.integrand",
    prompt="Give the logarithm of the weight of a path, log p(x_{0:T}) - log q(x_{1:T} | x_0).",
    signature="integrand(x (T+1, B, *D), means (T+1, B, *D), var (T+1,), beta (T+1,)) -> (B,)",
    reference=integrand,
    draw=_draw_integrand,
    criteria=criteria(2, 1, at="T = 1, one example, inputs untouched, gradients flow"),
    equation="3.10",
    difficulty=2,
    minutes=5,
    hints=(
        "You have written both densities. The logarithm of a quotient is a difference.",
        "log w = log_joint(x, means, var) - log_q(x, beta), one number per path.",
        "return log_joint(x, means, var) - log_q(x, beta)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "the other sign",
            lambda x, m, v, beta: log_q(x, beta) - log_joint(x, m, v),
            "this is log q - log p, what the loss averages. The weight w has p on top, and its logarithm is asked for.",
        ),
        Misconception(
            "sum of the two",
            lambda x, m, v, beta: log_joint(x, m, v) + log_q(x, beta),
            "you add the two log densities. p is divided by q, so the logarithms are subtracted.",
        ),
        Misconception(
            "quotient of logarithms",
            lambda x, m, v, beta: log_joint(x, m, v) / log_q(x, beta),
            "you divide one logarithm by the other. The logarithm of a quotient is the difference of the logarithms.",
        ),
        Misconception(
            "the weight itself",
            lambda x, m, v, beta: torch.exp(integrand(x, m, v, beta)),
            "this is w. Its logarithm is asked for: w itself overflows or vanishes for images.",
        ),
        Misconception(
            "no q",
            lambda x, m, v, beta: log_joint(x, m, v),
            "log q is missing. Averaged over q, this would not bound anything: q must be divided out.",
        ),
        Misconception(
            "q of the end only",
            _only_the_end,
            "you divide by the jump q(x_T | x_0). All of x_1 .. x_T were drawn, so the whole path's density is divided out.",
        ),
        Misconception(
            "averaged over the batch",
            lambda x, m, v, beta: integrand(x, m, v, beta).mean(),
            "you averaged over the batch. One number per path is asked for, shape (B,).",
        ),
        Misconception(
            "per step",
            lambda x, m, v, beta: integrand(x, m, v, beta) / (len(x) - 1),
            "you divided by T. The steps of a path add up.",
        ),
        Misconception(
            "prior forgotten",
            lambda x, m, v, beta: integrand(x, m, v, beta) - log_normal(x[-1], 0.0, 1.0),
            "the factor p(x_T) is missing from the model's joint density.",
        ),
    ),
)
