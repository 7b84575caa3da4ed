"""One line of what the doctor tells."""

from dataclasses import dataclass
from typing import Literal

State = Literal["good", "extra", "weak", "bad"]
SIGNS: dict[State, str] = {"good": "ok", "extra": "not here", "weak": "look", "bad": "MISSING"}


@dataclass(frozen=True)
class Line:
    """extra: something that you may never need; weak: it works, but could be better; bad: lessons will not work."""

    state: State
    what: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{SIGNS[self.state]:>8}  {self.what}" + (f"\n          -> {self.advice}" if self.advice else "")
