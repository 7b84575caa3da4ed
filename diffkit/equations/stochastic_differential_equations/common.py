"""Random data and equations, and their densities, for the equations of this lesson."""

import torch
from torch import Tensor

from diffkit.equations.draws import F64, number, randn
from diffkit.oracle import GaussianMixture
from diffkit.sde import SDE, VE, VP, SubVP

SONG = "Song et al. 2021"


def mixture(g: torch.Generator, d: int = 1) -> GaussianMixture:
    """Three bells of random place, width and weight."""
    var = 0.2 + 0.4 * torch.rand(3, generator=g, dtype=F64)
    return GaussianMixture.isotropic(torch.softmax(randn(g, 3), 0), 1.2 * randn(g, 3, d), var)


def three_sdes(g: torch.Generator) -> list[SDE]:
    """One equation of each kind, with random ends."""
    low, high = number(g, 0.2, 0.8), number(g, 3, 6)
    return [VP(low, high), SubVP(low, high), VE(number(g, 0.05, 0.2), number(g, 1.5, 3))]


def density_of(data: GaussianMixture, sde: SDE, t: float, x: Tensor) -> Tensor:
    """p_t at points (B, d), from the exact marginals."""
    return torch.exp(data.log_prob(x, *(float(c) for c in sde.marginal(t))))


def rate_of(data: GaussianMixture, sde: SDE, t: float, x: Tensor, *, log: bool = False) -> Tensor:
    """The derivative of p_t(x), or of its logarithm, in time, by automatic differentiation, (B,)."""
    time = torch.full((len(x),), t, dtype=F64, requires_grad=True)
    value = data.log_prob(x, *sde.marginal(time))
    return torch.autograd.grad((value if log else torch.exp(value)).sum(), time)[0]


def in_the_plane(g: torch.Generator) -> tuple[GaussianMixture, list[SDE], float, Tensor]:
    """Random data in the plane, one equation of each kind, a time and five points."""
    return mixture(g, 2), three_sdes(g), number(g, 0.2, 0.8), randn(g, 5, 2)


def score(data: GaussianMixture, sde: SDE, t: float, x: Tensor) -> Tensor:
    """The score of p_t, (B, d), from the exact marginals."""
    return data.score(x, *(float(c) for c in sde.marginal(t)))
