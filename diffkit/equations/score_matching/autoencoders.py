r"""Denoising autoencoders.  Equations (6.29) to (6.32)."""

import torch

from diffkit import losses
from diffkit.equations.draws import F64, randn, uniform
from diffkit.equations.registry import Sides, twin
from diffkit.equations.score_matching.common import VINCENT, log_gradient, model
from diffkit.gaussian import FullGaussian
from diffkit.oracle import GaussianMixture


@twin(
    "6.29",
    r"\mathbf{r}(\mathbf{x}) = \mathbf{x} + \sigma^2\,\mathbf{s}_{\boldsymbol\theta}(\mathbf{x}) \quad\Longrightarrow\quad \|\mathbf{x}_0 - \mathbf{r}(\mathbf{x})\|^2 = 2\sigma^4 \cdot \tfrac12\Big\|\mathbf{s}_{\boldsymbol\theta}(\mathbf{x}) + \frac{\boldsymbol\varepsilon}{\sigma}\Big\|^2",
    symbols="r x sigma s_theta x_0 eps",
    source=f"{VINCENT}, section 4",
)
def autoencoder_is_score_matching(g: torch.Generator) -> Sides:
    """The library's autoencoder loss of r, and its denoising loss of s, on the same data and noise."""
    s, x_0, eps, sigma = model(g, 3), randn(g, 5, 3), randn(g, 5, 3), float(uniform(g, 0.3, 1.0))
    left = losses.denoising_autoencoder(lambda x: x + sigma**2 * s(x), x_0, sigma, noise=eps)
    return Sides(left, 2 * sigma**4 * losses.denoising(s, x_0, sigma, noise=eps))


@twin(
    "6.30",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}] = \sum_i \frac{v_i}{v_i + \sigma^2}\, \mathbf{u}_i \mathbf{u}_i^{\top} \mathbf{x} \qquad\text{for data } \mathcal{N}\Big(\mathbf{0},\ \sum_i v_i\,\mathbf{u}_i\mathbf{u}_i^{\top}\Big)",
    symbols="E x_0 x v_i u_i sigma N",
)
def flat_manifold(g: torch.Generator) -> Sides:
    """Data in a plane of four dimensions: the joint Gaussian of (x_0, x) conditioned on x, and the formula."""
    U, v, sigma = torch.linalg.qr(randn(g, 4, 4))[0][:, :2], uniform(g, 0.5, 2, 2), float(uniform(g, 0.3, 1.0))
    cov, x = U @ torch.diag(v) @ U.mT, randn(g, 5, 4)
    noisy = cov + sigma**2 * torch.eye(4, dtype=F64)
    joint = FullGaussian(torch.zeros(8, dtype=F64), torch.cat([torch.cat([cov, cov], 1), torch.cat([cov, noisy], 1)]))
    slow = torch.stack([joint.condition([4, 5, 6, 7], row).mean for row in x])
    return Sides(slow, x @ (U * (v / (v + sigma**2))) @ U.mT)


@twin(
    "6.31",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}] = R\,\frac{I_1(\kappa)}{I_0(\kappa)}\,\frac{\mathbf{x}}{\|\mathbf{x}\|}, \qquad \kappa = \frac{R\,\|\mathbf{x}\|}{\sigma^2} \qquad\text{for data even on a circle of radius } R",
    symbols="E x_0 x R bessel kappa sigma",
)
def circle(g: torch.Generator) -> Sides:
    """The posterior mean by adding up over the circle, and the formula with Bessel functions."""
    R, sigma, x = float(uniform(g, 0.8, 1.5)), float(uniform(g, 0.3, 1.0)), randn(g, 5, 2)
    angle = torch.arange(4000, dtype=F64) * (2 * torch.pi / 4000)
    points = R * torch.stack([angle.cos(), angle.sin()], 1)
    weights = torch.softmax(-((x.unsqueeze(1) - points) ** 2).sum(2) / (2 * sigma**2), 1)
    radius = x.norm(dim=1, keepdim=True)
    kappa = R * radius / sigma**2
    return Sides(weights @ points, R * torch.special.i1e(kappa) / torch.special.i0e(kappa) * x / radius)


@twin(
    "6.32",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}] = \sum_{n=1}^{N} \pi_n(\mathbf{x})\, \mathbf{x}^{(n)}, \qquad \pi_n(\mathbf{x}) = \frac{\exp\big(-\|\mathbf{x}-\mathbf{x}^{(n)}\|^2/2\sigma^2\big)}{\sum_m \exp\big(-\|\mathbf{x}-\mathbf{x}^{(m)}\|^2/2\sigma^2\big)}",
    symbols="E x_0 x pi_n x_n sigma N_data",
)
def data_set(g: torch.Generator) -> Sides:
    """Tweedie's formula with autograd on the mixture of kernels around the data points, and the weighted mean."""
    points, sigma, x = randn(g, 7, 3), float(uniform(g, 0.3, 1.0)), randn(g, 5, 3)
    kernels = GaussianMixture.isotropic(torch.full((7,), 1 / 7, dtype=F64), points, sigma**2)
    weights = torch.exp(-((x.unsqueeze(1) - points) ** 2).sum(2) / (2 * sigma**2))
    return Sides(x + sigma**2 * log_gradient(kernels, x), weights @ points / weights.sum(1, keepdim=True))
