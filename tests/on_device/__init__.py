"""Calls of every public function that takes or makes tensors, to be made on the CPU and on another device alike.

A claim is a function of a `Place`; what it returns may hold tensors at any depth.  All of them must be on the place's
device and have the numbers that they have on the CPU.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, is_dataclass
from typing import Any

import torch
from torch import Tensor

from diffkit import schedule
from diffkit.gaussian import Gaussian


@dataclass
class Place:
    """Where a claim is tried.  drew: whether it has asked for a generator."""

    device: torch.device
    drew: bool = False

    def __call__(self, x: Tensor) -> Tensor:
        """x, there."""
        return x.to(self.device)

    def randn(self, *shape: int, seed: int = 0) -> Tensor:
        """Normal numbers, the same at every place."""
        return self(torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))

    def draw(self) -> torch.Generator:
        """A generator of the place."""
        self.drew = True
        return torch.Generator(self.device).manual_seed(0)

    def spd(self, n: int) -> Tensor:
        """A covariance (n, n)."""
        a = self.randn(n, n, seed=9)
        return a @ a.T + torch.eye(n, dtype=a.dtype, device=a.device)


Claim = Callable[[Place], Any]
S = schedule.linear(8, 0.01, 0.4)


def schedules(p: Place) -> list[schedule.Schedule]:
    """One that moved along, and one that was left on the CPU: both serve a batch."""
    return [S.to(p.device), S]


def net(x: Tensor, t: Any) -> Tensor:
    """A network with one time per example, which notices a t of another device."""
    return torch.tanh(x) + 0.01 * t.to(x.dtype).reshape(-1, *[1] * (x.ndim - 1))


def pull(x: Tensor, t: Any = None) -> Tensor:
    """A score or network that does not look at the time."""
    return -0.1 * x


def unit(mean: Tensor, *_: Any) -> Gaussian:
    """N(0.9 mean, I)."""
    return Gaussian(0.9 * mean, torch.ones_like(mean))


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in a result, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, torch.nn.Module):
        yield from value.state_dict().values()
    elif is_dataclass(value):
        yield from tensors_in(vars(value))
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))
    elif hasattr(value, "__iter__") and not isinstance(value, str):
        for part in value:
            yield from tensors_in(part)
