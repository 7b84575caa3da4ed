r"""Bits per dimension, and codes.  Equations (9.23) to (9.26)."""

import math

import torch

from diffkit.equations.draws import F64, number, randn
from diffkit.equations.grids import interval_nodes
from diffkit.equations.probability_flow.common import below, mixture
from diffkit.equations.quadrature import normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.likelihood import dequantised_bits_per_dim
from diffkit.oracle import GaussianMixture
from diffkit.sde import VP


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
