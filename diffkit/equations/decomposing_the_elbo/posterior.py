r"""The posterior, by completing the square.  Equations (4.10) to (4.14)."""

import torch
from torch import Tensor

from diffkit import forward
from diffkit.equations.chains import log_normal
from diffkit.equations.decomposing_the_elbo.common import HO
from diffkit.equations.draws import randn
from diffkit.equations.quadrature import normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.equations.small_chain import SmallChain, random_schedule


@twin(
    "4.10",
    r"\log q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0) = -\frac12 \Big(\underbrace{\frac{\alpha_t}{\beta_t} + \frac{1}{1-\bar\alpha_{t-1}}}_{\Lambda_t}\Big) \|\mathbf{x}_{t-1}\|^2 + \Big(\underbrace{\frac{\sqrt{\alpha_t}}{\beta_t}\,\mathbf{x}_t + \frac{\sqrt{\bar\alpha_{t-1}}}{1-\bar\alpha_{t-1}}\,\mathbf{x}_0}_{\mathbf{h}_t}\Big) \cdot \mathbf{x}_{t-1} + \text{const}",
    symbols="q x_t x_0 alpha alpha_bar beta precision",
)
def collected_squares(g: torch.Generator) -> Sides:
    """Differences between pairs of points x_{t-1}, so that the constant drops out; left the densities of Bayes."""
    s, t = random_schedule(g, 6), 4
    x_0, x_t, a, b = randn(g, 4, 6, 3)

    def bayes(y: Tensor) -> Tensor:
        return forward.q_step(s, y, t).log_prob(x_t) + forward.q_marginal(s, x_0, t - 1).log_prob(y)

    before = s.noise_var[t - 1]
    precision = s.alpha[t] / s.beta[t] + 1 / before
    pull = s.alpha[t].sqrt() / s.beta[t] * x_t + s.alpha_bar[t - 1].sqrt() / before * x_0

    def square(y: Tensor) -> Tensor:
        return -0.5 * precision * (y**2).sum(1) + (pull * y).sum(1)

    return Sides(bayes(a) - bayes(b), square(a) - square(b))


def _by_conditioning(g: torch.Generator, T: int = 8) -> tuple[SmallChain, Tensor, Tensor, Tensor]:
    """A chain, a random x_t for t = 2..T, and mean and variance of x_{t-1} from covariance matrices."""
    chain = SmallChain.random(g, T=T)
    x_t = randn(g, T - 1)
    found = [chain.posterior(x_t[t - 2].reshape(1), t) for t in range(2, T + 1)]
    return chain, x_t, torch.cat([m for m, _ in found]), torch.cat([v for _, v in found])


@twin(
    "4.11",
    r"\tilde\beta_t = \frac{1}{\Lambda_t} = \frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}\,\beta_t",
    symbols="beta_tilde precision alpha_bar beta",
    source=f"{HO}, eq. 7",
)
def posterior_variance(g: torch.Generator) -> Sides:
    """Every t > 1: the variance from a conditioned covariance matrix, and the formula."""
    chain, _, _, var = _by_conditioning(g)
    ab, beta = chain.s.alpha_bar, chain.s.beta
    return Sides(var, (1 - ab[1:-1]) / (1 - ab[2:]) * beta[2:])


@twin(
    "4.12",
    r"\tilde{\boldsymbol\mu}_t(\mathbf{x}_t, \mathbf{x}_0) = \frac{\mathbf{h}_t}{\Lambda_t} = \frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t}\,\mathbf{x}_0 + \frac{\sqrt{\alpha_t}\,(1-\bar\alpha_{t-1})}{1-\bar\alpha_t}\,\mathbf{x}_t",
    symbols="mu_tilde precision x_t x_0 alpha alpha_bar beta",
    source=f"{HO}, eq. 7",
)
def posterior_mean(g: torch.Generator) -> Sides:
    """Every t > 1: the mean from a conditioned covariance matrix, and the formula."""
    chain, x_t, mean, _ = _by_conditioning(g)
    ab, alpha, beta = chain.s.alpha_bar, chain.s.alpha, chain.s.beta
    from_x_0 = ab[1:-1].sqrt() * beta[2:] / (1 - ab[2:]) * chain.x_0
    return Sides(mean, from_x_0 + alpha[2:].sqrt() * (1 - ab[1:-1]) / (1 - ab[2:]) * x_t)


@twin(
    "4.13",
    r"q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0) = \mathcal{N}\!\left(\mathbf{x}_{t-1};\ \tilde{\boldsymbol\mu}_t(\mathbf{x}_t,\mathbf{x}_0),\ \tilde\beta_t \mathbf{I}\right)",
    symbols="q x_t x_0 mu_tilde beta_tilde N I",
    source=f"{HO}, eq. 6",
)
def posterior_density(g: torch.Generator) -> Sides:
    """Bayes' rule with three forward densities, and the library's `q_posterior`."""
    s, t = random_schedule(g, 7), 5
    x_0, x_t, y = randn(g, 3, 6, 3)
    bayes = forward.q_step(s, y, t).log_prob(x_t) + forward.q_marginal(s, x_0, t - 1).log_prob(y)
    bayes = bayes - forward.q_marginal(s, x_0, t).log_prob(x_t)
    return Sides(bayes, forward.q_posterior(s, x_0, x_t, t).log_prob(y))


@twin(
    "4.14",
    r"D_{\mathrm{KL}}\!\left(\mathcal{N}(\mathbf{m}, v\mathbf{I})\,\|\,\mathcal{N}(\mathbf{m}', v'\mathbf{I})\right) = \frac{\|\mathbf{m}-\mathbf{m}'\|^2}{2v'} + \frac{d}{2}\left(\frac{v}{v'} - 1 - \log\frac{v}{v'}\right)",
    symbols="KL N I d",
)
def two_gaussians(g: torch.Generator) -> Sides:
    """E[log q - log p] under the first one by quadrature in three dimensions, and the formula."""
    m, other = randn(g, 2, 3)
    v, w = (0.3 + torch.rand(2, generator=g, dtype=torch.float64)).unbind()
    eps, weights = normal_grid(3)
    x = m + v.sqrt() * eps
    log_q = log_normal(x, m, v).sum(1)
    slow = weights @ (log_q - log_normal(x, other, w).sum(1))
    r = v / w
    formula = ((m - other) ** 2).sum() / (2 * w) + 1.5 * (r - 1 - torch.log(r))
    return Sides(slow.reshape(1), formula.reshape(1))
