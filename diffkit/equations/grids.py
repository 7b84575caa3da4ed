"""Integrals over an interval and over the plane, and derivatives from values alone."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

STENCIL = (4 / 5, -1 / 5, 4 / 105, -1 / 280)  # central difference whose error falls with the 8th power of the step


def interval_nodes(low: float, high: float, n: int = 60) -> tuple[Tensor, Tensor]:
    """Nodes and weights of Gauss and Legendre on [low, high]: the ends may be anything, the inside must be smooth."""
    z, w = np.polynomial.legendre.leggauss(n)
    half = (high - low) / 2
    return low + half * (torch.from_numpy(z) + 1), half * torch.from_numpy(w)


def plane_nodes(reach: float = 10.0, n: int = 201) -> tuple[Tensor, Tensor]:
    """Nodes (n^2, 2) and weights (n^2,) of the trapezoidal rule on [-reach, reach]^2, for densities that die out."""
    x = torch.linspace(-reach, reach, n, dtype=torch.float64)
    step = float(x[1] - x[0])
    return torch.cartesian_prod(x, x), torch.full((n * n,), step**2, dtype=torch.float64)


def differences(f: Callable[[Tensor], Tensor], x: Tensor, step: float = 0.02) -> Tensor:
    """Gradient of f at x from its values nearby, (B, d).  f: (B, d) -> (B,)."""
    columns = []
    for unit in torch.eye(x.shape[1], dtype=x.dtype):
        pairs = [c * (f(x + k * step * unit) - f(x - k * step * unit)) for k, c in enumerate(STENCIL, 1)]
        columns.append(torch.stack(pairs).sum(0) / step)
    return torch.stack(columns, 1)
