r"""All noise levels at once.  Equations (6.33) to (6.35)."""

import torch
from torch import Tensor

from diffkit import elbo, losses
from diffkit.equations.draws import randn, uniform
from diffkit.equations.registry import Sides, twin
from diffkit.equations.score_matching.common import HO, model, random_schedule


@twin(
    "6.33",
    r"\sigma^2 \cdot \tfrac12\Big\|\mathbf{s}_{\boldsymbol\theta} + \frac{\boldsymbol\varepsilon}{\sigma}\Big\|^2 = \tfrac12\,\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_{\boldsymbol\theta}\|^2 \qquad\text{with } \boldsymbol\varepsilon_{\boldsymbol\theta} = -\sigma\,\mathbf{s}_{\boldsymbol\theta}",
    symbols="sigma s_theta eps eps_theta",
    source="Song & Ermon 2019, section 4.2",
)
def weight_makes_noise(g: torch.Generator) -> Sides:
    """The library's denoising loss at three levels, weighted; and the squared error of the noise."""
    s, x_0, eps = model(g, 3), randn(g, 6, 3), randn(g, 6, 3)
    sigma = uniform(g, 0.1, 2.0, 6)
    guess = -sigma.unsqueeze(1) * s(x_0 + sigma.unsqueeze(1) * eps)
    left = sigma**2 * losses.denoising(s, x_0, sigma, noise=eps)
    return Sides(left, 0.5 * ((eps - guess) ** 2).sum(1))


@twin(
    "6.34",
    r"\frac{1}{T}\sum_{t=1}^{T} (1-\bar\alpha_t)\,\mathbb{E}\Big\|\mathbf{s}_{\boldsymbol\theta}(\mathbf{x}_t, t) + \frac{\boldsymbol\varepsilon}{\sqrt{1-\bar\alpha_t}}\Big\|^2 = \frac{1}{T}\sum_{t=1}^{T} \mathbb{E}\,\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_{\boldsymbol\theta}(\mathbf{x}_t, t)\|^2",
    symbols="T t alpha_bar E s_theta x_t eps eps_theta",
    source=f"{HO}, section 3.2",
)
def all_levels(g: torch.Generator) -> Sides:
    """The library's multilevel score loss (twice, for its half) and the mean of its simple loss, data and noise alike."""
    s, net, x_0, eps = random_schedule(g), model(g, 2), randn(g, 4, 2), randn(g, 10, 4, 2)
    sigmas = s.noise_var[1:].sqrt()

    def noise_of(x: Tensor, t: Tensor) -> Tensor:
        return net(x) * (1 + 0.1 * t.unsqueeze(1))

    left = 2 * losses.multilevel(
        lambda x, i: -noise_of(x, i + 1) / sigmas[i].unsqueeze(1), x_0, sigmas, alphas=s.alpha_bar[1:].sqrt(), noise=eps
    )
    each = [losses.simple(noise_of, s, x_0, t, noise=eps[t - 1]) for t in range(1, 11)]
    return Sides(left, torch.stack(each).mean(0))


@twin(
    "6.35",
    r"\frac{\beta_t^2}{2\sigma_t^2\,\alpha_t\,(1-\bar\alpha_t)}\,\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_{\boldsymbol\theta}\|^2 = \frac{\beta_t^2}{\sigma_t^2\,\alpha_t} \cdot \tfrac12\Big\|\mathbf{s}_{\boldsymbol\theta} + \frac{\boldsymbol\varepsilon}{\sqrt{1-\bar\alpha_t}}\Big\|^2",
    symbols="beta sigma_t alpha alpha_bar eps eps_theta s_theta",
    source=f"{HO}, eq. 12",
)
def bound_weight(g: torch.Generator) -> Sides:
    """The library's weights of the bound times its simple loss, and the formula on its denoising loss; every t."""
    s, net, x_0, eps = random_schedule(g), model(g, 2), randn(g, 3, 2), randn(g, 3, 2)
    lam, left, right = elbo.weights(s, "beta"), [], []
    for t in range(1, s.T + 1):
        a, sd = float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt())
        left.append(lam[t] * losses.simple(lambda x, _: net(x), s, x_0, t, noise=eps))
        score_loss = losses.denoising(lambda x, sd=sd: -net(x) / sd, x_0, sd, alpha=a, noise=eps)  # type: ignore[misc]
        right.append(s.beta[t] ** 2 / (s.beta[t] * s.alpha[t]) * score_loss)
    return Sides(torch.stack(left), torch.stack(right))
