r"""Exact likelihood by a change of variables.  Equations (9.15) to (9.19)."""

import math

import torch
from torch import Tensor

from diffkit.equations.draws import F64, number, randn
from diffkit.equations.grids import interval_nodes
from diffkit.equations.probability_flow.common import below, log_density, mixture, score, slope, some_sde
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import FullGaussian
from diffkit.likelihood import exact_divergence
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
