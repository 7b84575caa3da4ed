"""One step of the chain: `q_step`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.forward_process.common import WITHHOLDS, criteria, random_beta


def q_step(x_prev: Tensor, t: int, beta: Tensor, noise: Tensor) -> Tensor:
    """Equation (2.3)."""
    return (1 - beta[t]).sqrt().to(x_prev) * x_prev + beta[t].sqrt().to(x_prev) * noise


def _draw_step(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 12)
    beta, t = random_beta(d, T), d.integer(3, T - 2)
    x, noise = d.randn(3, 5), d.randn(3, 5)
    yield Case("a batch of vectors", (x, t, beta, noise))
    yield Case("a batch of images", (d.randn(2, 1, 4, 4), t - 1, beta, d.randn(2, 1, 4, 4)))
    yield Case("the first step, t = 1", (x, 1, beta, noise), "edges")
    yield Case("the last step, t = T", (x, T, beta, noise), "edges")
    yield Case("one example", (x[:1], t, beta, noise[:1]), "edges")
    yield Case("float32 stays float32", (x, t, beta, noise), "edges", strict_dtype=True)
    yield Case("float64", (x.double(), t, beta, noise.double()), "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(5, 3).mT, t, beta, noise), "edges")
    yield Case("called twice", (x, t, beta, noise), "clean", "twice")
    yield Case("gradient in x", (x, t, beta, noise), "clean", "gradient", cotangent=d.randn(3, 5))


def _step_in_place(x_prev: Tensor, t: int, beta: Tensor, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x_prev *= (1 - beta[t]).sqrt()
        x_prev += beta[t].sqrt() * noise
    return x_prev


EXERCISE = Exercise(
    name="forward.q_step",
    prompt="Take one noising step: from x_{t-1} to x_t.",
    signature="q_step(x_prev (B, *D), t int in 1..T, beta (T+1,), noise (B, *D)) -> x_t (B, *D)",
    reference=q_step,
    draw=_draw_step,
    criteria=criteria(2, 1, 1, at="t = 1, t = T, one example, dtypes, any memory layout"),
    equation="2.3",
    difficulty=1,
    minutes=5,
    hints=(
        "A step first shrinks what is there, then adds fresh noise. Two numbers decide it, both made from beta[t].",
        "x_t = sqrt(1 - beta_t) * x_prev + sqrt(beta_t) * noise. A variance of beta_t is a standard deviation of sqrt(beta_t).",
        "return (1 - beta[t]).sqrt() * x_prev + beta[t].sqrt() * noise",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "no shrinking",
            lambda x, t, beta, noise: x + beta[t].sqrt() * noise,
            "you add the noise but do not shrink x first. Then the variance grows at every step instead of settling at 1.",
        ),
        Misconception(
            "scale without root",
            lambda x, t, beta, noise: (1 - beta[t]) * x + beta[t].sqrt() * noise,
            "x is multiplied by 1 - beta_t; its square root belongs there, so that the variances add up to 1.",
        ),
        Misconception(
            "variance as standard deviation",
            lambda x, t, beta, noise: (1 - beta[t]).sqrt() * x + beta[t] * noise,
            "the noise is multiplied by beta_t. That is its variance; multiply by the standard deviation, sqrt(beta_t).",
        ),
        Misconception(
            "no roots at all",
            lambda x, t, beta, noise: (1 - beta[t]) * x + beta[t] * noise,
            "both square roots are missing. 1 - beta_t and beta_t are shares of the variance; multiply by their roots.",
        ),
        Misconception(
            "swapped",
            lambda x, t, beta, noise: beta[t].sqrt() * x + (1 - beta[t]).sqrt() * noise,
            "the two coefficients are swapped: beta_t is small and belongs to the noise.",
        ),
        Misconception(
            "index t-1",
            lambda x, t, beta, noise: q_step(x, t - 1, beta, noise),
            "you read the table at t - 1. The tables have T+1 entries, so step t uses beta[t].",
        ),
        Misconception(
            "index t+1",
            lambda x, t, beta, noise: q_step(x, t + 1, beta, noise),
            "you read the table at t + 1. The tables have T+1 entries, so step t uses beta[t].",
        ),
        Misconception(
            "jump instead of step",
            lambda x, t, beta, noise: (
                torch.cumprod(1 - beta, 0)[t].sqrt() * x + (1 - torch.cumprod(1 - beta, 0)[t]).sqrt() * noise
            ),
            "this is the jump from x_0 to x_t with alpha_bar_t. One step from x_{t-1} uses beta_t alone.",
        ),
        Misconception(
            "minus the noise",
            lambda x, t, beta, noise: (1 - beta[t]).sqrt() * x - beta[t].sqrt() * noise,
            "the noise is subtracted. In distribution that is the same, but the equation (and every later one) adds it.",
        ),
        Misconception(
            "changes x in place",
            _step_in_place,
            "the numbers are right, but x_prev itself is changed (x *= ... or x += ...), and autograd cannot see "
            "through it. Build a new tensor: the caller still needs the old one.",
        ),
    ),
)
