r"""Gaussians under affine maps, products and conditioning.  Equations (1.26) to (1.31)."""

import torch
from torch import Tensor

from diffkit.equations.draws import randn
from diffkit.equations.graphical_models.common import BISHOP, log_normal, random_full, variances
from diffkit.equations.quadrature import integrate, normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import FullGaussian, Gaussian, product


@twin(
    "1.26",
    r"\mathbf{y} = A\mathbf{x} + \mathbf{b} + \mathbf{e}, \quad \mathbf{e} \sim \mathcal{N}(\mathbf{0}, R): \qquad \mathbb{E}[\mathbf{y}] = A\boldsymbol\mu + \mathbf{b}, \quad \operatorname{Cov}[\mathbf{y}] = A\,\Sigma\,A^{\mathsf T} + R",
    symbols="E Cov N affine mu_Sigma",
    source=f"{BISHOP}, eq. 2.115",
)
def affine(g: torch.Generator) -> Sides:
    """Mean and covariance of y by quadrature over x and e together, and the formulas."""
    x, A, b = random_full(g, 2), randn(g, 2, 2), randn(g, 2)
    R = random_full(g, 2).cov
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
    lam, eta, x = variances(g, 6), randn(g, 6), randn(g, 6)
    return Sides(-0.5 * lam * x**2 + eta * x, -0.5 * lam * (x - eta / lam) ** 2 + eta**2 / (2 * lam))


@twin(
    "1.28",
    r"p(x) \propto e^{-\frac12\lambda x^2 + \eta x} \quad\Longrightarrow\quad p(x) = \mathcal{N}\!\left(x;\ \frac{\eta}{\lambda},\ \frac{1}{\lambda}\right)",
    symbols="lambda_eta N prob",
)
def read_off(g: torch.Generator) -> Sides:
    """Mean and variance of the density by integrating the exponential of the polynomial, and read off."""
    lam, eta = variances(g, 5), randn(g, 5)

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
    m, v, x = randn(g, 2, 6), variances(g, 2, 6), randn(g, 6)
    slow = log_normal(x, m[0], v[0]) + log_normal(x, m[1], v[1])
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
    both, points = random_full(g, 4), randn(g, 6, 4)
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
    both = random_full(g, 2)
    z, w = normal_grid(2, 12)
    x = both.mean + z @ torch.linalg.cholesky(both.cov).mT
    single = both.marginal([0]).log_prob(x[:, :1]) + both.marginal([1]).log_prob(x[:, 1:])
    rho_squared = both.cov[0, 1] ** 2 / (both.cov[0, 0] * both.cov[1, 1])
    return Sides((w @ (both.log_prob(x) - single)).reshape(1), (-0.5 * torch.log(1 - rho_squared)).reshape(1))
