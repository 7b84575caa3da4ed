r"""Lesson 09, exact likelihood: the numbered equations (9.15) to (9.26) as functions."""

import math
from itertools import product

import torch
from torch import Tensor

from diffkit.equations.grids import interval_nodes
from diffkit.equations.probability_flow import (
    F64,
    below,
    log_density,
    mixture,
    number,
    randn,
    score,
    slope,
    some_sde,
)
from diffkit.equations.quadrature import normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import FullGaussian
from diffkit.likelihood import dequantised_bits_per_dim, exact_divergence
from diffkit.oracle import GaussianMixture
from diffkit.sde import SDE, VP

CHEN = "Chen et al. 2018"


def _log_normal(z: Tensor) -> Tensor:
    return -0.5 * (z**2 + math.log(2 * math.pi)).sum(-1)


@twin(
    "9.15",
    r"\log p(\mathbf{x}) = \log p_Z\big(\boldsymbol\Phi(\mathbf{x})\big) + \log\left|\det\frac{\partial\boldsymbol\Phi}{\partial\mathbf{x}}\right|",
    symbols="flow_x flow_p flow_pz flow_Phi",
    source="Rezende & Mohamed 2015",
)
def change_of_variables(g: torch.Generator) -> Sides:
    """An affine map (the rule for Gaussians) and a bent map on the line (slope of the distribution function)."""
    A, b, x = randn(g, 3, 3), randn(g, 3), randn(g, 4, 3)
    back = torch.linalg.inv(A)
    gaussian = FullGaussian(-(back @ b), back @ back.mT).log_prob(x)
    c, y = number(g, 0.2, 0.8), randn(g, 4)
    bent = slope(lambda h: torch.special.ndtr(y + h + c * torch.sin(y + h))).log()
    affine = _log_normal(x @ A.mT + b) + torch.linalg.det(A).abs().log()
    rule = _log_normal((y + c * y.sin()).unsqueeze(1)) + (1 + c * y.cos()).abs().log()
    return Sides(torch.cat([gaussian, bent]), torch.cat([affine, rule]))


@twin(
    "9.16",
    r"\frac{d}{dh}\,\log\det(\mathbf{I} + h\,J)\Big|_{h=0} = \operatorname{tr} J",
    symbols="flow_h I flow_J",
    source="Jacobi's formula",
)
def determinant_is_a_trace(g: torch.Generator) -> Sides:
    """The logarithm of the determinant at nearby h, and the sum of the diagonal."""
    J, one = randn(g, 4, 4, 4), torch.eye(4, dtype=F64)
    return Sides(slope(lambda h: torch.linalg.slogdet(one + h * J).logabsdet), J.diagonal(dim1=1, dim2=2).sum(1))


def _rates(g: torch.Generator) -> tuple[Tensor, Tensor]:
    """Change of log p_t along the flow, by differences, and the divergence, by automatic differentiation."""
    data, sde, x, t = mixture(g, 2), some_sde(g), randn(g, 6, 2), number(g, 0.2, 0.8)
    v, div = exact_divergence(lambda y: sde.flow_drift(y, t, score(data, sde, y, t)), x)
    return slope(lambda h: log_density(data, sde, x + h * v, t + h)), div


@twin(
    "9.17",
    r"\frac{d}{dt}\log p_t(\mathbf{x}_t) = -\nabla\cdot\mathbf{v}(\mathbf{x}_t, t)",
    symbols="t flow_p flow_x div flow_v",
    source=f"{CHEN}, theorem 1",
)
def instantaneous_change(g: torch.Generator) -> Sides:
    """The exact log density at nearby times and places along the path, and minus the divergence."""
    left, div = _rates(g)
    return Sides(left, -div)


@twin(
    "9.17e",
    r"\frac{d}{dt}\log p_t(\mathbf{x}_t) = \nabla\cdot\mathbf{v}(\mathbf{x}_t, t)",
    symbols="t flow_p flow_x div flow_v",
    source="the sign that is lost most often",
    erratum="Where the flow spreads (positive divergence) the same points fill more room, so their density falls.",
)
def wrong_sign(g: torch.Generator) -> Sides:
    """The exact log density along the path, and plus the divergence."""
    return Sides(*_rates(g))


def _quantile(data: GaussianMixture, sde: SDE, share: Tensor, t: Tensor) -> Tensor:
    """The place that has this share of the points on its left at time t, by bisection."""
    low, high = torch.full_like(share, -30.0), torch.full_like(share, 30.0)
    for _ in range(60):
        middle = (low + high) / 2
        left = below(data, sde, middle, t) < share
        low, high = torch.where(left, middle, low), torch.where(left, high, middle)
    return (low + high) / 2


@twin(
    "9.18",
    r"\log p_0(\mathbf{x}_0) = \log p_T(\mathbf{x}_T) + \int_0^T \nabla\cdot\mathbf{v}(\mathbf{x}_t, t)\,dt",
    symbols="t T flow_p flow_x div flow_v",
    source="Song et al. 2021, appendix D.2; Grathwohl et al. 2019",
)
def log_likelihood(g: torch.Generator) -> Sides:
    """On the line the exact path is known: the place with the same share on its left.  Quadrature along it."""
    data, sde, x = mixture(g, 1), VP(0.2, number(g, 1.0, 3.0)), randn(g, 5, 1)
    t, w = interval_nodes(0.0, 1.0, 40)
    share = below(data, sde, x[:, 0], 0.0).unsqueeze(1)
    path = _quantile(data, sde, share.expand(5, 40), t.expand(5, 40))

    def div(y: Tensor, s: float) -> Tensor:
        return exact_divergence(lambda z: sde.flow_drift(z, s, score(data, sde, z, s)), y)[1]

    divs = [div(path[:, i : i + 1], s) for i, s in enumerate(t.tolist())]
    end = _quantile(data, sde, share, torch.ones(5, 1, dtype=F64))
    return Sides(data.log_prob(x), log_density(data, sde, end, 1.0) + torch.stack(divs, 1) @ w)


@twin(
    "9.19",
    r"\nabla\cdot\mathbf{v}(\mathbf{x},t) = d\,f(t) - \tfrac12\,g(t)^2\,\nabla\cdot\mathbf{s}(\mathbf{x},t)",
    symbols="d t div flow_x flow_v flow_f flow_g flow_s",
)
def divergence_of_the_flow(g: torch.Generator) -> Sides:
    """Automatic differentiation of the velocity, and the trace of the closed form of the score's Jacobian."""
    data, sde, x, t = mixture(g, 3), some_sde(g), randn(g, 6, 3), number(g, 0.2, 0.8)
    slow = exact_divergence(lambda y: sde.flow_drift(y, t, score(data, sde, y, t)), x)[1]
    trace = data.score_jacobian(x, *sde.marginal(t)).diagonal(dim1=1, dim2=2).sum(1)
    return Sides(slow, 3 * sde.rate(t) - 0.5 * sde.diffusion(t) ** 2 * trace)


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


@twin(
    "9.23",
    r"\mathbb{E}_{\mathbf{u}}\big[\log p(\mathbf{x}_{\mathbf{u}})\big] + d\,\log w \ \le\ \log P(\mathbf{k})",
    symbols="E flow_u flow_p flow_xu d flow_w flow_P flow_whole",
    source="Theis et al. 2016, eq. 3 to 5",
    relation="<=",
)
def dequantised_bound(g: torch.Generator) -> Sides:
    """Twelve cells of a mixture on the line: mean of log p over each, and the exact probability of each."""
    data, w = mixture(g, 1), number(g, 0.3, 0.8)
    low = w * (torch.arange(12, dtype=F64) - 6)
    u, weight = interval_nodes(0.0, 1.0, 40)
    inside = data.log_prob((low.unsqueeze(1) + w * u).reshape(-1, 1)).reshape(12, 40) @ weight
    share = below(data, VP(), low + w, 0.0) - below(data, VP(), low, 0.0)
    return Sides(inside + math.log(w), share.log())


@twin(
    "9.24",
    r"b = -\,\frac{\log p(\mathbf{x}_{\mathbf{u}})}{d\log 2} - \log_2 w",
    symbols="flow_bits flow_p flow_xu d flow_w",
    source="Theis et al. 2016, section 3.1",
)
def bits(g: torch.Generator) -> Sides:
    """The mixture in units of cells, where a cell has the volume 1; and the library's formula for levels 2/w."""
    data, levels, x = mixture(g, 3), int(torch.randint(4, 20, (1,), generator=g)), randn(g, 6, 3)
    w = 2 / levels
    cells = GaussianMixture(data.weights, data.means / w, data.covs / w**2)
    return Sides(-cells.log_prob(x / w) / 3 / math.log(2), dequantised_bits_per_dim(data.log_prob(x), 3, levels))


@twin(
    "9.25",
    r"\mathbb{E}\,\big\|(1-a)\,\mathbf{z}_0 + a\,\mathbf{z}_1\big\|^2 = \big((1-a)^2 + a^2\big)\,d",
    symbols="E flow_a flow_codes d",
)
def shrinking(g: torch.Generator) -> Sides:
    """Two normal codes in two dimensions by quadrature, for five values of a, and the formula."""
    a = torch.rand(5, generator=g, dtype=F64)
    z, w = normal_grid(4, 4)
    between = (1 - a)[:, None, None] * z[:, :2] + a[:, None, None] * z[:, 2:]
    return Sides((between**2).sum(2) @ w, ((1 - a) ** 2 + a**2) * 2)


@twin(
    "9.26",
    r"\mathbf{z}_a = \frac{\sin((1-a)\,\theta)}{\sin\theta}\,\mathbf{z}_0 + \frac{\sin(a\,\theta)}{\sin\theta}\,\mathbf{z}_1",
    symbols="flow_codes flow_a flow_theta",
    source="Shoemake 1985",
)
def slerp(g: torch.Generator) -> Sides:
    """Two codes of one length: z_0 turned by a times the angle, by the exponential of a rotation; and the formula."""
    z_0, z_1, a = randn(g, 5), randn(g, 5), number(g, 0.1, 0.9)
    z_1 = z_1 * z_0.norm() / z_1.norm()
    first = z_0 / z_0.norm()
    second = z_1 - (z_1 @ first) * first
    second = second / second.norm()
    theta = torch.atan2(z_1 @ second, z_1 @ first)
    turn = torch.linalg.matrix_exp(a * theta * (torch.outer(second, first) - torch.outer(first, second)))
    right = (torch.sin((1 - a) * theta) * z_0 + torch.sin(a * theta) * z_1) / torch.sin(theta)
    return Sides(turn @ z_0, right)
