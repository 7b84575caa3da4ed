"""A jump to level t with a root forgotten: `forward_fault`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.bug_hunt.common import CRITERIA, WITHHOLDS, Checked, hidden, rising_beta, same, usual


def forward_fault(q_sample: Checked, alpha_bar: Tensor) -> int:
    """Equation (13.16), probed with ones and zeros, on as many examples as coordinates."""
    t = torch.tensor([1, 2, len(alpha_bar) - 1])
    ones, zeros = torch.ones(3, 3, dtype=torch.float64), torch.zeros(3, 3, dtype=torch.float64)
    s, n = q_sample(ones, t, zeros), q_sample(zeros, t, ones)
    level = alpha_bar[t].unsqueeze(1)
    if not same(s**2, level):
        return 1 if same(s**2 + n**2, 1) else 2
    if not same(n**2, 1 - level):
        return 3
    return 0 if same(n, n.abs()) else 4


def _two(q_sample: Checked, alpha_bar: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    shape = len(t), len(t)
    ones, zeros = torch.ones(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64)
    return q_sample(ones, t, zeros), q_sample(zeros, t, ones)


def _variance_only(q_sample: Checked, alpha_bar: Tensor) -> int:
    s, n = _two(q_sample, alpha_bar, torch.tensor([1, 2, len(alpha_bar) - 1]))
    return 0 if same(s**2 + n**2, 1) else 3


def _one_example(q_sample: Checked, alpha_bar: Tensor) -> int:
    t = torch.tensor([len(alpha_bar) - 1])
    s, n = _two(q_sample, alpha_bar, t)
    if not same(s**2, alpha_bar[t]):
        return 1 if same(s**2 + n**2, 1) else 2
    if not same(n**2, 1 - alpha_bar[t]):
        return 3
    return 0 if same(n, n.abs()) else 4


def _no_sign(q_sample: Checked, alpha_bar: Tensor) -> int:
    found = forward_fault(q_sample, alpha_bar)
    return 0 if found == 4 else found


def _at_the_start(q_sample: Checked, alpha_bar: Tensor) -> int:
    s, n = _two(q_sample, alpha_bar, torch.ones(3, dtype=torch.long))
    if not same(s**2, alpha_bar[1]):
        return 1 if same(s**2 + n**2, 1) else 2
    if not same(n**2, 1 - alpha_bar[1]):
        return 3
    return 0 if same(n, n.abs()) else 4


def _draw(d: Draw) -> Iterator[Case]:
    beta = rising_beta(d, d.integer(4, 7))
    alpha_bar = torch.cumprod(1 - beta, 0)
    yield from hidden(d, "forward", (alpha_bar,), alpha_bar=alpha_bar, alpha=1 - beta)


EXERCISE = Exercise(
    name="hunt.forward_fault",
    prompt="Write a check of a jump to level t: 0 if it is sound, else the number of the broken line.",
    signature="forward_fault(q_sample: (x_0 (B, D), t (B,), eps (B, D)) -> (B, D), alpha_bar (T+1,)) -> int",
    reference=forward_fault,
    draw=_draw,
    criteria=CRITERIA,
    equation="13.16",
    difficulty=2,
    minutes=15,
    hints=(
        "Read the two coefficients off: ask once with x_0 = 1 and eps = 0, and once the other way round. Ask about as many "
        "examples as there are coordinates, each at its own t.",
        "s^2 = alpha_bar_t and n^2 = 1 - alpha_bar_t, row by row. If s is wrong but s^2 + n^2 = 1, then both belong to another "
        "level: line 1. Else a wrong s is line 2 and a wrong n line 3. If both squares are right, look at the sign.",
        "s, n = q_sample(ones, t, zeros), q_sample(zeros, t, ones) with t = torch.tensor([1, 2, T]) and (3, 3) tensors; "
        "if not same(s**2, level): return 1 if same(s**2 + n**2, 1) else 2; ..",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        *usual(forward_fault, 3),
        Misconception(
            "looks at the variance only",
            _variance_only,
            "your check asks whether the squares of the two coefficients sum to 1. So they do when both belong to a wrong level, "
            "for example t - 1.",
        ),
        Misconception(
            "one example only",
            _one_example,
            "your check asks about a single example. One (B,) coefficient too few axes then does no harm: ask about B = D "
            "examples, each at its own t.",
        ),
        Misconception(
            "sign not looked at",
            _no_sign,
            "your check squares the coefficients and never looks at their signs. With a minus x_t has the right distribution, and "
            "the network is taught the wrong noise.",
        ),
        Misconception(
            "t = 1 only",
            _at_the_start,
            "your check looks at t = 1 only, where alpha_bar_1 = alpha_1. A table of alpha passes there. Ask about several t.",
        ),
    ),
)
