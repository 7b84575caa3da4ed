"""Langevin steps with too little noise: `langevin_fault`."""

from collections.abc import Iterator

import torch

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.bug_hunt.common import CRITERIA, WITHHOLDS, Checked, hidden, same, usual


def langevin_fault(move: Checked, eta: float) -> int:
    """Equation (13.23): the noise variance is twice the drift."""
    zero, z = torch.zeros(2, 2, dtype=torch.float64), torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
    if not same(move(z, zero, eta, zero), z):
        return 3
    drift, noise = move(zero, zero + 1, eta, zero)[0, 0], move(zero, zero, eta, z)
    size = noise[0, 0]
    if not same(noise, size * z):
        return 3
    if drift > 0 and same(size**2 / drift, 2):
        return 0
    return 2 if same(drift, eta) else 1


def _check(move: Checked, eta: float, *, fixed: bool = False, rows: bool = True, sign: bool = True) -> int:
    """The right questions, some of them left out.  fixed: refuse every drift but eta."""
    zero, z = torch.zeros(2, 2, dtype=torch.float64), torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
    if not same(move(z, zero, eta, zero), z):
        return 3
    drift, noise = move(zero, zero + 1, eta, zero)[0, 0], move(zero, zero, eta, z)
    size = noise[0, 0]
    if rows and not same(noise, size * z):
        return 3
    if fixed and not same(drift, eta):
        return 1
    drift = drift if sign else drift.abs()
    return 0 if same(size**2 / drift, 2) else (2 if same(drift, eta) else 1)


def _draw(d: Draw) -> Iterator[Case]:
    yield from hidden(d, "langevin", (d.uniform(0.1, 0.3),))


EXERCISE = Exercise(
    name="hunt.langevin_fault",
    prompt="Write a check of a Langevin step: 0 if it is sound, else the number of the broken line.",
    signature="langevin_fault(move: (x (B, D), score (B, D), eta float, z (B, D)) -> (B, D), eta float) -> int",
    reference=langevin_fault,
    draw=_draw,
    criteria=CRITERIA,
    equation="13.23",
    difficulty=3,
    minutes=20,
    hints=(
        "Three questions: what is left of x, how far a score of 1 moves it, how far a noise of 1 moves it. The step size may be "
        "called what it likes; what counts is that the last two fit together.",
        "x must stay x, and every example must get its own noise (else line 3). With drift d and noise size c: d > 0 and "
        "c^2 = 2 d. If that fails: line 2 if d = eta, as in (7.1), else line 1.",
        "drift = move(zero, zero + 1, eta, zero)[0, 0]; noise = move(zero, zero, eta, z); size = noise[0, 0] with z[0, 0] = 1; "
        "same(size**2 / drift, 2)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        *usual(langevin_fault, 2),
        Misconception(
            "eta = 1/2 only",
            lambda move, eta: _check(move, 0.5),
            "your check tries eta = 0.5. There 2 eta and its root are both 1. Use the step size that you are given.",
        ),
        Misconception(
            "one convention only",
            lambda move, eta: _check(move, eta, fixed=True),
            "your check wants the drift to be eta times the score. Whoever writes alpha/2 and sqrt(alpha) is right too: only the "
            "ratio of noise to drift counts.",
        ),
        Misconception(
            "one noise for all passes",
            lambda move, eta: _check(move, eta, rows=False),
            "your check gives every example the same noise, or looks at the first only. A pipeline that draws one noise for the whole "
            "batch passes.",
        ),
        Misconception(
            "sign not looked at",
            lambda move, eta: _check(move, eta, sign=False),
            "your check drops the sign of the drift. Downhill steps have the right size and the wrong direction.",
        ),
    ),
)
