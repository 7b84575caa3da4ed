"""What an exercise is.  A check is data: reference, cases, criteria, misconceptions, hints; no code of its own.

The same `Exercise` serves the student's `check()`, which asks the function in process on inputs drawn from a public
seed, and the judge, which asks a sandbox on inputs drawn from a secret one.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

Ask = Literal["value", "twice", "gradient"]
Level = Literal["core", "stretch", "proof"]


@dataclass(frozen=True)
class Criterion:
    """A part of an exercise that earns points by itself.  It is met when every case of it is answered right."""

    name: str
    points: float
    text: str


@dataclass(frozen=True, eq=False)
class Case:
    """One question to the student's function.

    label: what is asked, in words ("t = T"), without the numbers;
    args: positional arguments: tensors, numbers, text, `Served` functions;
    ask: "value" calls once; "twice" calls twice with the same argument objects and takes the second value, which is
    wrong if the first call changed its arguments; "gradient" takes the derivative of sum(cotangent * value) with
    respect to args[wrt];
    strict_dtype: also the dtype must be the reference's; max_calls: how often `Served` functions may be called.
    """

    label: str
    args: tuple[Any, ...]
    criterion: str = "value"
    ask: Ask = "value"
    wrt: int = 0
    cotangent: Tensor | None = None
    strict_dtype: bool = False
    max_calls: int | None = None


@dataclass(frozen=True)
class Served:
    """A function handed to the student's function as an argument.

    While grading it stays on the judge's side of the border: the sandbox gets a stand-in that asks over the wire.
    """

    function: Callable[..., Any]


@dataclass(frozen=True)
class Misconception:
    """A wrong function that people really write, and what to tell them.  wrong has the reference's signature."""

    name: str
    wrong: Callable[..., Any]
    message: str


@dataclass(frozen=True)
class Draw:
    """Random inputs for cases, all from one generator."""

    generator: torch.Generator

    def randn(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Standard normal numbers."""
        return torch.randn(*shape, generator=self.generator, dtype=torch.float64).to(dtype)

    def uniform(self, low: float, high: float) -> float:
        """One number, uniform between low and high."""
        return low + (high - low) * float(torch.rand(1, generator=self.generator, dtype=torch.float64))

    def integer(self, low: int, high: int) -> int:
        """One whole number in low..high, both included."""
        return int(torch.randint(low, high + 1, (1,), generator=self.generator))

    def integers(self, low: int, high: int, n: int) -> Tensor:
        """n whole numbers in low..high, both included, no two neighbours equal when there is room."""
        values = torch.randint(low, high + 1, (n,), generator=self.generator)
        if high > low:
            for i in range(1, n):
                if values[i] == values[i - 1]:
                    values[i] = low + (values[i] - low + 1) % (high - low + 1)
        return values

    def in_any_order(self, cases: Iterable[Case]) -> list[Case]:
        """The cases, shuffled: else a function that counts its calls could give answers of few kinds by heart."""
        found = list(cases)
        return [found[i] for i in torch.randperm(len(found), generator=self.generator).tolist()]


@dataclass(frozen=True)
class Exercise:
    """An exercise of a lesson, as data.

    name: "lesson.function"; prompt: what to write, one sentence; signature: with shapes; reference: the right
    function; draw: cases from random inputs; equation: tag of the equation that it codes; hints: idea, formula, line;
    withholds: dotted names in diffkit whose bodies are removed while grading, because they would be the answer.
    """

    name: str
    prompt: str
    signature: str
    reference: Callable[..., Any]
    draw: Callable[[Draw], Iterator[Case]]
    criteria: tuple[Criterion, ...]
    misconceptions: tuple[Misconception, ...]
    hints: tuple[str, str, str]
    equation: str
    difficulty: int
    minutes: int
    level: Level = "core"
    withholds: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        """What the whole exercise is worth."""
        return sum(c.points for c in self.criteria)

    def cases(self, seed: int) -> list[Case]:
        """The cases drawn from a seed."""
        return list(self.draw(Draw(torch.Generator().manual_seed(seed))))
