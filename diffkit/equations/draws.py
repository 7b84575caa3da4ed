"""Random numbers and schedules for the inputs of equations: float64, drawn with a generator."""

import torch
from torch import Tensor

from diffkit.schedule import Schedule

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


def schedule(g: torch.Generator, T: int, low: float, spread: float) -> Schedule:
    """A schedule of T steps, its betas uniform between low and low + spread."""
    return Schedule(torch.cat([torch.zeros(1, dtype=F64), low + spread * torch.rand(T, generator=g, dtype=F64)]))


def same_draws(g: torch.Generator) -> tuple[torch.Generator, torch.Generator]:
    """Two generators that draw the same numbers."""
    seed = int(torch.randint(2**31, (1,), generator=g))
    return torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)
