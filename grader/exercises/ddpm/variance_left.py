"""What is left of the spread when no noise is added back: `variance_left`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.ddpm.common import WITHHOLDS, bars, criteria, random_beta


def variance_left(beta: Tensor, var_0: float) -> Tensor:
    """Equation (5.23)."""
    alpha_bar = torch.cumprod(1 - beta, dim=0)
    var = alpha_bar * var_0 + 1 - alpha_bar
    return torch.prod(1 - beta[1:] / var[1:])


def _var(beta: Tensor, var_0: float) -> Tensor:
    return bars(beta) * var_0 + 1 - bars(beta)


def _draw(d: Draw) -> Iterator[Case]:
    beta = random_beta(d, d.integer(5, 9), 0.02, 0.2)
    yield Case("data narrower than the noise", (beta, d.uniform(0.4, 0.7)))
    yield Case("data wider than the noise", (beta, d.uniform(1.5, 3.0)))
    yield Case("data of variance 1", (random_beta(d, 6, 0.02, 0.2), 1.0), "edges")
    yield Case("called twice", (beta, d.uniform(0.4, 0.7)), "edges", "twice")
    yield Case("a single step", (random_beta(d, 1, 0.02, 0.2), d.uniform(0.5, 2.0)), "edges")


EXERCISE = Exercise(
    name="ddpm.variance_left",
    prompt="For Gaussian data: which share of the data's variance do samples have when no noise is added back?",
    signature="variance_left(beta (T+1,), var_0 float, the variance of the data) -> a number between 0 and 1",
    reference=variance_left,
    draw=_draw,
    criteria=criteria(2, 1, at="variance 1, a single step, inputs untouched"),
    equation="5.23",
    difficulty=3,
    minutes=12,
    level="stretch",
    hints=(
        "Each step multiplies the share by a factor below 1. The factor of step t needs beta_t and the variance of x_t.",
        "Var[x_t] = alpha_bar_t var_0 + 1 - alpha_bar_t; the share is the product over t = 1..T of 1 - beta_t / Var[x_t].",
        "var = alpha_bar * var_0 + 1 - alpha_bar; return torch.prod(1 - beta[1:] / var[1:])",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "alpha_bar_T",
            lambda b, v: bars(b)[-1],
            "alpha_bar_T is the answer for data of variance 1 only. In general beta_t is divided by the variance of x_t.",
        ),
        Misconception(
            "variance of the data at every t",
            lambda b, v: torch.prod(1 - b[1:] / v),
            "you divide by the variance of the data at every step. x_t has the variance alpha_bar_t var_0 + 1 - alpha_bar_t.",
        ),
        Misconception(
            "variance of x_{t-1}",
            lambda b, v: torch.prod(1 - b[1:] / _var(b, v)[:-1]),
            "you divide by the variance of x_{t-1}. The step starts from x_t: use its variance.",
        ),
        Misconception(
            "only the noise",
            lambda b, v: torch.prod(1 - b[1:] / (1 - bars(b)[1:])),
            "you divide by the variance of the noise alone, 1 - alpha_bar_t. x_t has the data's part too.",
        ),
        Misconception(
            "standard deviations",
            lambda b, v: variance_left(b, v).sqrt(),
            "this is the share of the standard deviation. The share of the variance is its square.",
        ),
        Misconception(
            "added up",
            lambda b, v: 1 - (b[1:] / _var(b, v)[1:]).sum(),
            "the losses are added up. Each step takes its share of what is left: multiply.",
        ),
        Misconception(
            "not a share",
            lambda b, v: v * variance_left(b, v),
            "this is the variance itself. The share is that divided by the variance of the data.",
        ),
        Misconception(
            "what is lost",
            lambda b, v: 1 - variance_left(b, v),
            "this is the share that is lost. Asked is the share that is left.",
        ),
    ),
)
