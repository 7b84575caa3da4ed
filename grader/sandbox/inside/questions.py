"""Answers questions about the names that a student has defined.

Runs in a fork that may be lost at any moment.  Whatever it sends is only believed as a value.
"""

import importlib
import linecache
import socket
import threading
from collections.abc import Callable
from typing import Any

import torch

from ...wire import Reader, WireClosedError, WireError, decode, send
from .isolate import allow_computing

TEXT = 2000  # characters of a message that are sent back


class UndefinedError(Exception):
    """The student has no such name."""


class Questions:
    def __init__(self, wire: socket.socket, names: dict[str, Any], seconds: float) -> None:
        self.wire, self.names, self.seconds = wire, names, seconds
        self.frames = Reader(wire)  # several questions may have come
        self.held: dict[int, Any] = {}
        self.lock = threading.Lock()  # the student's threads share the wire when they call back

    def serve(self) -> None:
        while True:
            try:
                question = decode(self.frames.frame(), self._meaning)
            except WireClosedError:
                return
            allow_computing(self.seconds)
            try:
                answer = getattr(self, "_" + question["ask"])(question)
            except UndefinedError as error:
                answer = {"kind": "undefined", "message": str(error)}
            except BaseException as error:  # SystemExit too: it is the student's
                answer = {"kind": "raised", **_describe(error)}
            number = {"number": question["number"]}
            try:
                send(self.wire, answer | number)
            except WireError as error:
                name = type(answer.get("value")).__name__[:200]
                send(self.wire, {"kind": "unreadable", "type_name": name, "message": str(error)[:TEXT]} | number)

    # ------------------------------------------------------------ the kinds of questions

    def _call(self, question: dict[str, Any]) -> dict[str, Any]:
        return {"kind": "value", "value": self._function(question)(*question["args"])}

    def _vjp(self, question: dict[str, Any]) -> dict[str, Any]:
        function, args, inputs = self._function(question), list(question["args"]), []
        for place in question["wrt"]:
            args[place] = args[place].detach().clone().requires_grad_()
            inputs.append(args[place])
        with torch.enable_grad():
            value = function(*args)
        return {"kind": "value", "value": value, "gradients": _gradients(value, inputs, question["cotangent"])}

    def _hold(self, question: dict[str, Any]) -> dict[str, Any]:
        self.held[question["number"]] = question["value"]
        return {"kind": "value", "value": None}

    # ------------------------------------------------------------ what names and references mean

    def _function(self, question: dict[str, Any]) -> Any:
        if question["name"] not in self.names:
            raise UndefinedError(question["name"])
        return self.names[question["name"]]

    def _meaning(self, kind: str, data: Any) -> Any:
        if kind == "held":
            return self.held[data]
        if kind == "callback":
            return self._remote(data["number"], data["name"])
        if kind == "make":
            module, _, path = data["path"].partition(":")
            maker: Any = importlib.import_module(module)
            for part in path.split("."):
                maker = getattr(maker, part)
            return maker(*data["args"])
        raise WireError(f"unknown reference {kind}")

    def _remote(self, number: int, name: str) -> Callable[..., Any]:
        """A function whose body is on the other side of the border."""

        def remote(*args: Any, **kwargs: Any) -> Any:
            with self.lock:
                send(self.wire, {"kind": "callback", "number": number, "args": args, "kwargs": kwargs})
                reply = decode(self.frames.frame())
            if "error" in reply:
                raise RuntimeError(reply["error"])
            return reply["value"]

        remote.__name__ = remote.__qualname__ = name
        return remote


def _gradients(value: Any, inputs: list[Any], cotangent: Any) -> list[Any] | None:
    """One per input, None where the value does not depend on it; None in all if the shapes do not fit."""
    if type(value) is not torch.Tensor or not value.requires_grad:
        return [None] * len(inputs)
    if cotangent is None:
        cotangent = torch.ones_like(value)
    if value.shape != cotangent.shape:
        return None
    # The sum is a scalar: for another shape torch would first import sympy (a second or two).
    total = (value * cotangent.to(value)).sum()
    return list(torch.autograd.grad(total, inputs, allow_unused=True))


def _describe(error: BaseException) -> dict[str, Any]:
    """Type, message, and the innermost line that the student wrote."""
    line, source = None, ""
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith(("<ipython-input", "/tmp/work/")):
            line, source = trace.tb_lineno, linecache.getline(name, trace.tb_lineno).strip()
        trace = trace.tb_next
    try:
        message = str(error)
    except Exception as second:
        message = f"(its message could not be read: {type(second).__name__})"
    return {
        "type_name": type(error).__name__[:200],
        "message": message[:TEXT],
        "line": line,
        "source": source[:TEXT],
    }
