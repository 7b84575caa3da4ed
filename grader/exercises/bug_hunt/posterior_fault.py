"""The posterior as a slide has it: `posterior_fault`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.bug_hunt.common import CRITERIA, WITHHOLDS, Checked, hidden, rising_beta, same, usual


def posterior_fault(posterior: Checked, alpha_bar: Tensor, t: int) -> int:
    """Equation (13.18): the coefficients follow from three moments of the pair (x_{t-1}, x_t)."""
    before, now = alpha_bar[t - 1], alpha_bar[t]
    (c_0, var), (c_t, _) = posterior(1.0, 0.0, t), posterior(0.0, 1.0, t)
    right_c_t = (now / before).sqrt() * (1 - before) / (1 - now)
    right_c_0 = before.sqrt() - right_c_t * now.sqrt()
    wrong_0, wrong_t = not same(c_0, right_c_0), not same(c_t, right_c_t)
    wrong_var = not same(var, 1 - before - right_c_t**2 * (1 - now))
    if wrong_0 and wrong_t:
        return 1 if wrong_var else 5
    if wrong_0:
        return 2
    if wrong_t:
        return 3
    return 4 if wrong_var else 0


def _moments(posterior: Checked, alpha_bar: Tensor, t: int) -> tuple[bool, bool]:
    """Whether the mean, and whether the variance, of x_{t-1} comes out when x_t is drawn from q(x_t | x_0 = 1)."""
    before, now = alpha_bar[t - 1], alpha_bar[t]
    (c_0, var), (c_t, _) = posterior(1.0, 0.0, t), posterior(0.0, 1.0, t)
    mean_ok = same(c_0 + c_t * now.sqrt(), before.sqrt())
    return mean_ok, same(c_t**2 * (1 - now) + var, 1 - before)


def _mean_only(posterior: Checked, alpha_bar: Tensor, t: int) -> int:
    return 0 if _moments(posterior, alpha_bar, t)[0] else 2


def _variance_only(posterior: Checked, alpha_bar: Tensor, t: int) -> int:
    return 0 if _moments(posterior, alpha_bar, t)[1] else 4


def _both_means_line_one(posterior: Checked, alpha_bar: Tensor, t: int) -> int:
    found = posterior_fault(posterior, alpha_bar, t)
    return 1 if found == 5 else found


def _no_variance(posterior: Checked, alpha_bar: Tensor, t: int) -> int:
    found = posterior_fault(posterior, alpha_bar, t)
    return 0 if found == 4 else found


def _draw(d: Draw) -> Iterator[Case]:
    beta = rising_beta(d, 5)
    alpha_bar = torch.cumprod(1 - beta, 0)
    yield from hidden(d, "posterior", (alpha_bar, d.integer(2, 5)), alpha_bar=alpha_bar, beta=beta)


EXERCISE = Exercise(
    name="hunt.posterior_fault",
    prompt="Write a check of the posterior q(x_{t-1} | x_t, x_0): 0 if it is sound, else the number of the broken line.",
    signature="posterior_fault(posterior: (x_0, x_t, t int) -> (mean, var), alpha_bar (T+1,), t int in 2..T) -> int",
    reference=posterior_fault,
    draw=_draw,
    criteria=CRITERIA,
    equation="13.18",
    difficulty=4,
    minutes=25,
    hints=(
        "Read off the coefficient of x_0, the coefficient of x_t and the variance. What each must be follows from moments that "
        "you know from the forward process; the formula of the posterior is not needed.",
        "c_t (1 - alpha_bar_t) = sqrt(alpha_t) (1 - alpha_bar_{t-1}) gives c_t; c_0 + c_t sqrt(alpha_bar_t) = sqrt(alpha_bar_{t-1}) "
        "gives c_0; c_t^2 (1 - alpha_bar_t) + var = 1 - alpha_bar_{t-1} gives var. All three wrong: line 1. Both coefficients: "
        "line 5. One alone: its own line.",
        "(c_0, var), (c_t, _) = posterior(1.0, 0.0, t), posterior(0.0, 1.0, t)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        *usual(posterior_fault, 2),
        Misconception(
            "looks at the mean only",
            _mean_only,
            "your check asks whether the mean of x_{t-1} comes out, and blames line 2. A wrong variance passes, and a wrong "
            "coefficient of x_t looks like a wrong one of x_0. Use all three moments.",
        ),
        Misconception(
            "looks at the variance only",
            _variance_only,
            "your check asks whether the variance of x_{t-1} comes out. The coefficient of x_0 does not enter it at all, and that is "
            "where the pipeline of the lesson is wrong.",
        ),
        Misconception(
            "line 1 for line 5",
            _both_means_line_one,
            "both coefficients are wrong, and you blame line 1. Look at the variance as well: if it is right, then the levels are, and "
            "the two coefficients were only put to the wrong points.",
        ),
        Misconception(
            "variance not looked at",
            _no_variance,
            "your check never looks at the second value that is returned, the variance.",
        ),
    ),
)
