r"""Lesson 01, the Gaussian tools: the numbered equations (1.26) to (1.36) as functions.

One side is a quadrature, an integral or a density written out; the other is the closed form.
"""

import math

import torch
from torch import Tensor

from diffkit.equations.quadrature import integrate, normal_grid, normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import FullGaussian, Gaussian, kl, product

BISHOP = "Bishop 2006"


def _randn(g: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=g, dtype=torch.float64)


def _variances(g: torch.Generator, *shape: int) -> Tensor:
    return 0.3 + 1.5 * torch.rand(*shape, generator=g, dtype=torch.float64)


def _log_normal(x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    return -0.5 * ((x - mean) ** 2 / var + torch.log(2 * torch.pi * var))


def _full(g: torch.Generator, d: int) -> FullGaussian:
    mix = _randn(g, d, d)
    return FullGaussian(_randn(g, d), mix @ mix.mT + 0.5 * torch.eye(d, dtype=torch.float64))


@twin(
    "1.26",
    r"\mathbf{y} = A\mathbf{x} + \mathbf{b} + \mathbf{e}, \quad \mathbf{e} \sim \mathcal{N}(\mathbf{0}, R): \qquad \mathbb{E}[\mathbf{y}] = A\boldsymbol\mu + \mathbf{b}, \quad \operatorname{Cov}[\mathbf{y}] = A\,\Sigma\,A^{\mathsf T} + R",
    symbols="E Cov N affine mu_Sigma",
    source=f"{BISHOP}, eq. 2.115",
)
def affine(g: torch.Generator) -> Sides:
    """Mean and covariance of y by quadrature over x and e together, and the formulas."""
    x, A, b = _full(g, 2), _randn(g, 2, 2), _randn(g, 2)
    R = _full(g, 2).cov
    z, w = normal_grid(4, 4)
    root_x, root_e = torch.linalg.cholesky(x.cov), torch.linalg.cholesky(R)
    y = (x.mean + z[:, :2] @ root_x.mT) @ A.mT + b + z[:, 2:] @ root_e.mT
    mean = w @ y
    cov = (y - mean).mT @ (w.unsqueeze(1) * (y - mean))
    closed = x.affine(A, b, R)
    return Sides(torch.cat([mean, cov.flatten()]), torch.cat([closed.mean, closed.cov.flatten()]))


@twin(
    "1.27",
    r"-\tfrac12\lambda x^2 + \eta x = -\tfrac12\lambda\Big(x - \frac{\eta}{\lambda}\Big)^2 + \frac{\eta^2}{2\lambda}",
    symbols="lambda_eta",
    source=f"{BISHOP}, section 2.3.1",
)
def complete_the_square(g: torch.Generator) -> Sides:
    """A polynomial and its completed square, at random points, for random coefficients."""
    lam, eta, x = _variances(g, 6), _randn(g, 6), _randn(g, 6)
    return Sides(-0.5 * lam * x**2 + eta * x, -0.5 * lam * (x - eta / lam) ** 2 + eta**2 / (2 * lam))


@twin(
    "1.28",
    r"p(x) \propto e^{-\frac12\lambda x^2 + \eta x} \quad\Longrightarrow\quad p(x) = \mathcal{N}\!\left(x;\ \frac{\eta}{\lambda},\ \frac{1}{\lambda}\right)",
    symbols="lambda_eta N prob",
)
def read_off(g: torch.Generator) -> Sides:
    """Mean and variance of the density by integrating the exponential of the polynomial, and read off."""
    lam, eta = _variances(g, 5), _randn(g, 5)

    def moments(x: Tensor) -> Tensor:
        weight = torch.exp(-0.5 * lam * x.unsqueeze(1) ** 2 + eta * x.unsqueeze(1))
        return torch.stack([weight, weight * x.unsqueeze(1), weight * x.unsqueeze(1) ** 2], 1)

    total, first, second = integrate(moments, -40, 40)
    mean = first / total
    return Sides(torch.cat([mean, second / total - mean**2]), torch.cat([eta / lam, 1 / lam]))


@twin(
    "1.29",
    r"\mathcal{N}(x; m_1, v_1)\,\mathcal{N}(x; m_2, v_2) = \mathcal{N}(m_1; m_2, v_1 + v_2)\ \mathcal{N}(x; m, v), \qquad \frac1v = \frac1{v_1} + \frac1{v_2}, \quad m = v\Big(\frac{m_1}{v_1} + \frac{m_2}{v_2}\Big)",
    symbols="N m_v",
)
def gaussian_product(g: torch.Generator) -> Sides:
    """Two densities written out and multiplied, and the library's product with its constant."""
    m, v, x = _randn(g, 2, 6), _variances(g, 2, 6), _randn(g, 6)
    slow = _log_normal(x, m[0], v[0]) + _log_normal(x, m[1], v[1])
    one = [Gaussian(m[i].unsqueeze(1), v[i].unsqueeze(1)) for i in range(2)]
    normal, log_z = product(one[0], one[1])
    return Sides(slow.exp(), (log_z + normal.log_prob(x.unsqueeze(1))).exp())


@twin(
    "1.30",
    r"p(\mathbf{y} \mid \mathbf{x}) = \mathcal{N}\!\left(\mathbf{y};\ \boldsymbol\mu_y + \Sigma_{yx}\Sigma_{xx}^{-1}(\mathbf{x} - \boldsymbol\mu_x),\ \Sigma_{yy} - \Sigma_{yx}\Sigma_{xx}^{-1}\Sigma_{xy}\right)",
    symbols="N prob mu_Sigma",
    source=f"{BISHOP}, eq. 2.81-2.82",
)
def condition(g: torch.Generator) -> Sides:
    """log p(x, y) - log p(x) from the two covariances, and the density with the formula's mean and covariance."""
    both, points = _full(g, 4), _randn(g, 6, 4)
    slow = both.log_prob(points) - both.marginal([0, 1]).log_prob(points[:, :2])
    S, mu = both.cov, both.mean
    gain = S[2:, :2] @ torch.linalg.inv(S[:2, :2])
    mean = mu[2:] + (points[:, :2] - mu[:2]) @ gain.mT
    return Sides(slow, FullGaussian(mean, S[2:, 2:] - gain @ S[:2, 2:]).log_prob(points[:, 2:]))


@twin(
    "1.31",
    r"\mathrm{I}(a;\, b) = -\tfrac12 \log(1 - \rho^2)",
    symbols="MI abc rho",
)
def gaussian_information(g: torch.Generator) -> Sides:
    """The average of log p(a, b) / (p(a) p(b)) by quadrature over the joint, and the formula."""
    both = _full(g, 2)
    z, w = normal_grid(2, 12)
    x = both.mean + z @ torch.linalg.cholesky(both.cov).mT
    single = both.marginal([0]).log_prob(x[:, :1]) + both.marginal([1]).log_prob(x[:, 1:])
    rho_squared = both.cov[0, 1] ** 2 / (both.cov[0, 0] * both.cov[1, 1])
    return Sides((w @ (both.log_prob(x) - single)).reshape(1), (-0.5 * torch.log(1 - rho_squared)).reshape(1))


@twin(
    "1.32",
    r"D_{\mathrm{KL}}(q\,\|\,p) = \mathbb{E}_{x \sim q}\big[\log q(x) - \log p(x)\big] = \tfrac12\left[\frac{(m_q - m_p)^2}{v_p} + \frac{v_q}{v_p} - 1 - \log\frac{v_q}{v_p}\right]",
    symbols="KL E m_v q prob",
)
def kl_line(g: torch.Generator) -> Sides:
    """The integral of q (log q - log p) on a fine grid, and the closed form."""
    (m_q, m_p), (v_q, v_p) = _randn(g, 2, 5), _variances(g, 2, 5)

    def integrand(x: Tensor) -> Tensor:
        log_q = _log_normal(x.unsqueeze(1), m_q, v_q)
        return torch.exp(log_q) * (log_q - _log_normal(x.unsqueeze(1), m_p, v_p))

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
    q, p = torch.softmax(_randn(g, 8, 6), 1), torch.softmax(_randn(g, 8, 6), 1)
    return Sides((q * torch.log(p / q)).sum(1), torch.log((q * (p / q)).sum(1)))


@twin(
    "1.34",
    r"D_{\mathrm{KL}}(q\,\|\,p) = \tfrac12 \sum_{i=1}^{d} \left[\frac{(m_{q,i} - m_{p,i})^2}{v_{p,i}} + \frac{v_{q,i}}{v_{p,i}} - 1 - \log\frac{v_{q,i}}{v_{p,i}}\right]",
    symbols="KL m_v d",
)
def kl_coordinates(g: torch.Generator) -> Sides:
    """Independent coordinates: the average of log q - log p by quadrature in three dimensions, and the library."""
    (m_q, m_p), (v_q, v_p) = _randn(g, 2, 3), _variances(g, 2, 3)
    z, w = normal_grid(3)
    x = m_q + v_q.sqrt() * z
    slow = w @ (_log_normal(x, m_q, v_q) - _log_normal(x, m_p, v_p)).sum(1)
    one = lambda m, v: Gaussian(m.unsqueeze(0), v.unsqueeze(0))  # noqa: E731
    return Sides(slow.reshape(1), kl(one(m_q, v_q), one(m_p, v_p)))


@twin(
    "1.35",
    r"D_{\mathrm{KL}}(q\,\|\,p) = \tfrac12\left[(\boldsymbol\mu_q - \boldsymbol\mu_p)^{\mathsf T}\Sigma_p^{-1}(\boldsymbol\mu_q - \boldsymbol\mu_p) + \operatorname{tr}(\Sigma_p^{-1}\Sigma_q) - d - \log\frac{\det\Sigma_q}{\det\Sigma_p}\right]",
    symbols="KL mu_Sigma d",
)
def kl_full(g: torch.Generator) -> Sides:
    """Full covariances: the average of log q - log p by quadrature in three dimensions, and the formula."""
    q, p = _full(g, 3), _full(g, 3)
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
    (m_q, m_p), v = _randn(g, 2, 3), float(_variances(g, 1))
    z, w = normal_nodes()
    x = m_q + math.sqrt(v) * z.unsqueeze(1)
    slow = w @ (((x - m_p) ** 2 - (x - m_q) ** 2) / (2 * v))
    return Sides(slow.sum().reshape(1), (((m_q - m_p) ** 2).sum() / (2 * v)).reshape(1))
