"""The weight that the bound gives to each step: `vlb_weight`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.ddpm.common import WITHHOLDS, bars, criteria, random_beta, random_variance


def vlb_weight(beta: Tensor, sigma2: Tensor) -> Tensor:
    """Equation (5.8)."""
    alpha_bar = torch.cumprod(1 - beta, dim=0)
    weight = torch.zeros_like(beta)
    weight[1:] = beta[1:] ** 2 / (2 * sigma2[1:] * (1 - beta[1:]) * (1 - alpha_bar[1:]))
    return weight


def _weight(top: Tensor, *bottom: Tensor) -> Tensor:
    out = torch.zeros_like(top)
    out[1:] = top[1:]
    for factor in bottom:
        out[1:] = out[1:] / factor[1:]
    return out


def _division_by_zero(beta: Tensor, sigma2: Tensor) -> Tensor:
    return beta**2 / (2 * sigma2 * (1 - beta) * (1 - torch.cumprod(1 - beta, 0)))


def _shifted(beta: Tensor, sigma2: Tensor) -> Tensor:
    """alpha_bar_{t-1} where alpha_bar_t belongs; at t = 1, where that would divide by 0, alpha_bar_1."""
    ab = bars(beta)
    return _weight(beta**2, 2 * sigma2, 1 - beta, 1 - torch.cat([ab[:1], ab[1:2], ab[1:-1]]))


def _draw(d: Draw) -> Iterator[Case]:
    beta = random_beta(d, d.integer(6, 12))
    yield Case("sigma^2 = beta", (beta, beta.clone()))
    yield Case("another sigma^2", (beta, random_variance(d, beta)))
    longer = random_beta(d, 40, 0.001, 0.05)
    yield Case("forty small steps", (longer, random_variance(d, longer)))
    single = random_beta(d, 1)
    yield Case("a single step, T = 1", (single, random_variance(d, single)), "edges")
    yield Case("float64 stays float64", (beta, random_variance(d, beta)), "edges", strict_dtype=True)
    yield Case("called twice", (beta, random_variance(d, beta)), "clean", "twice")


EXERCISE = Exercise(
    name="ddpm.vlb_weight",
    prompt="Make the table of the weights lambda_t that the bound gives to the squared noise error.",
    signature="vlb_weight(beta (T+1,), sigma2 (T+1,) variances of the reverse steps) -> lambda (T+1,), lambda[0] = 0",
    reference=vlb_weight,
    draw=_draw,
    criteria=criteria(2, 1, 1, at="T = 1, entry 0, dtype"),
    equation="5.8",
    difficulty=2,
    minutes=10,
    hints=(
        "The squared distance of the two means, divided by twice the variance of the reverse step.",
        "lambda_t = beta_t^2 / (2 sigma_t^2 alpha_t (1 - alpha_bar_t)) for t = 1..T. At t = 0 it would be 0/0: put 0 there.",
        "out = torch.zeros_like(beta); out[1:] = beta[1:] ** 2 / (2 * sigma2[1:] * (1 - beta[1:]) * (1 - alpha_bar[1:]))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "the 2 forgotten",
            lambda b, s2: _weight(b**2, s2, 1 - b, 1 - bars(b)),
            "the factor 2 below is missing: the exponent of a Gaussian has 1/(2 sigma^2).",
        ),
        Misconception(
            "beta not squared",
            lambda b, s2: _weight(b, 2 * s2, 1 - b, 1 - bars(b)),
            "beta_t is squared: the means differ by a multiple of beta_t, and their distance is squared.",
        ),
        Misconception(
            "alpha forgotten",
            lambda b, s2: _weight(b**2, 2 * s2, 1 - bars(b)),
            "alpha_t below is missing: both means carry the factor 1/sqrt(alpha_t).",
        ),
        Misconception(
            "alpha_bar for alpha",
            lambda b, s2: _weight(b**2, 2 * s2, bars(b), 1 - bars(b)),
            "you divide by alpha_bar_t; the factor in front of the mean is 1/sqrt(alpha_t), without the bar.",
        ),
        Misconception(
            "alpha for alpha_bar",
            lambda b, s2: _weight(b**2, 2 * s2, 1 - b, b),
            "you divide by 1 - alpha_t; under the noise stands 1 - alpha_bar_t, with the bar.",
        ),
        Misconception(
            "root kept",
            lambda b, s2: _weight(b**2, 2 * s2, 1 - b, (1 - bars(b)).sqrt()),
            "the root over 1 - alpha_bar_t is still there. The distance was squared, so it goes away.",
        ),
        Misconception(
            "sigma2 squared again",
            lambda b, s2: _weight(b**2, 2 * s2**2, 1 - b, 1 - bars(b)),
            "sigma2 is already the variance sigma_t^2: do not square it again.",
        ),
        Misconception(
            "always beta",
            lambda b, s2: _weight(b, torch.full_like(b, 2.0), 1 - b, 1 - bars(b)),
            "your weight does not depend on sigma2: you have put in sigma_t^2 = beta_t. Use the table that is given.",
        ),
        Misconception(
            "0/0 at t = 0",
            _division_by_zero,
            "entry 0 is 0/0, which is nan, and one nan in a table spoils every sum. Put 0 there.",
        ),
        Misconception(
            "T entries",
            lambda b, s2: vlb_weight(b, s2)[1:],
            "the table has T entries. Keep entry 0, so that entry t belongs to step t.",
        ),
        Misconception(
            "bar of the step before",
            _shifted,
            "you read alpha_bar at t - 1. The noise that is predicted sits in x_t, so it is 1 - alpha_bar_t.",
        ),
    ),
)
