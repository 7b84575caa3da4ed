"""Is everything there?  Coverage of the data by the samples, and the weights of known modes.

Source: Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models", eq. 4 and section 3.3.
"""

import math

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.metrics.points import as_points, distances, pair


def coverage(real: Tensor, samples: Tensor, k: int = 5) -> Tensor:
    """Share of real points that have a sample nearer than their k-th real neighbour, () in 0..1.

    real: (N, *D), N > k; samples: (M, *D).  Naeem et al. 2020, eq. 4.  For good samples it is near
    `expected_coverage`, not 1; a lost mode costs its whole weight.  Copies of the data score 1: it does not see them.
    """
    r, s = pair(real, samples)
    if not 1 <= k < len(r):
        raise RangeError(f"k = {k} with {len(r)} real points: 1 <= k < N is needed")
    # The (k+1)-th smallest of a row that holds the point itself, at distance 0.
    radius = torch.cat([d.kthvalue(k + 1, dim=1).values for d in distances(r, r)])
    nearest = torch.cat([d.min(dim=1).values for d in distances(r, s)])
    return (nearest < radius).double().mean()


def expected_coverage(n: int, m: int, k: int = 5) -> float:
    """Mean coverage when n real points and m samples come from one continuous distribution.

    1 - (n-1)..(n-k) / ((n+m-1)..(n+m-k)): none of the m may be among the k nearest.  Naeem et al. 2020, section 3.3.
    """
    if not 1 <= k < n or m < 0:
        raise RangeError(f"n = {n}, m = {m}, k = {k}: 1 <= k < n and m >= 0 are needed")
    return 1 - math.prod((n - i) / (n + m - i) for i in range(1, k + 1))


def mode_weights(x: Tensor, centres: Tensor) -> Tensor:
    """Share of the points that lie nearest to each centre, (K,) float64.  x: (N, *D); centres: (K, *D).

    Right for modes that are well apart and alike in spread, as in `data.ring_mixture`.
    """
    points, c = pair(x, centres)
    nearest = torch.cat([d.argmin(dim=1) for d in distances(points, c)])
    return torch.bincount(nearest, minlength=len(c)).double() / len(points)


def mode_error(x: Tensor, centres: Tensor, weights: Tensor) -> Tensor:
    """Half the sum of |share - weight|: the part of the samples that sits in the wrong mode, () in 0..1.

    weights: (K,), the true ones, summing to 1.
    """
    true = check_weights(weights, len(as_points(centres, "centres")))
    return 0.5 * (mode_weights(x, centres) - true.to(x.device)).abs().sum()


def check_weights(weights: Tensor, k: int) -> Tensor:
    """The weights of k modes in float64, after checking that they are probabilities."""
    if weights.shape != (k,):
        raise ShapeError(f"weights are {tuple(weights.shape)}: pass one per mode, ({k},)")
    if weights.is_complex():
        raise RangeError(f"weights are {weights.dtype}: they are probabilities, real numbers")
    w = weights.detach().double()
    if not bool((w >= 0).all()) or abs(float(w.sum()) - 1) > 1e-6:
        raise RangeError(f"weights sum to {float(w.sum()):.6g}: they are probabilities, e.g. w / w.sum()")
    return w
