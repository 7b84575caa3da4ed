"""Comparing an answer with what was expected: type, shape, dtype, finiteness, values, each with its own message."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

Problem = Literal["type", "shape", "dtype", "device", "not finite", "values"]

# Relative to the largest expected entry.  Right answers written in another order differ by rounding: at most about
# 1e-5 in float32 after hundreds of steps, 1e-13 in float64.  But torch.tensor(0.3) has 32 bits and is off by 3e-8 of
# itself, in a float64 result by a few times 1e-7.  That is no mistake of mathematics, so it passes.  The misconceptions
# and the mutants are far above either.
TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-4}
CANCELLED = 1e-2  # taken for the largest entry where only 0 is expected: others' numbers may cancel less cleanly
PLAIN: tuple[type, ...] = (Tensor, torch.nn.Parameter)  # no subclass: its operators may be anything


@dataclass(frozen=True)
class Mismatch:
    """problem: which kind; public: what may be shown to anyone; detail: with numbers, for visible cases only."""

    problem: Problem
    public: str
    detail: str = ""


def mismatch(value: Any, expected: Any, *, strict_dtype: bool = False) -> Mismatch | None:
    """None if the value equals what was expected, else the first thing that is wrong with it."""
    if isinstance(expected, tuple):
        return _tuple_mismatch(value, expected, strict_dtype)
    if isinstance(expected, bool):
        return _truth_mismatch(value, expected)
    if isinstance(expected, int | float) and not isinstance(expected, bool):
        expected = torch.tensor(expected, dtype=torch.float64)
    if isinstance(expected, Tensor):
        return _tensor_mismatch(value, expected, strict_dtype)
    raise TypeError(
        f"references return tensors, numbers, truth values or tuples of them, not {type(expected).__name__}"
    )


def same(value: Any, expected: Any) -> bool:
    """Equal values, whatever the dtype; used to recognise a misconception, so NaN equals NaN."""
    if isinstance(expected, tuple):
        if not isinstance(value, tuple | list) or len(value) != len(expected):
            return False
        return all(same(v, e) for v, e in zip(value, expected, strict=True))
    if isinstance(expected, bool):
        return _truth(value) is expected
    a, b = _as_tensor(value), _as_tensor(expected)
    if a is None or b is None or a.shape != b.shape or a.is_meta != b.is_meta or a.dtype.is_complex:
        return False
    a = a.to(b.device)
    return _close(a, b, max(_tolerance(a), _tolerance(b))).all().item() is True


def _tuple_mismatch(value: Any, expected: tuple[Any, ...], strict: bool) -> Mismatch | None:
    if not isinstance(value, tuple | list) or len(value) != len(expected):
        got = f"{type(value).__name__} of {len(value)}" if isinstance(value, tuple | list) else type(value).__name__
        return Mismatch("type", f"your function returned `{got}`; a tuple of {len(expected)} values is expected")
    for i, (v, e) in enumerate(zip(value, expected, strict=True)):
        found = mismatch(v, e, strict_dtype=strict)
        if found:
            return Mismatch(found.problem, f"value {i + 1} of {len(expected)}: {found.public}", found.detail)
    return None


def _truth_mismatch(value: Any, expected: bool) -> Mismatch | None:
    got = _truth(value)
    if got is None:
        return Mismatch("type", f"your function returned `{type(value).__name__}`; True or False is expected")
    return None if got is expected else Mismatch("values", "the answer is wrong", f"yours {got}, expected {expected}")


def _truth(value: Any) -> bool | None:
    """True and False, also of NumPy and of torch (a single one); None for all else, for 0 and 1 too."""
    if type(value) in PLAIN and value.dtype == torch.bool and value.ndim == 0 and not value.is_meta:
        return bool(value)
    return bool(value) if isinstance(value, bool | np.bool_) else None


def _tensor_mismatch(value: Any, expected: Tensor, strict: bool) -> Mismatch | None:
    if value is None:
        return Mismatch("type", "your function returned None: is a `return` missing?")
    if isinstance(value, np.ndarray):
        return Mismatch("type", "your function returned a NumPy array; stay in torch and return a tensor")
    got = _as_tensor(value)
    if got is None:
        return Mismatch("type", f"your function returned `{type(value).__name__}`; a tensor is expected")
    if got.is_meta:
        return Mismatch(
            "device", f"the result is on {got.device}, where tensors have no values: compute where the inputs are"
        )
    if got.shape != expected.shape:
        return Mismatch("shape", f"the result has shape {tuple(got.shape)}; expected {tuple(expected.shape)}")
    if got.dtype.is_complex or got.dtype == torch.bool:
        return Mismatch("dtype", f"the result has dtype {got.dtype}; real numbers are expected")
    if strict and got.dtype != expected.dtype:
        return Mismatch("dtype", f"the result has dtype {got.dtype}; the input's dtype {expected.dtype} is expected")
    return _value_mismatch(got.to(expected.device), expected)  # who has a GPU may compute there


def _value_mismatch(got: Tensor, expected: Tensor) -> Mismatch | None:
    good = _close(got, expected, max(_tolerance(got), _tolerance(expected)))
    if good.all():
        return None
    at = tuple(torch.nonzero(~good)[0].tolist()) if good.ndim else ()
    place = f"at index {list(at)}" if at else "the value"
    detail = f"{place}: yours {got[at].item():.6g}, expected {expected[at].item():.6g}"
    if not torch.isfinite(got[at]) and torch.isfinite(expected[at]):
        return Mismatch(
            "not finite",
            f"{int((~torch.isfinite(got)).sum())} of {got.numel()} entries are inf or nan",
            detail,
        )
    wrong = int((~good).sum())
    share = f"{wrong} of {got.numel()} entries differ" if got.ndim else "the value differs"
    return Mismatch("values", share, detail)


def _as_tensor(value: Any) -> Tensor | None:
    """Plain tensors as they are, numbers as float64 tensors, anything else (subclasses, sparse ones) None."""
    if type(value) in PLAIN:
        return value.detach() if value.layout is torch.strided and not value.is_quantized else None
    if isinstance(value, int | float | np.floating | np.integer) and not isinstance(value, bool):
        try:
            return torch.tensor(float(value), dtype=torch.float64)
        except OverflowError:
            return None
    return None


def _tolerance(x: Tensor) -> float:
    return TOLERANCE.get(x.dtype, 1e-4 if x.is_floating_point() else 1e-8)


def _close(a: Tensor, b: Tensor, tolerance: float) -> Tensor:
    """Entrywise: equal (infinities too), both NaN, or within tolerance of the largest finite entry of b.

    If that is 0, there is nothing to be relative to: 1 - x * (1 / x) is no mistake where 1 - x / x is expected.
    """
    a, b = a.double(), b.double()
    finite = b[torch.isfinite(b)]
    scale = float(finite.abs().max()) if finite.numel() else 0.0
    near = (a - b).abs() <= tolerance * (max(scale, 1e-12) if scale else CANCELLED)
    return (a == b) | (a.isnan() & b.isnan()) | near
