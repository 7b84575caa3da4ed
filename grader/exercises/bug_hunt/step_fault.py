"""A step of Algorithm 2 with alpha where alpha_bar belongs: `step_fault`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.bug_hunt.common import CRITERIA, WITHHOLDS, Checked, hidden, rising_beta, same, usual


def step_fault(step: Checked, beta: Tensor, t: int) -> int:
    """Equation (13.20), the range of allowed variances, and no noise in the last step."""
    bar = torch.cumprod(1 - beta, 0)
    if not same(step(1.0, 0.0, t, 0.0), (1 - beta[t]) ** -0.5):
        return 2
    if not same(step(1.0, (1 - bar[t]).sqrt(), t, 0.0), (1 - beta[t]).sqrt()):
        return 1
    var = step(0.0, 0.0, t, 1.0) ** 2
    smallest = (1 - bar[t - 1]) / (1 - bar[t]) * beta[t]
    if not same(var, var.clamp(smallest, beta[t])):
        return 3
    return 0 if same(step(0.0, 0.0, 1, 1.0), 0) else 4


def _with(step: Checked, beta: Tensor, t: int, only_beta: bool = False, last: bool = True) -> int:
    bar = torch.cumprod(1 - beta, 0)
    if not same(step(1.0, 0.0, t, 0.0), (1 - beta[t]) ** -0.5):
        return 2
    if not same(step(1.0, (1 - bar[t]).sqrt(), t, 0.0), (1 - beta[t]).sqrt()):
        return 1
    var = step(0.0, 0.0, t, 1.0) ** 2
    low = beta[t] if only_beta else (1 - bar[t - 1]) / (1 - bar[t]) * beta[t]
    if not same(var, var.clamp(low, beta[t])):
        return 3
    return 4 if last and not same(step(0.0, 0.0, 1, 1.0), 0) else 0


def _variance_preserved(step: Checked, beta: Tensor, t: int) -> int:
    """Standard normal data keep their variance under the step with sigma^2 = beta."""
    exact = step(1.0, (1 - torch.cumprod(1 - beta, 0)[t]).sqrt(), t, 0.0)
    return 0 if same(exact**2 + step(0.0, 0.0, t, 1.0) ** 2, 1) else 3


def _last_step(step: Checked, beta: Tensor, t: int) -> int:
    return 0 if same(step(0.0, 0.0, 1, 1.0), 0) else 4


def _draw(d: Draw) -> Iterator[Case]:
    beta = rising_beta(d, 5)
    tables = {"beta": beta, "alpha": 1 - beta, "alpha_bar": torch.cumprod(1 - beta, 0)}
    yield from hidden(d, "step", (beta, d.integer(2, 4)), **tables)


EXERCISE = Exercise(
    name="hunt.step_fault",
    prompt="Write a check of a reverse step: 0 if it is sound, else the number of the broken line.",
    signature="step_fault(step: (x, eps, t int, z) -> x_{t-1}, beta (T+1,), t int in 2..T-1) -> int",
    reference=step_fault,
    draw=_draw,
    criteria=CRITERIA,
    equation="13.20",
    difficulty=3,
    minutes=20,
    hints=(
        "Take data for which everything is known: standard normal data. Their x_t is standard normal at every t, so the exact "
        "prediction is eps = sqrt(1 - alpha_bar_t) x.",
        "The factor of x is 1/sqrt(alpha_t) (else line 2). With the exact eps it becomes sqrt(alpha_t) (else line 1). The variance "
        "lies between beta_tilde_t and beta_t (else line 3). At t = 1 no noise (else line 4).",
        "step(1.0, 0.0, t, 0.0), step(1.0, (1 - bar[t]).sqrt(), t, 0.0), step(0.0, 0.0, t, 1.0) ** 2; at the end "
        "step(0.0, 0.0, 1, 1.0)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        *usual(step_fault, 1),
        Misconception(
            "sigma^2 must be beta",
            lambda step, beta, t: _with(step, beta, t, only_beta=True),
            "your check refuses every variance but beta_t. Lesson 05: everything from beta_tilde_t to beta_t is allowed. A check must "
            "also let right things pass.",
        ),
        Misconception(
            "t = T only",
            lambda step, beta, t: _with(step, beta, len(beta) - 1),
            "your check asks about t = T. There a sampler passes that takes sigma from the step before, where there is one. Ask about the t that you are "
            "given.",
        ),
        Misconception(
            "last step not looked at",
            lambda step, beta, t: _with(step, beta, t, last=False),
            "your check never asks about t = 1, where no noise may be added.",
        ),
        Misconception(
            "variance must stay 1",
            _variance_preserved,
            "your check asks whether standard normal data keep the variance 1. That holds for sigma^2 = beta_t alone, and it does "
            "not say which line is broken.",
        ),
        Misconception(
            "only the last step",
            _last_step,
            "your check looks at the step t = 1 only. It is one step of many.",
        ),
    ),
)
