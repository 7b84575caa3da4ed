"""The running product: `alpha_bar_table`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception
from grader.exercises.forward_process.common import WITHHOLDS, criteria, random_beta


def alpha_bar_table(beta: Tensor) -> Tensor:
    """Equation (2.8)."""
    return torch.cumprod(1 - beta, 0)


def _draw_alpha_bar(d: Draw) -> Iterator[Case]:
    beta = random_beta(d, d.integer(5, 9))
    yield Case("a short table", (beta,))
    yield Case("a long table", (random_beta(d, 200, 1e-4, 0.05),))
    yield Case("a single step, T = 1", (random_beta(d, 1),), "edges")
    yield Case("the table stays float64", (beta,), "edges", strict_dtype=True)
    yield Case("called twice", (beta,), "clean", "twice")
    # No gradient case: beta[0] is a constant, and a right answer may or may not let a gradient reach it.


def _alpha_bar_in_place(beta: Tensor) -> Tensor:
    with torch.no_grad():
        beta.neg_().add_(1)
    return torch.cumprod(beta, 0)


EXERCISE = Exercise(
    name="forward.alpha_bar_table",
    prompt="Turn the table of betas into the table of alpha_bar.",
    signature="alpha_bar_table(beta (T+1,)) -> alpha_bar (T+1,)",
    reference=alpha_bar_table,
    draw=_draw_alpha_bar,
    criteria=(*criteria(1, 1, at="T = 1, a float64 table"), Criterion("clean", 1, "input untouched")),
    equation="2.8",
    difficulty=1,
    minutes=5,
    hints=(
        "alpha_t = 1 - beta_t, and the bar means the running product of the alphas so far.",
        "alpha_bar[t] = alpha[1] * ... * alpha[t]. Because beta[0] = 0, the product may start at index 0 as well.",
        "return torch.cumprod(1 - beta, dim=0)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "no product",
            lambda beta: 1 - beta,
            "this is alpha_t, one step's share. alpha_bar_t is the product of alpha_1 .. alpha_t.",
        ),
        Misconception(
            "product of betas",
            lambda beta: torch.cumprod(beta, 0),
            "you multiply the betas. Multiply the alphas, 1 - beta: they are the shares of variance that are kept.",
        ),
        Misconception(
            "one minus sum",
            lambda beta: 1 - torch.cumsum(beta, 0),
            "you subtract the sum of the betas. That is close while the sum is small, and negative once it is above 1. Multiply.",
        ),
        Misconception(
            "exponential of minus sum",
            lambda beta: torch.exp(-torch.cumsum(beta, 0)),
            "exp(-sum of beta) is the limit of many tiny steps; with these betas the product is smaller.",
        ),
        Misconception(
            "geometric mean",
            lambda beta: torch.cat(
                [
                    torch.ones_like(beta[:1]),
                    torch.cumprod(1 - beta, 0)[1:] ** (1 / torch.arange(1, len(beta)).to(beta)),
                ]
            ),
            "this is the geometric mean. The bar stands for the running product itself, without the t-th root.",
        ),
        Misconception(
            "shifted",
            lambda beta: torch.cat([torch.ones_like(beta[:1]), torch.cumprod(1 - beta, 0)[:-1]]),
            "the table is shifted by one: entry t holds alpha_bar_{t-1}. With beta[0] = 0 no padding is needed.",
        ),
        Misconception(
            "square root",
            lambda beta: torch.cumprod((1 - beta).sqrt(), 0),
            "these are the square roots. They come later, as the factor of x_0; the table holds alpha_bar itself.",
        ),
        Misconception(
            "what is noise",
            lambda beta: 1 - torch.cumprod(1 - beta, 0),
            "this is 1 - alpha_bar, the noise's share of the variance. alpha_bar is the data's share and starts at 1.",
        ),
        Misconception(
            "changes beta in place",
            _alpha_bar_in_place,
            "the table is right, but your function overwrote beta. The next cell that needs the betas finds other numbers.",
        ),
    ),
)
