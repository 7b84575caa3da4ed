r"""A step that makes no error: Metropolis and Hastings.  Equations (7.24) to (7.27)."""

import torch
from torch import Tensor

from diffkit.equations.draws import number, randn
from diffkit.equations.langevin_dynamics.common import autograd_score, mixture
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import FullGaussian, Gaussian
from diffkit.oracle import GaussianMixture
from diffkit.samplers.langevin import log_proposal


@twin(
    "7.24",
    r"\log q(\mathbf{y} \mid \mathbf{x}) = -\frac{\|\mathbf{y} - \mathbf{x} - \eta\,\mathbf{s}(\mathbf{x})\|^2}{4\eta} + \text{const}",
    symbols="lang_proposal lang_y x_k eta lang_score",
)
def proposal(g: torch.Generator) -> Sides:
    """Differences of the log density of N(x + eta s(x), 2 eta I) between points y, where the constant cancels."""
    data, x, y, eta = mixture(g, 2), randn(g, 6, 2), randn(g, 6, 2), number(g, 0.1, 1)
    mean = x + eta * data.score(x)
    eye = torch.eye(2, dtype=torch.float64)
    full = FullGaussian(mean, 2 * eta * eye)
    left = full.log_prob(y) - full.log_prob(mean)
    return Sides(left, -((y - x - eta * autograd_score(data, x)) ** 2).sum(1) / (4 * eta))


def _moves(data: GaussianMixture, x: Tensor, y: Tensor, eta: float) -> tuple[Tensor, Tensor, Tensor]:
    """p(x), q(y | x) and the ratio p(y) q(x | y) / (p(x) q(y | x)) for pairs of points on the line, (n, 1)."""

    def q(to: Tensor, start: Tensor) -> Tensor:
        var = torch.full_like(to, 2 * eta)
        return torch.exp(Gaussian(start + eta * data.score(start), var).log_prob(to))

    p_x, p_y = torch.exp(data.log_prob(x)), torch.exp(data.log_prob(y))
    return p_x, q(y, x), p_y * q(x, y) / (p_x * q(y, x))


@twin(
    "7.25",
    r"a(\mathbf{x}, \mathbf{y}) = \min\!\Big(1,\ \frac{p(\mathbf{y})\,q(\mathbf{x} \mid \mathbf{y})}{p(\mathbf{x})\,q(\mathbf{y} \mid \mathbf{x})}\Big)",
    symbols="lang_accept lang_p lang_proposal x_k lang_y",
    source="Hastings 1970",
)
def acceptance(g: torch.Generator) -> Sides:
    """From log densities with the library's proposal, which drops constants, and from normalised densities."""
    data, x, y, eta = mixture(g), randn(g, 8, 1), randn(g, 8, 1), number(g, 0.2, 1)
    back, there = log_proposal(x, y, data.score(y), eta), log_proposal(y, x, data.score(x), eta)
    log_ratio = data.log_prob(y) + back - data.log_prob(x) - there
    return Sides(torch.exp(log_ratio.clamp(max=0)), _moves(data, x, y, eta)[2].clamp(max=1))


@twin(
    "7.26",
    r"p(\mathbf{x})\,q(\mathbf{y} \mid \mathbf{x})\,a(\mathbf{x}, \mathbf{y}) = p(\mathbf{y})\,q(\mathbf{x} \mid \mathbf{y})\,a(\mathbf{y}, \mathbf{x})",
    symbols="lang_p lang_proposal lang_accept x_k lang_y",
)
def detailed_balance(g: torch.Generator) -> Sides:
    """The flow from x to y and the flow back, for eight pairs of points."""
    data, x, y, eta = mixture(g), randn(g, 8, 1), randn(g, 8, 1), number(g, 0.2, 1)
    p_x, there, ratio = _moves(data, x, y, eta)
    p_y, back, inverse = _moves(data, y, x, eta)
    return Sides(p_x * there * ratio.clamp(max=1), p_y * back * inverse.clamp(max=1))


@twin(
    "7.27",
    r"\int p(\mathbf{x})\,q(\mathbf{y} \mid \mathbf{x})\,a(\mathbf{x}, \mathbf{y})\,d\mathbf{x} + p(\mathbf{y})\Big(1 - \int q(\mathbf{x} \mid \mathbf{y})\,a(\mathbf{y}, \mathbf{x})\,d\mathbf{x}\Big) = p(\mathbf{y})",
    symbols="lang_p lang_proposal lang_accept x_k lang_y",
)
def stationary(g: torch.Generator) -> Sides:
    """Density after one corrected step from p, by quadrature: who arrives at y, and who is refused and stays."""
    data, eta, grid = mixture(g), number(g, 0.2, 0.6), torch.linspace(-10, 10, 4001, dtype=torch.float64)
    x = grid.unsqueeze(1)
    after, density = [], []
    for point in randn(g, 4):
        y = point.expand_as(x)
        p_x, there, ratio = _moves(data, x, y, eta)
        p_y, away, inverse = _moves(data, y, x, eta)
        arrive = torch.trapezoid(p_x * there * ratio.clamp(max=1), grid)
        leave = torch.trapezoid(away * inverse.clamp(max=1), grid)
        after.append(arrive + p_y[0] * (1 - leave))
        density.append(p_y[0])
    return Sides(torch.stack(after), torch.stack(density))
