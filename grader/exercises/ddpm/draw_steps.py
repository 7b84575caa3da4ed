"""A random step for each example: `draw_steps`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.ddpm.common import WITHHOLDS, criteria


def draw_steps(u: Tensor, T: int) -> Tensor:
    """t ~ Uniform{1, .., T}, equation (5.11)."""
    return (u * T).long() + 1


def _draw(d: Draw) -> Iterator[Case]:
    u = torch.rand(12, generator=d.generator, dtype=torch.float64)
    T = d.integer(7, 15)
    yield Case("a batch", (u, T))
    yield Case("a thousand steps", (u, 1000))
    nearly = 1 - 2.0**-24  # the largest float32 that torch.rand gives
    yield Case("u = 0, and u just below 1", (torch.tensor([0.0, nearly]), T), "edges")
    yield Case("a single step, T = 1", (u, 1), "edges")
    yield Case("one example", (u[:1], T), "edges")
    yield Case("called twice", (u, T), "edges", "twice")
    yield Case("integers come out", (u.float(), T), "edges", strict_dtype=True)


EXERCISE = Exercise(
    name="ddpm.draw_steps",
    prompt="Turn uniform random numbers into steps t, uniform on 1..T.",
    signature="draw_steps(u (B,) in [0, 1), T int) -> t (B,) int64 in 1..T",
    reference=draw_steps,
    draw=_draw,
    criteria=criteria(1, 1, at="u = 0, u just below 1, T = 1, integers, inputs untouched"),
    equation="5.11",
    difficulty=1,
    minutes=5,
    hints=(
        "Cut [0, 1) into T pieces of equal length. In which piece does u lie? Count from 1.",
        "t = floor(u T) + 1, as int64.",
        "return (u * T).long() + 1",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "0 to T-1",
            lambda u, T: (u * T).long(),
            "your steps are 0 .. T-1. Step 0 is clean data with no noise to predict, and T never comes: add 1.",
        ),
        Misconception(
            "0 to T",
            lambda u, T: (u * (T + 1)).long(),
            "your steps are 0 .. T. Step 0 is clean data: there is no noise to predict.",
        ),
        Misconception(
            "T never drawn",
            lambda u, T: (u * (T - 1)).long() + 1,
            "T is never drawn, yet sampling begins there: the network would be asked what it never saw.",
        ),
        Misconception(
            "from 2 to T+1",
            lambda u, T: (u * T).long() + 2,
            "your steps are 2 .. T+1. The pieces are counted from 1: add 1, not 2.",
        ),
        Misconception(
            "rounded",
            lambda u, T: torch.round(u * T).long(),
            "rounding gives the two ends half the chance of the others, and allows 0. Round down, then add 1.",
        ),
        Misconception(
            "rounded, then clamped",
            lambda u, T: torch.round(u * T).long().clamp(min=1),
            "you round and clamp. Then step 1 is drawn more often than the others and T half as often. Round down and add 1.",
        ),
        Misconception(
            "rounded up",
            lambda u, T: torch.ceil(u * T).long(),
            "rounding up is right except at u = 0, which gives step 0. It happens once in 16 million, and then training breaks.",
        ),
        Misconception(
            "one step for the batch",
            lambda u, T: draw_steps(u[:1], T).expand(len(u)),
            "every example gets the same step. The gradient is then much noisier: draw one per example.",
        ),
        Misconception(
            "not integers",
            lambda u, T: torch.floor(u * T) + 1,
            "the numbers are right, but they are floats: a table cannot be indexed with them. Use .long().",
        ),
    ),
)
