"""Arguments on their way in: what cannot cross as a value becomes a reference that the inside understands."""

from collections.abc import Mapping, Sequence
from typing import Any

from grader.wire import Ref

from .answer import Callback, Handle, Make


class Arguments:
    """The lowered arguments of one question, with the callbacks and handles that are among them."""

    def __init__(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self.callbacks: list[Callback] = []
        self.handles: list[Handle] = []
        self.args = [self._lower(value) for value in args]
        self.kwargs = {name: self._lower(value) for name, value in kwargs.items()}

    def _lower(self, value: Any) -> Any:
        if isinstance(value, Callback):
            self.callbacks.append(value)
            return Ref("callback", {"number": len(self.callbacks) - 1, "name": value.name})
        if isinstance(value, Handle):
            self.handles.append(value)
            return Ref("held", value.number)
        if isinstance(value, Make):
            args = [self._lower(v) for v in value.args]
            kwargs = {name: self._lower(v) for name, v in value.kwargs.items()}
            return Ref("make", {"path": value.path, "args": args, "kwargs": kwargs})
        if isinstance(value, tuple):
            return tuple(self._lower(v) for v in value)
        if isinstance(value, list):
            return [self._lower(v) for v in value]
        if isinstance(value, dict):
            return {name: self._lower(v) for name, v in value.items()}
        return value
