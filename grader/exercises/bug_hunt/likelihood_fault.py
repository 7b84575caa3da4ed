"""A log density whose volume has the wrong sign: `likelihood_fault`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.bug_hunt.common import CRITERIA, WITHHOLDS, Checked, hidden, same, usual


def likelihood_fault(log_p: Checked, scale: Tensor) -> int:
    """Equation (13.26): a density integrates to 1, on the line and in the plane, whatever the scale."""
    line = torch.linspace(-30, 30, 151, dtype=torch.float64).unsqueeze(1)
    plane = torch.cartesian_prod(*[torch.linspace(-20, 20, 71, dtype=torch.float64)] * 2)
    cell, square = 60 / 150, (40 / 70) ** 2
    if not same(log_p(line, torch.ones(1)).exp().sum() * cell, 1):
        return 3
    total = log_p(line, scale[:1]).exp().sum() * cell
    if not same(total, 1):
        return 4 if total > 1 else 1
    if not same(log_p(plane, torch.ones(2)).exp().sum() * square, 1):
        return 3
    return 0 if same(log_p(plane, scale).exp().sum() * square, 1) else 2


def _mass(log_p: Checked, scale: Tensor) -> Tensor:
    n, width = (151, 60) if len(scale) == 1 else (71, 40)
    axis = torch.linspace(-width / 2, width / 2, n, dtype=torch.float64)
    x = torch.cartesian_prod(*[axis] * len(scale)).reshape(-1, len(scale))
    return log_p(x, scale).exp().sum() * (width / (n - 1)) ** len(scale)


def _on_the_line(log_p: Checked, scale: Tensor) -> int:
    if not same(_mass(log_p, torch.ones(1)), 1):
        return 3
    total = _mass(log_p, scale[:1])
    return 0 if same(total, 1) else (4 if total > 1 else 1)


def _unit_scale(log_p: Checked, scale: Tensor) -> int:
    return 0 if same(_mass(log_p, torch.ones(2)), 1) else 3


def _one_number(log_p: Checked, scale: Tensor) -> int:
    return 0 if same(_mass(log_p, scale), 1) else 2


def _above_or_below(log_p: Checked, scale: Tensor) -> int:
    found = likelihood_fault(log_p, scale)
    return 4 if found == 1 else found


def _draw(d: Draw) -> Iterator[Case]:
    scale = torch.tensor([d.uniform(1.1, 1.35), d.uniform(1.8, 2.2)], dtype=torch.float64)
    yield from hidden(d, "likelihood", (scale,))


EXERCISE = Exercise(
    name="hunt.likelihood_fault",
    prompt="Write a check of a log density: 0 if it is sound, else the number of the broken line.",
    signature="likelihood_fault(log_p: (x (N, D), scale (D,)) -> (N,), scale (2,), each about 1 to 2) -> int",
    reference=likelihood_fault,
    draw=_draw,
    criteria=CRITERIA,
    equation="13.26",
    difficulty=3,
    minutes=25,
    hints=(
        "Whatever a density is, its total is 1. On a fine grid a sum is as good as the integral. Ask four times: on the line and in the "
        "plane, with the scale 1 and with the scale given.",
        "Line, scale 1: wrong means line 3. Line, scale[:1]: a total above 1 means line 4, below 1 line 1. Plane, scale (1, 1): "
        "line 3. Plane, the given scale: line 2.",
        "x = torch.linspace(-30, 30, 151).unsqueeze(1); total = log_p(x, scale[:1]).exp().sum() * 60 / 150; in the plane "
        "torch.cartesian_prod(axis, axis) and the width squared",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        *usual(likelihood_fault, 4),
        Misconception(
            "on the line only",
            _on_the_line,
            "your check stays on the line. A sum over coordinates that became a mean, or a constant counted once, shows in two "
            "dimensions only.",
        ),
        Misconception(
            "scale 1 only",
            _unit_scale,
            "your check uses the scale 1, whose logarithm is 0. Then the volume does not enter at all.",
        ),
        Misconception(
            "one integral, one line",
            _one_number,
            "your check integrates once, in the plane, and blames line 2. Ask in more than one situation: each line shows itself in one of them.",
        ),
        Misconception(
            "above and below alike",
            _above_or_below,
            "your check does not ask whether the total is above or below 1. The volume with the wrong sign makes it s^2, the stretch the "
            "wrong way round 1/s^2.",
        ),
    ),
)
