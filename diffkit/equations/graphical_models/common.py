"""Random tables and Gaussians for the equations of this lesson."""

import torch
from torch import Tensor

from diffkit.equations.draws import randn
from diffkit.gaussian import FullGaussian

BISHOP = "Bishop 2006"


def rand(g: torch.Generator, *shape: int) -> Tensor:
    """Numbers between 0 and 1, uniform."""
    return torch.rand(*shape, generator=g, dtype=torch.float64)


def log_normal(x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    """log N(x; mean, var), entry by entry."""
    return -0.5 * ((x - mean) ** 2 / var + torch.log(2 * torch.pi * var))


def random_joint(g: torch.Generator, *sizes: int) -> Tensor:
    """A random joint table without zeros."""
    p = rand(g, *sizes) + 0.05
    return p / p.sum()


def variances(g: torch.Generator, *shape: int) -> Tensor:
    """Random variances between 0.3 and 1.8."""
    return 0.3 + 1.5 * torch.rand(*shape, generator=g, dtype=torch.float64)


def random_full(g: torch.Generator, d: int) -> FullGaussian:
    """A random Gaussian in d dimensions with a full covariance matrix."""
    mix = randn(g, d, d)
    return FullGaussian(randn(g, d), mix @ mix.mT + 0.5 * torch.eye(d, dtype=torch.float64))
