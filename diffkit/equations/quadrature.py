"""Expected values and integrals by brute force, for the slow and obviously right side of an equation."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def normal_nodes(n: int = 40) -> tuple[Tensor, Tensor]:
    """Nodes and weights with sum w f(z) = E[f(z)] for z ~ N(0, 1): exact for polynomials up to degree 2n - 1."""
    z, w = np.polynomial.hermite_e.hermegauss(n)
    return torch.from_numpy(z), torch.from_numpy(w / w.sum())


def normal_grid(d: int, n: int = 8) -> tuple[Tensor, Tensor]:
    """The same in d dimensions, as a tensor product: nodes (n^d, d), weights (n^d,)."""
    z, w = normal_nodes(n)
    nodes = torch.cartesian_prod(*[z] * d).reshape(-1, d)
    weights = torch.cartesian_prod(*[w] * d).reshape(-1, d).prod(1)
    return nodes, weights


def integrate(f: Callable[[Tensor], Tensor], low: float, high: float, n: int = 20_001) -> Tensor:
    """Integral of f over the line by the trapezoidal rule on n points; f: (n,) -> (n, *).

    For a smooth density that has died out at both ends the error falls faster than any power of n.
    """
    x = torch.linspace(low, high, n, dtype=torch.float64)
    return torch.trapezoid(f(x), x, dim=0)
