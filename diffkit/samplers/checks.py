"""Checks of what users hand to samplers.  Most run once, before the first step."""

import math

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError


def check_state(x: Tensor, generator: torch.Generator | None = None, *, ndim: int = 1, often: bool = False) -> None:
    """x must be a finite floating-point (B, *D) of at least ndim axes, on the generator's device.

    often: this is asked at every step, and on a GPU, which reading x would stall, its values go unchecked.
    """
    if not isinstance(x, Tensor) or x.ndim < ndim:
        what = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        wanted = "(B, *D)" if ndim == 1 else "(B, D) or with more axes"
        raise ShapeError(f"x is {what}: pass a tensor {wanted}, whose first axis counts examples")
    if not x.is_floating_point():
        raise RangeError(f"x has dtype {x.dtype}: pass floating point, e.g. x.float()")
    if (x.device.type == "cpu" or not often) and not bool(torch.isfinite(x).all()):
        raise RangeError("x has entries that are not finite: look at where it comes from")
    if generator is not None and generator.device.type != x.device.type:
        raise RangeError(
            f"the generator is on {generator.device}, x on {x.device}: make it with torch.Generator('{x.device.type}')"
        )


def check_output(out: Tensor, shape: torch.Size) -> None:
    """The network's answer must have x's shape: (B,) against (B, C, H, W) would broadcast silently."""
    if getattr(out, "shape", None) != shape:
        what = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise ShapeError(f"the network returned {what} for x of shape {tuple(shape)}: they must agree")


def check_count(n: int, name: str, lowest: int = 1) -> int:
    """n, if it is a whole number >= lowest."""
    if not isinstance(n, int) or isinstance(n, bool) or n < lowest:
        raise RangeError(f"{name} = {n!r}: it must be a whole number, at least {lowest}")
    return n


def check_positive(value: float, name: str, *, zero: bool = False) -> float:
    """value as a float, if it is finite and positive (or zero, where that is allowed)."""
    value = float(value)
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise RangeError(f"{name} = {value}: it must be finite and {'>= 0' if zero else '> 0'}")
    return value
