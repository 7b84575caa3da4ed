"""What comes back from a question to a student's function, and what may be passed to one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from torch import Tensor

Kind = Literal[
    "value",  # value (and gradients): plain data
    "undefined",  # there is no such name
    "raised",  # type_name, message, and the student's line and source
    "unreadable",  # a value that cannot cross the wire: type_name, message
    "malformed",  # bytes that are no answer: the student's process does not keep to the protocol
    "timeout",  # no answer within the call's or the submission's time
    "died",  # the process ended: message tells how
    "too-many-calls",  # the functions that were passed in were called too often, or with too much data
]


@dataclass(frozen=True, eq=False)
class Answer:
    """Everything in it comes from the student's process: believe `value` as a value, the texts as nothing.

    gradients: one per entry of `wrt`; None for an argument that the value does not depend on; the whole list
    is None when the value has another shape than the cotangent.
    """

    kind: Kind
    value: Any = None
    gradients: list[Tensor | None] | None = None
    type_name: str = ""
    message: str = ""
    line: int | None = None  # within the cell
    source: str = ""


@dataclass(eq=False)
class Callback:
    """A function of ours as an argument.  It runs on this side, on copies; calls are counted, and what they held is
    not kept: it is the student's, and could fill the memory.

    What it raises reaches the student as RuntimeError with type and message: they must hold no secret.
    """

    function: Callable[..., Any]
    name: str = "function"
    calls: int = 0


@dataclass(eq=False, frozen=True)
class Held:
    """An object that several calls get as the same one.  If its process is lost, the next has it anew."""

    value: Any
    number: int = field(default_factory=count().__next__)


@dataclass(eq=False, frozen=True)
class Make:
    """An argument that an importable function makes inside: `Make("package.module:function", (3,))`."""

    path: str
    args: tuple[Any, ...] = ()
