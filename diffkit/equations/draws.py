"""Random numbers for the inputs of equations: float64, drawn with a generator."""

import torch
from torch import Tensor

F64 = torch.float64


def randn(g: torch.Generator, *shape: int) -> Tensor:
    """Standard normal numbers."""
    return torch.randn(shape, generator=g, dtype=F64)


def uniform(g: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """Numbers between low and high, uniform."""
    return low + (high - low) * torch.rand(shape, generator=g, dtype=F64)


def number(g: torch.Generator, low: float, high: float) -> float:
    """One of them."""
    return float(uniform(g, low, high, 1))
