"""What the guided chain really samples, for Gaussian data: `guided_gaussian`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.controllable_generation.common import F64, WITHHOLDS, bars, criteria, random_beta

Moments = tuple[Tensor, Tensor]


def guided_gaussian(v: float, m_y: float, v_y: float, s: float, beta: Tensor) -> Moments:
    """Equation (11.18)."""
    alpha_bar = torch.cumprod(1 - beta, dim=0)
    mean, var = torch.zeros_like(beta[0]), torch.ones_like(beta[0])
    for t in range(len(beta) - 1, 0, -1):
        wide = alpha_bar[t] * v + 1 - alpha_bar[t]
        narrow = alpha_bar[t] * v_y + 1 - alpha_bar[t]
        c = (1 - s) / wide + s / narrow
        push = s * beta[t] * alpha_bar[t].sqrt() * m_y / narrow
        mean = ((1 - beta[t] * c) * mean + push) / (1 - beta[t]).sqrt()
        var = (1 - beta[t] * c) ** 2 / (1 - beta[t]) * var
        if t > 1:
            var = var + beta[t]
    return mean, var


def _run(
    v: float,
    m_y: float,
    v_y: float,
    s: float,
    beta: Tensor,
    *,
    start: float = 1.0,
    pull: Callable[[Tensor, Tensor], Tensor] | None = None,
    shrink: bool = True,
    square: bool = True,
    last: float = 0.0,
    noise: bool = True,
) -> Moments:
    """The recursion, with one thing changed."""
    alpha_bar, mean, var = bars(beta), torch.tensor(0.0, dtype=F64), torch.tensor(start, dtype=F64)
    for t in range(len(beta) - 1, 0, -1):
        wide, narrow = (alpha_bar[t] * k + 1 - alpha_bar[t] for k in (v, v_y))
        c = (1 - s) / wide + s / narrow if pull is None else pull(wide, narrow)
        push = s * beta[t] * (alpha_bar[t].sqrt() if shrink else 1.0) * m_y / narrow
        mean = ((1 - beta[t] * c) * mean + push) / (1 - beta[t]).sqrt()
        factor = (1 - beta[t] * c) / (1 - beta[t]).sqrt()
        var = (factor**2 if square else factor) * var + beta[t] * ((1.0 if t > 1 else last) if noise else 0.0)
    return mean, var


def _tilted(v: float, m_y: float, v_y: float, s: float, beta: Tensor) -> Moments:
    var = 1 / ((1 - s) / v + s / v_y)
    return torch.tensor(s * var / v_y * m_y, dtype=F64), torch.tensor(var, dtype=F64)


def _draw(d: Draw) -> Iterator[Case]:
    v, m_y, v_y, s = d.uniform(1.15, 1.45), d.uniform(0.4, 1.2), d.uniform(0.2, 0.6), d.uniform(1.6, 3.5)
    beta = random_beta(d, d.integer(6, 9))
    yield Case("eight steps or so", (v, m_y, v_y, s, beta))
    yield Case("another schedule, the class on the left", (v, -m_y, v_y, s + 1, random_beta(d, 7, 0.02, 0.4)))
    short = random_beta(d, 3, 0.02, 0.08)  # too short to forget where the chain started
    yield Case("three short steps", (v, m_y, v_y, s, short))
    yield Case("s = 0", (v, m_y, v_y, 0.0, beta), "edges")
    yield Case("s = 1", (v, m_y, v_y, 1.0, beta), "edges")
    yield Case("a class at 0", (v, 0.0, v_y, s, beta), "edges")
    yield Case("one step", (v, m_y, v_y, s, beta[:2]), "edges")
    yield Case("two steps", (v, m_y, v_y, s, beta[:3]), "edges")
    yield Case("called twice", (v, m_y, v_y, s, short), "clean", "twice")


EXERCISE = Exercise(
    name="guidance.guided_gaussian",
    prompt="Compute mean and variance of the samples that the guided DDPM chain ends with, for Gaussian data and class.",
    signature="guided_gaussian(v float, m_y float, v_y float, s float, beta (T+1,)) -> (mean, variance)",
    reference=guided_gaussian,
    draw=_draw,
    criteria=criteria(3, 1, 1, at="s = 0 and 1, a class at 0, one and two steps"),
    equation="11.18",
    difficulty=3,
    minutes=18,
    level="stretch",
    hints=(
        "Everything is a straight line here, so each step is an affine map plus noise: the mean goes through the map, the "
        "variance gets the square of the factor, plus beta_t.",
        "From m = 0, v = 1 at t = T down to 1: the recursion (11.18), with sigma_t^2 = beta_t, and no noise at t = 1.",
        "mean = ((1 - beta[t] * c) * mean + push) / (1 - beta[t]).sqrt(); "
        "var = (1 - beta[t] * c) ** 2 / (1 - beta[t]) * var + (beta[t] if t > 1 else 0)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "the tilted density",
            _tilted,
            "these are mean and variance of the tilted density (11.19): what many believe is sampled. Asked is what the "
            "chain really ends with.",
        ),
        Misconception(
            "not guided",
            lambda v, m, vy, s, b: _run(v, m, vy, 1.0, b),
            "the strength s does not occur: this is the conditional chain, s = 1.",
        ),
        Misconception(
            "the other convention",
            lambda v, m, vy, s, b: _run(v, m, vy, 1 + s, b),
            "you use 1 + s. Here s = 1 is the conditional chain, s = 0 the unconditional one.",
        ),
        Misconception(
            "noise at t = 1",
            lambda v, m, vy, s, b: _run(v, m, vy, s, b, last=1.0),
            "noise is added in the last step too. At t = 1 the sampler returns the mean.",
        ),
        Misconception(
            "no noise",
            lambda v, m, vy, s, b: _run(v, m, vy, s, b, noise=False),
            "the noise of the steps is missing: each adds the variance beta_t (but the last one).",
        ),
        Misconception(
            "factor not squared",
            lambda v, m, vy, s, b: _run(v, m, vy, s, b, square=False),
            "the variance is multiplied by the factor of the map. It needs its square.",
        ),
        Misconception(
            "class mean not shrunk",
            lambda v, m, vy, s, b: _run(v, m, vy, s, b, shrink=False),
            "at step t the noisy class sits at sqrt(alpha_bar_t) m_y; you use m_y.",
        ),
        Misconception(
            "starts at the data",
            lambda v, m, vy, s, b: _run(v, m, vy, s, b, start=v),
            "the chain starts from the prior at t = T, with mean 0 and variance 1, whatever the data is.",
        ),
        Misconception(
            "unconditional part lost",
            lambda v, m, vy, s, b: _run(v, m, vy, s, b, pull=lambda wide, narrow: s / narrow),
            "in c_t the unconditional part (1 - s)/V_t is missing.",
        ),
        Misconception(
            "unconditional part of the wrong sign",
            lambda v, m, vy, s, b: _run(v, m, vy, s, b, pull=lambda wide, narrow: (s - 1) / wide + s / narrow),
            "in c_t the unconditional part has the factor s - 1. It is 1 - s: taken away, when s is above 1.",
        ),
    ),
)
