r"""The divergence between Gaussians.  Equations (1.32) to (1.36)."""

import math

import torch
from torch import Tensor

from diffkit.equations.draws import randn
from diffkit.equations.graphical_models.common import log_normal, random_full, variances
from diffkit.equations.quadrature import integrate, normal_grid, normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import Gaussian, kl


@twin(
    "1.32",
    r"D_{\mathrm{KL}}(q\,\|\,p) = \mathbb{E}_{x \sim q}\big[\log q(x) - \log p(x)\big] = \tfrac12\left[\frac{(m_q - m_p)^2}{v_p} + \frac{v_q}{v_p} - 1 - \log\frac{v_q}{v_p}\right]",
    symbols="KL E m_v q prob",
)
def kl_line(g: torch.Generator) -> Sides:
    """The integral of q (log q - log p) on a fine grid, and the closed form."""
    (m_q, m_p), (v_q, v_p) = randn(g, 2, 5), variances(g, 2, 5)

    def integrand(x: Tensor) -> Tensor:
        log_q = log_normal(x.unsqueeze(1), m_q, v_q)
        return torch.exp(log_q) * (log_q - log_normal(x.unsqueeze(1), m_p, v_p))

    closed = 0.5 * ((m_q - m_p) ** 2 / v_p + v_q / v_p - 1 - torch.log(v_q / v_p))
    return Sides(integrate(integrand, -25, 25), closed)


@twin(
    "1.33",
    r"-D_{\mathrm{KL}}(q\,\|\,p) = \mathbb{E}_q\Big[\log\frac{p(x)}{q(x)}\Big] \;\le\; \log \mathbb{E}_q\Big[\frac{p(x)}{q(x)}\Big] = 0",
    symbols="KL E q prob",
    relation="<=",
)
def gibbs(g: torch.Generator) -> Sides:
    """Random tables q and p of six values: the average of the logarithm, and the logarithm of the average."""
    q, p = torch.softmax(randn(g, 8, 6), 1), torch.softmax(randn(g, 8, 6), 1)
    return Sides((q * torch.log(p / q)).sum(1), torch.log((q * (p / q)).sum(1)))


@twin(
    "1.34",
    r"D_{\mathrm{KL}}(q\,\|\,p) = \tfrac12 \sum_{i=1}^{d} \left[\frac{(m_{q,i} - m_{p,i})^2}{v_{p,i}} + \frac{v_{q,i}}{v_{p,i}} - 1 - \log\frac{v_{q,i}}{v_{p,i}}\right]",
    symbols="KL m_v d",
)
def kl_coordinates(g: torch.Generator) -> Sides:
    """Independent coordinates: the average of log q - log p by quadrature in three dimensions, and the library."""
    (m_q, m_p), (v_q, v_p) = randn(g, 2, 3), variances(g, 2, 3)
    z, w = normal_grid(3)
    x = m_q + v_q.sqrt() * z
    slow = w @ (log_normal(x, m_q, v_q) - log_normal(x, m_p, v_p)).sum(1)
    one = lambda m, v: Gaussian(m.unsqueeze(0), v.unsqueeze(0))  # noqa: E731
    return Sides(slow.reshape(1), kl(one(m_q, v_q), one(m_p, v_p)))


@twin(
    "1.35",
    r"D_{\mathrm{KL}}(q\,\|\,p) = \tfrac12\left[(\boldsymbol\mu_q - \boldsymbol\mu_p)^{\mathsf T}\Sigma_p^{-1}(\boldsymbol\mu_q - \boldsymbol\mu_p) + \operatorname{tr}(\Sigma_p^{-1}\Sigma_q) - d - \log\frac{\det\Sigma_q}{\det\Sigma_p}\right]",
    symbols="KL mu_Sigma d",
)
def kl_full(g: torch.Generator) -> Sides:
    """Full covariances: the average of log q - log p by quadrature in three dimensions, and the formula."""
    q, p = random_full(g, 3), random_full(g, 3)
    z, w = normal_grid(3)
    x = q.mean + z @ torch.linalg.cholesky(q.cov).mT
    shift, inverse = q.mean - p.mean, torch.linalg.inv(p.cov)
    closed = shift @ inverse @ shift + torch.trace(inverse @ q.cov) - 3
    closed = 0.5 * (closed - torch.logdet(q.cov) + torch.logdet(p.cov))
    return Sides((w @ (q.log_prob(x) - p.log_prob(x))).reshape(1), closed.reshape(1))


@twin(
    "1.36",
    r"D_{\mathrm{KL}}\!\left(\mathcal{N}(\mathbf{m}_q, v\mathbf{I})\,\|\,\mathcal{N}(\mathbf{m}_p, v\mathbf{I})\right) = \frac{\|\mathbf{m}_q - \mathbf{m}_p\|^2}{2v}",
    symbols="KL N m_v I",
)
def kl_equal_variance(g: torch.Generator) -> Sides:
    """One variance for both: quadrature along each of three coordinates, and the squared distance."""
    (m_q, m_p), v = randn(g, 2, 3), float(variances(g, 1))
    z, w = normal_nodes()
    x = m_q + math.sqrt(v) * z.unsqueeze(1)
    slow = w @ (((x - m_p) ** 2 - (x - m_q) ** 2) / (2 * v))
    return Sides(slow.sum().reshape(1), (((m_q - m_p) ** 2).sum() / (2 * v)).reshape(1))
