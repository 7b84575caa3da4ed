r"""The map: noise, score and denoiser are one function.  Equations (13.1) to (13.4)."""

import math

import torch
from torch import Tensor

from diffkit.equations.bug_hunt.common import mean_given, mixture, slope
from diffkit.equations.chains import log_normal
from diffkit.equations.draws import number, randn
from diffkit.equations.quadrature import integrate, normal_grid, normal_nodes
from diffkit.equations.registry import Sides, twin


def _level(g: torch.Generator) -> tuple[float, float]:
    """A random level of the chain: shares of data and of noise."""
    alpha_bar = number(g, 0.2, 0.8)
    return math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar)


@twin(
    "13.1",
    r"\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t] = -\,\sigma_t\,\mathbf{s}_t(\mathbf{x}_t)",
    symbols="E eps x_t sigma_t score_t",
    source="Vincent 2011; Ho et al. 2020, section 3.2",
)
def eps_is_score(g: torch.Generator) -> Sides:
    """Best noise prediction by an integral over all noises, and the score by automatic differentiation."""
    data, x, (a, s) = mixture(g), randn(g, 5, 1), _level(g)
    score = slope(lambda y: data.log_prob(y, a, s), x).detach()
    return Sides(mean_given(data, x, a, s, "eps"), -s * score)


@twin(
    "13.2",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_t] = \frac{\mathbf{x}_t + \sigma_t^2\,\mathbf{s}_t(\mathbf{x}_t)}{a_t}",
    symbols="E x_0 x_t sigma_t score_t a_t",
    source="Tweedie's formula; Vincent 2011",
)
def denoiser_is_score(g: torch.Generator) -> Sides:
    """Best guess of the data by an integral over all noises, and by one step along the score."""
    data, x, (a, s) = mixture(g), randn(g, 5, 1), _level(g)
    score = slope(lambda y: data.log_prob(y, a, s), x).detach()
    return Sides(mean_given(data, x, a, s, "x_0"), (x + s**2 * score) / a)


@twin(
    "13.3",
    r"\mathbb{E}\,\|\boldsymbol\varepsilon_\theta(\mathbf{x}_t) - \boldsymbol\varepsilon\|^2 = \sigma_t^2\;\mathbb{E}\,\|\mathbf{s}_\theta(\mathbf{x}_t) - \nabla \log q(\mathbf{x}_t \mid \mathbf{x}_0)\|^2 \qquad \text{with } \boldsymbol\varepsilon_\theta = -\sigma_t\,\mathbf{s}_\theta",
    symbols="E eps_theta x_t eps sigma_t s_theta q x_0",
    source="Vincent 2011; Song & Ermon 2019, eq. 5",
)
def ddpm_is_denoising(g: torch.Generator) -> Sides:
    """The DDPM loss of a cubic model by quadrature over eps, and that of score matching, whose target is an autograd."""
    x_0, (a, s), c = randn(g, 4), _level(g), 0.3 * randn(g, 4)
    eps, w = normal_nodes(12)
    x_t = a * x_0 + s * eps.unsqueeze(1)
    score = c[0] + c[1] * x_t + c[2] * x_t**2 + c[3] * x_t**3
    target = slope(lambda x: log_normal(x, a * x_0, s**2), x_t).detach()
    return Sides(w @ (-s * score - eps.unsqueeze(1)) ** 2, s**2 * (w @ (score - target) ** 2))


@twin(
    "13.4",
    r"\mathbb{E}\,\|\mathbf{s}_\theta - \nabla\log q(\mathbf{x}_t \mid \mathbf{x}_0)\|^2 - \mathbb{E}\,\|\mathbf{s}' - \nabla\log q(\mathbf{x}_t \mid \mathbf{x}_0)\|^2 = \mathbb{E}\,\|\mathbf{s}_\theta - \mathbf{s}_t\|^2 - \mathbb{E}\,\|\mathbf{s}' - \mathbf{s}_t\|^2",
    symbols="E s_theta q x_t x_0 score_t",
    source="Vincent 2011",
)
def denoising_is_explicit(g: torch.Generator) -> Sides:
    """Differences of two models: over data and noise with the target of denoising, over x_t with the true score."""
    data, (a, s), c = mixture(g), _level(g), 0.5 * randn(g, 2, 3)

    def gap(x: Tensor, target: Tensor) -> Tensor:
        one, other = (k[0] + k[1] * x + k[2] * x**2 for k in c)
        return (one - target) ** 2 - (other - target) ** 2

    z, w = normal_grid(2)
    left = torch.zeros(1, dtype=torch.float64)
    for weight, mean, cov in zip(data.weights, data.means, data.covs, strict=True):
        x_t = a * (mean[0] + cov[0, 0].sqrt() * z[:, 0]) + s * z[:, 1]
        left = left + weight * (w @ gap(x_t, -z[:, 1] / s))

    def under_p(x: Tensor) -> Tensor:
        score = slope(lambda y: data.log_prob(y, a, s), x.unsqueeze(1)).detach()[:, 0]
        return data.log_prob(x.unsqueeze(1), a, s).exp() * gap(x, score)

    return Sides(left, integrate(under_p, -12, 12, 4001).unsqueeze(0))
