"""A question to a student's function, made ready for the wire."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from torch import Tensor

from grader.wire import Ref, encode

from .answer import Callback, Held, Make

_number = count().__next__


class Question:
    """`call` or `vjp` makes one.  Arguments are plain values, Callback, Held or Make.

    frame: the bytes; number: of the question, which its answer repeats; callbacks, held: those among the arguments;
    gradients: how many are asked for.
    Raises WireError if an argument cannot cross.
    """

    def __init__(self, kind: str, name: str, args: Sequence[Any], **more: Any) -> None:
        self.callbacks: list[Callback] = []
        self.held: list[Held] = []
        lowered = [self._lower(value) for value in args]
        self.number = _number()
        self.frame = encode({"ask": kind, "number": self.number, "name": name, "args": lowered, **more})
        self.gradients = len(more.get("wrt", ()))

    def _lower(self, value: Any) -> Any:
        """What cannot cross as a value becomes a reference that the inside understands."""
        if isinstance(value, Callback):
            self.callbacks.append(value)
            return Ref("callback", {"number": len(self.callbacks) - 1, "name": value.name})
        if isinstance(value, Held):
            self.held.append(value)
            return Ref("held", value.number)
        if isinstance(value, Make):
            return Ref("make", {"path": value.path, "args": self._lower(value.args)})
        if isinstance(value, list | tuple):
            return type(value)(self._lower(v) for v in value)
        return value


def call(name: str, args: Sequence[Any] = ()) -> Question:
    """What does the student's `name` return?  Each call gets fresh copies of all arguments but Held ones."""
    return Question("call", name, args)


def vjp(name: str, args: Sequence[Any], *, wrt: Sequence[int] = (0,), cotangent: Tensor | None = None) -> Question:
    """The value, and the gradients of sum(cotangent * value) in the arguments `wrt`.  cotangent: ones if None."""
    return Question("vjp", name, args, wrt=list(wrt), cotangent=cotangent)


def hold(held: Held) -> bytes:
    """The frame that brings a held object into the process which answers."""
    return encode({"ask": "hold", "number": held.number, "value": held.value})
