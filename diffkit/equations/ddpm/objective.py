r"""The bound in terms of noise, and the simple loss.  Equations (5.7) to (5.11)."""

import math

import torch
from torch import Tensor

from diffkit import elbo, forward, losses
from diffkit.equations.ddpm.common import HO, data_variance, random_schedule
from diffkit.equations.draws import randn
from diffkit.equations.quadrature import integrate, normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import LOG_2PI
from diffkit.parameterize import convert


@twin(
    "5.7",
    r"\left\|\tilde{\boldsymbol\mu}_t - \boldsymbol\mu_\theta\right\|^2 = \frac{\beta_t^2}{\alpha_t\,(1-\bar\alpha_t)}\,\left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta\right\|^2",
    symbols="mu_tilde mu_theta beta alpha alpha_bar eps eps_theta",
    source=f"{HO}, eq. 12",
)
def distance_of_means(g: torch.Generator) -> Sides:
    """Two posterior means, one at the true x_0 and one at the guess, and the formula."""
    s, x_0, eps, wrong, t = random_schedule(g), randn(g, 6, 3), randn(g, 6, 3), randn(g, 6, 3), 4
    x_t = forward.q_sample(s, x_0, t, noise=eps)
    guess = convert(wrong, "eps", "x0", s, x_t, t)
    gap = forward.q_posterior(s, x_0, x_t, t).mean - forward.q_posterior(s, guess, x_t, t).mean
    factor = s.beta[t] ** 2 / (s.alpha[t] * s.noise_var[t])
    return Sides((gap**2).sum(1), factor * ((eps - wrong) ** 2).sum(1))


@twin(
    "5.8",
    r"D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{t-1} \mid \mathbf{x}_t, \mathbf{x}_0)\,\|\,p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)\right) = \lambda_t \left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\right\|^2 + C_t, \qquad \lambda_t = \frac{\beta_t^2}{2\sigma_t^2\,\alpha_t\,(1-\bar\alpha_t)}",
    symbols="KL q p_theta x_t x_0 t lambda eps eps_theta C beta sigma alpha alpha_bar",
    source=f"{HO}, eq. 12",
)
def weighted_error(g: torch.Generator) -> Sides:
    """E_q[log q - log p] by quadrature in three dimensions, and the weight times the error plus the constant (5.9)."""
    s, x_0, eps, wrong, t = random_schedule(g), randn(g, 3), randn(g, 3), randn(g, 3), 6
    x_t = forward.q_sample(s, x_0.unsqueeze(0), t, noise=eps.unsqueeze(0))
    z, w = normal_grid(3)
    n = len(z)
    q = forward.q_posterior(s, x_0.expand(n, 3), x_t.expand(n, 3), t)
    mean = (x_t - s.beta[t] / s.noise_var[t].sqrt() * wrong) / s.alpha[t].sqrt()
    x = q.sample(noise=z)
    log_p = -0.5 * (((x - mean) ** 2).sum(1) / s.beta[t] + 3 * torch.log(s.beta[t]) + 3 * LOG_2PI)  # sigma^2 = beta
    weight = s.beta[t] ** 2 / (2 * s.beta[t] * s.alpha[t] * s.noise_var[t])
    ratio = s.beta_tilde[t] / s.beta[t]
    closed = weight * ((eps - wrong) ** 2).sum() + 1.5 * (ratio - 1 - torch.log(ratio))
    return Sides((w @ (q.log_prob(x) - log_p)).reshape(1), closed.reshape(1))


@twin(
    "5.9",
    r"C_t = \frac{d}{2}\left(\frac{\tilde\beta_t}{\sigma_t^2} - 1 - \log\frac{\tilde\beta_t}{\sigma_t^2}\right)",
    symbols="C d beta_tilde sigma",
)
def constant_of_the_variances(g: torch.Generator) -> Sides:
    """The divergence of two Gaussians with one mean and these variances by integration, times d, and the formula."""
    s, t, d = random_schedule(g), 5, 7
    q, p = s.beta_tilde[t], s.beta[t]

    def integrand(x: Tensor) -> Tensor:
        log_q, log_p = (-0.5 * (x**2 / v + torch.log(v) + LOG_2PI) for v in (q, p))
        return torch.exp(log_q) * (log_q - log_p)

    reach = 12 * float(q.sqrt())
    ratio = q / p
    return Sides(
        (d * integrate(integrand, -reach, reach)).reshape(1), (d / 2 * (ratio - 1 - torch.log(ratio))).reshape(1)
    )


@twin(
    "5.10",
    r"\sigma_t^2 = \tilde\beta_t \quad\Longrightarrow\quad \lambda_t = \tfrac12\left(\frac{\mathrm{SNR}(t-1)}{\mathrm{SNR}(t)} - 1\right)",
    symbols="sigma beta_tilde lambda snr t",
    source="Kingma et al. 2021, eq. 13-14",
)
def weight_by_snr(g: torch.Generator) -> Sides:
    """The library's weights for t = 2..T, and the ratio of neighbouring signal-to-noise ratios."""
    s = random_schedule(g)
    return Sides(elbo.weights(s, "beta_tilde")[2:], 0.5 * (s.snr[1:-1] / s.snr[2:] - 1))


@twin(
    "5.11",
    r"L_{\mathrm{simple}} = \mathbb{E}_{t,\,\mathbf{x}_0,\,\boldsymbol\varepsilon}\left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta\!\left(\sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon,\ t\right)\right\|^2, \qquad t \sim \mathrm{Uniform}\{1, \dots, T\}",
    symbols="E t x_0 eps eps_theta alpha_bar T",
    source=f"{HO}, eq. 14",
)
def simple_loss(g: torch.Generator) -> Sides:
    """For the predictor c x_t on Gaussian data: the library's loss averaged on a grid of (x_0, eps) at every t, and the
    second moments by hand."""
    s, var, c = random_schedule(g, 5), data_variance(g), float(randn(g, 1))
    z, w = normal_grid(2, 12)
    x_0, eps = (math.sqrt(var) * z[:, :1]), z[:, 1:]
    slow = sum(w @ losses.simple(lambda x, t: c * x, s, x_0, t, noise=eps) for t in range(1, s.T + 1)) / s.T
    ab = s.alpha_bar[1:]
    closed = ((1 - c * (1 - ab).sqrt()) ** 2 + c**2 * ab * var).mean()
    return Sides(torch.as_tensor(slow).reshape(1), closed.reshape(1))
