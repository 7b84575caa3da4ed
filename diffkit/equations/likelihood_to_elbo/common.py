"""Random chains, and their joint distribution, for the equations of this lesson."""

import torch
from torch import Tensor

from diffkit.equations import chains
from diffkit.equations.draws import F64, randn
from diffkit.gaussian import FullGaussian
from diffkit.schedule import Schedule

HO, KW = "Ho et al. 2020", "Kingma & Welling 2014"


def both(g: torch.Generator, T: int, n: int = 4) -> tuple[chains.Chain, Schedule, Tensor]:
    """A random reverse chain, a random schedule, and n data points."""
    return chains.random_chain(g, T), chains.random_schedule(g, T), randn(g, n)


def one_cov_each(p: FullGaussian) -> FullGaussian:
    """The same Gaussians with one covariance matrix each."""
    return FullGaussian(p.mean, p.cov.expand(*p.mean.shape, p.mean.shape[-1]))


def data_and_path(s: Schedule, m: float, v: float) -> FullGaussian:
    """q(x_{0:T}) for data N(m, v): the chain as a linear map of the data and the noises."""
    mix = torch.zeros(s.T + 1, s.T + 1, dtype=F64)
    mix[0, 0] = v**0.5
    for t in range(1, s.T + 1):
        mix[t] = s.alpha[t].sqrt() * mix[t - 1]
        mix[t, t] = s.beta[t].sqrt()
    return FullGaussian(m * s.alpha_bar.sqrt(), mix @ mix.mT)
