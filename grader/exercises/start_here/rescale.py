"""The first exercise of all: `rescale`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.start_here.common import WITHHOLDS, criteria


def rescale(pixels: Tensor) -> Tensor:
    """Equation (0.1)."""
    return pixels / 8 - 1


def _draw_rescale(d: Draw) -> Iterator[Case]:
    def pixels(*shape: int) -> Tensor:
        return torch.randint(0, 17, shape, generator=d.generator, dtype=torch.uint8)

    yield Case("a batch of images", (pixels(3, 1, 8, 8),))
    yield Case("other images", (pixels(2, 1, 4, 4),))
    yield Case("one image", (pixels(1, 1, 8, 8),), "edges")
    yield Case("paper, half and ink: 0, 8 and 16", (torch.tensor([0, 8, 16], dtype=torch.uint8),), "edges")
    yield Case("pixels that are floating-point numbers", (pixels(2, 5).float(),), "edges")
    yield Case("called twice", (pixels(3, 4),), "edges", "twice")
    yield Case("float32 comes out", (pixels(4, 4),), "edges", strict_dtype=True)


EXERCISE = Exercise(
    name="start.rescale",
    prompt="Bring pixels from the range 0 to 16 into the range -1 to 1.",
    signature="rescale(pixels (*any), whole numbers 0..16) -> floating-point numbers of the same shape, -1..1",
    reference=rescale,
    draw=_draw_rescale,
    criteria=criteria(1, 1, at="one image, the ends of the range, both kinds of numbers, input untouched"),
    equation="0.1",
    difficulty=1,
    minutes=3,
    hints=(
        "0 must become -1, and 16 must become 1. A straight line does it: multiply or divide, then shift.",
        "Divide by 8: now the range is 0 to 2. Subtract 1: now it is -1 to 1.",
        "return pixels / 8 - 1",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "range 0 to 1",
            lambda p: p / 16,
            "you divide by 16, which gives the range 0 to 1. It should be -1 to 1, with 0 in the middle.",
        ),
        Misconception(
            "not shifted",
            lambda p: p / 8,
            "the range is 0 to 2 so far. Subtract 1.",
        ),
        Misconception(
            "shifted the wrong way",
            lambda p: p / 8 + 1,
            "you add 1, which gives 1 to 3. Subtract it.",
        ),
        Misconception(
            "whole numbers",
            lambda p: p // 8 - 1,
            "// divides and rounds down, so only a few values are left (and below 0 the stored bytes wrap round to 255). "
            "One / gives floating-point numbers.",
        ),
        Misconception(
            "bytes wrap round",
            lambda p: (p - 8) / 8,
            "the formula (x - 8)/8 is right, but the pixels are bytes (uint8), and a byte cannot be negative: 3 - 8 becomes "
            "251. Divide first, or write pixels.float().",
        ),
        Misconception(
            "divided by 16, then shifted",
            lambda p: p / 16 - 1,
            "this gives -1 to 0. The range is 2 wide, so divide by 8.",
        ),
        Misconception(
            "middle at 0, too narrow",
            lambda p: p / 16 - 0.5,
            "this gives -1/2 to 1/2. The middle is right; the range should be twice as wide.",
        ),
        Misconception(
            "double precision",
            lambda p: p.double() / 8 - 1,
            "the numbers are right, but in float64. The course's images are float32, half the memory: divide directly.",
        ),
    ),
)
