"""Random densities and models, and scores by automatic differentiation, for the equations of this lesson."""

import torch
from torch import Tensor

from diffkit import losses
from diffkit.equations import draws
from diffkit.equations.draws import F64, randn
from diffkit.equations.quadrature import normal_nodes
from diffkit.oracle import GaussianMixture
from diffkit.schedule import Schedule

VINCENT, HYVARINEN, HO = "Vincent 2011", "Hyvärinen 2005", "Ho et al. 2020"


def mixture(g: torch.Generator, d: int = 2, K: int = 3) -> GaussianMixture:
    """A random mixture with full covariances, smooth enough for a grid of step 0.1."""
    root = 0.3 * randn(g, K, d, d)
    covs = root @ root.mT + 0.4 * torch.eye(d, dtype=F64)
    return GaussianMixture(torch.softmax(randn(g, K), 0), 0.9 * randn(g, K, d), covs)


def line(g: torch.Generator) -> GaussianMixture:
    """A random mixture on the line."""
    return mixture(g, d=1)


def model(g: torch.Generator, d: int) -> losses.score.Score:
    """A score model that is no gradient of anything: a random layer of four tanh units."""
    A, b, C = randn(g, 4, d), randn(g, 4), randn(g, d, 4)
    return lambda x: torch.tanh(x @ A.mT + b) @ C.mT


def random_schedule(g: torch.Generator, T: int = 10) -> Schedule:
    """T random betas between 0.02 and 0.4."""
    return draws.schedule(g, T, 0.02, 0.38)


def gradient(f: Tensor, x: Tensor) -> Tensor:
    """Gradient of the sum of f."""
    (out,) = torch.autograd.grad(f.sum(), x)
    return out


def log_gradient(p: GaussianMixture, x: Tensor, *level: float) -> Tensor:
    """The score by automatic differentiation of the log density."""
    x = x.detach().requires_grad_()
    return gradient(p.log_prob(x, *level), x)


def pairs(p: GaussianMixture, n: int = 60) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs of data and noise on the line: x_0 (m, 1), eps (m, 1) and weights (m,)."""
    (z, w), K = normal_nodes(n), len(p.means)
    x_0 = (p.means + p.covs[:, 0].sqrt() * z).flatten()  # each component by its own nodes
    w_0 = (p.weights.unsqueeze(1) * w).flatten()
    return x_0.repeat_interleave(n).unsqueeze(1), z.repeat(K * n).unsqueeze(1), torch.outer(w_0, w).flatten()


def one_number(value: Tensor) -> Tensor:
    """The value as a tensor of one entry, as a side of an equation."""
    return value.detach().reshape(1)


def cubic(g: torch.Generator) -> losses.score.Score:
    """A random score model on the line, of degree 3."""
    k, m, c = randn(g, 3)
    return lambda x: c + k * x + m * x**3
