"""Guidance in the other convention: `guidance_fault`."""

from collections.abc import Iterator

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.bug_hunt.common import CRITERIA, WITHHOLDS, Checked, hidden, same, usual


def guidance_fault(guided: Checked, w: float) -> int:
    """Equation (13.25) at w = 0, where guidance does nothing, and at another w."""
    plain = guided(1.0, 0.0, 0.0)
    if same(plain, -1):
        return 1
    if same(plain, 2):
        return 3
    if not same(plain, 1):
        return 2
    cond, uncond = guided(1.0, 0.0, w), guided(0.0, 1.0, w)
    if not same(cond + uncond, 1):
        return 3
    return 0 if same(cond, 1 + w) else 2


def _no_guidance_only(guided: Checked, w: float) -> int:
    return {1: 0, -1: 1, 2: 3}.get(round(guided(1.0, 0.0, 0.0)), 2)


def _other_convention(guided: Checked, w: float) -> int:
    return 0 if same(guided(1.0, 0.0, w), w) and same(guided(0.0, 1.0, w), 1 - w) else 2


def _sum_only(guided: Checked, w: float) -> int:
    return 0 if same(guided(1.0, 0.0, w) + guided(0.0, 1.0, w), 1) else 3


def _w_one(guided: Checked, w: float) -> int:
    return guidance_fault(guided, 1.0)


def _cond_only(guided: Checked, w: float) -> int:
    found = guidance_fault(guided, w)
    return 2 if found == 3 and same(guided(1.0, 0.0, 0.0), 1) else found


def _draw(d: Draw) -> Iterator[Case]:
    yield from hidden(d, "guidance", (d.uniform(1.5, 4.0),))


EXERCISE = Exercise(
    name="hunt.guidance_fault",
    prompt="Write a check of classifier-free guidance, w = 0 meaning none: 0 if it is sound, else the number of the broken line.",
    signature="guidance_fault(guided: (cond, uncond, w float) -> eps, w float) -> int",
    reference=guidance_fault,
    draw=_draw,
    criteria=CRITERIA,
    equation="13.25",
    difficulty=2,
    minutes=15,
    hints=(
        "There is one w at which you know the answer without a formula: at w = 0 nothing is guided, and the conditional prediction "
        "comes back.",
        "Read off the factor of cond at w = 0: 1 is right, -1 means line 1, 2 means line 3, anything else line 2. Then at the "
        "given w: the factors of cond and uncond sum to 1 (else line 3), and that of cond is 1 + w (else line 2).",
        "plain = guided(1.0, 0.0, 0.0); cond, uncond = guided(1.0, 0.0, w), guided(0.0, 1.0, w)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        *usual(guidance_fault, 2),
        Misconception(
            "w = 0 only",
            _no_guidance_only,
            "your check asks about w = 0 only. There 1 + w, 1 - w and 1 + w^2 are all 1.",
        ),
        Misconception(
            "w = 1 in place of the given w",
            _w_one,
            "your check asks about w = 1, where w and its square are the same. Use the w that you are given.",
        ),
        Misconception(
            "the other convention",
            _other_convention,
            "your check takes w = 1 for no guidance. That is the other convention, with the scale 1 + w. Here w = 0 means none.",
        ),
        Misconception(
            "sum of the factors only",
            _sum_only,
            "your check asks whether the two factors sum to 1. So they do at any strength of guidance, and with cond and uncond "
            "exchanged.",
        ),
        Misconception(
            "uncond not looked at",
            _cond_only,
            "your check only reads off the factor of cond. Ask for that of uncond too: the two must sum to 1.",
        ),
    ),
)
