r"""The bound, its gap, and several paths.  Equations (3.5) to (3.15)."""

import math

import torch
from torch import Tensor

from diffkit.equations import chains
from diffkit.equations.draws import F64, randn, uniform
from diffkit.equations.likelihood_to_elbo.common import HO, both, data_and_path, one_cov_each
from diffkit.equations.quadrature import normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import LOG_2PI, kl
from diffkit.schedule import Schedule


def _integrand(c: chains.Chain, s: Schedule, x: Tensor) -> Tensor:
    """log p(x_{0:T}) - log q(x_{1:T} | x_0).  x: (N, M, T+1).  Returns (N, M)."""
    flat = x.flatten(0, 1)
    return (chains.log_p_steps(c, flat) - chains.log_q_steps(s, flat)).reshape(x.shape[:2])


@twin(
    "3.5",
    r"q(\mathbf{x}_{1:T} \mid \mathbf{x}_0) = \prod_{t=1}^{T} q(\mathbf{x}_t \mid \mathbf{x}_{t-1})",
    symbols="q x_0 x_t T t",
    source=f"{HO}, eq. 2",
)
def forward_given_data(g: torch.Generator) -> Sides:
    """All noisy versions as one Gaussian made of jumps, and the sum over the steps, for T = 5."""
    s, x = chains.random_schedule(g, 5), randn(g, 8, 6)
    return Sides(chains.joint_q(s, x[:, 0]).log_prob(x[:, 1:]), chains.log_q_steps(s, x))


@twin(
    "3.6",
    r"-\log p_\theta(\mathbf{x}_0) = \int q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)\left[-\log p_\theta(\mathbf{x}_0)\right] d\mathbf{x}_{1:T} = \mathbb{E}_{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\!\left[-\log p_\theta(\mathbf{x}_0)\right]",
    symbols="p theta q x_0 x_t T E",
)
def under_an_expectation(g: torch.Generator) -> Sides:
    """T = 2: -log p(x_0) by the recursion, and its integral against q over a grid, p(x_0) from the big Gaussian."""
    c, s, x_0 = both(g, 2)
    grid, area = chains.plane(-9, 9)
    constant = -chains.joint_p(c).marginal([0]).log_prob(x_0.unsqueeze(1))
    rows = [torch.cat([x.expand(len(grid), 1), grid], 1) for x in x_0]
    integral = torch.stack(
        [(torch.exp(chains.log_q_steps(s, x)) * k).sum() * area for x, k in zip(rows, constant, strict=True)]
    )
    return Sides(-chains.log_marginal_p(c, x_0), integral)


@twin(
    "3.7",
    r"p_\theta(\mathbf{x}_0) = \frac{p_\theta(\mathbf{x}_{0:T})}{p_\theta(\mathbf{x}_{1:T} \mid \mathbf{x}_0)} \qquad \text{for every } \mathbf{x}_{1:T}",
    symbols="p theta x_0 x_t T",
)
def chain_rule(g: torch.Generator) -> Sides:
    """log p(x_0) by the recursion, and the log of the ratio at five different x_{1:T} for each x_0."""
    c, x_0 = chains.random_chain(g, 3), randn(g, 3)
    x = torch.cat([x_0.repeat_interleave(5).unsqueeze(1), randn(g, 15, 3)], 1)
    ratio = chains.log_p_steps(c, x) - chains.posterior_p(c, x[:, 0]).log_prob(x[:, 1:])
    return Sides(chains.log_marginal_p(c, x_0).repeat_interleave(5), ratio)


@twin(
    "3.8",
    r"-\log p_\theta(\mathbf{x}_0) = \mathbb{E}_{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\!\left[-\log \frac{p_\theta(\mathbf{x}_{0:T})}{p_\theta(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\right]",
    symbols="p theta q x_0 x_t T E",
)
def ratio_inside(g: torch.Generator) -> Sides:
    """-log p(x_0) by the recursion, and the ratio averaged over q by quadrature."""
    c, s, x_0 = both(g, 3)
    x, w = chains.paths(s, x_0)
    flat = x.flatten(0, 1)
    ratio = chains.log_p_steps(c, flat) - chains.posterior_p(c, flat[:, 0]).log_prob(flat[:, 1:])
    return Sides(-chains.log_marginal_p(c, x_0), chains.expect(-ratio.reshape(x.shape[:2]), w))


@twin(
    "3.9",
    r"-\log p_\theta(\mathbf{x}_0) = \mathbb{E}_{q}\!\left[\log \frac{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}{p_\theta(\mathbf{x}_{0:T})}\right] - \mathbb{E}_{q}\!\left[\log \frac{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}{p_\theta(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\right]",
    symbols="p theta q x_0 x_t T E",
)
def times_q_over_q(g: torch.Generator) -> Sides:
    """-log p(x_0) by the recursion; the first expectation by quadrature, the second as a KL in closed form."""
    c, s, x_0 = both(g, 3)
    x, w = chains.paths(s, x_0)
    first = chains.expect(-_integrand(c, s, x), w)
    second = kl(one_cov_each(chains.joint_q(s, x_0)), one_cov_each(chains.posterior_p(c, x_0)))
    return Sides(-chains.log_marginal_p(c, x_0), first - second)


@twin(
    "3.10",
    r"-\log p_\theta(\mathbf{x}_0) \le \mathbb{E}_{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\!\left[\log \frac{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}{p_\theta(\mathbf{x}_{0:T})}\right] = \mathcal{L}(\mathbf{x}_0)",
    symbols="p theta q x_0 x_t T E bound",
    source=f"{HO}, eq. 3",
    relation="<=",
)
def the_bound(g: torch.Generator) -> Sides:
    """-log p(x_0) by the recursion, and the bound by quadrature, at 12 data points."""
    c, s, x_0 = both(g, 3, 12)
    x, w = chains.paths(s, x_0)
    return Sides(-chains.log_marginal_p(c, x_0), chains.expect(-_integrand(c, s, x), w))


@twin(
    "3.11",
    r"\mathcal{L}(\mathbf{x}_0) + \log p_\theta(\mathbf{x}_0) = D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)\,\|\,p_\theta(\mathbf{x}_{1:T} \mid \mathbf{x}_0)\right)",
    symbols="bound p theta q x_0 x_t T KL",
)
def gap_is_kl(g: torch.Generator) -> Sides:
    """T = 2: bound by quadrature plus log p(x_0); and the divergence on a grid, its p normalised by its own sum."""
    c, s, x_0 = both(g, 2)
    x, w = chains.paths(s, x_0)
    left = chains.expect(-_integrand(c, s, x), w) + chains.log_marginal_p(c, x_0)
    grid, area = chains.plane(-9, 9)
    right = []
    for start in x_0:
        points = torch.cat([start.expand(len(grid), 1), grid], 1)
        log_q, log_p = chains.log_q_steps(s, points), chains.log_p_steps(c, points)
        log_p = log_p - torch.logsumexp(log_p, 0) - math.log(area)
        right.append((torch.exp(log_q) * (log_q - log_p)).sum() * area)
    return Sides(left, torch.stack(right))


@twin(
    "3.12",
    r"p_\theta(\mathbf{x}_0) = \mathbb{E}_{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\!\left[w\right], \qquad w = \frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}",
    symbols="p theta q x_0 x_t T E w",
)
def mean_weight(g: torch.Generator) -> Sides:
    """T = 1: p(x_0) by the recursion, and the weights averaged over q on a line."""
    c, s, x_0 = both(g, 1)
    return Sides(torch.exp(chains.log_marginal_p(c, x_0)), _weights_on_a_line(c, s, x_0).sum(1))


def _weights_on_a_line(c: chains.Chain, s: Schedule, x_0: Tensor) -> Tensor:
    """q(x_1 | x_0) w(x_0, x_1) dx_1 on a grid, for T = 1.  x_0: (N,).  Returns (N, G)."""
    x_1 = torch.linspace(-10, 10, 2001, dtype=F64)
    points = torch.stack(torch.broadcast_tensors(x_0.unsqueeze(1), x_1), -1)
    log_q = chains.log_q_steps(s, points.flatten(0, 1)).reshape(points.shape[:2])
    return torch.exp(log_q) * torch.exp(_integrand(c, s, points)) * 0.01


@twin(
    "3.13",
    r"\mathbb{E}_{q}\!\left[\log w\right] \le \log \mathbb{E}_{q}\!\left[w\right]",
    symbols="E q w",
    relation="<=",
)
def jensen(g: torch.Generator) -> Sides:
    """T = 1: the mean of the logarithm by quadrature, and the logarithm of the mean on a line."""
    c, s, x_0 = both(g, 1, 8)
    x, w = chains.paths(s, x_0)
    return Sides(chains.expect(_integrand(c, s, x), w), torch.log(_weights_on_a_line(c, s, x_0).sum(1)))


@twin(
    "3.14",
    r"\mathbb{E}\!\left[\log \frac{1}{K} \sum_{k=1}^{K} w_k\right] \le \mathbb{E}\!\left[\log \frac{1}{K+1} \sum_{k=1}^{K+1} w_k\right] \le \log p_\theta(\mathbf{x}_0)",
    symbols="E w K p theta x_0",
    source="Burda et al. 2016, theorem 1",
    relation="<=",
)
def more_paths(g: torch.Generator) -> Sides:
    """T = 1: the bound of one, two and three paths, each against the next, the last against log p(x_0)."""
    c, s, x_0 = both(g, 1, 3)
    x, w = chains.paths(s, x_0, 40)
    log_w = _integrand(c, s, x)
    one = chains.expect(log_w, w)
    pairs = torch.logaddexp(log_w.unsqueeze(2), log_w.unsqueeze(1))
    two = torch.einsum("nij,i,j->n", pairs, w, w) - math.log(2)
    triples = torch.logaddexp(pairs.unsqueeze(3), log_w[:, None, None])
    three = torch.einsum("nijk,i,j,k->n", triples, w, w, w) - math.log(3)
    return Sides(torch.stack([one, two, three]), torch.stack([two, three, chains.log_marginal_p(c, x_0)]))


@twin(
    "3.15",
    r"\mathbb{E}_{q(\mathbf{x}_0)}\!\left[\mathcal{L}(\mathbf{x}_0)\right] = H\!\left[q(\mathbf{x}_0)\right] + D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{0:T})\,\|\,p_\theta(\mathbf{x}_{0:T})\right)",
    symbols="E q x_0 bound H KL p theta x_t T",
)
def average_bound(g: torch.Generator) -> Sides:
    """Gaussian data: the bound averaged by quadrature over data and path, and entropy plus divergence, closed forms."""
    c, s, _ = both(g, 2)
    m, v = float(randn(g, 1)), float(uniform(g, 0.3, 1.5, 1))
    z, weight = normal_nodes(6)
    x, w = chains.paths(s, m + v**0.5 * z)
    left = weight @ chains.expect(-_integrand(c, s, x), w)
    entropy = 0.5 * (1 + LOG_2PI + math.log(v))
    return Sides(left.reshape(1), (entropy + kl(data_and_path(s, m, v), chains.joint_p(c))).reshape(1))


@twin(
    "3.10e",
    r"\arg\max_\theta\ \mathbb{E}_{q(\mathbf{x}_0)}\!\left[\log p_\theta(\mathbf{x}_0)\right] = \mathbb{E}_{q(\mathbf{x}_0)}\!\left[\log \int p_\theta(\mathbf{x}_{0:T})\, d\mathbf{x}_{1:T}\right]",
    symbols="theta E q p x_0 x_t T",
    source="printed on a slide of a lecture on diffusion models; the next slide has the same left side with >=",
    erratum="The left side is a place (the best theta), the right side a height (nats). Without arg max both lines are right.",
)
def place_is_no_height(g: torch.Generator) -> Sides:
    """Gaussian data, theta the shift b_1 of one step: the best theta, and the mean log-likelihood there."""
    c, m, v = chains.random_chain(g, 1), 2 + float(uniform(g, 0, 1, 1)), float(uniform(g, 0.3, 1.5, 1))
    spread = float(c.a[1] ** 2 + c.var[1])  # x_0 ~ N(theta, spread), so the best theta is the mean of the data
    height = -0.5 * (v / spread + math.log(2 * math.pi * spread))
    return Sides(torch.tensor([m], dtype=F64), torch.tensor([height], dtype=F64))
