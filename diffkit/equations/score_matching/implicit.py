r"""From the explicit loss to the implicit one, by parts, and to the sliced one.  Equations (6.6) to (6.16)."""

import torch
from torch import Tensor

from diffkit import losses
from diffkit.equations.draws import F64, randn, uniform
from diffkit.equations.grids import interval_nodes, plane_nodes
from diffkit.equations.limits import divergence
from diffkit.equations.quadrature import normal_grid, normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.equations.score_matching.common import HYVARINEN, gradient, line, mixture, model, one_number
from diffkit.oracle import GaussianMixture


def _plane(p: GaussianMixture) -> tuple[Tensor, Tensor]:
    """Points of the plane and weights with sum w f = E_p[f]."""
    x, w = plane_nodes()
    return x, w * p.log_prob(x).exp()


@twin(
    "6.6",
    r"J_{\mathrm{E}}(\boldsymbol\theta) = \tfrac12\, \mathbb{E}_{p}\big\|\mathbf{s}_{\boldsymbol\theta}(\mathbf{x}) - \nabla_{\mathbf{x}} \log p(\mathbf{x})\big\|^2",
    symbols="J_E theta E p s_theta x grad",
    source=f"{HYVARINEN}, eq. 2",
)
def explicit(g: torch.Generator) -> Sides:
    """Data N(0, v) and the model -k x: the integral of the library's loss, and v (k - 1/v)^2 / 2."""
    v, k = uniform(g, 0.5, 2, 1), uniform(g, 0, 2, 1)
    z, w = normal_nodes()
    x = v.sqrt() * z.unsqueeze(1)
    slow = w @ losses.explicit(lambda y: -k * y, lambda y: -y / v, x)
    return Sides(one_number(slow), 0.5 * v * (k - 1 / v) ** 2)


@twin(
    "6.7",
    r"\tfrac12\|\mathbf{s}-\mathbf{g}\|^2 = \tfrac12\|\mathbf{s}\|^2 - \mathbf{s}\cdot\mathbf{g} + \tfrac12\|\mathbf{g}\|^2",
    symbols="s_theta g",
)
def expanded(g: torch.Generator) -> Sides:
    """The library's explicit loss of two random vectors, and the three parts."""
    s, t = randn(g, 5, 3), randn(g, 5, 3)
    left = losses.explicit(lambda x: s, lambda x: t, torch.zeros_like(s))
    return Sides(left, 0.5 * (s**2).sum(1) - torch.einsum("bi,bi->b", s, t) + 0.5 * (t**2).sum(1))


@twin(
    "6.8",
    r"\mathbb{E}_{p}\big[\mathbf{s}_{\boldsymbol\theta}\cdot\nabla_{\mathbf{x}} \log p\big] = \int \mathbf{s}_{\boldsymbol\theta}(\mathbf{x})\cdot\nabla_{\mathbf{x}}\, p(\mathbf{x})\, d\mathbf{x}",
    symbols="E p s_theta grad x",
)
def density_times_score(g: torch.Generator) -> Sides:
    """The expectation with the library's score, and the integral with the gradient of the density itself."""
    p, s = mixture(g), model(g, 2)
    (x, weighted), w = _plane(p), plane_nodes()[1]
    y = x.clone().requires_grad_()
    slope = gradient(p.log_prob(y).exp(), y)
    return Sides(one_number(weighted @ (s(x) * p.score(x)).sum(1)), one_number(w @ (s(x) * slope).sum(1)))


@twin(
    "6.9",
    r"\int_a^b s(x)\,p'(x)\,dx = s(b)\,p(b) - s(a)\,p(a) - \int_a^b s'(x)\,p(x)\,dx",
    symbols="s_line p ends",
)
def by_parts(g: torch.Generator) -> Sides:
    """On a short interval, where the density has not died out at the ends; both integrals by quadrature."""
    p, (k, m) = line(g), randn(g, 2)
    x, w = interval_nodes(-0.7, 0.9)
    density = p.log_prob(x.unsqueeze(1)).exp()
    slope = density * p.score(x.unsqueeze(1))[:, 0]
    ends = torch.tensor([-0.7, 0.9], dtype=F64)
    at_ends = torch.sin(k * ends + m) * p.log_prob(ends.unsqueeze(1)).exp()
    moved = w @ (k * torch.cos(k * x + m) * density)
    return Sides(one_number(w @ (torch.sin(k * x + m) * slope)), one_number(at_ends[1] - at_ends[0] - moved))


@twin(
    "6.10",
    r"\mathbb{E}_{p}\big[\mathbf{s}_{\boldsymbol\theta}\cdot\nabla_{\mathbf{x}} \log p\big] = -\,\mathbb{E}_{p}\Big[\operatorname{tr}\frac{\partial \mathbf{s}_{\boldsymbol\theta}}{\partial \mathbf{x}}\Big]",
    symbols="E p s_theta grad x trace",
    source=f"{HYVARINEN}, theorem 1",
)
def cross_term(g: torch.Generator) -> Sides:
    """Both expectations over a mixture in the plane by quadrature."""
    p, s = mixture(g), model(g, 2)
    x, w = _plane(p)
    return Sides(one_number(w @ (s(x) * p.score(x)).sum(1)), one_number(-w @ divergence(s, x)))


@twin(
    "6.10e",
    r"\mathbb{E}_{p}\big[s_\theta\, (\log p)'\big] = -\,\mathbb{E}_{p}\big[s_\theta'\big] \quad\text{for } p(x) = e^{-x},\ x \ge 0",
    symbols="E p s_line",
    erratum="This density does not vanish at its end x = 0, so the boundary term -s(0) p(0) stays.",
)
def at_a_hard_edge(g: torch.Generator) -> Sides:
    """The model s(x) = k + m x on exponential data: its score is -1 everywhere.  Both sides by quadrature."""
    k, m = 0.5 + torch.rand(2, generator=g, dtype=F64)
    x, w = interval_nodes(0, 60, 200)
    density = torch.exp(-x)
    return Sides(one_number(w @ (density * -(k + m * x))), one_number(-w @ (density * m)))


@twin(
    "6.11",
    r"J_{\mathrm{E}}(\boldsymbol\theta) = \underbrace{\mathbb{E}_{p}\Big[\tfrac12\|\mathbf{s}_{\boldsymbol\theta}(\mathbf{x})\|^2 + \operatorname{tr}\frac{\partial \mathbf{s}_{\boldsymbol\theta}(\mathbf{x})}{\partial \mathbf{x}}\Big]}_{J_{\mathrm{I}}(\boldsymbol\theta)} + \tfrac12\,\mathbb{E}_{p}\|\nabla_{\mathbf{x}} \log p(\mathbf{x})\|^2",
    symbols="J_E J_I theta E p s_theta x grad trace",
    source=f"{HYVARINEN}, eq. 4",
)
def implicit(g: torch.Generator) -> Sides:
    """The explicit loss against the implicit loss plus the constant, both from the library, by quadrature."""
    p, s = mixture(g), model(g, 2)
    x, w = _plane(p)
    constant = 0.5 * w @ (p.score(x) ** 2).sum(1)
    return Sides(one_number(w @ losses.explicit(s, p.score, x)), one_number(w @ losses.implicit(s, x) + constant))


@twin(
    "6.12",
    r"\mathbb{E}_{p}\big[\nabla_{\mathbf{x}} \log p(\mathbf{x})\ \mathbf{x}^{\top}\big] = -\mathbf{I}",
    symbols="E p grad x I",
)
def stein(g: torch.Generator) -> Sides:
    """The matrix of all products by quadrature, and minus the identity."""
    p = mixture(g)
    x, w = _plane(p)
    return Sides(torch.einsum("b,bi,bj->ij", w, p.score(x), x), -torch.eye(2, dtype=F64))


@twin(
    "6.13",
    r"\boldsymbol\theta^{\ast} = -G^{-1}\mathbf{h}, \qquad G = \mathbb{E}_{p}\big[\boldsymbol\varphi(x)\,\boldsymbol\varphi(x)^{\top}\big], \quad \mathbf{h} = \mathbb{E}_{p}\big[\boldsymbol\varphi'(x)\big]",
    symbols="theta G h phi E p",
)
def linear_fit(g: torch.Generator) -> Sides:
    """Least squares of the true score on x^0 .. x^3, and the formula that never sees the score."""
    p = line(g)
    x = torch.linspace(-9, 9, 1001, dtype=F64)
    w = p.log_prob(x.unsqueeze(1)).exp() * float(x[1] - x[0])
    phi = torch.stack([x**j for j in range(4)], 1)
    slopes = torch.stack([torch.zeros_like(x), torch.ones_like(x), 2 * x, 3 * x**2], 1)
    root = w.sqrt().unsqueeze(1)
    regression = torch.linalg.lstsq(root * phi, root * p.score(x.unsqueeze(1))).solution[:, 0]
    return Sides(regression, -torch.linalg.solve(phi.mT @ (w.unsqueeze(1) * phi), w @ slopes))


def _signs(d: int) -> Tensor:
    """All 2^d vectors of signs, (2^d, d): together their mean of v v^T is the identity."""
    return torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=F64)] * d)


@twin(
    "6.14",
    r"\operatorname{tr} A = \mathbb{E}_{\mathbf{v}}\big[\mathbf{v}^{\top} A\, \mathbf{v}\big] \qquad\text{if } \mathbb{E}_{\mathbf{v}}[\mathbf{v}\mathbf{v}^{\top}] = \mathbf{I}",
    symbols="A v E I",
    source="Hutchinson 1990",
)
def random_trace(g: torch.Generator) -> Sides:
    """The trace, and the mean over all vectors of signs, one after the other."""
    A, signs = randn(g, 4, 4), _signs(4)
    total = sum(float(v @ A @ v) for v in signs) / len(signs)
    return Sides(one_number(A.trace()), torch.tensor([total], dtype=F64))


@twin(
    "6.15",
    r"\mathbb{E}_{\mathbf{v}}\big[(\mathbf{v}\cdot\mathbf{s})^2\big] = \|\mathbf{s}\|^2 \qquad\text{if } \mathbb{E}_{\mathbf{v}}[\mathbf{v}\mathbf{v}^{\top}] = \mathbf{I}",
    symbols="v E s_theta I",
)
def random_norm(g: torch.Generator) -> Sides:
    """Normal directions this time: the mean by quadrature, and the norm."""
    s = randn(g, 5, 3)
    v, w = normal_grid(3)
    return Sides(((s @ v.mT) ** 2) @ w, (s**2).sum(1))


@twin(
    "6.16",
    r"J_{\mathrm{S}}(\boldsymbol\theta) = \mathbb{E}_{p}\,\mathbb{E}_{\mathbf{v}}\Big[\mathbf{v}^{\top}\frac{\partial \mathbf{s}_{\boldsymbol\theta}(\mathbf{x})}{\partial \mathbf{x}}\,\mathbf{v} + \tfrac12\big(\mathbf{v}\cdot\mathbf{s}_{\boldsymbol\theta}(\mathbf{x})\big)^2\Big] = J_{\mathrm{I}}(\boldsymbol\theta)",
    symbols="J_S J_I theta E p v s_theta x",
    source="Song et al. 2019",
)
def sliced(g: torch.Generator) -> Sides:
    """At random points in three dimensions: the library's sliced loss along all signs, and 1/2 s^2 + full trace."""
    s, x = model(g, 3), randn(g, 5, 3)
    directions = _signs(3).unsqueeze(1).expand(8, 5, 3)
    left = losses.sliced(s, x, directions=directions, variance_reduced=False)
    return Sides(left.detach(), 0.5 * (s(x) ** 2).sum(1) + divergence(s, x))
