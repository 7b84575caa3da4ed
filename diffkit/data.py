"""Data to try things on: real digits and toy distributions in the plane; `data.idx` reads MNIST and its like.

The digits are the 1,797 8x8 images of the UCI "Optical Recognition of Handwritten Digits" test set
(Alpaydin & Kaynak 1998, CC BY 4.0); `data/README.md` tells where they came from.
"""

import math
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from diffkit import idx as idx
from diffkit.errors import DataError, RangeError
from diffkit.oracle import GaussianMixture


class Digits(NamedTuple):
    """images: (N, 1, 8, 8) float32 in [-1, 1]; labels: (N,) int64 in 0..9."""

    images: Tensor
    labels: Tensor


def data_folder() -> Path:
    """The course's data folder: $DIFFKIT_DATA, or `data/` beside the package."""
    return Path(os.environ.get("DIFFKIT_DATA") or Path(__file__).resolve().parent.parent / "data")


def digits(device: torch.device | str = "cpu") -> Digits:
    """The 8x8 digits.  Pixels are stored as 0..16 and returned as pixel / 8 - 1, in [-1, 1]."""
    path = data_folder() / "digits.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            pixels, labels = file["images"], file["labels"]
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"cannot read {path.name} in the data folder ({error}): restore data/ from the course, "
            "or set DIFFKIT_DATA to the folder that holds digits.npz"
        ) from error
    images = torch.from_numpy(pixels.astype(np.float32)).unsqueeze(1) / 8 - 1
    return Digits(images.to(device), torch.from_numpy(labels.astype(np.int64)).to(device))


def bumps(dtype: torch.dtype = torch.float64) -> GaussianMixture:
    """A mixture on the line with three unequal bumps, mean 0 and variance 1: the running example of the course."""
    weights = torch.tensor([0.5, 0.2, 0.3], dtype=dtype)
    means = torch.tensor([[-1.1], [0.3], [1.5]], dtype=dtype)
    std = torch.tensor([0.25, 0.15, 0.35], dtype=dtype)
    means = means - weights @ means
    scale = (weights @ (std**2 + means[:, 0] ** 2)).sqrt()
    return GaussianMixture.isotropic(weights, means / scale, (std / scale) ** 2)


def ring_mixture(
    K: int = 8, radius: float = 1.4, std: float = 0.12, dtype: torch.dtype = torch.float64
) -> GaussianMixture:
    """K equal Gaussians on a circle in the plane."""
    angle = torch.arange(K, dtype=dtype) * (2 * math.pi / K)
    means = radius * torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)
    return GaussianMixture.isotropic(torch.full((K,), 1 / K, dtype=dtype), means, std**2)


def hills(dtype: torch.dtype = torch.float64) -> tuple[GaussianMixture, Tensor]:
    """Five round hills in the plane, and the class of each, (5,): 0, 0, 1, 2, 1.

    Class 0 has a hill that stands by itself and one that the other classes overlap.
    """
    means = torch.tensor([[-1.2, 0.9], [0.0, -0.2], [1.2, 0.9], [0.9, -1.3], [-0.9, -1.3]], dtype=dtype)
    var = torch.tensor([0.12, 0.2, 0.12, 0.2, 0.2], dtype=dtype)
    mixture = GaussianMixture.isotropic(torch.full((5,), 0.2, dtype=dtype), means, var)
    return mixture, torch.tensor([0, 0, 1, 2, 1])


def two_moons(n: int, noise: float = 0.08, *, generator: torch.Generator | None = None) -> Tensor:
    """n points on two interleaved half circles, (n, 2) float32, about zero mean and unit spread."""
    _check_count(n)
    u, upper = _uniform(n, generator) * math.pi, _uniform(n, generator) < 0.5
    x = torch.where(upper, torch.cos(u), 1 - torch.cos(u)) - 0.5
    y = torch.where(upper, torch.sin(u), 0.5 - torch.sin(u)) - 0.25
    return torch.stack([x, y], 1) * 1.3 + noise * torch.randn(n, 2, generator=generator)


def moons_mixture(K: int = 60, std: float = 0.08, dtype: torch.dtype = torch.float64) -> GaussianMixture:
    """The two moons with a known density: K equal Gaussians along the half circles, so close that they make a band.

    Its samples are those of `two_moons` with noise = std.
    """
    if K < 2 or K % 2:
        raise RangeError(f"K = {K}: pass an even number, half for each moon")
    u = (torch.arange(K // 2, dtype=dtype) + 0.5) * (2 * math.pi / K)
    upper, lower = torch.stack([u.cos(), u.sin()], 1), torch.stack([1 - u.cos(), 0.5 - u.sin()], 1)
    means = 1.3 * (torch.cat([upper, lower]) - torch.tensor([0.5, 0.25], dtype=dtype))
    return GaussianMixture.isotropic(torch.full((K,), 1 / K, dtype=dtype), means, std**2)


def rings(n: int, noise: float = 0.05, *, generator: torch.Generator | None = None) -> Tensor:
    """n points on two concentric circles of radius 0.7 and 1.6, (n, 2) float32."""
    _check_count(n)
    angle = 2 * math.pi * _uniform(n, generator)
    radius = torch.where(_uniform(n, generator) < 0.5, 0.7, 1.6)
    return torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], 1) + noise * torch.randn(
        n, 2, generator=generator
    )


def checkerboard(n: int, *, generator: torch.Generator | None = None) -> Tensor:
    """n points spread evenly over the dark squares of a 4x4 board on [-2, 2]^2, (n, 2) float32."""
    _check_count(n)
    column = torch.randint(0, 4, (n,), generator=generator)
    row = 2 * torch.randint(0, 2, (n,), generator=generator) + column % 2
    corner = torch.stack([column, row], 1).float() - 2
    return corner + torch.rand(n, 2, generator=generator)


def _uniform(n: int, generator: torch.Generator | None) -> Tensor:
    return torch.rand(n, generator=generator)


def _check_count(n: int) -> None:
    if n < 0:
        raise RangeError(f"n = {n}: the number of points cannot be negative")
