r"""The divergence, estimated with random probes.  Equations (9.20) to (9.22)."""

from itertools import product

import torch
from torch import Tensor

from diffkit.equations.draws import F64, randn
from diffkit.equations.quadrature import normal_grid
from diffkit.equations.registry import Sides, twin


def _all_signs(d: int) -> tuple[Tensor, Tensor]:
    """All 2^d probes of signs, each with its probability."""
    probes = torch.tensor(list(product((-1.0, 1.0), repeat=d)), dtype=F64)
    return probes, torch.full((len(probes),), 1 / len(probes), dtype=F64)


def _moments(J: Tensor, probes: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of z^T J z over weighted probes.  J: (n, d, d)."""
    values = torch.einsum("pi,nij,pj->np", probes, J, probes)
    mean = values @ weights
    return mean, (values - mean.unsqueeze(1)) ** 2 @ weights


@twin(
    "9.20",
    r"\mathbb{E}\big[\mathbf{z}^\top J\,\mathbf{z}\big] = \operatorname{tr} J \qquad \text{if } \mathbb{E}[\mathbf{z}\mathbf{z}^\top] = \mathbf{I}",
    symbols="E flow_z flow_J I",
    source="Hutchinson 1990",
)
def hutchinson_mean(g: torch.Generator) -> Sides:
    """All probes of signs, then normal probes by quadrature; and the sum of the diagonal."""
    J = randn(g, 3, 4, 4)
    means = [_moments(J, *probes)[0] for probes in (_all_signs(4), normal_grid(4, 4))]
    return Sides(torch.cat(means), J.diagonal(dim1=1, dim2=2).sum(1).repeat(2))


def _symmetric(J: Tensor) -> Tensor:
    return (J + J.mT) / 2


@twin(
    "9.21",
    r"\operatorname{Var}\big[\mathbf{z}^\top J\,\mathbf{z}\big] = 2\sum_{i,j} S_{ij}^2, \qquad S = \tfrac12\,(J + J^\top), \quad \mathbf{z} \sim \mathcal{N}(\mathbf{0},\mathbf{I})",
    symbols="Var flow_z flow_J flow_S N I",
    source="Avron & Toledo 2011",
)
def normal_variance(g: torch.Generator) -> Sides:
    """Normal probes by quadrature, and the formula."""
    J = randn(g, 3, 4, 4)
    return Sides(_moments(J, *normal_grid(4, 4))[1], 2 * (_symmetric(J) ** 2).sum((1, 2)))


@twin(
    "9.21e",
    r"\operatorname{Var}\big[\mathbf{z}^\top J\,\mathbf{z}\big] = 2\sum_{i,j} J_{ij}^2, \qquad \mathbf{z} \sim \mathcal{N}(\mathbf{0},\mathbf{I})",
    symbols="Var flow_z flow_J N I",
    source="right for a symmetric J only",
    erratum="The part of J that is not symmetric cancels in z^T J z: it must be taken out before squaring.",
)
def unsymmetric_variance(g: torch.Generator) -> Sides:
    """Normal probes by quadrature, and the formula without taking the symmetric part."""
    J = randn(g, 3, 4, 4)
    return Sides(_moments(J, *normal_grid(4, 4))[1], 2 * (J**2).sum((1, 2)))


@twin(
    "9.22",
    r"\operatorname{Var}\big[\mathbf{z}^\top J\,\mathbf{z}\big] = 2\sum_{i \ne j} S_{ij}^2, \qquad z_i = \pm 1 \text{ with equal chances}",
    symbols="Var flow_z flow_J flow_S",
    source="Hutchinson 1990",
)
def sign_variance(g: torch.Generator) -> Sides:
    """All probes of signs, and the formula."""
    J = randn(g, 3, 4, 4)
    S = _symmetric(J)
    off = (S**2).sum((1, 2)) - (S.diagonal(dim1=1, dim2=2) ** 2).sum(1)
    return Sides(_moments(J, *_all_signs(4))[1], 2 * off)
