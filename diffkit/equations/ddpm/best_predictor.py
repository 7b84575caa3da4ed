r"""The best answer that there is.  Equations (5.12) to (5.15)."""

import torch
from torch import Tensor

from diffkit.data import bumps
from diffkit.equations.ddpm.common import data_and_noise, level, random_schedule
from diffkit.equations.draws import randn
from diffkit.equations.quadrature import integrate
from diffkit.equations.registry import Sides, twin


@twin(
    "5.12",
    r"\mathbb{E}\left\|\boldsymbol\varepsilon - f(\mathbf{x}_t)\right\|^2 = \mathbb{E}\left\|\boldsymbol\varepsilon - \mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]\right\|^2 + \mathbb{E}\left\|\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t] - f(\mathbf{x}_t)\right\|^2",
    symbols="E eps x_t",
)
def best_predictor(g: torch.Generator) -> Sides:
    """On three bumps, for a random f: both sides by integration over x_0 and eps."""
    s, t, data = random_schedule(g), 4, bumps()
    x_0, eps, w = data_and_noise(data)
    a, b = level(s, t)
    x_t = a * x_0 + b * eps
    best = data.eps(x_t.unsqueeze(1), a, b)[:, 0]
    u, v = randn(g, 2)
    f = torch.sin(u * x_t) + v
    return Sides(w @ (eps - f).square().reshape(-1, 1), w @ ((eps - best) ** 2 + (best - f) ** 2).reshape(-1, 1))


@twin(
    "5.13",
    r"\mathbb{E}\left\|\boldsymbol\varepsilon - \mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]\right\|^2 = \frac{\bar\alpha_t}{1-\bar\alpha_t}\ \mathbb{E}\,\operatorname{tr}\operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}_t]",
    symbols="E eps x_t x_0 alpha_bar Cov tr",
)
def floor_of_the_loss(g: torch.Generator) -> Sides:
    """On three bumps: the squared error by integration over x_0 and eps; the posterior variance over the density of x_t."""
    s, t, data = random_schedule(g), 4, bumps()
    x_0, eps, w = data_and_noise(data)
    a, b = level(s, t)
    best = data.eps((a * x_0 + b * eps).unsqueeze(1), a, b)[:, 0]

    def variance(x: Tensor) -> Tensor:
        p = data.posterior(x.unsqueeze(1), a, b)
        second = (p.weights * (p.covs[..., 0, 0] + p.means[..., 0] ** 2)).sum(1)
        return (second - p.mean[:, 0] ** 2) * torch.exp(data.log_prob(x.unsqueeze(1), a, b))

    closed = (a / b) ** 2 * integrate(variance, -12, 12)
    return Sides((w @ (eps - best) ** 2).reshape(1), closed.reshape(1))


def _finite(g: torch.Generator) -> Tensor:
    return randn(g, 5, 3)


def _softmax_mean(x_t: Tensor, data: Tensor, a: Tensor) -> Tensor:
    square = ((x_t - a * data) ** 2).sum(1)
    return torch.softmax(-square / (2 * (1 - a**2)), 0) @ data


@twin(
    "5.14",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_t] = \sum_{i=1}^{N} w_i\,\mathbf{x}^{(i)}, \qquad w_i = \frac{\exp\!\left(-\|\mathbf{x}_t - \sqrt{\bar\alpha_t}\,\mathbf{x}^{(i)}\|^2 / 2(1-\bar\alpha_t)\right)}{\sum_j \exp\!\left(-\|\mathbf{x}_t - \sqrt{\bar\alpha_t}\,\mathbf{x}^{(j)}\|^2 / 2(1-\bar\alpha_t)\right)}",
    symbols="E x_0 x_t train w_i alpha_bar",
)
def softmax_of_the_data(g: torch.Generator) -> Sides:
    """From the slope of log q(x_t), a mixture with one bump per training point, by automatic differentiation (the
    denoiser is then (x_t + (1 - alpha_bar) slope)/sqrt(alpha_bar)); and the weighted mean."""
    s, t, data = random_schedule(g), 6, _finite(g)
    x_t = randn(g, 3).requires_grad_()
    a = s.alpha_bar[t].sqrt()
    log_q = torch.log(torch.stack([torch.exp(-((x_t - a * x) ** 2).sum() / (2 * (1 - a**2))) for x in data]).sum())
    (slope,) = torch.autograd.grad(log_q, x_t)
    return Sides((x_t.detach() + (1 - a**2) * slope) / a, _softmax_mean(x_t.detach(), data, a))


@twin(
    "5.15",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_t] \;\longrightarrow\; \mathbb{E}[\mathbf{x}_0], \qquad \frac{\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_t] - \mathbb{E}[\mathbf{x}_0]}{\sqrt{\bar\alpha_t}} \;\longrightarrow\; \operatorname{Cov}[\mathbf{x}_0]\,\mathbf{x}_t \qquad (\bar\alpha_t \to 0)",
    symbols="E x_0 x_t Cov alpha_bar",
)
def mean_image(g: torch.Generator) -> Sides:
    """(5.14) and its derivative in sqrt(alpha_bar) at 0, by automatic differentiation; mean and covariance of the data."""
    data, x_t = _finite(g), randn(g, 3)
    zero = torch.zeros((), dtype=torch.float64)
    value = _softmax_mean(x_t, data, zero)
    slope = torch.autograd.functional.jacobian(lambda a: _softmax_mean(x_t, data, a), zero)
    centred = data - data.mean(0)
    return Sides(torch.stack([value, slope]), torch.stack([data.mean(0), centred.mT @ (centred @ x_t) / len(data)]))
