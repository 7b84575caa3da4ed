r"""Denoising score matching and its floor.  Equations (6.17) to (6.23)."""

import torch
from torch import Tensor

from diffkit import losses
from diffkit.equations.draws import F64, randn, uniform
from diffkit.equations.grids import plane_nodes
from diffkit.equations.quadrature import integrate, normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.equations.score_matching.common import (
    VINCENT,
    cubic,
    gradient,
    line,
    log_gradient,
    mixture,
    one_number,
    pairs,
)
from diffkit.gaussian import FullGaussian


@twin(
    "6.17",
    r"q_\sigma(\mathbf{x}) = \int \mathcal{N}(\mathbf{x};\ \mathbf{x}_0, \sigma^2\mathbf{I})\; p(\mathbf{x}_0)\, d\mathbf{x}_0, \qquad \mathbf{x} = \mathbf{x}_0 + \sigma\boldsymbol\varepsilon",
    symbols="q_sigma x N x_0 sigma I p eps",
    source=f"{VINCENT}, section 4.2",
)
def noisy_density(g: torch.Generator) -> Sides:
    """The integral over x_0 on a grid, and the widened mixture of the library."""
    p, sigma, x = line(g), float(uniform(g, 0.3, 1.0)), randn(g, 6)

    def integrand(x_0: Tensor) -> Tensor:
        kernel = torch.distributions.Normal(x_0.unsqueeze(1), sigma).log_prob(x)
        return torch.exp(kernel + p.log_prob(x_0.unsqueeze(1)).unsqueeze(1))

    return Sides(integrate(integrand, -12, 12), p.log_prob(x.unsqueeze(1), 1.0, sigma).exp())


@twin(
    "6.18",
    r"\nabla_{\mathbf{x}} \log q_\sigma(\mathbf{x}\mid\mathbf{x}_0) = -\frac{\mathbf{x}-\mathbf{x}_0}{\sigma^2} = -\frac{\boldsymbol\varepsilon}{\sigma}",
    symbols="grad q_sigma x x_0 sigma eps",
    source=f"{VINCENT}, eq. 10",
)
def kernel_score(g: torch.Generator) -> Sides:
    """Automatic differentiation of the log of the kernel, and minus the noise over sigma."""
    x_0, eps, sigma = randn(g, 5, 3), randn(g, 5, 3), float(uniform(g, 0.3, 1.0))
    x = (x_0 + sigma * eps).requires_grad_()
    kernel = FullGaussian(x_0, sigma**2 * torch.eye(3, dtype=F64))
    return Sides(gradient(kernel.log_prob(x), x), -eps / sigma)


@twin(
    "6.19",
    r"\nabla_{\mathbf{x}} \log q_\sigma(\mathbf{x}) = \mathbb{E}\big[\nabla_{\mathbf{x}} \log q_\sigma(\mathbf{x}\mid\mathbf{x}_0)\,\big|\,\mathbf{x}\big]",
    symbols="grad q_sigma x E x_0",
)
def average_kernel_score(g: torch.Generator) -> Sides:
    """Automatic differentiation of log q_sigma, and the integral over q(x_0 | x) by Bayes on a grid."""
    p, sigma, x = line(g), float(uniform(g, 0.3, 1.0)), randn(g, 6)

    def joint(x_0: Tensor) -> Tensor:
        kernel = torch.distributions.Normal(x_0.unsqueeze(1), sigma).log_prob(x)
        together = torch.exp(kernel + p.log_prob(x_0.unsqueeze(1)).unsqueeze(1))
        return torch.stack([together, together * (x_0.unsqueeze(1) - x) / sigma**2], 1)

    evidence, pull = integrate(joint, -12, 12)
    return Sides(log_gradient(p, x.unsqueeze(1), 1.0, sigma)[:, 0], pull / evidence)


@twin(
    "6.20",
    r"\mathbb{E}_{q_\sigma(\mathbf{x})}\big[\mathbf{s}_{\boldsymbol\theta}\cdot\nabla_{\mathbf{x}} \log q_\sigma(\mathbf{x})\big] = \mathbb{E}_{\mathbf{x}_0, \boldsymbol\varepsilon}\Big[\mathbf{s}_{\boldsymbol\theta}\cdot\Big(-\frac{\boldsymbol\varepsilon}{\sigma}\Big)\Big]",
    symbols="E q_sigma x s_theta grad x_0 eps sigma",
    source=f"{VINCENT}, appendix",
)
def cross_terms_agree(g: torch.Generator) -> Sides:
    """The left side over noisy points alone, the right side over pairs of data and noise."""
    p, sigma = line(g), float(uniform(g, 0.5, 1.0))
    k, m = randn(g, 2)
    left = integrate(
        lambda x: p.log_prob(x[:, None], 1.0, sigma).exp() * (k * x + m * x**3) * p.score(x[:, None], 1.0, sigma)[:, 0],
        -14,
        14,
    )
    x_0, eps, w = pairs(p)
    x = x_0 + sigma * eps
    return Sides(one_number(left), one_number(w @ ((k * x + m * x**3) * -eps / sigma)[:, 0]))


@twin(
    "6.21",
    r"J_{\mathrm{D}}(\boldsymbol\theta) = \tfrac12\,\mathbb{E}_{\mathbf{x}_0, \boldsymbol\varepsilon}\Big\|\mathbf{s}_{\boldsymbol\theta}(\mathbf{x}_0 + \sigma\boldsymbol\varepsilon) + \frac{\boldsymbol\varepsilon}{\sigma}\Big\|^2 = \tfrac12\,\mathbb{E}_{q_\sigma}\big\|\mathbf{s}_{\boldsymbol\theta} - \nabla_{\mathbf{x}} \log q_\sigma\big\|^2 + C_\sigma",
    symbols="J_D theta E x_0 eps s_theta sigma q_sigma grad C_sigma",
    source=f"{VINCENT}, eq. 9 and 11",
)
def denoising(g: torch.Generator) -> Sides:
    """The library's denoising loss over pairs; its explicit loss over noisy points, plus the constant of (6.22)."""
    p, sigma, s = line(g), float(uniform(g, 0.5, 1.0)), cubic(g)
    x_0, eps, w = pairs(p)
    x = torch.linspace(-14, 14, 4001, dtype=F64).unsqueeze(1)
    weight = p.log_prob(x, 1.0, sigma).exp() * float(x[1] - x[0])
    score = p.score(x, 1.0, sigma)
    constant = 0.5 * (1 / sigma**2 - weight @ (score**2).sum(1))
    explicit_part = weight @ losses.explicit(s, lambda y: p.score(y, 1.0, sigma), x)
    return Sides(one_number(w @ losses.denoising(s, x_0, sigma, noise=eps)), one_number(explicit_part + constant))


@twin(
    "6.22",
    r"C_\sigma = \tfrac12\Big(\frac{d}{\sigma^2} - \mathbb{E}_{q_\sigma}\|\nabla_{\mathbf{x}} \log q_\sigma\|^2\Big) = \frac{1}{2\sigma^4}\,\mathbb{E}_{q_\sigma}\big[\operatorname{tr}\operatorname{Cov}[\mathbf{x}_0\mid\mathbf{x}]\big] \ge 0",
    symbols="C_sigma d sigma E q_sigma grad Cov x_0 x",
)
def constant(g: torch.Generator) -> Sides:
    """In the plane by quadrature: from the score, and from the covariance of the library's posterior."""
    p, sigma = mixture(g), float(uniform(g, 0.5, 1.0))
    x, w = plane_nodes(14.0, 241)
    w = w * p.log_prob(x, 1.0, sigma).exp()
    left = 0.5 * (2 / sigma**2 - w @ (p.score(x, 1.0, sigma) ** 2).sum(1))
    q = p.posterior(x, 1.0, sigma)
    traces = q.covs.diagonal(dim1=2, dim2=3).sum(2) + (q.means**2).sum(2)
    total = (q.weights * traces).sum(1) - (q.mean**2).sum(1)
    return Sides(one_number(left), one_number(w @ total / (2 * sigma**4)))


@twin(
    "6.23",
    r"C_\sigma = \tfrac12 \sum_{i=1}^{d} \frac{v_i}{\sigma^2\,(v_i + \sigma^2)} \qquad\text{for data } \mathcal{N}(\boldsymbol\mu, \operatorname{diag}(v_1, \dots, v_d))",
    symbols="C_sigma d v_i sigma N mu",
)
def gaussian_floor(g: torch.Generator) -> Sides:
    """The library's denoising loss of the true score, by quadrature over data and noise; and the formula."""
    v, sigma, mean = uniform(g, 0.2, 2, 2), float(uniform(g, 0.3, 1.0)), randn(g, 2)
    z, w = normal_grid(4)
    x_0, eps = mean + v.sqrt() * z[:, :2], z[:, 2:]
    slow = w @ losses.denoising(lambda x: -(x - mean) / (v + sigma**2), x_0, sigma, noise=eps)
    return Sides(one_number(slow), one_number(0.5 * (v / (sigma**2 * (v + sigma**2))).sum()))
