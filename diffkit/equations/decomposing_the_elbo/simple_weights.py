r"""What changes when the weights are set to 1, and what an image costs to send.  Equations (4.23) to (4.26)."""

import math

import torch
from torch import Tensor

from diffkit import elbo, forward
from diffkit.data import bumps
from diffkit.equations.decomposing_the_elbo.common import HO
from diffkit.equations.draws import randn
from diffkit.equations.quadrature import integrate, normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.equations.small_chain import random_schedule
from diffkit.gaussian import kl
from diffkit.oracle import GaussianMixture


@twin(
    "4.23",
    r"L_{\text{simple}} = \sum_{t=1}^{T} \mathbb{E}_{\boldsymbol\varepsilon} \left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\right\|^2 = \sum_{t=1}^{T} \frac{1}{\lambda_t}\, \mathbb{E}_{\boldsymbol\varepsilon}\!\left[\frac{1}{2\sigma_t^2} \left\|\tilde{\boldsymbol\mu}_t - \boldsymbol\mu_\theta(\mathbf{x}_t,t)\right\|^2\right]",
    symbols="L_simple E eps eps_theta x_t lambda sigma mu_tilde mu_theta T t",
    source=f"{HO}, eq. 14",
)
def lambda_set_to_one(g: torch.Generator) -> Sides:
    """Plain errors of a linear eps_theta from the library, and distances of means, each divided by its weight."""
    s, x_0, slope = random_schedule(g, 5), randn(g, 1), 0.5 + 0.3 * randn(g, 6)
    z, w = normal_nodes(8)
    noise, x = z.reshape(1, 8, 1).expand(5, 8, 1), x_0.expand(8, 1)
    errors = elbo.simple_over_t(lambda x_t, t: slope[t].unsqueeze(1) * x_t, s, x, noise=noise)
    right = torch.zeros((), dtype=torch.float64)
    for t in range(1, 6):
        x_t = forward.q_sample(s, x, t, noise=z.unsqueeze(1))
        p = elbo.p_reverse(s, slope[t] * x_t, x_t, t, "beta")
        gap = ((forward.q_posterior(s, x, x_t, t).mean - p.mean) ** 2).sum(1) / (2 * s.beta[t])
        right = right + (w @ gap) / elbo.weights(s, "beta")[t]
    return Sides((w @ errors).sum().reshape(1), right.reshape(1))


@twin(
    "4.24",
    r"\mathbb{E}\left\|\boldsymbol\varepsilon - f(\mathbf{x}_t)\right\|^2 = \mathbb{E}\left\|\boldsymbol\varepsilon - \mathbb{E}[\boldsymbol\varepsilon\mid\mathbf{x}_t]\right\|^2 + \mathbb{E}\left\|\mathbb{E}[\boldsymbol\varepsilon\mid\mathbf{x}_t] - f(\mathbf{x}_t)\right\|^2",
    symbols="E eps x_t f_any",
)
def same_minimum(g: torch.Generator) -> Sides:
    """Three bumps, f linear: the left side by moments of data and noise, the right by integrals over x_t."""
    data, s = bumps(), random_schedule(g, 4)
    signal, sigma = s.alpha_bar[4].sqrt(), s.noise_var[4].sqrt()
    shift, slope = randn(g, 2)
    # x_t = signal x_0 + sigma eps, x_0 of mean 0 and variance 1, apart from eps.
    left = (1 - slope * sigma) ** 2 + shift**2 + slope**2 * signal**2

    def integrand(x: Tensor) -> Tensor:
        x = x.unsqueeze(1)
        p = torch.exp(data.log_prob(x, signal, sigma))
        best = data.eps(x, signal, sigma)[:, 0]
        return torch.stack([p * best**2, p * (best - shift - slope * x[:, 0]) ** 2], 1)

    explained, missed = integrate(integrand, -12, 12)
    return Sides(left.reshape(1), (1 - explained + missed).reshape(1))


@twin(
    "4.25",
    r"\log p(\mathbf{x}) + \log c \le \log\left(c\, p(\mathbf{x}) + (1-c)\, n(\mathbf{x})\right)",
    symbols="p_model c n_model",
    relation="<=",
    source="Theis et al. 2016",
)
def mostly_noise(g: torch.Generator) -> Sides:
    """A mixture of a good model (one part in a hundred or so) and wide noise, at points of the data."""
    good, c = bumps(), 0.01 + 0.02 * float(torch.rand(1, generator=g))
    means = torch.cat([good.means, torch.zeros(1, 1, dtype=torch.float64)])
    covs = torch.cat([good.covs, torch.full((1, 1, 1), 25.0, dtype=torch.float64)])
    weights = torch.cat([c * good.weights, torch.tensor([1 - c], dtype=torch.float64)])
    x = good.sample(20, generator=g)
    return Sides(good.log_prob(x) + math.log(c), GaussianMixture(weights, means, covs).log_prob(x))


@twin(
    "4.26",
    r"R_t = L_T + \sum_{s=t+1}^{T} L_{s-1}, \qquad R_1 + L_0 = \text{the whole bound}",
    symbols="R_t L_T L_t L_0 t s",
    source=f"{HO}, section 4.3",
)
def code_length(g: torch.Generator) -> Sides:
    """The library's rates, with L_0 added at the end, and the terms of the bound summed in a loop."""
    s, x_0, noise = random_schedule(g, 6), randn(g, 3, 2), randn(g, 6, 3, 2)

    def predictor(x_t: Tensor, t: Tensor) -> Tensor:
        return 0.7 * x_t

    rates = elbo.rate_distortion(predictor, s, x_0, noise=noise).rate
    L_0 = -elbo.p_reverse(s, 0.7 * (x_1 := forward.q_sample(s, x_0, 1, noise=noise[0])), x_1, 1).log_prob(x_0)
    total = elbo.evaluate(predictor, s, x_0, noise=noise).total
    running, loop = forward.kl_to_prior(s, x_0), []
    for t in range(6, 0, -1):
        loop.append(running)  # what it took to send x_t
        x_t = forward.q_sample(s, x_0, t, noise=noise[t - 1])
        if t > 1:
            running = running + kl(forward.q_posterior(s, x_0, x_t, t), elbo.p_reverse(s, 0.7 * x_t, x_t, t))
    by_hand = torch.stack([*loop[::-1], loop[-1] + L_0], 1)
    return Sides(torch.cat([rates, total.unsqueeze(1)], 1), by_hand)
