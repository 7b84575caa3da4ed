"""Data with classes and the posterior of a class, for the equations of this lesson."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from diffkit import guidance
from diffkit.equations.draws import F64, number, randn, uniform
from diffkit.oracle import GaussianMixture
from diffkit.schedule import Schedule, linear

SONG = "Song et al. 2021 (SDE)"
MEMBERS = [0, 2]  # the components of a random mixture that make up class y
REACH, NODES = 12.0, 4001  # of the integrals over the line


class Labelled(NamedTuple):
    """A mixture, the part of it that is class y, the part that is not, and the share of class y."""

    data: GaussianMixture
    y: GaussianMixture
    rest: GaussianMixture
    share: Tensor


def labelled(g: torch.Generator, d: int = 1, K: int = 4) -> Labelled:
    """A random mixture of K components in d dimensions; those in MEMBERS are class y."""
    weights = torch.softmax(0.5 * randn(g, K), 0)
    data = GaussianMixture.isotropic(weights, 1.2 * randn(g, K, d), uniform(g, 0.25, 0.6, K))
    others = [k for k in range(K) if k not in MEMBERS]
    return Labelled(data, part(data, MEMBERS), part(data, others), weights[MEMBERS].sum())


def part(data: GaussianMixture, members: list[int]) -> GaussianMixture:
    """The mixture of these components alone."""
    w = data.weights[members]
    return GaussianMixture(w / w.sum(), data.means[members], data.covs[members])


def log_class(data: GaussianMixture, x: Tensor, alpha: float = 1.0, sigma: float = 0.0) -> Tensor:
    """log q(y | x_t) from the library's shares of the components."""
    return data.responsibilities(x, alpha, sigma)[:, MEMBERS].sum(1).log()


def level(g: torch.Generator) -> tuple[float, float]:
    """(alpha, sigma) = roots of alpha_bar and 1 - alpha_bar."""
    alpha_bar = number(g, 0.3, 0.8)
    return alpha_bar**0.5, (1 - alpha_bar) ** 0.5


def normal(x: Tensor, mean: Tensor | float, var: Tensor | float) -> Tensor:
    """Density of N(mean, var) at x, elementwise."""
    var = torch.as_tensor(var, dtype=F64)
    return torch.exp(-0.5 * (x - mean) ** 2 / var) / (2 * math.pi * var).sqrt()


def line() -> tuple[Tensor, Tensor]:
    """Points of the line, (NODES, 1), and the weight of each in the trapezoidal rule (its ends are empty)."""
    x = torch.linspace(-REACH, REACH, NODES, dtype=F64)
    return x.unsqueeze(1), torch.full((NODES,), 2 * REACH / (NODES - 1), dtype=F64)


def autograd(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Gradient of the sum of f at x."""
    return guidance.gradient(f, x)


def schedule_and_t(g: torch.Generator) -> tuple[Schedule, int, tuple[float, float]]:
    """A schedule, a step in it, and its (alpha, sigma)."""
    s = linear(20, 0.01, number(g, 0.2, 0.3))
    t = int(torch.randint(4, 12, (1,), generator=g))
    return s, t, (float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt()))


def times(t: int, x: Tensor) -> Tensor:
    """The step t for every point of x."""
    return torch.full((len(x),), t)


def one_bell(mean: Tensor, cov: Tensor) -> GaussianMixture:
    """One Gaussian as a mixture.  mean: (d,); cov: (d, d)."""
    return GaussianMixture(torch.ones(1, dtype=F64), mean.reshape(1, -1), cov.unsqueeze(0))


def moments_by_derivatives(run: Callable[[Tensor], Tensor], n: int) -> Tensor:
    """Mean and variance of an affine function of n standard normal numbers: its value at 0, its slopes squared."""
    zero = torch.zeros(n, dtype=F64)
    slopes = torch.autograd.functional.jacobian(run, zero)
    return torch.stack([run(zero), (slopes**2).sum()])
