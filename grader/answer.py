"""What came back from a function that was asked a question, and how to ask one in this process."""

import copy
import os
import sysconfig
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from grader.exercise import Case, Served
from grader.when_written import is_stub

Kind = Literal[
    "value",
    "raised",
    "unwritten",
    "undefined",
    "not-callable",
    "no-gradient",
    "unreadable",
    "timeout",
    "died",
]


@dataclass(frozen=True, eq=False)
class Answer:
    """A value, or the reason why there is none.

    text: exception type and message, or a type name; line: the line of the student's code that raised;
    calls: how often the `Served` functions among the arguments were called.
    """

    kind: Kind
    value: Any = None
    text: str = ""
    line: str = ""
    calls: int = 0


class TooManyCalls(RuntimeError):
    """A `Served` function was called more often than any sensible answer needs."""


CALL_LIMIT = 2000
# The course's own code, and Python's: an error may well be raised there, but what to mend is the line that called it.
NOT_THEIRS = tuple(
    str(folder) + os.sep
    for folder in (*(Path(__file__).parents[1] / name for name in ("diffkit", "grader")), sysconfig.get_path("stdlib"))
)


class Counter:
    """A `Served` function that counts its calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.calls = function, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        if self.calls > CALL_LIMIT:
            raise TooManyCalls(f"the function passed to you was called more than {CALL_LIMIT} times")
        return self.function(*args, **kwargs)


def own_copy(x: Any) -> Any:
    """A copy that the asked function may spoil.  Strides are kept: a transposed view stays one."""
    if isinstance(x, Tensor):
        return x.detach().clone(memory_format=torch.preserve_format)
    if isinstance(x, Served):
        return Counter(x.function)
    if isinstance(x, list | tuple):
        return type(x)(own_copy(v) for v in x)
    return copy.deepcopy(x)


def ask_here(function: Any, case: Case) -> Answer:
    """Ask a function in this process.  Whatever it raises becomes part of the answer."""
    if not callable(function):
        return Answer("not-callable", text=type(function).__name__)
    args = [own_copy(a) for a in case.args]
    try:
        value = _gradient(function, args, case) if case.ask == "gradient" else function(*args)
        if case.ask == "twice":
            value = function(*args)
    except NoGradient:
        return Answer("no-gradient")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: the student's function must not end the notebook
        if isinstance(error, NotImplementedError) and is_stub(str(error)):
            return Answer("unwritten")
        said = f"{type(error).__name__}: {error}".removesuffix(": ")
        return Answer("raised", text=said, line=student_line(error))
    calls = sum(a.calls for a in args if isinstance(a, Counter))
    return Answer("value", value, calls=calls)


class NoGradient(Exception):
    """The value does not depend on the argument as far as autograd can see."""


@torch.enable_grad()  # a notebook may have turned it off
def _gradient(function: Callable[..., Any], args: list[Any], case: Case) -> Tensor:
    args[case.wrt].requires_grad_()
    value = function(*args)
    if not isinstance(value, Tensor) or not value.requires_grad:
        raise NoGradient
    assert case.cotangent is not None, "a gradient case needs a cotangent"
    if value.shape != case.cotangent.shape:
        raise ValueError(f"the value has shape {tuple(value.shape)}, expected {tuple(case.cotangent.shape)}")
    # The sum is a scalar: for another shape torch would first import sympy (a second or so).
    (gradient,) = torch.autograd.grad((value * case.cotangent.to(value)).sum(), args[case.wrt], allow_unused=True)
    if gradient is None:
        raise NoGradient
    result: Tensor = as_exact_as(value, gradient)
    return result


def as_exact_as(value: Any, gradient: Any) -> Any:
    """The gradient in float32 if the value is: autograd gives it the argument's dtype, with digits that it lacks.

    Both may come out of a sandbox and be anything; then the gradient is what it was.
    """
    short = isinstance(value, Tensor) and value.dtype == torch.float32
    return gradient.float() if short and isinstance(gradient, Tensor) and gradient.dtype == torch.float64 else gradient


def student_line(error: BaseException) -> str:
    """The innermost line that is neither the course's nor a library's; empty if there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if "site-packages" not in frame.filename and not frame.filename.startswith(NOT_THEIRS):
            return frame.line or ""
    return ""
