"""The posterior as a parabola: `complete_square`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.decomposing_the_elbo.common import WITHHOLDS, criteria, random_beta

Pair = tuple[Tensor, Tensor]


def complete_square(x_0: Tensor, x_t: Tensor, t: int, beta: Tensor) -> Pair:
    """Equation (4.10)."""
    ab = torch.cumprod(1 - beta, 0)
    return _pair(x_0, x_t, (1 - beta[t]) / beta[t], 1 / (1 - ab[t - 1]), t, beta)


def _pair(x_0: Tensor, x_t: Tensor, step: Tensor, jump: Tensor, t: int, beta: Tensor) -> Pair:
    ab = torch.cumprod(1 - beta, 0)
    pull = (1 - beta[t]).sqrt() / beta[t] * x_t + ab[t - 1].sqrt() / (1 - ab[t - 1]) * x_0
    return step + jump, pull


def _solved(x_0: Tensor, x_t: Tensor, t: int, beta: Tensor) -> Pair:
    precision, pull = complete_square(x_0, x_t, t, beta)
    return pull / precision, 1 / precision


def _pull_without_roots(x_0: Tensor, x_t: Tensor, t: int, beta: Tensor) -> Pair:
    ab = torch.cumprod(1 - beta, 0)
    pull = (1 - beta[t]) / beta[t] * x_t + ab[t - 1] / (1 - ab[t - 1]) * x_0
    return complete_square(x_0, x_t, t, beta)[0], pull


def _jump_to_t(x_0: Tensor, x_t: Tensor, t: int, beta: Tensor) -> Pair:
    ab = torch.cumprod(1 - beta, 0)
    pull = (1 - beta[t]).sqrt() / beta[t] * x_t + ab[t].sqrt() / (1 - ab[t]) * x_0
    return (1 - beta[t]) / beta[t] + 1 / (1 - ab[t]), pull


def _step_alone(x_0: Tensor, x_t: Tensor, t: int, beta: Tensor) -> Pair:
    return (1 - beta[t]) / beta[t], (1 - beta[t]).sqrt() / beta[t] * x_t


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(5, 8)
    beta, t = random_beta(d, T), d.integer(3, 4)
    x_0, x_t = d.randn(3, 5, dtype=torch.float64), d.randn(3, 5, dtype=torch.float64)
    image = d.randn(2, 1, 3, 3, dtype=torch.float64), d.randn(2, 1, 3, 3, dtype=torch.float64)
    yield Case("vectors", (x_0, x_t, t, beta))
    yield Case("images", (*image, t, beta))
    yield Case("t = 2", (x_0, x_t, 2, beta), "edges")
    yield Case("t = T", (x_0, x_t, T, beta), "edges")
    yield Case("one example", (x_0[:1], x_t[:1], t, beta), "edges")
    yield Case("called twice", (x_0, x_t, t, beta), "clean", "twice")


EXERCISE = Exercise(
    name="elbo.complete_square",
    prompt="Collect what stands with x_{t-1} in the posterior: the precision, and the vector that pulls.",
    signature="complete_square(x_0 (B, *D), x_t (B, *D), t int in 2..T, beta (T+1,)) -> "
    "(precision, a number; pull (B, *D))",
    reference=complete_square,
    draw=_draw,
    criteria=criteria(2, 1, 1, at="t = 2, t = T, one example"),
    equation="4.10",
    difficulty=3,
    minutes=12,
    hints=(
        "Write both squares of Bayes' rule, open the brackets, and keep only what holds x_{t-1}: first what stands with "
        "its square, then what stands with itself.",
        "The step (x_t - sqrt(alpha_t) x_{t-1})^2 / beta_t gives alpha_t/beta_t and sqrt(alpha_t)/beta_t x_t. The jump "
        "(x_{t-1} - sqrt(alpha_bar_{t-1}) x_0)^2 / (1 - alpha_bar_{t-1}) gives the other two.",
        "precision = (1 - beta[t]) / beta[t] + 1 / (1 - ab[t - 1]); pull = (1 - beta[t]).sqrt() / beta[t] * x_t + "
        "ab[t - 1].sqrt() / (1 - ab[t - 1]) * x_0",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "step without alpha",
            lambda x_0, x_t, t, beta: (
                1 / beta[t] + 1 / (1 - torch.cumprod(1 - beta, 0)[t - 1]),
                complete_square(x_0, x_t, t, beta)[1],
            ),
            "the step gives alpha_t/beta_t, not 1/beta_t: inside its square x_{t-1} is multiplied by sqrt(alpha_t).",
        ),
        Misconception(
            "pull without roots",
            _pull_without_roots,
            "the roots are lost in the pull. The mixed term of (x_t - sqrt(alpha_t) x_{t-1})^2 has sqrt(alpha_t), not alpha_t.",
        ),
        Misconception(
            "jump to t",
            _jump_to_t,
            "the jump should land on x_{t-1}: use alpha_bar_{t-1}. The jump to x_t does not hold x_{t-1} at all, so it is "
            "part of the constant.",
        ),
        Misconception(
            "step alone",
            _step_alone,
            "only the forward step is there. The jump q(x_{t-1} | x_0) holds x_{t-1} too.",
        ),
        Misconception(
            "mean and variance",
            _solved,
            "these are mean and variance. They come next; asked for are the precision and the pull before the division.",
        ),
        Misconception(
            "variances added",
            lambda x_0, x_t, t, beta: (
                beta[t] / (1 - beta[t]) + (1 - torch.cumprod(1 - beta, 0)[t - 1]),
                complete_square(x_0, x_t, t, beta)[1],
            ),
            "you added variances. When densities are multiplied, the precisions add: one over the variance each.",
        ),
        Misconception(
            "half of it",
            lambda x_0, x_t, t, beta: tuple(v / 2 for v in complete_square(x_0, x_t, t, beta)),
            "both are half of what they should be: the form is -1/2 precision |x|^2 + pull . x, with the half outside.",
        ),
        Misconception(
            "pull doubled",
            lambda x_0, x_t, t, beta: ((p := complete_square(x_0, x_t, t, beta))[0], 2 * p[1]),
            "the pull is twice too large: the 2 of the mixed term meets the 1/2 in front.",
        ),
    ),
)
