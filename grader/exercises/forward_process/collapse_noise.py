"""One noise for many: `collapse_noise`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.forward_process.common import (
    WITHHOLDS,
    criteria,
    random_beta,
)


def collapse_noise(noises: Tensor, t: int, beta: Tensor) -> Tensor:
    """Equation (2.12)."""
    alpha_bar = torch.cumprod(1 - beta, 0)
    weights = (alpha_bar[t] / alpha_bar[1 : t + 1] * beta[1 : t + 1]).sqrt()
    return torch.einsum("s,s...->...", weights.to(noises), noises[1 : t + 1]) / (1 - alpha_bar[t]).sqrt().to(noises)


def _weighted(noises: Tensor, weights: Tensor, total: Tensor) -> Tensor:
    return torch.einsum("s,s...->...", weights.to(noises), noises) / total.to(noises)


def _collapse_with(noises: Tensor, t: int, beta: Tensor, rule: str) -> Tensor:
    ab = torch.cumprod(1 - beta, 0)
    now, before, steps = ab[1 : t + 1], ab[:t], beta[1 : t + 1]
    weights = {
        "no root": ab[t] / now * steps,
        "not shrunk": steps.sqrt(),
        "shrunk once more": (ab[t] / before * steps).sqrt(),
        "undone": (now / ab[t] * steps).sqrt(),
    }[rule]
    return _weighted(noises[1 : t + 1], weights, (1 - ab[t]).sqrt())


def _draw_collapse(d: Draw) -> Iterator[Case]:
    T = d.integer(7, 10)
    beta, noises, t = random_beta(d, T), d.randn(T + 1, 3, 4, dtype=torch.float64), d.integer(3, T - 2)
    yield Case("a few steps", (noises, t, beta))
    yield Case("a few steps more", (d.randn(T + 1, 2, 1, 3, 3, dtype=torch.float64), t + 1, beta))
    yield Case("one step, t = 1", (noises, 1, beta), "edges")
    yield Case("all steps, t = T", (noises, T, beta), "edges")
    yield Case("float32 stays float32", (noises.float(), t, beta), "edges", strict_dtype=True)
    yield Case("called twice", (noises, t, beta), "edges", "twice")


EXERCISE = Exercise(
    name="forward.collapse_noise",
    prompt="Find the single noise with which the jump lands where the loop lands.",
    signature="collapse_noise(noises (T+1, B, *D), t int in 1..T, beta (T+1,)) -> eps (B, *D)",
    reference=collapse_noise,
    draw=_draw_collapse,
    criteria=criteria(3, 1, at="t = 1, t = T, float32, inputs untouched"),
    equation="2.12",
    difficulty=4,
    minutes=20,
    level="stretch",
    hints=(
        "Follow one noise, eps_s. It enters with sqrt(beta_s) and is then shrunk by every later step. What is left of it at t?",
        "eps_s survives with the factor sqrt(beta_s alpha_{s+1} .. alpha_t) = sqrt(beta_s alpha_bar_t / alpha_bar_s). "
        "Add them up and divide by sqrt(1 - alpha_bar_t).",
        "w = (ab[t] / ab[1:t+1] * beta[1:t+1]).sqrt(); eps = torch.einsum('s,s...->...', w, noises[1:t+1]) / (1 - ab[t]).sqrt()",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "plain average",
            lambda n, t, beta: n[1 : t + 1].mean(0),
            "this is the average of the noises. Its variance is 1/t, and early noise has been shrunk more than late noise.",
        ),
        Misconception(
            "equal weights",
            lambda n, t, beta: n[1 : t + 1].sum(0) / t**0.5,
            "the noises get equal weights. The variance is 1, but early noise has been shrunk more than late noise.",
        ),
        Misconception(
            "not divided",
            lambda n, t, beta: collapse_noise(n, t, beta) * (1 - torch.cumprod(1 - beta, 0)[t]).sqrt(),
            "this is the noise part of x_t. Divide it by sqrt(1 - alpha_bar_t), so that its variance is 1.",
        ),
        Misconception(
            "divided by the variance",
            lambda n, t, beta: collapse_noise(n, t, beta) / (1 - torch.cumprod(1 - beta, 0)[t]).sqrt(),
            "you divide by 1 - alpha_bar_t, the variance. Divide by its square root.",
        ),
        Misconception(
            "later shrinking forgotten",
            lambda n, t, beta: _collapse_with(n, t, beta, "not shrunk"),
            "each noise keeps its sqrt(beta_s), but every later step shrinks it: the factor sqrt(alpha_bar_t/alpha_bar_s) is missing.",
        ),
        Misconception(
            "own step shrinks too",
            lambda n, t, beta: _collapse_with(n, t, beta, "shrunk once more"),
            "you use alpha_bar_t/alpha_bar_{s-1}. Step s adds eps_s after shrinking, so only steps s+1 .. t shrink it.",
        ),
        Misconception(
            "weights without root",
            lambda n, t, beta: _collapse_with(n, t, beta, "no root"),
            "the weights are variances. Noises add with standard deviations: take the square root of each weight.",
        ),
        Misconception(
            "ratio upside down",
            lambda n, t, beta: _collapse_with(n, t, beta, "undone"),
            "the ratio is upside down: early noise must get less weight, not more.",
        ),
    ),
)
