r"""Codes for what has no pixels: tokens embedded and rounded.  Equations (12.14) to (12.17)."""

import math

import torch
from torch import Tensor

from diffkit.equations.draws import F64, number, randn
from diffkit.equations.grids import interval_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import Gaussian
from diffkit.oracle import GaussianMixture


def _tokens(g: torch.Generator, K: int = 4, d: int = 2) -> tuple[Tensor, Tensor, float]:
    """Log frequencies (K,), embeddings (K, d) and the noise around them."""
    return torch.log_softmax(randn(g, K), 0), randn(g, K, d), number(g, 0.4, 0.9)


def _posterior(log_p: Tensor, table: Tensor, std: float, z: Tensor) -> Tensor:
    """log p(w | z) by the softmax formula, (N, K)."""
    return torch.log_softmax(log_p - (z.unsqueeze(1) - table).square().sum(2) / (2 * std**2), 1)


@twin(
    "12.14",
    r"q(\mathbf{z} \mid w) = \mathcal{N}\!\left(\mathbf{z};\ \mathbf{e}_w,\ \sigma^2 \mathbf{I}\right), \qquad q(\mathbf{z}) = \sum_{w} p(w)\, \mathcal{N}\!\left(\mathbf{z};\ \mathbf{e}_w,\ \sigma^2 \mathbf{I}\right)",
    symbols="q lat_z lat_w lat_e lat_pw lat_sigma N I",
    source="Li et al. 2022, section 4.1",
)
def embedded(g: torch.Generator) -> Sides:
    """On the line: the slope of the distribution function of z by automatic differentiation, and the mixture."""
    log_p, table, std = _tokens(g, d=1)
    z = randn(g, 5).requires_grad_()
    below = torch.exp(log_p) @ torch.special.ndtr((z - table) / std)
    (density,) = torch.autograd.grad(below.sum(), z)
    mixture = GaussianMixture.isotropic(torch.exp(log_p), table, torch.tensor(std**2, dtype=F64))
    return Sides(density, mixture.log_prob(z.detach().unsqueeze(1)).exp())


@twin(
    "12.15",
    r"p(w \mid \mathbf{z}) = \frac{p(w)\, q(\mathbf{z} \mid w)}{q(\mathbf{z})} = \operatorname{softmax}_w\!\left(\log p(w) - \frac{\|\mathbf{z} - \mathbf{e}_w\|^2}{2\sigma^2}\right)",
    symbols="lat_w lat_z lat_pw q lat_e lat_sigma",
)
def bayes_decoder(g: torch.Generator) -> Sides:
    """Densities multiplied and divided, at five points and for all tokens, and the softmax."""
    log_p, table, std = _tokens(g)
    z = randn(g, 5, 2)
    density = torch.stack(
        [(2 * math.pi * std**2) ** -1 * torch.exp(-((z - e) ** 2).sum(1) / (2 * std**2)) for e in table], 1
    )
    joint = torch.exp(log_p) * density
    return Sides(joint / joint.sum(1, keepdim=True), _posterior(log_p, table, std, z).exp())


@twin(
    "12.16",
    r"-\log p(w) = -\log p(w \mid \mathbf{z}) + \log q(\mathbf{z} \mid w) - \log q(\mathbf{z}) \qquad \text{for every } \mathbf{z}",
    symbols="lat_pw lat_w lat_z q",
)
def nothing_is_lost(g: torch.Generator) -> Sides:
    """The three terms of the bound at five codes that have nothing to do with the token, and its frequency."""
    log_p, table, std = _tokens(g)
    z, w = 2 * randn(g, 5, 2), 1
    code = Gaussian(table[w].expand(5, 2), torch.full((5, 2), std**2, dtype=F64))
    mixture = GaussianMixture.isotropic(torch.exp(log_p), table, torch.tensor(std**2, dtype=F64))
    terms = -_posterior(log_p, table, std, z)[:, w] + code.log_prob(z) - mixture.log_prob(z)
    return Sides(-log_p[w].expand(5), terms)


@twin(
    "12.17",
    r"P\!\left(\text{nearer to } \mathbf{e}_{w'} \mid \mathbf{z} \sim q(\mathbf{z} \mid w)\right) = \Phi\!\left(-\frac{\|\mathbf{e}_w - \mathbf{e}_{w'}\|}{2\sigma}\right)",
    symbols="lat_z lat_w lat_e lat_sigma lat_Phi q",
)
def rounding_error(g: torch.Generator) -> Sides:
    """The density of z over the half plane that is nearer to the other embedding, integrated, and the formula."""
    table, std = randn(g, 2, 2), number(g, 0.4, 0.9)
    gap = table[1] - table[0]
    across = gap / gap.norm()
    along = torch.stack([-across[1], across[0]])
    (s, w_s), (r, w_r) = interval_nodes(0.0, 10 * std), interval_nodes(-9 * std, 9 * std)
    z = (table[0] + table[1]) / 2 + s.reshape(-1, 1, 1) * across + r.reshape(1, -1, 1) * along
    density = torch.exp(-((z - table[0]) ** 2).sum(2) / (2 * std**2)) / (2 * math.pi * std**2)
    formula = torch.special.ndtr(-gap.norm() / (2 * std))
    return Sides((w_s @ density @ w_r).reshape(1), formula.reshape(1))
