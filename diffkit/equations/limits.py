"""Limits, derivatives and differential equations by brute force, for the slow side of an equation in continuous time."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

Rates = Callable[[float, tuple[float, ...]], tuple[float, ...]]


def limit(f: Callable[[float], Tensor], h: float, levels: int = 8) -> Tensor:
    """lim f(h) for h to 0, for f with a power series in h: Romberg's scheme on h, h/2, h/4, .."""
    row = [f(h / 2**k) for k in range(levels)]
    for m in range(1, levels):
        row = [(2**m * fine - coarse) / (2**m - 1) for coarse, fine in pairwise(row)]
    return row[0]


def runge_kutta(rates: Rates, start: tuple[float, ...], end: float, n: int = 1500) -> Tensor:
    """y(end) for y' = rates(t, y), y(0) = start, by n steps of the classical method of order 4, in plain numbers."""
    y, dt = start, end / n
    for i in range(n):
        t = i * dt
        k1 = rates(t, y)
        k2 = rates(t + dt / 2, tuple(a + dt / 2 * k for a, k in zip(y, k1, strict=True)))
        k3 = rates(t + dt / 2, tuple(a + dt / 2 * k for a, k in zip(y, k2, strict=True)))
        k4 = rates(t + dt, tuple(a + dt * k for a, k in zip(y, k3, strict=True)))
        y = tuple(a + dt / 6 * (p + 2 * q + 2 * r + s) for a, p, q, r, s in zip(y, k1, k2, k3, k4, strict=True))
    return torch.tensor(y, dtype=torch.float64)


def gradient(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Gradient of f at each row of x by automatic differentiation, (B, d).  f: (B, d) -> (B,)."""
    x = x if x.requires_grad else x.detach().requires_grad_()
    return torch.autograd.grad(f(x).sum(), x, create_graph=True)[0]


def divergence(field: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Divergence of a field at each row of x by automatic differentiation, (B,).  field: (B, d) -> (B, d)."""
    x = x.detach().requires_grad_()
    out = field(x)
    parts = [torch.autograd.grad(out[:, i].sum(), x, retain_graph=True)[0][:, i] for i in range(x.shape[1])]
    return torch.stack(parts).sum(0)


def laplacian(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Sum of the second derivatives of f at each row of x, (B,)."""
    return divergence(lambda y: gradient(f, y), x)
