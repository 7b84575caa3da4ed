r"""Tweedie: whoever knows the score can denoise.  Equations (6.24) to (6.28)."""

import torch
from torch import Tensor

from diffkit import losses
from diffkit.data import bumps
from diffkit.equations.draws import F64, randn, uniform
from diffkit.equations.quadrature import integrate
from diffkit.equations.registry import Sides, twin
from diffkit.equations.score_matching.common import (
    cubic,
    gradient,
    line,
    log_gradient,
    one_number,
    pairs,
    random_schedule,
)
from diffkit.oracle import GaussianMixture


@twin(
    "6.24",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}] = \mathbf{x} + \sigma^2\, \nabla_{\mathbf{x}} \log q_\sigma(\mathbf{x})",
    symbols="E x_0 x sigma grad q_sigma",
    source="Robbins 1956; Efron 2011",
)
def tweedie(g: torch.Generator) -> Sides:
    """The posterior mean by Bayes on a grid, and the formula with automatic differentiation."""
    p, sigma, x = line(g), float(uniform(g, 0.3, 1.0)), randn(g, 6)
    mean, _ = _posterior_moments(p, sigma, x)
    return Sides(mean, x + sigma**2 * log_gradient(p, x.unsqueeze(1), 1.0, sigma)[:, 0])


def _posterior_moments(p: GaussianMixture, sigma: float, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of x_0 given x on the line, by Bayes on a grid.  x: (n,)."""

    def joint(x_0: Tensor) -> Tensor:
        kernel = torch.distributions.Normal(x_0.unsqueeze(1), sigma).log_prob(x)
        together = torch.exp(kernel + p.log_prob(x_0.unsqueeze(1)).unsqueeze(1))
        return torch.stack([together * x_0.unsqueeze(1) ** k for k in range(3)], 1)

    zero, one, two = integrate(joint, -12, 12)
    return one / zero, two / zero - (one / zero) ** 2


@twin(
    "6.25",
    r"\operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}] = \sigma^2\mathbf{I} + \sigma^4\, \nabla_{\mathbf{x}}^2 \log q_\sigma(\mathbf{x})",
    symbols="Cov x_0 x sigma I grad q_sigma",
    source="Efron 2011",
)
def second_order(g: torch.Generator) -> Sides:
    """On the line: the posterior variance by Bayes on a grid, and the curvature from the library's oracle."""
    p, sigma, x = line(g), float(uniform(g, 0.3, 1.0)), randn(g, 6)
    _, variance = _posterior_moments(p, sigma, x)
    curvature = p.score_jacobian(x.unsqueeze(1), 1.0, sigma)[:, 0, 0]
    return Sides(variance, sigma**2 + sigma**4 * curvature)


@twin(
    "6.26",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_t] = \frac{\mathbf{x}_t + (1-\bar\alpha_t)\,\nabla_{\mathbf{x}_t} \log q(\mathbf{x}_t)}{\sqrt{\bar\alpha_t}}",
    symbols="E x_0 x_t alpha_bar grad q",
)
def tweedie_scaled(g: torch.Generator) -> Sides:
    """On the three bumps at every t: the denoiser of the library's posterior, and the formula with autograd."""
    p, s, x = bumps(), random_schedule(g), randn(g, 10, 1)
    levels = s.alpha_bar[1:].sqrt(), s.noise_var[1:].sqrt()
    y = x.clone().requires_grad_()
    score = gradient(p.log_prob(y, *levels), y)
    ab = s.alpha_bar[1:].unsqueeze(1)
    return Sides(p.posterior(x, *levels).mean, (x + (1 - ab) * score) / ab.sqrt())


def _mean_noise(g: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Score of the noisy bumps by autograd, E[eps | x_t] by Bayes on a grid, and 1 - alpha_bar_t, at random points."""
    p, s, x, t = bumps(), random_schedule(g), randn(g, 6), 5
    a, sd = float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt())

    def joint(x_0: Tensor) -> Tensor:
        kernel = torch.distributions.Normal(a * x_0.unsqueeze(1), sd).log_prob(x)
        together = torch.exp(kernel + p.log_prob(x_0.unsqueeze(1)).unsqueeze(1))
        return torch.stack([together, together * (x - a * x_0.unsqueeze(1)) / sd], 1)

    evidence, noise = integrate(joint, -8, 8)
    return log_gradient(p, x.unsqueeze(1), a, sd)[:, 0], noise / evidence, s.noise_var[t]


@twin(
    "6.27",
    r"\nabla_{\mathbf{x}_t} \log q(\mathbf{x}_t) = -\frac{\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]}{\sqrt{1-\bar\alpha_t}}, \qquad \mathbf{s}_{\boldsymbol\theta}(\mathbf{x}_t, t) = -\frac{\boldsymbol\varepsilon_{\boldsymbol\theta}(\mathbf{x}_t, t)}{\sqrt{1-\bar\alpha_t}}",
    symbols="grad x_t q E eps alpha_bar s_theta eps_theta t",
    source="Song et al. 2021",
)
def score_and_noise(g: torch.Generator) -> Sides:
    """The score by automatic differentiation, and the mean noise by Bayes on a grid."""
    score, noise, variance = _mean_noise(g)
    return Sides(score, -noise / variance.sqrt())


@twin(
    "6.27e",
    r"\nabla_{\mathbf{x}_t} \log q(\mathbf{x}_t) = -\frac{\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]}{1-\bar\alpha_t}",
    symbols="grad x_t q E eps alpha_bar",
    erratum="The root is missing: the noise is divided by its standard deviation, not by its variance.",
)
def score_and_noise_without_root(g: torch.Generator) -> Sides:
    """The same with the variance below the line."""
    score, noise, variance = _mean_noise(g)
    return Sides(score, -noise / variance)


@twin(
    "6.28",
    r"\mathbb{E}\|\mathbf{x}_0 - \mathbf{r}(\mathbf{x})\|^2 = \mathbb{E}\big\|\mathbf{x}_0 - \mathbb{E}[\mathbf{x}_0\mid\mathbf{x}]\big\|^2 + \mathbb{E}\big\|\mathbf{r}(\mathbf{x}) - \mathbb{E}[\mathbf{x}_0\mid\mathbf{x}]\big\|^2",
    symbols="E x_0 r x",
)
def pythagoras(g: torch.Generator) -> Sides:
    """The library's autoencoder loss over pairs; posterior variance and distance to the denoiser over noisy points."""
    p, sigma, r = line(g), float(uniform(g, 0.5, 1.0)), cubic(g)
    x_0, eps, w = pairs(p)
    x = torch.linspace(-14, 14, 4001, dtype=F64).unsqueeze(1)
    weight = p.log_prob(x, 1.0, sigma).exp() * float(x[1] - x[0])
    q = p.posterior(x, 1.0, sigma)
    spread = (q.weights * (q.covs[..., 0, 0] + q.means[..., 0] ** 2)).sum(1) - q.mean[:, 0] ** 2
    right = weight @ (spread + (r(x) - q.mean)[:, 0] ** 2)
    return Sides(one_number(w @ losses.denoising_autoencoder(r, x_0, sigma, noise=eps)), one_number(right))
