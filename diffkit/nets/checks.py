"""Checks of what users hand to networks."""

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError


def check_time(t: Tensor) -> Tensor:
    """t unchanged, after checking that it is one number per example, (B,)."""
    if not isinstance(t, Tensor) or t.ndim != 1:
        got = tuple(t.shape) if isinstance(t, Tensor) else type(t).__name__
        raise ShapeError(f"t is {got}: pass one t per example, (B,), e.g. torch.full((len(x),), t)")
    if t.is_complex() or t.dtype == torch.bool:
        raise RangeError(f"t is {t.dtype}: pass integers or floating-point numbers")
    return t


def check_data(x: Tensor, shape: tuple[int | None, ...], weight: Tensor) -> None:
    """Raise unless x is a batch of `shape` (None: any length) that fits the network's weights."""
    wanted = f"(B, {', '.join('n' if n is None else str(n) for n in shape)})"
    if not isinstance(x, Tensor):
        raise ShapeError(f"x is {type(x).__name__}: this network takes a tensor {wanted}")
    fits = x.ndim == len(shape) + 1 and all(n in (None, m) for n, m in zip(shape, x.shape[1:], strict=True))
    if not fits:
        raise ShapeError(f"x is {tuple(x.shape)}: this network takes {wanted}")
    if not x.is_floating_point() or x.device != weight.device:
        raise RangeError(f"x is {x.dtype} on {x.device}, the network {weight.dtype} on {weight.device}: use x.to(..)")
    if x.dtype != weight.dtype and not torch.is_autocast_enabled(x.device.type):
        raise RangeError(f"x is {x.dtype}, the network {weight.dtype}: use x.to({weight.dtype}), or net.to({x.dtype})")


def check_one_each(t: Tensor, x: Tensor) -> None:
    """Raise unless t holds one number for each example of x."""
    if len(check_time(t)) != len(x) or t.device != x.device:
        raise ShapeError(f"t is {tuple(t.shape)} on {t.device}, x has {len(x)} examples on {x.device}: one t for each")


def check_sides(x: Tensor, factor: int) -> None:
    """Raise unless the images x, (B, C, H, W), can be halved until they are smaller by `factor`."""
    if not x.numel():
        raise ShapeError(f"x is {tuple(x.shape)}: pass at least one image, and no empty ones")
    if x.shape[2] % factor or x.shape[3] % factor:
        raise ShapeError(f"x is {tuple(x.shape)}: height and width must be multiples of {factor}; pad the image")
