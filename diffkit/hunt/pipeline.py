"""A pipeline as numbered lines of text that can be shown, changed and run."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from diffkit.errors import RangeError

Edits = Mapping[int, str]  # line number -> what stands there instead
SOUND: Edits = {}


@dataclass(frozen=True)
class Pipeline:
    """name: of the function; arguments: as in its head; lines: the sound ones, numbered from 1.

    broken: changes of one line that make it wrong, the one of the lesson first; right: changes that leave it right.
    The lines may use torch, math, the arguments, and the tables that are given to `function`.
    """

    name: str
    arguments: str
    lines: tuple[str, ...]
    broken: tuple[Edits, ...]
    right: tuple[Edits, ...]

    @property
    def shown(self) -> Edits:
        """The change that stands in the lesson."""
        return self.broken[0]

    def changed(self, edits: Edits = SOUND) -> list[str]:
        """The lines after the edits.  Raises RangeError for a line that is not there."""
        if missing := set(edits) - set(range(1, len(self.lines) + 1)):
            raise RangeError(f"{self.name} has lines 1 to {len(self.lines)}, not {sorted(missing)}")
        return [edits.get(number, line) for number, line in enumerate(self.lines, start=1)]

    def listing(self, edits: Edits = SOUND) -> str:
        """The function as text, its lines numbered."""
        body = "\n".join(f"{n}      {line}" for n, line in enumerate(self.changed(edits), start=1))
        return f"   def {self.name}({self.arguments}):\n{body}"

    def function(self, edits: Edits = SOUND, **tables: Any) -> Callable[..., Any]:
        """The function that the listing shows, with the tables (alpha_bar, beta, ..) that its lines use."""
        body = "".join(f"    {line}\n" for line in self.changed(edits))
        names = {"torch": torch, "math": math, **tables}
        exec(f"def {self.name}({self.arguments}):\n{body}", names)  # noqa: S102  our own text, shown as it is
        made: Callable[..., Any] = names[self.name]
        return made
