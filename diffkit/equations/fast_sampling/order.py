r"""The order of a method.  Equations (10.18) to (10.20)."""

from itertools import pairwise

import torch
from torch import Tensor

from diffkit.equations.draws import number, randn
from diffkit.equations.fast_sampling.common import KARRAS, autograd_eps, mixture
from diffkit.equations.grids import interval_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.oracle import GaussianMixture
from diffkit.samplers import ddim, last, probability_flow
from diffkit.sde import EDM


@twin(
    "10.18",
    r"\mathbf{y}(u+h) - \big(\mathbf{y}(u) + h\,\boldsymbol\varepsilon\big) = \int_u^{u+h} (u+h-w)\,\mathbf{y}''(w)\,dw",
    symbols="fast_y u h fast_eps",
    source="Taylor's formula with its remainder",
)
def error_of_a_step(g: torch.Generator) -> Sides:
    """On the path (10.15): what one step of DDIM gets wrong, and the integral with y'' by automatic differentiation."""
    v, U = number(g, 0.2, 1.0), number(g, 1.5, 3.0)
    m, y_start, end = randn(g, 3), randn(g, 3), number(g, 0.2, 1.0)
    data = GaussianMixture.isotropic(torch.ones(1, dtype=torch.float64), m[:1].unsqueeze(0), v)
    y_start, m = 2 * y_start, m[:1].expand(3)

    def path(w: Tensor) -> Tensor:
        return m + ((v + w**2) / (v + U**2)).sqrt() * (y_start - m)

    ddim_step = last(ddim(lambda y, u: data.eps(y, 1.0, u), EDM(U), y_start.unsqueeze(1), times=[U, end]))[:, 0]
    nodes, weights = interval_nodes(U, end)
    slope = torch.autograd.functional.jacobian
    total = torch.zeros(3, dtype=torch.float64)
    for w, weight in zip(nodes, weights, strict=True):
        total += weight * (end - w) * slope(lambda a: slope(path, a, create_graph=True), w)
    return Sides(path(torch.tensor(end, dtype=torch.float64)) - ddim_step, total)


@twin(
    "10.19",
    r"p = -\,\frac{\sum_k \big(\log n_k - \overline{\log n}\big)\,\log e_k}{\sum_k \big(\log n_k - \overline{\log n}\big)^2}",
    symbols="p_order n_e",
)
def fitted_order(g: torch.Generator) -> Sides:
    """The slope of a line through logarithms by a general least-squares solver, and the formula."""
    n = torch.tensor([8, 16, 32, 64, 128], dtype=torch.float64)
    e = n ** -number(g, 1, 3) * torch.exp(0.2 * randn(g, 5))
    A = torch.stack([torch.ones_like(n), n.log()], 1)
    slow = -torch.linalg.lstsq(A, e.log().unsqueeze(1)).solution[1]
    x = n.log() - n.log().mean()
    return Sides(slow, -((x * e.log()).sum() / (x**2).sum()).reshape(1))


@twin(
    "10.20",
    r"\hat{\mathbf{y}} = \mathbf{y} + h\,\boldsymbol\varepsilon(\mathbf{y}, u), \qquad \mathbf{y} \ \leftarrow\ \mathbf{y} + \frac{h}{2}\,\big(\boldsymbol\varepsilon(\mathbf{y}, u) + \boldsymbol\varepsilon(\hat{\mathbf{y}}, u+h)\big)",
    symbols="y_hat fast_y h fast_eps u",
    source=f"{KARRAS}, algorithm 1",
)
def heun_step(g: torch.Generator) -> Sides:
    """Three steps of the library's flow in x and t, whose level is its time, and the steps written out."""
    data, y, u = mixture(g), 2 * randn(g, 6, 2), [2.5, 1.6, 0.9, 0.4]
    library = last(probability_flow(lambda x, t: data.score(x, 1.0, t), EDM(2.5), y, u))
    for here, there in pairwise(u):
        slope = autograd_eps(data, y, 1.0, here)
        ahead = y + (there - here) * slope
        y = y + (there - here) / 2 * (slope + autograd_eps(data, ahead, 1.0, there))
    return Sides(library, y)
