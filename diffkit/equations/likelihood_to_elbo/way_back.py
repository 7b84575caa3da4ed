r"""The true way back, and why small steps are Gaussian.  Equations (3.21) to (3.26)."""

import math

import torch
from torch import Tensor

from diffkit import elbo
from diffkit.data import bumps
from diffkit.equations import chains
from diffkit.equations.draws import F64, randn, uniform
from diffkit.equations.likelihood_to_elbo.common import both, data_and_path
from diffkit.equations.quadrature import integrate, normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import Gaussian, kl
from diffkit.oracle import GaussianMixture
from diffkit.schedule import Schedule


def _levels(s: Schedule, t: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """(alpha, sigma) at t - 1 and at t."""
    pairs = [(float(s.alpha_bar[u].sqrt()), float(s.noise_var[u].sqrt())) for u in (t - 1, t)]
    return pairs[0], pairs[1]


@twin(
    "3.21",
    r"q(\mathbf{x}_{t-1} \mid \mathbf{x}_t) = \frac{q(\mathbf{x}_t \mid \mathbf{x}_{t-1})\, q(\mathbf{x}_{t-1})}{q(\mathbf{x}_t)}",
    symbols="q x_t t",
)
def reverse_by_bayes(g: torch.Generator) -> Sides:
    """A mixture in the plane: the library's reverse kernel, and Bayes' rule with three densities, in logarithms."""
    s, t = chains.random_schedule(g, 5), 3
    data = GaussianMixture.isotropic(torch.tensor([0.4, 0.6], dtype=F64), randn(g, 2, 2), 0.09)
    before, now = _levels(s, t)
    x, y = randn(g, 6, 2), randn(g, 6, 2)
    step = chains.log_normal(y, s.alpha[t].sqrt() * x, s.beta[t]).sum(1)
    bayes = step + data.noised(*before).log_prob(x) - data.noised(*now).log_prob(y)
    return Sides(data.reverse(y, before, now).log_prob(x), bayes)


@twin(
    "3.22",
    r"q(x_{t-1} \mid x_t) = \sum_k r_k(x_t)\, \mathcal{N}\!\left(x_{t-1};\ m_k + \frac{\sqrt{\alpha_t}\, v_k}{\alpha_t v_k + \beta_t}\,(x_t - \sqrt{\alpha_t}\, m_k),\ \frac{\beta_t v_k}{\alpha_t v_k + \beta_t}\right)",
    symbols="q x_t alpha beta rk mkvk N",
)
def reverse_of_a_mixture(g: torch.Generator) -> Sides:
    """On the line: step times density, divided by its own integral over a grid, and the mixture of the formula."""
    s, t, x_t = chains.random_schedule(g, 4), 2, randn(g, 5)
    (alpha, sigma), _ = _levels(s, t)
    prev = bumps().noised(alpha, sigma)
    m, v = prev.means[:, 0], prev.covs[:, 0, 0]
    x = torch.linspace(-8, 8, 4001, dtype=F64)
    product = torch.exp(
        chains.log_normal(x_t, s.alpha[t].sqrt() * x.unsqueeze(1), s.beta[t])
        + prev.log_prob(x.unsqueeze(1)).unsqueeze(1)
    )
    left = (product / torch.trapezoid(product, x, dim=0))[1600:2400:100]
    total, root = s.alpha[t] * v + s.beta[t], s.alpha[t].sqrt()
    r = torch.softmax(torch.log(prev.weights) + chains.log_normal(x_t.unsqueeze(1), root * m, total), 1)
    centre = m + root * v / total * (x_t.unsqueeze(1) - root * m)
    parts = torch.exp(chains.log_normal(x[1600:2400:100].reshape(-1, 1, 1), centre, s.beta[t] * v / total))
    return Sides(left, (r * parts).sum(2))


@twin(
    "3.23",
    r"q(\mathbf{x}_{t-1} \mid \mathbf{x}_t) = \mathcal{N}\!\left(\mathbf{x}_{t-1};\ \sqrt{\bar\alpha_{t-1}}\,\mathbf{m} + \frac{\sqrt{\alpha_t}\,\nu_{t-1}}{\nu_t}\left(\mathbf{x}_t - \sqrt{\bar\alpha_t}\,\mathbf{m}\right),\ \frac{\beta_t\,\nu_{t-1}}{\nu_t}\,\mathbf{I}\right), \qquad \nu_t = \bar\alpha_t\, v + 1 - \bar\alpha_t",
    symbols="q x_t alpha alpha_bar beta gaussdata nu N I",
)
def reverse_of_a_gaussian(g: torch.Generator) -> Sides:
    """Gaussian data: the pair (x_{t-1}, x_t) conditioned on x_t as one big Gaussian, and the formula; every t."""
    s, m, v = chains.random_schedule(g, 5), float(randn(g, 1)), float(uniform(g, 0.2, 2, 1))
    joint, x = data_and_path(s, m, v), randn(g, 5, 2)
    slow, fast = [], []
    nu = s.alpha_bar * v + 1 - s.alpha_bar
    for t in range(1, 6):
        pair = joint.marginal([t - 1, t]).condition([1], x[:, 1:])
        slow.append(pair.log_prob(x[:, :1]))
        gain = s.alpha[t].sqrt() * nu[t - 1] / nu[t]
        mean = s.alpha_bar[t - 1].sqrt() * m + gain * (x[:, 1] - s.alpha_bar[t].sqrt() * m)
        fast.append(chains.log_normal(x[:, 0], mean, s.beta[t] * nu[t - 1] / nu[t]))
    return Sides(torch.stack(slow), torch.stack(fast))


@twin(
    "3.24",
    r"D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{0:T})\,\|\,p_\theta(\mathbf{x}_{0:T})\right) = D_{\mathrm{KL}}\!\left(q(\mathbf{x}_T)\,\|\,p(\mathbf{x}_T)\right) + \sum_{t=1}^{T} \mathbb{E}_{q(\mathbf{x}_t)}\!\left[D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{t-1} \mid \mathbf{x}_t)\,\|\,p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)\right)\right]",
    symbols="KL q p theta x_0 x_t T t E",
)
def step_by_step(g: torch.Generator) -> Sides:
    """Gaussian data: one divergence between two big Gaussians, and the sum over the steps, x_t by quadrature."""
    c, s, _ = both(g, 4)
    joint = data_and_path(s, float(randn(g, 1)), float(uniform(g, 0.3, 1.5, 1)))
    z, w = normal_nodes(8)
    mean, var = joint.mean, torch.diagonal(joint.cov)
    total = 0.5 * (mean[4] ** 2 + var[4] - 1 - torch.log(var[4]))
    for t in range(1, 5):
        x_t = (mean[t] + var[t].sqrt() * z).unsqueeze(1)
        q = joint.marginal([t - 1, t]).condition([1], x_t)
        p = Gaussian(c.a[t] * x_t + c.b[t], c.var[t].expand_as(x_t))
        total = total + w @ kl(Gaussian(q.mean, q.cov[..., 0].expand_as(q.mean)), p)
    return Sides(kl(joint, chains.joint_p(c)).reshape(1), total.reshape(1))


@twin(
    "3.25",
    r"\mathbb{E}_{q(x_t)}\!\left[D_{\mathrm{KL}}\!\left(q(x_{t-1} \mid x_t)\,\|\,\mathcal{N}(\mathbb{E}[x_{t-1} \mid x_t], \sigma_t^2)\right)\right] = \tfrac12 \log(2\pi\sigma_t^2) + \frac{\mathbb{E}\operatorname{Var}[x_{t-1} \mid x_t]}{2\sigma_t^2} - H(x_{t-1} \mid x_t)",
    symbols="E KL q x_t N sigma Var H",
)
def best_gaussian_step(g: torch.Generator) -> Sides:
    """Three bumps: the divergence at every x_t of a grid, integrated twice, and the library's exact terms."""
    s, t = chains.random_schedule(g, 3), 2
    facts = elbo.levels(bumps(), s)
    _, now = _levels(s, t)
    x, var = torch.linspace(-8, 8, 1601, dtype=F64), s.beta[t]

    def term(x_t: Tensor) -> Tensor:
        log_back = _log_reverse_table(x, x_t, s, t)
        back = torch.exp(log_back)
        mean = torch.trapezoid(back * x, x, dim=1)
        kl_at = torch.trapezoid(back * (log_back - chains.log_normal(x, mean.unsqueeze(1), var)), x, dim=1)
        return kl_at * torch.exp(bumps().noised(*now).log_prob(x_t.unsqueeze(1)))

    left = integrate(term, -8, 8, 401)
    return Sides(left.reshape(1), elbo.gap(s, facts, s.beta).steps[t - 1].reshape(1))


def _log_reverse_table(x: Tensor, x_t: Tensor, s: Schedule, t: int) -> Tensor:
    """log q(x_{t-1} = x | x_t) by Bayes' rule for `bumps`, (len(x_t), len(x))."""
    before, now = _levels(s, t)
    step = chains.log_normal(x_t.unsqueeze(1), s.alpha[t].sqrt() * x, s.beta[t])
    evidence = bumps().noised(*now).log_prob(x_t.unsqueeze(1)).unsqueeze(1)
    return step + bumps().noised(*before).log_prob(x.unsqueeze(1)) - evidence


@twin(
    "3.26",
    r"H(x_{t-1} \mid x_t) = H(x_t \mid x_{t-1}) + H(x_{t-1}) - H(x_t), \qquad H(x_t \mid x_{t-1}) = \tfrac12 \log(2\pi e\,\beta_t)",
    symbols="H x_t beta",
)
def entropy_turned_round(g: torch.Generator) -> Sides:
    """Three bumps: -log q(x_{t-1} | x_t) integrated over both, and the three entropies, each one integral."""
    s, t = chains.random_schedule(g, 3), 2
    before, now = _levels(s, t)
    x = torch.linspace(-8, 8, 1601, dtype=F64)

    def inner(x_t: Tensor) -> Tensor:
        log_back = _log_reverse_table(x, x_t, s, t)
        weight = torch.exp(bumps().noised(*now).log_prob(x_t.unsqueeze(1)))
        return weight * torch.trapezoid(-torch.exp(log_back) * log_back, x, dim=1)

    def entropy(level: tuple[float, float]) -> Tensor:
        log_p = bumps().noised(*level).log_prob(x.unsqueeze(1))
        return torch.trapezoid(-torch.exp(log_p) * log_p, x)

    forward = 0.5 * torch.log(2 * math.pi * math.e * s.beta[t])
    return Sides(integrate(inner, -8, 8, 401).reshape(1), (forward + entropy(before) - entropy(now)).reshape(1))
