r"""Lesson 04, the bound taken apart: the numbered equations (4.1) to (4.26) as functions.

In each twin one side goes the slow road (quadrature over whole paths, one big covariance matrix, conditioning), the
other is the formula.  The wrong forms are in `decomposing_the_elbo_errata`.
"""

import math

import numpy as np
import torch
from torch import Tensor

from diffkit import elbo, forward
from diffkit.data import bumps
from diffkit.equations.quadrature import integrate, normal_grid, normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.equations.small_chain import SmallChain, log_normal, random_schedule
from diffkit.gaussian import FullGaussian, Gaussian, kl
from diffkit.oracle import GaussianMixture

HO = "Ho et al. 2020"


def _randn(g: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=g, dtype=torch.float64)


@twin(
    "4.1",
    r"p_\theta(\mathbf{x}_0) = \int p_\theta(\mathbf{x}_{0:T})\, d\mathbf{x}_{1:T}",
    symbols="p_theta x_0 x_t T",
    source=f"{HO}, section 2",
)
def marginal_likelihood(g: torch.Generator) -> Sides:
    """Two steps back: the integral over x_1 and x_2 on a grid, and the marginal of one Gaussian over the path."""
    chain = SmallChain.random(g, T=2, bend=0.0)
    x_0, u = _randn(g, 4), torch.linspace(-9, 9, 721, dtype=torch.float64)
    x_1, x_2 = torch.meshgrid(u, u, indexing="ij")
    above = log_normal(x_2, 0.0, 1.0) + log_normal(x_1, chain.reverse_mean(x_2, 2), chain.var[2])
    slow = [
        torch.trapezoid(
            torch.trapezoid(torch.exp(above + log_normal(x, chain.reverse_mean(x_1, 1), chain.var[1])), u), u
        )
        for x in x_0
    ]
    return Sides(torch.stack(slow), torch.exp(chain.joint_p().marginal([0]).log_prob(x_0.unsqueeze(1))))


@twin(
    "4.2",
    r"\mathbb{E}_{q}\!\left[\log \frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)}\right] \le \log p_\theta(\mathbf{x}_0)",
    symbols="E q p_theta x_0 T",
    source=f"{HO}, eq. 3",
    relation="<=",
)
def lower_bound(g: torch.Generator) -> Sides:
    """The expectation by quadrature over whole paths, and the exact likelihood of a linear model; five models."""
    chains = [SmallChain.random(g, bend=0.0) for _ in range(5)]
    bound, exact = [], []
    for chain in chains:
        x, w = chain.paths()
        bound.append(w @ chain.log_ratio(x))
        exact.append(chain.joint_p().marginal([0]).log_prob(chain.x_0.reshape(1)))
    return Sides(torch.stack(bound), torch.stack(exact))


@twin(
    "4.3",
    r"-\log \frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)} = -\log p(\mathbf{x}_T) - \sum_{t=1}^{T} \log \frac{p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)}{q(\mathbf{x}_t\mid\mathbf{x}_{t-1})}",
    symbols="p_theta q x_t x_0 T t",
    source=f"{HO}, eq. 3",
)
def written_out(g: torch.Generator) -> Sides:
    """On random paths: two big covariance matrices, and the product of the steps."""
    chain = SmallChain.random(g, T=4, bend=0.0)
    x = torch.cat([chain.x_0.expand(6, 1), _randn(g, 6, 4)], 1)
    at_once = chain.joint_q().log_prob(x[:, 1:]) - chain.joint_p().log_prob(x)
    return Sides(at_once, -chain.log_ratio(x))


@twin(
    "4.4",
    r"q(\mathbf{x}_t\mid\mathbf{x}_{t-1}) = q(\mathbf{x}_t\mid\mathbf{x}_{t-1}, \mathbf{x}_0)",
    symbols="q x_t x_0",
)
def markov(g: torch.Generator) -> Sides:
    """The step, and the joint Gaussian of (x_0, .., x_4) conditioned on x_3 and x_0."""
    s = random_schedule(g, 4)
    to_path = torch.zeros(5, 5, dtype=torch.float64)
    to_path[0, 0] = 0.7
    for t in range(1, 5):
        to_path[t] = s.alpha[t].sqrt() * to_path[t - 1]
        to_path[t, t] = s.beta[t].sqrt()
    x = _randn(g, 6, 5)
    joint = FullGaussian(torch.zeros(6, 5, dtype=torch.float64), to_path @ to_path.mT).marginal([0, 3, 4])
    conditioned = joint.condition([0, 1], x[:, [0, 3]])
    return Sides(forward.q_step(s, x[:, 3:4], 4).log_prob(x[:, 4:]), conditioned.log_prob(x[:, 4:]))


@twin(
    "4.5",
    r"q(\mathbf{x}_t\mid\mathbf{x}_{t-1}, \mathbf{x}_0) = q(\mathbf{x}_{t-1}\mid\mathbf{x}_t, \mathbf{x}_0)\, \frac{q(\mathbf{x}_t\mid\mathbf{x}_0)}{q(\mathbf{x}_{t-1}\mid\mathbf{x}_0)} \qquad (t > 1)",
    symbols="q x_t x_0 t",
    source=f"{HO}, appendix A",
)
def bayes_with_x0(g: torch.Generator) -> Sides:
    """The forward step, and Bayes' rule with a posterior that was found by conditioning a covariance matrix."""
    chain = SmallChain.random(g, T=5)
    x, t = _randn(g, 6, 6), 4
    return Sides(chain.log_step(x, t), chain.log_posterior(x, t) + chain.log_jump(x, t) - chain.log_jump(x, t - 1))


@twin(
    "4.6",
    r"\sum_{t=2}^{T} \log \frac{q(\mathbf{x}_{t-1}\mid\mathbf{x}_0)}{q(\mathbf{x}_t\mid\mathbf{x}_0)} = \log q(\mathbf{x}_1\mid\mathbf{x}_0) - \log q(\mathbf{x}_T\mid\mathbf{x}_0)",
    symbols="q x_t x_0 T t",
)
def telescope(g: torch.Generator) -> Sides:
    """All 2(T - 1) densities by Gaussian algebra, one step at a time, and the two that are left."""
    chain = SmallChain.random(g, T=6)
    x = _randn(g, 5, 7)
    jump, log_q = Gaussian(chain.x_0.expand(5, 1), torch.zeros(1, 1, dtype=torch.float64)), []
    for t in range(1, 7):
        beta = chain.s.beta[t].reshape(1, 1)
        jump = jump.affine(chain.s.alpha[t].sqrt()) + Gaussian(torch.zeros(5, 1, dtype=torch.float64), beta)
        log_q.append(jump.log_prob(x[:, t : t + 1]))
    slow = sum((log_q[i - 1] - log_q[i] for i in range(1, 6)), torch.zeros(5, dtype=torch.float64))
    return Sides(slow, chain.log_jump(x, 1) - chain.log_jump(x, 6))


@twin(
    "4.7",
    r"-\log \frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)} = \log \frac{q(\mathbf{x}_T\mid\mathbf{x}_0)}{p(\mathbf{x}_T)} + \sum_{t=2}^{T} \log \frac{q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)}{p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)} - \log p_\theta(\mathbf{x}_0\mid\mathbf{x}_1)",
    symbols="p_theta q x_t x_0 T t",
    source=f"{HO}, appendix A, eq. 22",
)
def grouped(g: torch.Generator) -> Sides:
    """Along random paths: the forward factors one by one, and the three groups with the library's posterior."""
    chain = SmallChain.random(g, T=5)
    x = torch.cat([chain.x_0.expand(6, 1), _randn(g, 6, 5)], 1)
    right = chain.log_jump(x, 5) - chain.log_prior(x) - chain.log_reverse(x, 1)
    for t in range(2, 6):
        back = forward.q_posterior(chain.s, x[:, :1], x[:, t : t + 1], t)
        right = right + back.log_prob(x[:, t - 1 : t]) - chain.log_reverse(x, t)
    return Sides(-chain.log_ratio(x), right)


def expected_divergences(chain: SmallChain) -> list[Tensor]:
    """E over q(x_t | x_0) of KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)) for t = 2..T, closed form inside."""
    z, w = normal_nodes(12)
    out = []
    for t in range(2, chain.s.T + 1):
        x_t = chain.s.alpha_bar[t].sqrt() * chain.x_0 + chain.s.noise_var[t].sqrt() * z
        mean, var = chain.posterior(x_t, t)
        r = var / chain.var[t]
        out.append(w @ (0.5 * ((mean - chain.reverse_mean(x_t, t)) ** 2 / chain.var[t] + r - 1 - torch.log(r))))
    return out


@twin(
    "4.8",
    r"\mathbb{E}_{q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)}\!\left[\sum_{t=2}^{T} \log \frac{q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)}{p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)}\right] = \sum_{t=2}^{T} \mathbb{E}_{q(\mathbf{x}_t\mid\mathbf{x}_0)}\!\left[D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)\,\|\,p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)\right)\right]",
    symbols="E KL p_theta q x_t x_0 T t",
    source=f"{HO}, eq. 5",
)
def expectation_then_divergence(g: torch.Generator) -> Sides:
    """Quadrature over whole paths, and over x_t alone with the closed form inside."""
    chain = SmallChain.random(g)
    x, w = chain.paths()
    slow = sum(w @ (chain.log_posterior(x, t) - chain.log_reverse(x, t)) for t in range(2, 4))
    return Sides(torch.as_tensor(slow).reshape(1), torch.stack(expected_divergences(chain)).sum().reshape(1))


@twin(
    "4.9",
    r"-\,\mathbb{E}_{q}\!\left[\log \frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)}\right] = \underbrace{D_{\mathrm{KL}}\!\left(q(\mathbf{x}_T\mid\mathbf{x}_0)\,\|\,p(\mathbf{x}_T)\right)}_{L_T} + \sum_{t=2}^{T} \underbrace{\mathbb{E}_q\!\left[D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)\,\|\,p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)\right)\right]}_{L_{t-1}} + \underbrace{\mathbb{E}_q\!\left[-\log p_\theta(\mathbf{x}_0\mid\mathbf{x}_1)\right]}_{L_0}",
    symbols="E KL p_theta q x_t x_0 T t L_T L_t L_0",
    source=f"{HO}, eq. 5",
)
def three_kinds_of_terms(g: torch.Generator) -> Sides:
    """The bound by quadrature over whole paths, and the sum of its closed forms."""
    chain = SmallChain.random(g)
    x, w = chain.paths()
    ab = chain.s.alpha_bar[-1]
    L_T = 0.5 * (ab * (chain.x_0**2 - 1) - torch.log(1 - ab))
    z, u = normal_nodes(12)
    x_1 = chain.s.alpha[1].sqrt() * chain.x_0 + chain.s.beta[1].sqrt() * z
    L_0 = -u @ log_normal(chain.x_0, chain.reverse_mean(x_1, 1), chain.var[1])
    terms = torch.stack([L_T, *expected_divergences(chain), L_0])
    return Sides(-(w @ chain.log_ratio(x)).reshape(1), terms.sum().reshape(1))


@twin(
    "4.10",
    r"\log q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0) = -\frac12 \Big(\underbrace{\frac{\alpha_t}{\beta_t} + \frac{1}{1-\bar\alpha_{t-1}}}_{\Lambda_t}\Big) \|\mathbf{x}_{t-1}\|^2 + \Big(\underbrace{\frac{\sqrt{\alpha_t}}{\beta_t}\,\mathbf{x}_t + \frac{\sqrt{\bar\alpha_{t-1}}}{1-\bar\alpha_{t-1}}\,\mathbf{x}_0}_{\mathbf{h}_t}\Big) \cdot \mathbf{x}_{t-1} + \text{const}",
    symbols="q x_t x_0 alpha alpha_bar beta precision",
)
def collected_squares(g: torch.Generator) -> Sides:
    """Differences between pairs of points x_{t-1}, so that the constant drops out; left the densities of Bayes."""
    s, t = random_schedule(g, 6), 4
    x_0, x_t, a, b = _randn(g, 4, 6, 3)

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
    x_t = _randn(g, T - 1)
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
    x_0, x_t, y = _randn(g, 3, 6, 3)
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
    m, other = _randn(g, 2, 3)
    v, w = (0.3 + torch.rand(2, generator=g, dtype=torch.float64)).unbind()
    eps, weights = normal_grid(3)
    x = m + v.sqrt() * eps
    log_q = log_normal(x, m, v).sum(1)
    slow = weights @ (log_q - log_normal(x, other, w).sum(1))
    r = v / w
    formula = ((m - other) ** 2).sum() / (2 * w) + 1.5 * (r - 1 - torch.log(r))
    return Sides(slow.reshape(1), formula.reshape(1))


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
    s, x_0 = random_schedule(g, 5), _randn(g, 6, 3)
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
    chain, eps = SmallChain.random(g, T=8), _randn(g, 7)
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
    s, x_0 = random_schedule(g, 6), _randn(g, 1)
    slope, sigma2 = 0.5 + 0.3 * torch.randn(7, generator=g).double(), s.beta * (0.6 + 0.4 * torch.rand(7, generator=g))
    z, w = normal_nodes(8)
    slow, fast = torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    for t in range(2, 7):
        x_t = forward.q_sample(s, x_0.expand(8, 1), t, noise=z.unsqueeze(1))
        guess = slope[t] * x_t
        p = elbo.p_reverse(s, guess, x_t, t, sigma2.clamp(min=1e-3))
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
    x_0, eps, guess = _randn(g, 3, 8, 4)
    t = torch.arange(2, 10)
    x_t = forward.q_sample(s, x_0, t, noise=eps)
    sigma, signal = (1 - s.alpha_bar[2:]).sqrt().unsqueeze(1), s.alpha_bar[2:].sqrt().unsqueeze(1)
    x_hat = (x_t - sigma * guess) / signal
    snr = s.alpha_bar / (1 - s.alpha_bar)
    left = elbo.weights(s, "beta_tilde")[2:] * ((eps - guess) ** 2).sum(1)
    return Sides(left, 0.5 * (snr[1:-1] - snr[2:]) * ((x_0 - x_hat) ** 2).sum(1))


@twin(
    "4.20",
    r"p_\theta(\mathbf{x}_0\mid\mathbf{x}_1) = \prod_{i=1}^{d} \left[\Phi\!\left(\frac{b_+(x_0^i) - \mu_\theta^i(\mathbf{x}_1, 1)}{\sigma_1}\right) - \Phi\!\left(\frac{b_-(x_0^i) - \mu_\theta^i(\mathbf{x}_1, 1)}{\sigma_1}\right)\right]",
    symbols="p_theta x_0 x_t d Phi bin mu_theta sigma",
    source=f"{HO}, eq. 13",
)
def discretised(g: torch.Generator) -> Sides:
    """Three pixels of 9 values, the first and the last among them: integrals of the density, and the formula."""
    bins, std = 9, 0.2 + 0.3 * torch.rand(1, generator=g, dtype=torch.float64)
    k = torch.tensor([0, int(torch.randint(1, 8, (1,), generator=g)), 8])
    x, mean = (2 * k / 8 - 1).double(), 0.5 * _randn(g, 3)
    low = torch.where(k == 0, -6.0, x - 1 / 8)
    high = torch.where(k == 8, 6.0, x + 1 / 8)
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(200))
    u = low + (high - low) * (nodes.unsqueeze(1) + 1) / 2  # (200, 3)
    slow = (high - low) / 2 * (weights @ torch.exp(log_normal(u, mean, std**2)))
    p = Gaussian(mean.unsqueeze(0), (std**2).reshape(1, 1))
    return Sides(slow.prod().reshape(1), torch.exp(elbo.discretized_log_prob(p, x.unsqueeze(0), bins)))


@twin(
    "4.21",
    r"\sum_{x' \le x} \left[\Phi\!\left(\frac{b_+(x') - \mu}{\sigma}\right) - \Phi\!\left(\frac{b_-(x') - \mu}{\sigma}\right)\right] = \Phi\!\left(\frac{b_+(x) - \mu}{\sigma}\right)",
    symbols="Phi bin mu_theta sigma",
)
def bins_telescope(g: torch.Generator) -> Sides:
    """The library's probabilities of 17 values added up one by one, and one distribution function."""
    bins = 17
    x = torch.linspace(-1, 1, bins, dtype=torch.float64).reshape(bins, 1)
    mean, std = 0.5 * _randn(g, 1), 0.1 + 0.3 * torch.rand(1, generator=g, dtype=torch.float64)
    p = Gaussian(mean.expand(bins, 1), (std**2).reshape(1, 1))
    added = torch.cumsum(torch.exp(elbo.discretized_log_prob(p, x, bins)), 0)
    ends = torch.where(x < 1, x + 1 / (bins - 1), math.inf)[:, 0]
    return Sides(added, 0.5 * (1 + torch.erf((ends - mean) / (std * 2**0.5))))


@twin(
    "4.22",
    r"b = \frac{-\log P(\mathbf{x}_0)}{d \log 2} = \frac{-\log p(\mathbf{x}_0)}{d \log 2} - \log_2 w",
    symbols="bits P_bin x_0 d w",
)
def bits_per_dimension(g: torch.Generator) -> Sides:
    """A density that is flat in each bin of width w: bits from the bins' probabilities, and from the density."""
    bins, d, width = 16, 5, 2 / 16
    P = torch.rand(bins, generator=g, dtype=torch.float64) + 0.1
    P = P / P.sum()
    k = torch.randint(0, bins, (4, d), generator=g)
    nats = -torch.log(P[k] / width).sum(1)  # minus the log density of each example
    return Sides(-torch.log2(P[k]).mean(1), elbo.bits_per_dim(nats, d, bin_width=width))


@twin(
    "4.23",
    r"L_{\text{simple}} = \sum_{t=1}^{T} \mathbb{E}_{\boldsymbol\varepsilon} \left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\right\|^2 = \sum_{t=1}^{T} \frac{1}{\lambda_t}\, \mathbb{E}_{\boldsymbol\varepsilon}\!\left[\frac{1}{2\sigma_t^2} \left\|\tilde{\boldsymbol\mu}_t - \boldsymbol\mu_\theta(\mathbf{x}_t,t)\right\|^2\right]",
    symbols="L_simple E eps eps_theta x_t lambda sigma mu_tilde mu_theta T t",
    source=f"{HO}, eq. 14",
)
def lambda_set_to_one(g: torch.Generator) -> Sides:
    """Plain errors of a linear eps_theta from the library, and distances of means, each divided by its weight."""
    s, x_0, slope = random_schedule(g, 5), _randn(g, 1), 0.5 + 0.3 * _randn(g, 6)
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
    shift, slope = _randn(g, 2)
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
    s, x_0, noise = random_schedule(g, 6), _randn(g, 3, 2), _randn(g, 6, 3, 2)

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
