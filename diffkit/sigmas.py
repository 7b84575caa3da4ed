"""Ladders of noise levels for variance-exploding methods: sigma[0] = 0 < sigma[1] < .. < sigma[n].

The package's index convention: n+1 entries, entry 0 is the clean data, and noise grows with the index.  Song &
Ermon 2019 and Karras et al. 2022 count the other way: their first level is the noisiest.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError


def geometric(
    n: int, sigma_min: float = 0.01, sigma_max: float = 50.0, *, device: torch.device | str = "cpu"
) -> Tensor:
    """Levels with a constant ratio sigma[i+1]/sigma[i], (n+1,) float64.  Song & Ermon 2019, section 4."""
    return _ladder(n, sigma_min, sigma_max, torch.log, torch.exp, device)


def karras(
    n: int, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0, *, device: torch.device | str = "cpu"
) -> Tensor:
    """Levels evenly spaced in sigma^(1/rho), (n+1,) float64.  Karras et al. 2022, eq. 5.

    rho = 1 spaces them evenly; a larger rho puts more of them at low noise.
    """
    if not 0 < rho < math.inf:
        raise RangeError(f"rho = {rho}: it must be positive and finite (7 is the paper's choice)")
    return _ladder(n, sigma_min, sigma_max, lambda s: s ** (1 / rho), lambda v: v**rho, device)


def check_ladder(sigmas: Tensor) -> Tensor:
    """sigmas in float64, after checking that it is (n+1,), starts at 0, rises and is finite."""
    if not isinstance(sigmas, Tensor) or sigmas.ndim != 1 or len(sigmas) < 2:
        shape = tuple(sigmas.shape) if isinstance(sigmas, Tensor) else type(sigmas).__name__
        raise ShapeError(f"sigmas is {shape}: pass a tensor (n+1,) with sigmas[0] = 0, e.g. geometric(10)")
    if sigmas.is_complex():
        raise RangeError(f"sigmas is {sigmas.dtype}: pass real numbers")
    sigmas = sigmas.double()
    rises = bool((sigmas[1:] > sigmas[:-1]).all())
    if not bool(torch.isfinite(sigmas).all()) or float(sigmas[0]) != 0 or not rises:
        raise RangeError("sigmas must be finite, start at sigmas[0] = 0 and rise: flip a ladder that falls")
    return sigmas


def _ladder(
    n: int,
    sigma_min: float,
    sigma_max: float,
    to_even: Callable[[Tensor], Tensor],
    from_even: Callable[[Tensor], Tensor],
    device: torch.device | str,
) -> Tensor:
    """0, then n levels evenly spaced after the map to_even."""
    if not isinstance(n, int) or n < 1:
        raise RangeError(f"n = {n!r}: the number of noise levels must be a whole number, at least 1")
    if not 0 < sigma_min <= sigma_max < math.inf or (n > 1 and sigma_min == sigma_max):
        raise RangeError(f"sigma runs from {sigma_min} to {sigma_max}: it needs 0 < sigma_min < sigma_max")
    low, high = to_even(torch.tensor([sigma_min, sigma_max], dtype=torch.float64)).tolist()
    out = torch.zeros(n + 1, dtype=torch.float64, device=device)
    out[1:] = from_even(torch.linspace(low, high, n, dtype=torch.float64, device=device))
    return check_ladder(out)  # extreme numbers may overflow, or leave neighbours equal
