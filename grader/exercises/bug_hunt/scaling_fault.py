"""Pixels scaled for the model and back: `scaling_fault`."""

from collections.abc import Iterator

import torch

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.bug_hunt.common import CRITERIA, WITHHOLDS, Checked, hidden, same, usual


def scaling_fault(there_and_back: Checked, white: int) -> int:
    """The ends of the range, the middle of it after a drift, and what lies outside or between the pixel values."""
    unit = 2 / white  # a pixel value in the model's scale
    x = torch.tensor([0.0, white, 2.0, 3.0], dtype=torch.float64)
    y, inside = there_and_back(x, torch.tensor([3.2, -2.8, 2.2, 3.2], dtype=torch.float64) * unit)
    if not same(y[0], -1):
        return 2
    if not same(y[1], 1):
        return 1
    if not same(inside, torch.tensor([3.0, white - 3.0, 4.0, 6.0], dtype=torch.float64), 0.4):
        return 3
    _, edge = there_and_back(x, torch.tensor([-1.0, 1.0, 0.3, 0.7], dtype=torch.float64) * unit)
    return 0 if same(edge, torch.tensor([0.0, white, 2.0, 4.0], dtype=torch.float64)) else 4


def _round_trip(there_and_back: Checked, white: int) -> int:
    x = torch.arange(white + 1, dtype=torch.float64)
    return 0 if same(there_and_back(x, 0 * x)[1], x) else 1


def _range(there_and_back: Checked, white: int) -> int:
    y, _ = there_and_back(torch.tensor([0.0, white], dtype=torch.float64), torch.zeros(2, dtype=torch.float64))
    return 0 if same(y, torch.tensor([-1.0, 1.0])) else (1 if same(y[0], -1) else 2)


def _no_edges(there_and_back: Checked, white: int) -> int:
    found = scaling_fault(there_and_back, white)
    return 0 if found == 4 else found


def _centred(there_and_back: Checked, white: int) -> int:
    y, _ = there_and_back(torch.tensor([white / 2], dtype=torch.float64), torch.zeros(1, dtype=torch.float64))
    return 0 if same(y, 0) else 1


def _draw(d: Draw) -> Iterator[Case]:
    white = d.integer(12, 200)
    yield from hidden(d, "scaling", (white,), white=white)


EXERCISE = Exercise(
    name="hunt.scaling_fault",
    prompt="Write a check of the scaling of pixels and back: 0 if it is sound, else the number of the broken line.",
    signature="scaling_fault(there_and_back: (x (N,), drift (N,)) -> (y, back), white int, the largest pixel value) -> int",
    reference=scaling_fault,
    draw=_draw,
    criteria=CRITERIA,
    equation="13.17",
    difficulty=2,
    minutes=15,
    hints=(
        "A straight line is known by its two ends. Ask about black and white first. For the way back, give a drift whose "
        "answer you know by heart: one that shifts by whole pixel values.",
        "y(0) = -1 (else line 2), y(white) = 1 (else line 1). A drift of 2k/white shifts by k pixel values (else line 3; take k = 3.2 and allow 0.4, "
        "so that rounding does not matter here). Outside "
        "0..white the result is cut off, between two values it is rounded (else line 4).",
        "y, inside = there_and_back(x, k * 2 / white) with x = [0, white, 2, 3], k = [3.2, -2.8, 2.2, 3.2]; then again with "
        "k = [-1, 1, 0.3, 0.7], which must give [0, white, 2, 4]",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        *usual(scaling_fault, 1),
        Misconception(
            "round trip only",
            _round_trip,
            "your check only asks whether pixels come back unchanged. Two mistakes that undo each other pass, and so does a "
            "missing clamp: nothing was out of range. Look at y too, and give a drift.",
        ),
        Misconception(
            "the way there only",
            _range,
            "your check looks at y and never at the way back.",
        ),
        Misconception(
            "never outside the range",
            _no_edges,
            "your check never leaves the range and never asks about a value between two pixels. A sampler does both: its output "
            "must be cut off and rounded.",
        ),
        Misconception(
            "the middle only",
            _centred,
            "your check asks whether gray is 0. A scale that is wrong by a factor may have the right middle, and this says nothing "
            "about the way back.",
        ),
    ),
)
