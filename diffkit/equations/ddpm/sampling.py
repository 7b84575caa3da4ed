r"""Algorithm 2: noise added back, the choice of the variance, the number of steps.  Equations (5.20) to (5.28)."""

import math

import torch
from torch import Tensor

from diffkit import elbo, forward
from diffkit.data import bumps
from diffkit.equations.ddpm.common import HO, data_variance, level, random_schedule
from diffkit.equations.draws import randn
from diffkit.equations.quadrature import integrate, normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import LOG_2PI, FullGaussian, Gaussian, kl
from diffkit.oracle import GaussianMixture
from diffkit.parameterize import convert
from diffkit.schedule import Schedule


@twin(
    "5.20",
    r"\mathbf{x}_{t-1} = \frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\right) + \sigma_t\,\mathbf{z}, \qquad \mathbf{z} \sim \mathcal{N}(\mathbf{0}, \mathbf{I})",
    symbols="x_t alpha beta alpha_bar eps_theta t sigma z N I",
    source=f"{HO}, algorithm 2",
)
def sampling_step(g: torch.Generator) -> Sides:
    """log density of what the recipe makes, by change of variables from z; and p_theta, with its mean through the guess
    of x_0 and the posterior."""
    s, x_t, eps, z, t = random_schedule(g), randn(g, 6, 3), randn(g, 6, 3), randn(g, 6, 3), 7
    sigma = s.beta[t].sqrt()
    x = (x_t - s.beta[t] / s.noise_var[t].sqrt() * eps) / s.alpha[t].sqrt() + sigma * z
    moved = -0.5 * ((z**2).sum(1) + 3 * LOG_2PI) - 3 * torch.log(sigma)
    mean = forward.q_posterior(s, convert(eps, "eps", "x0", s, x_t, t), x_t, t).mean
    return Sides(moved, Gaussian(mean, s.beta[t].expand(6, 1)).log_prob(x))


@twin(
    "5.21",
    r"\boldsymbol\mu_\theta(\mathbf{x}_1, 1) = \frac{1}{\sqrt{\bar\alpha_1}}\left(\mathbf{x}_1 - \sqrt{1-\bar\alpha_1}\,\boldsymbol\varepsilon_\theta(\mathbf{x}_1, 1)\right) = \hat{\mathbf{x}}_0",
    symbols="mu_theta x_t eps_theta alpha_bar x_0_hat",
)
def last_step(g: torch.Generator) -> Sides:
    """The mean of the reverse step at t = 1, and the guess of x_0."""
    s, x, eps = random_schedule(g), randn(g, 5, 2), randn(g, 5, 2)
    return Sides(elbo.p_reverse(s, eps, x, 1).mean, convert(eps, "eps", "x0", s, x, 1))


def _moments_by_bayes(s: Schedule, data: GaussianMixture, x_t: Tensor, t: int) -> tuple[Tensor, Tensor]:
    """Mean and variance of q(x_{t-1} | x_t) on the line, by integrating q(x_t | x_{t-1}) q(x_{t-1}).  x_t: (n,)."""

    def integrand(x: Tensor) -> Tensor:
        prior = torch.exp(data.log_prob(x.unsqueeze(1), *level(s, t - 1)))
        step = torch.exp(-((x_t - s.alpha[t].sqrt() * x.unsqueeze(1)) ** 2) / (2 * s.beta[t]))
        powers = torch.stack([torch.ones_like(x), x, x**2], 1)
        return (prior.unsqueeze(1) * step).unsqueeze(1) * powers.unsqueeze(2)

    mass, first, second = integrate(integrand, -9, 9, 4001)
    return first / mass, second / mass - (first / mass) ** 2


@twin(
    "5.22",
    r"\mathbb{E}[\mathbf{x}_{t-1} \mid \mathbf{x}_t] = \frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]\right)",
    symbols="E x_t alpha beta alpha_bar eps",
)
def exact_mean(g: torch.Generator) -> Sides:
    """On three bumps: the mean of q(x_{t-1} | x_t) by Bayes' rule and integration, and the formula."""
    s, t, data, x_t = random_schedule(g), 4, bumps(), randn(g, 6)
    best = data.eps(x_t.unsqueeze(1), *level(s, t))[:, 0]
    closed = (x_t - s.beta[t] / s.noise_var[t].sqrt() * best) / s.alpha[t].sqrt()
    return Sides(_moments_by_bayes(s, data, x_t, t)[0], closed)


@twin(
    "5.24",
    r"\operatorname{Cov}[\mathbf{x}_{t-1} \mid \mathbf{x}_t] = \tilde\beta_t\,\mathbf{I} + \left(\frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t}\right)^{\!2} \operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}_t]",
    symbols="Cov x_t x_0 beta_tilde I alpha_bar beta",
    source="Bao et al. 2022 (Analytic-DPM)",
)
def exact_covariance(g: torch.Generator) -> Sides:
    """On three bumps: the variance of q(x_{t-1} | x_t) by Bayes' rule and integration, and the formula."""
    s, t, data, x_t = random_schedule(g), 4, bumps(), randn(g, 6)
    p = data.posterior(x_t.unsqueeze(1), *level(s, t))
    second = (p.weights * (p.covs[..., 0, 0] + p.means[..., 0] ** 2)).sum(1)
    factor = s.alpha_bar[t - 1].sqrt() * s.beta[t] / s.noise_var[t]
    closed = s.beta_tilde[t] + factor**2 * (second - p.mean[:, 0] ** 2)
    return Sides(_moments_by_bayes(s, data, x_t, t)[1], closed)


@twin(
    "5.25",
    r"\operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}_t] = \mathbf{0}: \ \ \sigma_t^2 = \tilde\beta_t, \qquad \operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}_t] = (1-\bar\alpha_t)\,\mathbf{I}: \ \ \sigma_t^2 = \tilde\beta_t + \frac{\bar\alpha_{t-1}\beta_t^2}{1-\bar\alpha_t} = \beta_t",
    symbols="Cov x_0 x_t sigma beta_tilde beta alpha_bar I",
    source=f"{HO}, section 3.2",
)
def two_extreme_data(g: torch.Generator) -> Sides:
    """Variance of x_{t-1} given x_t for a point and for N(0, 1), by conditioning joint Gaussians; and the two betas."""
    s, slow = random_schedule(g), []
    for var in (0.0, 1.0):
        for t in range(2, s.T + 1):
            before = s.alpha_bar[t - 1] * var + s.noise_var[t - 1]
            off, now = s.alpha[t].sqrt() * before, s.alpha[t] * before + s.beta[t]
            cov = torch.stack([torch.stack([before, off]), torch.stack([off, now])])
            zero = torch.zeros(2, dtype=torch.float64)
            slow.append(FullGaussian(zero, cov).condition([1], zero[:1]).cov[0, 0])
    end = s.beta_tilde + torch.cat([s.beta[:1], s.alpha_bar[:-1] * s.beta[1:] ** 2 / s.noise_var[1:]])
    return Sides(torch.stack(slow), torch.cat([s.beta_tilde[2:], end[2:]]))


@twin(
    "5.23",
    r"\frac{\operatorname{Var}[x_0^{\text{no noise}}]}{\operatorname{Var}[x_0]} = \prod_{t=1}^{T}\left(1 - \frac{\beta_t}{\operatorname{Var}[x_t]}\right)",
    symbols="Var x_0 x_t beta t T",
)
def without_noise(g: torch.Generator) -> Sides:
    """Gaussian data: two starting points sent down the chain of exact means; how far apart they end tells the factor."""
    s, var = random_schedule(g), data_variance(g)
    total = s.alpha_bar * var + s.noise_var
    x = torch.stack([total[-1].sqrt(), torch.zeros((), dtype=torch.float64)]).unsqueeze(1)
    for t in range(s.T, 0, -1):
        x = elbo.p_reverse(s, s.noise_var[t].sqrt() / total[t] * x, x, t).mean
    return Sides((x[0] - x[1]) ** 2 / var, torch.prod(1 - s.beta[1:] / total[1:]).reshape(1))


def _gaussian_gaps(s: Schedule, var: float, sigma2: Tensor) -> Tensor:
    """E KL(q(x_{t-1} | x_t) || p(x_{t-1} | x_t)) for t = 1..T, data N(0, var), best predictor.  Returns (T,)."""
    total = s.alpha_bar * var + s.noise_var
    ratio = s.beta[1:] * total[:-1] / (total[1:] * sigma2[1:])
    return 0.5 * (ratio - 1 - torch.log(ratio))


@twin(
    "5.26",
    r"\mathbb{E}\left[L_T + \sum_{t=2}^{T} L_{t-1} + L_0\right] - H[q(\mathbf{x}_0)] = D_{\mathrm{KL}}\!\left(q(\mathbf{x}_T)\,\|\,p(\mathbf{x}_T)\right) + \sum_{t=1}^{T} \mathbb{E}\,D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{t-1} \mid \mathbf{x}_t)\,\|\,p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)\right)",
    symbols="E H q KL x_0 x_t p_theta T t",
)
def gap_of_the_bound(g: torch.Generator) -> Sides:
    """Gaussian data and best predictor: the library's bound averaged over a quadrature grid of (x_0, eps), minus the
    entropy; and the divergences of the true reverse steps."""
    s, var = random_schedule(g, 6), data_variance(g)
    total = s.alpha_bar * var + s.noise_var
    z, w = normal_grid(2, 12)
    x_0, noise = math.sqrt(var) * z[:, :1], z[:, 1:].expand(s.T, -1, 1)
    slope = s.noise_var.sqrt() / total
    bound = elbo.evaluate(lambda x, t: slope[t].unsqueeze(1) * x, s, x_0, noise=noise)
    entropy = 0.5 * (math.log(var) + LOG_2PI + 1)
    start = 0.5 * (total[-1] - 1 - torch.log(total[-1]))
    return Sides((w @ bound.total - entropy).reshape(1), (start + _gaussian_gaps(s, var, s.beta).sum()).reshape(1))


@twin(
    "5.27",
    r"\mathbb{E}\,D_{\mathrm{KL}}\!\left(q(x_{t-1} \mid x_t)\,\|\,p_\theta(x_{t-1} \mid x_t)\right) = \tfrac12\left(\rho_t - 1 - \log\rho_t\right), \qquad \rho_t = \frac{\beta_t \operatorname{Var}[x_{t-1}]}{\sigma_t^2 \operatorname{Var}[x_t]}",
    symbols="E KL q p_theta x_t rho beta Var sigma",
)
def gap_of_a_step(g: torch.Generator) -> Sides:
    """Gaussian data: the true reverse step by conditioning, its divergence from the model's step; and the formula."""
    s, var = random_schedule(g), data_variance(g)
    total, slow = s.alpha_bar * var + s.noise_var, []
    for t in range(1, s.T + 1):
        off = s.alpha[t].sqrt() * total[t - 1]
        cov = torch.stack([torch.stack([total[t - 1], off]), torch.stack([off, total[t]])])
        x_t = randn(g, 1)
        true = FullGaussian(torch.zeros(2, dtype=torch.float64), cov).condition([1], x_t)
        best = s.noise_var[t].sqrt() / total[t] * x_t.unsqueeze(1)
        model = elbo.p_reverse(s, best, x_t.unsqueeze(1), t, "beta")
        slow.append(kl(Gaussian(true.mean.unsqueeze(0), true.cov), model))
    return Sides(torch.cat(slow), _gaussian_gaps(s, var, s.beta))


@twin(
    "5.28",
    r"\log q(\mathbf{x}_{t-1} \mid \mathbf{x}_t) = -\frac{\left\|\mathbf{x}_t - \sqrt{\alpha_t}\,\mathbf{x}_{t-1}\right\|^2}{2\beta_t} + \log q(\mathbf{x}_{t-1}) + \mathrm{const}",
    symbols="q x_t alpha beta",
)
def bayes_for_a_step(g: torch.Generator) -> Sides:
    """Three bumps: the exact reverse kernel of the library, relative to its value at the first point, and the two terms."""
    s, t, data = random_schedule(g), 4, bumps()
    x_t, x = randn(g, 1), randn(g, 7)
    kernel = data.reverse(x_t.expand(7).unsqueeze(1), level(s, t - 1), level(s, t)).log_prob(x.unsqueeze(1))
    terms = -((x_t - s.alpha[t].sqrt() * x) ** 2) / (2 * s.beta[t])
    terms = terms + data.log_prob(x.unsqueeze(1), *level(s, t - 1))
    return Sides(kernel[1:] - kernel[0], terms[1:] - terms[0])
