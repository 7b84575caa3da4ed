r"""What a score is.  Equations (6.1) to (6.5)."""

import torch
from torch import Tensor

from diffkit.equations.draws import F64, randn
from diffkit.equations.grids import differences, interval_nodes
from diffkit.equations.quadrature import integrate
from diffkit.equations.registry import Sides, twin
from diffkit.equations.score_matching.common import HYVARINEN, gradient, log_gradient, mixture
from diffkit.gaussian import FullGaussian


@twin(
    "6.1",
    r"\mathbf{s}(\mathbf{x}) = \nabla_{\mathbf{x}} \log p(\mathbf{x})",
    symbols="score x p grad",
    source=f"{HYVARINEN}, section 2",
)
def definition(g: torch.Generator) -> Sides:
    """Difference quotients of the log density of a mixture, and its score from the library."""
    p, x = mixture(g), randn(g, 6, 2)
    return Sides(differences(p.log_prob, x), p.score(x))


@twin(
    "6.2",
    r"\nabla_{\mathbf{x}} \log \frac{\tilde p(\mathbf{x})}{Z} = \nabla_{\mathbf{x}} \log \tilde p(\mathbf{x})",
    symbols="x grad p_tilde Z",
)
def without_normaliser(g: torch.Generator) -> Sides:
    """exp(-E) with E = x^4/4 - a x^2/2 - b x, divided by its integral, then p'/p from its values; and -E'(x)."""
    a, b, x = randn(g, 1), randn(g, 1), randn(g, 6, 1)

    def unnormalised(y: Tensor) -> Tensor:
        return torch.exp(-(y**4) / 4 + a * y**2 / 2 + b * y)

    Z = integrate(unnormalised, -9, 9)
    slope = differences(lambda y: unnormalised(y[:, 0]) / Z, x, 0.005)
    return Sides(slope / (unnormalised(x) / Z), -(x**3) + a * x + b)


@twin(
    "6.3",
    r"\nabla_{\mathbf{x}} \log \mathcal{N}(\mathbf{x};\ \boldsymbol\mu, S) = -S^{-1}(\mathbf{x}-\boldsymbol\mu)",
    symbols="x grad N mu S",
)
def of_gaussian(g: torch.Generator) -> Sides:
    """Automatic differentiation of the log density, and the formula."""
    root, mean, x = randn(g, 3, 3), randn(g, 3), randn(g, 5, 3).requires_grad_()
    cov = root @ root.mT + torch.eye(3, dtype=F64)
    slow = gradient(FullGaussian(mean, cov).log_prob(x), x)
    return Sides(slow, -torch.linalg.solve(cov, (x.detach() - mean).mT).mT)


@twin(
    "6.4",
    r"\nabla_{\mathbf{x}} \log p(\mathbf{x}) = -\sum_k r_k(\mathbf{x})\, S_k^{-1}(\mathbf{x}-\boldsymbol\mu_k), \qquad r_k(\mathbf{x}) = \frac{w_k\,\mathcal{N}(\mathbf{x};\ \boldsymbol\mu_k, S_k)}{\sum_j w_j\,\mathcal{N}(\mathbf{x};\ \boldsymbol\mu_j, S_j)}",
    symbols="x grad p mix N responsibility",
)
def of_mixture(g: torch.Generator) -> Sides:
    """Automatic differentiation of the log density, and the formula component by component."""
    p, x = mixture(g), randn(g, 6, 2)
    parts = [FullGaussian(m, S) for m, S in zip(p.means, p.covs, strict=True)]
    shares = p.weights * torch.stack([q.log_prob(x).exp() for q in parts], 1)
    pulls = torch.stack([-torch.linalg.solve(q.cov, (x - q.mean).mT).mT for q in parts], 1)
    return Sides(log_gradient(p, x), ((shares / shares.sum(1, keepdim=True)).unsqueeze(2) * pulls).sum(1))


@twin(
    "6.5",
    r"\log p(\mathbf{b}) - \log p(\mathbf{a}) = \int_0^1 \nabla_{\mathbf{x}} \log p\big(\mathbf{a} + u(\mathbf{b}-\mathbf{a})\big)\cdot(\mathbf{b}-\mathbf{a})\, du",
    symbols="p grad u points",
)
def line_integral(g: torch.Generator) -> Sides:
    """The difference of the log densities, and the score added up along the straight line."""
    p, a, b = mixture(g), randn(g, 5, 2), randn(g, 5, 2)
    u, w = interval_nodes(0, 1)
    on_line = a + u[:, None, None] * (b - a)
    along = (p.score(on_line.reshape(-1, 2)).reshape(on_line.shape) * (b - a)).sum(2)
    return Sides(p.log_prob(b) - p.log_prob(a), w @ along)
