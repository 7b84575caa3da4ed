r"""The terms of the bound in units of noise, and their weights.  Equations (4.15) to (4.19)."""

import torch

from diffkit import elbo, forward
from diffkit.equations.decomposing_the_elbo.common import HO
from diffkit.equations.draws import randn
from diffkit.equations.quadrature import normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.equations.small_chain import SmallChain, random_schedule
from diffkit.gaussian import FullGaussian, kl


@twin(
    "4.15",
    r"L_{t-1} = \mathbb{E}_{q(\mathbf{x}_t\mid\mathbf{x}_0)}\!\left[\frac{1}{2\sigma_t^2} \left\|\tilde{\boldsymbol\mu}_t(\mathbf{x}_t,\mathbf{x}_0) - \boldsymbol\mu_\theta(\mathbf{x}_t, t)\right\|^2\right] + C_t, \qquad C_t = \frac{d}{2}\left(\frac{\tilde\beta_t}{\sigma_t^2} - 1 - \log\frac{\tilde\beta_t}{\sigma_t^2}\right)",
    symbols="L_t E q x_t x_0 mu_tilde mu_theta beta_tilde sigma C_t d",
    source=f"{HO}, eq. 8",
)
def middle_term(g: torch.Generator) -> Sides:
    """t = 2 and 3: the log ratio averaged over whole paths, and the distance of the means."""
    chain = SmallChain.random(g)
    x, w = chain.paths()
    z, u = normal_nodes(12)
    slow, fast = [], []
    for t in (2, 3):
        slow.append(w @ (chain.log_posterior(x, t) - chain.log_reverse(x, t)))
        x_t = chain.s.alpha_bar[t].sqrt() * chain.x_0 + chain.s.noise_var[t].sqrt() * z
        mean = forward.q_posterior(chain.s, chain.x_0.expand(len(z), 1), x_t.unsqueeze(1), t).mean[:, 0]
        r = chain.s.beta_tilde[t] / chain.var[t]
        distance = u @ (mean - chain.reverse_mean(x_t, t)) ** 2 / (2 * chain.var[t])
        fast.append(distance + 0.5 * (r - 1 - torch.log(r)))
    return Sides(torch.stack(slow), torch.stack(fast))


@twin(
    "4.16",
    r"L_T = \tfrac12\left[\bar\alpha_T\left(\|\mathbf{x}_0\|^2 - d\right) - d \log(1-\bar\alpha_T)\right]",
    symbols="L_T alpha_bar x_0 d T",
)
def prior_term(g: torch.Generator) -> Sides:
    """The divergence of two Gaussians with full covariance matrices in three dimensions, and the formula."""
    s, x_0 = random_schedule(g, 5), randn(g, 6, 3)
    ab, eye = s.alpha_bar[-1], torch.eye(3, dtype=torch.float64)
    slow = kl(FullGaussian(ab.sqrt() * x_0, (1 - ab) * eye), FullGaussian(torch.zeros_like(x_0), eye))
    return Sides(slow, 0.5 * (ab * ((x_0**2).sum(1) - 3) - 3 * torch.log(1 - ab)))


@twin(
    "4.17",
    r"\tilde{\boldsymbol\mu}_t = \frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\boldsymbol\varepsilon\right) \quad\text{where}\quad \mathbf{x}_t = \sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon",
    symbols="mu_tilde alpha alpha_bar beta x_t x_0 eps",
    source=f"{HO}, eq. 10",
)
def mean_from_noise(g: torch.Generator) -> Sides:
    """Every t > 1: the conditioned covariance matrix at x_t made of x_0 and eps, and the formula in eps."""
    chain, eps = SmallChain.random(g, T=8), randn(g, 7)
    s = chain.s
    x_t = s.alpha_bar[2:].sqrt() * chain.x_0 + (1 - s.alpha_bar[2:]).sqrt() * eps
    mean = torch.cat([chain.posterior(x_t[t - 2].reshape(1), t)[0] for t in range(2, 9)])
    return Sides(mean, (x_t - s.beta[2:] / (1 - s.alpha_bar[2:]).sqrt() * eps) / s.alpha[2:].sqrt())


@twin(
    "4.18",
    r"\sum_{t=2}^{T} L_{t-1} = \sum_{t=2}^{T} \left(\mathbb{E}_{\boldsymbol\varepsilon}\!\left[\lambda_t \left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\right\|^2\right] + C_t\right), \qquad \lambda_t = \frac{\beta_t^2}{2\sigma_t^2 \alpha_t (1-\bar\alpha_t)}",
    symbols="L_t E eps eps_theta x_t lambda beta sigma alpha alpha_bar C_t T t",
    source=f"{HO}, eq. 12",
)
def weighted_noise_errors(g: torch.Generator) -> Sides:
    """A linear eps_theta on the line: divergences of the library's Gaussians, and the weighted errors."""
    s, x_0 = random_schedule(g, 6), randn(g, 1)
    slope, sigma2 = 0.5 + 0.3 * torch.randn(7, generator=g).double(), s.beta * (0.6 + 0.4 * torch.rand(7, generator=g))
    z, w = normal_nodes(8)
    slow, fast = torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    for t in range(2, 7):
        x_t = forward.q_sample(s, x_0.expand(8, 1), t, noise=z.unsqueeze(1))
        guess = slope[t] * x_t
        p = elbo.p_reverse(s, guess, x_t, t, sigma2)
        slow = slow + w @ kl(forward.q_posterior(s, x_0.expand(8, 1), x_t, t), p)
        weight = s.beta[t] ** 2 / (2 * sigma2[t] * s.alpha[t] * (1 - s.alpha_bar[t]))
        r = s.beta_tilde[t] / sigma2[t]
        fast = fast + weight * (w @ (z - guess[:, 0]) ** 2) + 0.5 * (r - 1 - torch.log(r))
    return Sides(slow, fast)


@twin(
    "4.19",
    r"\sigma_t^2 = \tilde\beta_t \quad\Longrightarrow\quad \lambda_t \left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta\right\|^2 = \tfrac12 \left(\mathrm{SNR}(t-1) - \mathrm{SNR}(t)\right) \left\|\mathbf{x}_0 - \hat{\mathbf{x}}_0\right\|^2",
    symbols="sigma beta_tilde lambda eps eps_theta snr x_0 x_hat",
    source="Kingma et al. 2021, section 4",
)
def weight_is_lost_signal(g: torch.Generator) -> Sides:
    """Every t > 1: the library's weights times an error in eps, and the fall of the SNR times the error in x_0."""
    s = random_schedule(g, 9)
    x_0, eps, guess = randn(g, 3, 8, 4)
    t = torch.arange(2, 10)
    x_t = forward.q_sample(s, x_0, t, noise=eps)
    sigma, signal = (1 - s.alpha_bar[2:]).sqrt().unsqueeze(1), s.alpha_bar[2:].sqrt().unsqueeze(1)
    x_hat = (x_t - sigma * guess) / signal
    snr = s.alpha_bar / (1 - s.alpha_bar)
    left = elbo.weights(s, "beta_tilde")[2:] * ((eps - guess) ** 2).sum(1)
    return Sides(left, 0.5 * (snr[1:-1] - snr[2:]) * ((x_0 - x_hat) ** 2).sum(1))
