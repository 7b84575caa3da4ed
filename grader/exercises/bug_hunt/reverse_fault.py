"""The drift of the ODE with the noise of the SDE: `reverse_fault`."""

from collections.abc import Iterator

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.bug_hunt.common import CRITERIA, WITHHOLDS, Checked, hidden, same, usual


def reverse_fault(back: Checked, beta: float) -> int:
    """Equation (13.24), by a very small step: twice the pull is beta plus the variance of the kick, per unit of time."""
    dt = 1e-4
    grow = (back(1.0, 0.0, dt, 0.0) - 1) / dt
    pull = back(0.0, 1.0, dt, 0.0) / dt
    kick = back(0.0, 0.0, dt, 1.0) ** 2 / dt
    if not same(grow, beta / 2, 0.05):
        return 1
    if same(2 * pull, beta + kick, 0.05):
        return 0
    if same(kick, beta, 0.05):
        return 2
    return 3 if kick > 0 else 4


def _rates(back: Checked, dt: float) -> tuple[float, float, float]:
    grow, pull = back(1.0, 0.0, dt, 0.0) - 1, back(0.0, 1.0, dt, 0.0)
    return grow / dt, pull / dt, back(0.0, 0.0, dt, 1.0) ** 2 / dt


def _sde_only(back: Checked, beta: float) -> int:
    grow, pull, kick = _rates(back, 1e-4)
    if not same(grow, beta / 2, 0.05):
        return 1
    if not same(pull, beta, 0.05):
        return 2
    return 0 if same(kick, beta, 0.05) else (3 if kick > 0 else 4)


def _large_step(back: Checked, beta: float) -> int:
    grow, pull, kick = _rates(back, 0.2)
    if not same(grow, beta / 2, 0.01):
        return 1
    if same(2 * pull, beta + kick, 0.01):
        return 0
    return 2 if same(kick, beta, 0.01) else (3 if kick > 0 else 4)


def _no_growth(back: Checked, beta: float) -> int:
    found = reverse_fault(back, beta)
    return 0 if found == 1 else found


def _kick_only(back: Checked, beta: float) -> int:
    kick = _rates(back, 1e-4)[2]
    return 0 if same(kick, beta, 0.05) else (3 if kick > 0 else 4)


def _deviation(back: Checked, beta: float) -> int:
    grow, pull, kick = _rates(back, 1e-4)
    if not same(grow, beta / 2, 0.05):
        return 1
    return 0 if same(2 * pull, beta + kick**0.5, 0.05) else 2


def _draw(d: Draw) -> Iterator[Case]:
    beta = d.uniform(0.6, 0.9)
    yield from hidden(d, "reverse", (beta,), beta=beta)


EXERCISE = Exercise(
    name="hunt.reverse_fault",
    prompt="Write a check of a reverse step in continuous time: 0 if it is sound, else the number of the broken line.",
    signature="reverse_fault(back: (x, score, dt float > 0, z) -> number, beta float) -> int",
    reference=reverse_fault,
    draw=_draw,
    criteria=CRITERIA,
    equation="13.24",
    difficulty=4,
    minutes=25,
    hints=(
        "An equation in dt is a statement about small steps. Take one of 0.0001 and divide by it what x, the score and the noise "
        "do. Allow a few per cent: right pipelines differ by terms of order dt.",
        "x grows by beta/2 per unit of time (else line 1). Let p be the pull of the score and k^2 the variance of the noise, per unit "
        "of time. 2 p = beta + k^2 is right: SDE, ODE and all between. Else: k^2 = beta means line 2; no noise at all, line 4; "
        "any other noise, line 3.",
        "grow = (back(1.0, 0.0, dt, 0.0) - 1) / dt; pull = back(0.0, 1.0, dt, 0.0) / dt; "
        "kick = back(0.0, 0.0, dt, 1.0) ** 2 / dt; if same(2 * pull, beta + kick, 0.05): return 0",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        *usual(reverse_fault, 2),
        Misconception(
            "the SDE only",
            _sde_only,
            "your check knows the SDE only. The probability flow, with half the pull and no noise, is right too, and so is every mixture "
            "of the two with 2 p = beta + k^2.",
        ),
        Misconception(
            "a large step",
            _large_step,
            "your check takes a large step and compares to the last digit. A DDPM step is right as well, and differs by terms of order "
            "dt. Take dt small and allow a few per cent.",
        ),
        Misconception(
            "growth not looked at",
            _no_growth,
            "your check never asks what happens to x when there is no score and no noise. Backwards in time it grows.",
        ),
        Misconception(
            "noise only",
            _kick_only,
            "your check looks at the noise alone. In the pipeline of the lesson the noise is right and the pull is not.",
        ),
        Misconception(
            "deviation for variance",
            _deviation,
            "your check puts the deviation k where the variance k^2 belongs.",
        ),
    ),
)
