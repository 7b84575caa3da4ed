"""Distances between two samples that see every difference: energy distance and sliced Wasserstein distance.

Source: Szekely & Rizzo 2013 (energy); Rabin et al. 2011 and Bonneel et al. 2015 (sliced Wasserstein).
"""

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.metrics.points import distances, pair


def energy_distance(x: Tensor, y: Tensor) -> Tensor:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| over all pairs, () float64, never negative.  Szekely & Rizzo 2013, eq. 6.1.

    x: (N, *D), y: (M, *D), in units of the data.  Zero only for equal samples.  Two samples of one distribution have
    about E|X - X'| (1/N + 1/M).
    """
    a, b = pair(x, y)
    total = 2 * _mean_distance(a, b) - _mean_distance(a, a) - _mean_distance(b, b)
    return total.clamp(min=0)  # rounding


def sliced_wasserstein(
    x: Tensor,
    y: Tensor,
    *,
    n_directions: int = 256,
    directions: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Root of the mean over unit directions of the squared W_2 of the projections, () float64, in units of the data.

    x: (N, *D), y: (M, *D).  directions: (n, D), else drawn evenly from the sphere.  Compare values only when they
    used the same directions.
    """
    a, b = pair(x, y)
    if directions is None:
        if n_directions < 1:
            raise RangeError(f"n_directions = {n_directions}: at least one is needed")
        device = a.device if generator is None else generator.device
        directions = torch.randn(n_directions, a.shape[1], generator=generator, dtype=a.dtype, device=device)
    if directions.ndim != 2 or directions.shape[1] != a.shape[1] or not len(directions):
        raise ShapeError(f"directions are {tuple(directions.shape)}: pass (n, {a.shape[1]})")
    unit = torch.nn.functional.normalize(directions.to(a), dim=1)
    if bool((unit.norm(dim=1) < 0.5).any()):
        raise RangeError("a direction is zero: it points nowhere")
    return (_squared_w2(a @ unit.T, b @ unit.T).mean()).sqrt()


def wasserstein_1d(x: Tensor, y: Tensor) -> Tensor:
    """W_2 of two samples on the line, () float64, exact also for different sizes.  x: (N, 1), y: (M, 1)."""
    a, b = pair(x, y)
    if a.shape[1] != 1:
        raise ShapeError(f"x is {tuple(x.shape)}: W_2 on the line takes (N, 1); use sliced_wasserstein for more")
    return _squared_w2(a, b)[0].sqrt()


def _squared_w2(x: Tensor, y: Tensor) -> Tensor:
    """Squared W_2 column by column, (n,).  x: (N, n), y: (M, n).

    On the line the best plan keeps the order: the quantile functions are steps at i/N and j/M, and between two
    neighbouring steps both are constant.
    """
    n, m = len(x), len(y)
    device = x.device
    steps = torch.cat([torch.arange(1, n + 1, device=device) * m, torch.arange(1, m + 1, device=device) * n])
    ends = steps.unique()  # in integers, in units of 1/(n m): sorted, and equal steps are equal
    widths = torch.diff(ends, prepend=ends.new_zeros(1))
    i, j = (ends - 1) // m, (ends - 1) // n
    gap = x.sort(0).values[i] - y.sort(0).values[j]
    return (gap**2 * (widths.to(x) / (n * m)).unsqueeze(1)).sum(0)


def _mean_distance(x: Tensor, y: Tensor) -> Tensor:
    return torch.stack([block.sum() for block in distances(x, y)]).sum() / (len(x) * len(y))
