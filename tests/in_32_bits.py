"""Answers in float32 where float64 is expected: they are compared less sharply, since their last digits are rounded.

People get there by filling `torch.zeros(n)` in a loop, or by `.float()` in front of everything.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.styles import mapped

Function = Callable[..., Any]


def result_in_32_bits(function: Function) -> Function:
    """The result is rounded."""
    return lambda *args: _rounded(function(*args))


def all_in_32_bits(function: Function) -> Function:
    """The tensors that come in are rounded, and the result."""
    return lambda *args: _rounded(function(*(mapped(Tensor.float, a) for a in args)))


def _rounded(value: Any) -> Any:
    """Tensors and numbers in float32; truth values, whole tensors and what is none of these as they are."""
    if isinstance(value, tuple | list):
        return type(value)(map(_rounded, value))
    if isinstance(value, Tensor):
        return value.float() if value.dtype == torch.float64 else value
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return torch.tensor(float(value), dtype=torch.float32)
        except OverflowError:
            return value
    return value
