"""How a network is told the time and the class: one vector per example.

A network cannot read t = 731 from one number; waves of many lengths make close times look alike and far ones
different.

Source: Vaswani et al. 2017, section 3.5, and Ho et al. 2020, appendix B (sinusoidal); Tancik et al. 2020, section 5,
and Song et al. 2021, appendix C (Gaussian Fourier); Ho & Salimans 2022, algorithm 1 (null class).
"""

import math

import torch
from torch import Tensor, nn

from diffkit.errors import RangeError, ShapeError
from diffkit.nets.checks import check_time


class SinusoidalEmbedding(nn.Module):
    """sin and cos of scale * t at dim/2 frequencies, geometric from 1 down to 1/max_period.

    t: (B,), integers or floats.  Returns (B, dim), the sines first.  The defaults suit steps t = 0..1000; for a time
    in [0, 1] pass scale=1000, else all times look alike.
    """

    frequencies: Tensor

    def __init__(self, dim: int, *, max_period: float = 10_000.0, scale: float = 1.0) -> None:
        super().__init__()
        _check_even(dim)
        if not (1 < max_period < math.inf and math.isfinite(scale) and scale != 0):
            raise RangeError(f"max_period = {max_period}, scale = {scale}: pass a period above 1 and a scale not 0")
        exponent = torch.linspace(0, 1, dim // 2, dtype=torch.float64)
        self.register_buffer("frequencies", (scale * max_period**-exponent).float())

    def forward(self, t: Tensor) -> Tensor:
        angle = check_time(t).to(self.frequencies).unsqueeze(1) * self.frequencies
        return torch.cat([angle.sin(), angle.cos()], 1)


class FourierEmbedding(nn.Module):
    """sin and cos of 2 pi w t at dim/2 fixed frequencies w ~ N(0, std^2): for a continuous t.

    t: (B,), such as a time in [0, 1] or log sigma.  Returns (B, dim).  std sets the finest detail in t that can be
    told apart, about 1/(2 pi std).
    """

    frequencies: Tensor

    def __init__(self, dim: int, *, std: float = 4.0, generator: torch.Generator | None = None) -> None:
        super().__init__()
        _check_even(dim)
        if not 0 < std < math.inf:
            raise RangeError(f"std = {std}: it must be positive and finite")
        self.register_buffer("frequencies", 2 * math.pi * std * torch.randn(dim // 2, generator=generator))

    def forward(self, t: Tensor) -> Tensor:
        angle = check_time(t).to(self.frequencies).unsqueeze(1) * self.frequencies
        return torch.cat([angle.sin(), angle.cos()], 1)


class LabelEmbedding(nn.Module):
    """A learned vector per class, and one more for "no class": the null class, with the number `classes`.

    y: (B,) long in 0..classes.  Returns (B, dim).
    """

    def __init__(self, classes: int, dim: int) -> None:
        super().__init__()
        if classes < 1:
            raise RangeError(f"classes = {classes}: there must be at least one")
        self.null = classes
        self.table = nn.Embedding(classes + 1, dim)

    def forward(self, y: Tensor | None, batch: int) -> Tensor:
        """y None means: no class for any of the `batch` examples."""
        if y is None:
            return self.table.weight[self.null].expand(batch, -1)
        if y.ndim != 1 or len(y) != batch:
            raise ShapeError(f"y is {tuple(y.shape)}: pass one label per example, ({batch},)")
        if y.dtype != torch.int64:
            raise RangeError(f"y is {y.dtype}: labels are integers, use y.long()")
        if y.device.type == "cpu" and bool(((y < 0) | (y > self.null)).any()):
            raise RangeError(f"labels run from {int(y.min())} to {int(y.max())}: pass 0..{self.null} (null class last)")
        return self.table(y)


def drop_labels(y: Tensor, null: int, p: float = 0.1, *, generator: torch.Generator | None = None) -> Tensor:
    """y with each label replaced by the null class with probability p, (B,).  Ho & Salimans 2022, algorithm 1.

    Trained so, one network gives both answers that classifier-free guidance combines.
    """
    if not 0 <= p <= 1:
        raise RangeError(f"p = {p}: it is a probability")
    drop = torch.rand(y.shape, generator=generator, device=y.device) < p
    return y.masked_fill(drop, null)


def _check_even(dim: int) -> None:
    if dim < 4 or dim % 2:
        raise RangeError(f"dim = {dim}: pass an even number from 4 on, half for sines and half for cosines")
