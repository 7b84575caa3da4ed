"""Checks that losses and bounds share: is this a batch, does that fit it, where does the noise come from."""

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import randn_like


def check_batch(x: Tensor, name: str = "x_0") -> Tensor:
    """x unchanged, after checking that it is a non-empty floating-point batch (B, *D).

    On the CPU its values are checked too; on a GPU that would stall the device.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise RangeError(f"{name} is {kind}: pass a floating-point tensor, e.g. {name}.float()")
    if x.ndim == 0 or x.numel() == 0:
        raise ShapeError(f"{name} has shape {tuple(x.shape)}: pass a batch (B, *D) with at least one example")
    if x.device.type == "cpu" and not bool(torch.isfinite(x).all()):
        raise RangeError(f"{name} has entries that are not finite: clean the data first")
    return x


def check_like(value: Tensor, x: Tensor, name: str) -> Tensor:
    """value unchanged, after checking that it has x's shape, dtype and device, so that nothing broadcasts."""
    if not isinstance(value, Tensor) or value.shape != x.shape:
        shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ShapeError(f"{name} is {shape}: this batch asks for {tuple(x.shape)}")
    if value.dtype != x.dtype or value.device != x.device:
        raise RangeError(
            f"{name} is {value.dtype} on {value.device}, the batch {x.dtype} on {x.device}: use .to(batch)"
        )
    return value


def noise_like(x: Tensor, noise: Tensor | None, generator: torch.Generator | None) -> Tensor:
    """The given noise, checked; or standard normal noise in x's shape, drawn with the generator."""
    if noise is not None:
        return check_like(noise, x, "noise")
    if generator is not None and generator.device.type != x.device.type:
        raise RangeError(
            f"the generator is on {generator.device}, the batch on {x.device}: use torch.Generator({x.device.type!r})"
        )
    return randn_like(x, generator)
