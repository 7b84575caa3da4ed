r"""Equations that run.

Every numbered equation of a lesson has a *twin* here: a function that draws random inputs and returns both sides.
The two sides are computed on different roads (one by brute force: a loop, a quadrature, automatic differentiation;
the other by the formula), so that agreement means something.

    @twin("2.9", r"\alpha_t (1 - \bar\alpha_{t-1}) + (1 - \alpha_t) = 1 - \bar\alpha_t", symbols=...)
    def variance_recursion(g: torch.Generator) -> Sides: ...

A form that is printed somewhere and is wrong is kept as an *erratum* of the right equation: the same machinery
shows by how much its sides differ.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Relation = Literal["=", "<="]
TOLERANCE = 1e-9  # relative, in float64


class Sides(NamedTuple):
    """Both sides of an equation on the same random inputs; tensors of one shape, float64."""

    left: Tensor
    right: Tensor


@dataclass(frozen=True)
class Comparison:
    """What came out of running an equation once."""

    left: Tensor
    right: Tensor
    relation: Relation

    @property
    def difference(self) -> float:
        """Largest |left - right|, relative to the largest entry; for "<=", the largest relative excess of left."""
        gap = self.left - self.right
        gap = gap.clamp(min=0) if self.relation == "<=" else gap.abs()
        scale = max(float(self.left.abs().max()), float(self.right.abs().max()), 1e-300)
        return float(gap.max()) / scale

    @property
    def holds(self) -> bool:
        """True if the sides agree to TOLERANCE.  NaN never agrees."""
        return self.difference <= TOLERANCE


@dataclass(frozen=True)
class Equation:
    """A numbered equation and its twin.

    tag: its number in the lessons, "2.9"; latex: the formula, exactly as in the lesson; symbols: keys of
    `notation.symbols_of`; source: where it stands in the papers; erratum: what is wrong with it, for a refuted form.
    """

    tag: str
    latex: str
    sides: Callable[[torch.Generator], Sides]
    symbols: tuple[str, ...]
    source: str
    relation: Relation = "="
    erratum: str = ""

    def run(self, seed: int = 0) -> Comparison:
        """Draw inputs from the seed and compute both sides.  Raises ValueError if their shapes differ."""
        left, right = self.sides(torch.Generator().manual_seed(seed))
        if left.shape != right.shape or not left.numel():
            raise ValueError(f"equation ({self.tag}): sides of shape {tuple(left.shape)} and {tuple(right.shape)}")
        return Comparison(left.double(), right.double(), self.relation)


EQUATIONS: dict[str, Equation] = {}

Twin = Callable[[torch.Generator], Sides]


def twin(
    tag: str, latex: str, *, symbols: str, source: str = "", relation: Relation = "=", erratum: str = ""
) -> Callable[[Twin], Equation]:
    """Decorator: register a function as the twin of the equation with this number.

    symbols: those of the names in `notation.symbols_of(lesson)` that occur, separated by blanks.
    """

    def register(sides: Twin) -> Equation:
        if tag in EQUATIONS:
            raise ValueError(f"equation ({tag}) has two twins")
        EQUATIONS[tag] = Equation(tag, latex, sides, tuple(symbols.split()), source, relation, erratum)
        return EQUATIONS[tag]

    return register


def find(tag: str) -> Equation:
    """The equation with this number.  Raises KeyError that names the near ones."""
    if tag not in EQUATIONS:
        lesson = tag.split(".")[0]
        near = (
            ", ".join(sorted((t for t in EQUATIONS if t.split(".")[0] == lesson), key=_place)) or "none of that lesson"
        )
        raise KeyError(f"there is no equation ({tag}); there are: {near}")
    return EQUATIONS[tag]


def _place(tag: str) -> tuple[int, str]:
    """Where the equation stands in its lesson: 2.9, 2.11, then its erratum 2.11e."""
    number = tag.split(".")[1]
    return int(number.rstrip("e")), number
