"""Which steps to visit: `subsequence`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.fast_sampling.common import WITHHOLDS, criteria


def subsequence(T: int, n: int) -> Tensor:
    """Equation (10.11), falling."""
    k = torch.arange(n, -1, -1)
    return (2 * k * T + n) // (2 * n)


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(150, 400)
    yield Case("seven steps", (7 * T + d.integer(1, 6), 7))
    yield Case("as many steps as fit badly", (T, 2 * d.integer(6, 20) + 1))
    yield Case("a thousand in fifty", (1000, 50))
    yield Case("every step", (d.integer(5, 30), 5), "edges")
    yield Case("n = T", (T, T), "edges")
    yield Case("one step", (T, 1), "edges")
    yield Case("T = 1", (1, 1), "edges")


def _every(T: int, n: int) -> Tensor:
    return torch.arange(T, -1, -(T // n))


EXERCISE = Exercise(
    name="fast.subsequence",
    prompt="List the steps that a sampler of n steps visits: from T down to 0, as evenly as whole numbers allow.",
    signature="subsequence(T int, n int in 1..T) -> (n+1,) int64",
    reference=subsequence,
    draw=_draw,
    criteria=criteria(2, 1, at="n = T, n = 1, T = 1"),
    equation="10.11",
    difficulty=2,
    minutes=8,
    hints=(
        "n steps have n + 1 ends. Go in even strides from T to 0 and round each place to the nearest whole number.",
        "k T / n for k = n, .., 0, rounded. In whole numbers: (2 k T + n) // (2 n).",
        "k = torch.arange(n, -1, -1); return (2 * k * T + n) // (2 * n)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "rounded down",
            lambda T, n: torch.arange(n, -1, -1) * T // n,
            "each place is rounded down. Round to the nearest whole number, so that the strides are as even as they can be.",
        ),
        Misconception(
            "fixed stride",
            _every,
            "a fixed stride T // n misses one of the ends unless n divides T. Round the even places k T / n instead.",
        ),
        Misconception(
            "starts at T-1",
            lambda T, n: subsequence(T - 1, n) if T > 1 else torch.tensor([0, 0]),
            "the list begins at T - 1. This course counts t = 0..T, and pure noise is at T.",
        ),
        Misconception(
            "the data left out",
            lambda T, n: subsequence(T, n)[:-1],
            "0 is missing: the last step has to arrive at the data. n steps have n + 1 ends.",
        ),
        Misconception(
            "the noise left out",
            lambda T, n: subsequence(T, n)[1:],
            "T is missing: the first step starts from pure noise.",
        ),
        Misconception(
            "rising",
            lambda T, n: subsequence(T, n).flip(0),
            "the list rises. A sampler goes from noise to data: T first.",
        ),
        Misconception(
            "ends at 1",
            lambda T, n: torch.linspace(T, 1, n + 1, dtype=torch.float64).round().long(),
            "the list ends at 1, so a little noise is left in the samples. It ends at 0.",
        ),
        Misconception(
            "n places",
            lambda T, n: torch.linspace(T, 0, n, dtype=torch.float64).round().long(),
            "there are n places, hence n - 1 steps. n steps have n + 1 ends.",
        ),
    ),
)
