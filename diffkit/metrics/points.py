"""Checks and distances that the metrics share."""

from collections.abc import Iterator

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError

CHUNK = 2**22  # distances held at once, 32 MB in float64


def as_points(x: Tensor, name: str, least: int = 1) -> Tensor:
    """x as points (N, D) in float64, after checking it.  x: (N, *D), at least `least` examples."""
    if not isinstance(x, Tensor) or x.is_complex():
        raise ShapeError(f"{name} is {type(x).__name__}: pass a tensor of real numbers, (N, *D)")
    if x.ndim < 2 or len(x) < least or not x[0].numel():
        raise ShapeError(
            f"{name} has shape {tuple(x.shape)}: pass (N, *D) with N >= {least}; points on a line are (N, 1)"
        )
    points = x.detach().flatten(1).double()
    if not bool(torch.isfinite(points).all()):
        raise RangeError(f"{name} has entries that are not finite: look at the sampler first")
    return points


def pair(x: Tensor, y: Tensor, least: int = 1) -> tuple[Tensor, Tensor]:
    """Both as points of one space on one device."""
    a, b = as_points(x, "x", least), as_points(y, "y", least)
    if x.shape[1:] != y.shape[1:] or a.device != b.device:
        raise ShapeError(
            f"x is {tuple(x.shape)} on {x.device}, y is {tuple(y.shape)} on {y.device}: examples must be alike"
        )
    return a, b


def distances(x: Tensor, y: Tensor) -> Iterator[Tensor]:
    """Euclidean distances (n, M) between blocks of n rows of x and all of y.

    By differences: the faster way over products loses half the digits where points are close.
    """
    for rows in x.split(max(1, CHUNK // len(y))):
        yield torch.cdist(rows, y, compute_mode="donot_use_mm_for_euclid_dist")
