"""Pixels are integers: the probability of a bin instead of a density, and the units of the answer.

Data with `bins` values are placed on [-1, 1]: value k sits at 2 k/(bins - 1) - 1 and owns the interval of
half-width 1/(bins - 1) around it.  The first and the last interval reach to infinity, so the probabilities
sum to 1.

Source: Ho et al. 2020, eq. 13.
"""

import math

import torch
from torch import Tensor

from diffkit.errors import RangeError
from diffkit.gaussian import Gaussian, check_fit, check_has_density, sum_event

GRID_TOL = 1e-3  # in bins: float32 arithmetic on 256 values misses the grid by about 1e-5


def discretized_log_prob(p: Gaussian, x: Tensor, bins: int = 256) -> Tensor:
    """log of the probability that p gives to the bin of x.  x: (B, *D) on the grid.  Returns (B,) nats.

    Raises RangeError for data off the grid, fewer than 2 bins, or a variance of 0; ShapeError if x does not fit p.
    """
    check_grid(x, bins)
    check_fit(x, p.mean)
    check_has_density(p)
    # Half precision has not the digits for tails: float32 is the least.
    wide = torch.promote_types(x.dtype, torch.float32)
    mean, std = p.mean.to(wide), p.std.to(wide)
    half = 1 / (bins - 1)
    low, high = (x.to(wide) - half - mean) / std, (x.to(wide) + half - mean) / std
    first, last = x < -1 + half, x > 1 - half
    inner = log_interval(low, high)
    # The edge bins are open.  log_ndtr keeps its digits where 1 - ndtr has none left.
    from_below = torch.special.log_ndtr(high)
    from_above = torch.special.log_ndtr(-low)
    return sum_event(torch.where(first, from_below, torch.where(last, from_above, inner))).to(x.dtype)


def log_interval(low: Tensor, high: Tensor) -> Tensor:
    """log( Phi(high) - Phi(low) ), low < high, exact in both tails.

    Both Phi are close to 1 in the upper tail, so the interval is mirrored into the lower one, where they are
    small and differ by a factor.
    """
    mirror = low + high > 0
    a, b = torch.where(mirror, -high, low), torch.where(mirror, -low, high)
    log_a, log_b = torch.special.log_ndtr(a), torch.special.log_ndtr(b)
    gap = log_b - log_a
    small = gap < math.log(2)
    # log(1 - exp(-gap)), by the form that keeps its digits.  Near gap = 0 `far` has no finite gradient, and even
    # unused it would spoil the sum: there it is fed a harmless 1.
    near = torch.log(-torch.expm1(-gap))
    far = torch.log1p(-torch.exp(-torch.where(small, 1.0, gap)))
    return log_b + torch.where(small, near, far)


def bits_per_dim(nats: Tensor, dims: int, *, bin_width: float | None = None) -> Tensor:
    """Nats per example as bits per dimension.  nats: (B,), minus a log-probability.

    dims: numbers per example.  A probability of bins (`data="discrete"`) needs no more.  A density does: the
    probability of a bin of width w is about density * w, so pass w in the units of the data.  Data k/127.5 -
    1 have w = 2/255; data dequantized by (k + u)/128 - 1, u ~ U[0, 1), have w = 2/256, which adds 7 bits.
    """
    if dims < 1:
        raise RangeError(f"dims = {dims}: count the numbers of one example, e.g. x_0[0].numel()")
    if bin_width is not None and not 0 < bin_width < math.inf:
        raise RangeError(f"bin_width = {bin_width}: it must be positive")
    offset = 0.0 if bin_width is None else -math.log2(bin_width)
    return nats / (dims * math.log(2)) + offset


def check_grid(x: Tensor, bins: int) -> None:
    """Raise RangeError unless every entry of x is one of the `bins` values.  Not checked on a GPU."""
    if bins < 2:
        raise RangeError(f"bins = {bins}: discrete data have at least 2 values")
    if x.device.type != "cpu":
        return
    k = (x.detach() + 1) * ((bins - 1) / 2)
    if bool(((k - k.round()).abs() > GRID_TOL).any()) or bool((k.round() < 0).any() | (k.round() > bins - 1).any()):
        raise RangeError(
            f"x_0 is not on the grid of {bins} values in [-1, 1]: scale integers k by 2 k/{bins - 1} - 1, "
            'or use data="continuous"'
        )
