"""A table of alpha_bar that is shifted by one: `schedule_fault`."""

from collections.abc import Iterator

from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.bug_hunt.common import CRITERIA, WITHHOLDS, Checked, hidden, rising_beta, same, usual


def schedule_fault(table: Checked, beta: Tensor) -> int:
    """Equation (13.15): the first entry is 1, and each step keeps the share 1 - beta."""
    bar, keep = table(beta), 1 - beta
    ratio = bar[1:] / bar[:-1]
    if not same(bar[0], 1):
        return 3 if same(ratio[1:], keep[1:]) else 4
    if not same(ratio[0], keep[0]):
        return 1
    return 0 if same(ratio, keep) else 2


def _first_entry(table: Checked, beta: Tensor) -> int:
    return 0 if same(table(beta)[0], 1) else 4


def _ratios(table: Checked, beta: Tensor) -> int:
    bar = table(beta)
    return 0 if same(bar[1:] / bar[:-1], 1 - beta) else 2


def _first_step(table: Checked, beta: Tensor) -> int:
    return 0 if same(table(beta)[1], 1 - beta[0]) else 1


def _no_tolerance(table: Checked, beta: Tensor) -> int:
    return schedule_fault(table, beta) or (0 if bool((table(beta)[1:] == (1 - beta).cumprod(0)).all()) else 2)


def _draw(d: Draw) -> Iterator[Case]:
    yield from hidden(d, "schedule", (rising_beta(d, d.integer(4, 7))[1:],))


EXERCISE = Exercise(
    name="hunt.schedule_fault",
    prompt="Write a check of a table of alpha_bar: 0 if it is sound, else the number of the broken line.",
    signature="schedule_fault(table: beta (T,) -> (T+1,), beta (T,) of the steps 1 to T) -> int",
    reference=schedule_fault,
    draw=_draw,
    criteria=CRITERIA,
    equation="13.15",
    difficulty=2,
    minutes=12,
    hints=(
        "A table of running products is known by its first entry and by the ratio of each entry to the one before.",
        "bar[0] must be 1, bar[t]/bar[t-1] must be 1 - beta_t. If bar[0] is wrong: line 3 put a wrong number in front, "
        "line 4 put it in the wrong place, and then the other ratios tell. If the first ratio is wrong: line 1. A later one: line 2.",
        "ratio = bar[1:] / bar[:-1]; if not same(bar[0], 1): return 3 if same(ratio[1:], 1 - beta[1:]) else 4; ..",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        *usual(schedule_fault, 4),
        Misconception(
            "looks at the first entry only",
            _first_entry,
            "your check looks at the first entry and nothing else. A table may begin with 1 and be wrong from the second step on.",
        ),
        Misconception(
            "looks at the ratios only",
            _ratios,
            "your check compares all ratios and blames line 2 for any that is off. Which ratio is off, and whether the first entry "
            "is 1, says which line it was.",
        ),
        Misconception(
            "looks at the first step only",
            _first_step,
            "your check looks at the first step only. There even the t-th power of alpha_t is right.",
        ),
        Misconception(
            "compares without a tolerance",
            _no_tolerance,
            "your check wants the last digit. Right ways of writing differ by rounding: compare with `same`.",
        ),
    ),
)
