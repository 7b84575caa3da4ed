r"""Lesson 03, from likelihood to the bound: the numbered equations (3.1) to (3.26) as functions.

Most run on a chain that is linear and Gaussian in both directions, where p(x_0) and p(x_{1:T} | x_0) are known.  The
left side takes one road (one big Gaussian, a grid, a closed form), the right side the other (a sum over steps,
a quadrature, the library's function).
"""

import math

import torch
from torch import Tensor

from diffkit import elbo, vae
from diffkit.data import bumps
from diffkit.equations import chains
from diffkit.equations.quadrature import integrate, normal_grid, normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import LOG_2PI, FullGaussian, Gaussian, kl
from diffkit.graph import dag, linear_gaussian
from diffkit.oracle import GaussianMixture
from diffkit.schedule import Schedule

HO, KW = "Ho et al. 2020", "Kingma & Welling 2014"
F64 = torch.float64


def _randn(g: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=g, dtype=F64)


def _rand(g: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(*shape, generator=g, dtype=F64)


def _integrand(c: chains.Chain, s: Schedule, x: Tensor) -> Tensor:
    """log p(x_{0:T}) - log q(x_{1:T} | x_0).  x: (N, M, T+1).  Returns (N, M)."""
    flat = x.flatten(0, 1)
    return (chains.log_p_steps(c, flat) - chains.log_q_steps(s, flat)).reshape(x.shape[:2])


def _both(g: torch.Generator, T: int, n: int = 4) -> tuple[chains.Chain, Schedule, Tensor]:
    return chains.random_chain(g, T), chains.random_schedule(g, T), _randn(g, n)


@twin(
    "3.1",
    r"p_\theta(\mathbf{x}_{0:T}) = p(\mathbf{x}_T) \prod_{t=1}^{T} p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)",
    symbols="p theta x_0 x_t T t",
    source=f"{HO}, eq. 1",
)
def reverse_factorization(g: torch.Generator) -> Sides:
    """The joint density from one big covariance matrix, and the sum over the steps, for T = 5."""
    c, x = chains.random_chain(g, 5), _randn(g, 8, 6)
    return Sides(chains.joint_p(c).log_prob(x), chains.log_p_steps(c, x))


@twin(
    "3.2",
    r"p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t) = \mathcal{N}\!\left(\mathbf{x}_{t-1};\ \boldsymbol\mu_\theta(\mathbf{x}_t, t),\ \sigma_t^2 \mathbf{I}\right)",
    symbols="p theta x_t mu_theta sigma N I",
    source=f"{HO}, section 3.2",
)
def reverse_step(g: torch.Generator) -> Sides:
    """Change of variables from the noise to x_{t-1} = mu + sigma eps, against the library's reverse step."""
    s, x, eps, t = chains.random_schedule(g, 6), _randn(g, 5, 3), _randn(g, 5, 3), 4
    p = elbo.p_reverse(s, torch.sin(x), x, t)
    sigma = s.beta[t].sqrt()
    moved = -0.5 * ((eps**2).sum(1) + 3 * LOG_2PI) - 3 * torch.log(sigma)
    return Sides(moved, p.log_prob(p.mean + sigma * eps))


@twin(
    "3.3",
    r"p_\theta(\mathbf{x}_0) = \int p_\theta(\mathbf{x}_{0:T})\, d\mathbf{x}_{1:T}",
    symbols="p theta x_0 x_t T",
    source=f"{HO}, section 2",
)
def marginal_likelihood(g: torch.Generator) -> Sides:
    """T = 2: one coordinate of the big Gaussian, and the sum over x_1 and x_2 on a grid."""
    c, x_0 = chains.random_chain(g, 2), _randn(g, 4)
    grid, area = chains.plane(-11, 11)
    rows = [torch.cat([x.expand(len(grid), 1), grid], 1) for x in x_0]
    summed = torch.stack([torch.exp(chains.log_p_steps(c, x)).sum() * area for x in rows])
    return Sides(torch.exp(chains.joint_p(c).marginal([0]).log_prob(x_0.unsqueeze(1))), summed)


@twin(
    "3.4",
    r"m_{t-1} = a_t\, m_t + b_t, \qquad v_{t-1} = a_t^2\, v_t + \sigma_t^2, \qquad m_T = 0,\quad v_T = 1",
    symbols="ab mv sigma t T",
)
def moments_backwards(g: torch.Generator) -> Sides:
    """Mean and variance of every x_t: from the linear network solved as a whole, and by the recursion."""
    c = chains.random_chain(g, 5)
    names = [f"x{t}" for t in range(6)]
    graph = dag(" -> ".join(reversed(names)))
    weights = {(names[t], names[t - 1]): c.a[t] for t in range(1, 6)}
    var = {"x5": c.var.new_ones(()), **{names[t - 1]: c.var[t] for t in range(1, 6)}}
    bias = {names[t - 1]: c.b[t] for t in range(1, 6)}
    whole = linear_gaussian(graph, weights, var, bias).marginal(names).gaussian
    mean, spread = [torch.zeros((), dtype=F64)], [torch.ones((), dtype=F64)]
    for t in range(5, 0, -1):
        mean.insert(0, c.a[t] * mean[0] + c.b[t])
        spread.insert(0, c.a[t] ** 2 * spread[0] + c.var[t])
    return Sides(torch.cat([whole.mean, torch.diagonal(whole.cov)]), torch.stack([*mean, *spread]))


@twin(
    "3.5",
    r"q(\mathbf{x}_{1:T} \mid \mathbf{x}_0) = \prod_{t=1}^{T} q(\mathbf{x}_t \mid \mathbf{x}_{t-1})",
    symbols="q x_0 x_t T t",
    source=f"{HO}, eq. 2",
)
def forward_given_data(g: torch.Generator) -> Sides:
    """All noisy versions as one Gaussian made of jumps, and the sum over the steps, for T = 5."""
    s, x = chains.random_schedule(g, 5), _randn(g, 8, 6)
    return Sides(chains.joint_q(s, x[:, 0]).log_prob(x[:, 1:]), chains.log_q_steps(s, x))


@twin(
    "3.6",
    r"-\log p_\theta(\mathbf{x}_0) = \int q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)\left[-\log p_\theta(\mathbf{x}_0)\right] d\mathbf{x}_{1:T} = \mathbb{E}_{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\!\left[-\log p_\theta(\mathbf{x}_0)\right]",
    symbols="p theta q x_0 x_t T E",
)
def under_an_expectation(g: torch.Generator) -> Sides:
    """T = 2: -log p(x_0) by the recursion, and its integral against q over a grid, p(x_0) from the big Gaussian."""
    c, s, x_0 = _both(g, 2)
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
    c, x_0 = chains.random_chain(g, 3), _randn(g, 3)
    x = torch.cat([x_0.repeat_interleave(5).unsqueeze(1), _randn(g, 15, 3)], 1)
    ratio = chains.log_p_steps(c, x) - chains.posterior_p(c, x[:, 0]).log_prob(x[:, 1:])
    return Sides(chains.log_marginal_p(c, x_0).repeat_interleave(5), ratio)


@twin(
    "3.8",
    r"-\log p_\theta(\mathbf{x}_0) = \mathbb{E}_{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\!\left[-\log \frac{p_\theta(\mathbf{x}_{0:T})}{p_\theta(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\right]",
    symbols="p theta q x_0 x_t T E",
)
def ratio_inside(g: torch.Generator) -> Sides:
    """-log p(x_0) by the recursion, and the ratio averaged over q by quadrature."""
    c, s, x_0 = _both(g, 3)
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
    c, s, x_0 = _both(g, 3)
    x, w = chains.paths(s, x_0)
    first = chains.expect(-_integrand(c, s, x), w)
    second = kl(_spread(chains.joint_q(s, x_0)), _spread(chains.posterior_p(c, x_0)))
    return Sides(-chains.log_marginal_p(c, x_0), first - second)


def _spread(p: FullGaussian) -> FullGaussian:
    """The same Gaussians with one covariance matrix each."""
    return FullGaussian(p.mean, p.cov.expand(*p.mean.shape, p.mean.shape[-1]))


@twin(
    "3.10",
    r"-\log p_\theta(\mathbf{x}_0) \le \mathbb{E}_{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\!\left[\log \frac{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}{p_\theta(\mathbf{x}_{0:T})}\right] = \mathcal{L}(\mathbf{x}_0)",
    symbols="p theta q x_0 x_t T E bound",
    source=f"{HO}, eq. 3",
    relation="<=",
)
def the_bound(g: torch.Generator) -> Sides:
    """-log p(x_0) by the recursion, and the bound by quadrature, at 12 data points."""
    c, s, x_0 = _both(g, 3, 12)
    x, w = chains.paths(s, x_0)
    return Sides(-chains.log_marginal_p(c, x_0), chains.expect(-_integrand(c, s, x), w))


@twin(
    "3.11",
    r"\mathcal{L}(\mathbf{x}_0) + \log p_\theta(\mathbf{x}_0) = D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)\,\|\,p_\theta(\mathbf{x}_{1:T} \mid \mathbf{x}_0)\right)",
    symbols="bound p theta q x_0 x_t T KL",
)
def gap_is_kl(g: torch.Generator) -> Sides:
    """T = 2: bound by quadrature plus log p(x_0); and the divergence on a grid, its p normalised by its own sum."""
    c, s, x_0 = _both(g, 2)
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
    c, s, x_0 = _both(g, 1)
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
    c, s, x_0 = _both(g, 1, 8)
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
    c, s, x_0 = _both(g, 1, 3)
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
    c, s, _ = _both(g, 2)
    m, v = float(_randn(g, 1)), float(_rand(g, 0.3, 1.5, 1))
    z, weight = normal_nodes(6)
    x, w = chains.paths(s, m + v**0.5 * z)
    left = weight @ chains.expect(-_integrand(c, s, x), w)
    entropy = 0.5 * (1 + LOG_2PI + math.log(v))
    return Sides(left.reshape(1), (entropy + kl(_data_and_path(s, m, v), chains.joint_p(c))).reshape(1))


def _data_and_path(s: Schedule, m: float, v: float) -> FullGaussian:
    """q(x_{0:T}) for data N(m, v): the chain as a linear map of the data and the noises."""
    mix = torch.zeros(s.T + 1, s.T + 1, dtype=F64)
    mix[0, 0] = v**0.5
    for t in range(1, s.T + 1):
        mix[t] = s.alpha[t].sqrt() * mix[t - 1]
        mix[t, t] = s.beta[t].sqrt()
    return FullGaussian(m * s.alpha_bar.sqrt(), mix @ mix.mT)


def _linear_vae(g: torch.Generator) -> tuple[vae.LinearModel, Gaussian, Tensor]:
    """A linear decoder from 2 latents to 3 numbers, an arbitrary q(z | x), and one x, (1, 3)."""
    model = vae.LinearModel(_randn(g, 3, 2), _randn(g, 3), float(_rand(g, 0.3, 1, 1)))
    return model, Gaussian(_randn(g, 1, 2), _rand(g, 0.2, 0.9, 1, 2)), _randn(g, 1, 3)


@twin(
    "3.16",
    r"\mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[\log \frac{q_\phi(\mathbf{z} \mid \mathbf{x})}{p_\theta(\mathbf{x}, \mathbf{z})}\right] = \mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[-\log p_\theta(\mathbf{x} \mid \mathbf{z})\right] + D_{\mathrm{KL}}\!\left(q_\phi(\mathbf{z} \mid \mathbf{x})\,\|\,p(\mathbf{z})\right)",
    symbols="E q_phi z x p theta KL",
    source=f"{KW}, eq. 3",
)
def one_latent(g: torch.Generator) -> Sides:
    """A linear decoder: -log p(x) plus the KL to the exact posterior, and the two terms, averaged by quadrature."""
    model, q, x = _linear_vae(g)
    exact = model.posterior(x)
    gap = kl(FullGaussian(q.mean, torch.diag_embed(q.var)), exact)
    noise, w = normal_grid(2)
    rows = x.expand(len(w), 3)
    bound = vae.one_level(
        rows, lambda r: Gaussian(q.mean.expand(len(r), 2), q.var.expand(len(r), 2)), model.decoder, noise=noise
    )
    return Sides(gap - model.marginal.log_prob(x), (w @ bound.total).reshape(1))


@twin(
    "3.17",
    r"D_{\mathrm{KL}}\!\left(\mathcal{N}(\boldsymbol\mu, \operatorname{diag}(\boldsymbol\sigma^2))\,\|\,\mathcal{N}(\mathbf{0}, \mathbf{I})\right) = \tfrac12 \sum_{i} \left(\mu_i^2 + \sigma_i^2 - 1 - \log \sigma_i^2\right)",
    symbols="KL N I musig",
    source=f"{KW}, appendix B",
)
def kl_of_the_code(g: torch.Generator) -> Sides:
    """E_q[log q - log p] by quadrature in three dimensions, and the formula."""
    mean, var = _randn(g, 3), _rand(g, 0.2, 2, 3)
    eps, w = normal_grid(3)
    z = mean + var.sqrt() * eps
    slow = w @ (chains.log_normal(z, mean, var) - chains.log_normal(z, 0.0, 1.0)).sum(1)
    return Sides(slow.reshape(1), (0.5 * (mean**2 + var - 1 - torch.log(var)).sum()).reshape(1))


@twin(
    "3.18",
    r"\nabla_{\mu, \sigma}\ \mathbb{E}_{z \sim \mathcal{N}(\mu, \sigma^2)}\!\left[f(z)\right] = \mathbb{E}_{\varepsilon \sim \mathcal{N}(0, 1)}\!\left[\nabla_{\mu, \sigma}\ f(\mu + \sigma \varepsilon)\right]",
    symbols="E musig z eps N",
    source=f"{KW}, section 2.4",
)
def reparameterization(g: torch.Generator) -> Sides:
    """f(z) = sin z + z^3, whose expectation has a closed form: its derivatives by hand, and autograd inside E."""
    mean, std = float(_randn(g, 1)), float(_rand(g, 0.3, 1, 1))
    damp = math.exp(-(std**2) / 2)
    by_hand = [math.cos(mean) * damp + 3 * mean**2 + 3 * std**2, -std * math.sin(mean) * damp + 6 * mean * std]
    m, s = (torch.tensor(v, dtype=F64, requires_grad=True) for v in (mean, std))
    eps, w = normal_nodes()
    z = m + s * eps
    return Sides(torch.tensor(by_hand, dtype=F64), torch.stack(torch.autograd.grad(w @ (torch.sin(z) + z**3), (m, s))))


@twin(
    "3.19",
    r"\mathcal{L}(\mathbf{x}) = \mathbb{E}_{q_\phi}\!\left[-\log p_\theta(\mathbf{x} \mid \mathbf{z}_1) + \log \frac{q_\phi(\mathbf{z}_1 \mid \mathbf{x})}{p_\theta(\mathbf{z}_1 \mid \mathbf{z}_2)} + D_{\mathrm{KL}}\!\left(q_\phi(\mathbf{z}_2 \mid \mathbf{z}_1)\,\|\,p(\mathbf{z}_2)\right)\right]",
    symbols="bound x E q_phi z p theta KL",
)
def two_latents(g: torch.Generator) -> Sides:
    """Chains of two linear steps: KL to the exact posterior minus log p(x), and the three terms by quadrature."""
    c, x = chains.random_chain(g, 2), _randn(g, 3)
    up, var = _rand(g, 0.3, 1, 2), _rand(g, 0.2, 0.6, 2)  # q(z_1 | x) and q(z_2 | z_1): another chain, not a schedule
    mean = torch.stack([up[0] * x, up[0] * up[1] * x], 1)
    cross = up[1] * var[0]
    cov = torch.stack([torch.stack([var[0], cross]), torch.stack([cross, up[1] * cross + var[1]])])
    exact = chains.posterior_p(c, x)
    left = kl(_spread(FullGaussian(mean, cov)), _spread(exact)) - chains.log_marginal_p(c, x)

    def encoder(i: int) -> vae.bounds.Conditional:
        return lambda below: Gaussian(up[i] * below, var[i].expand_as(below))

    def decoder(t: int) -> vae.bounds.Conditional:
        return lambda above: Gaussian(c.a[t] * above + c.b[t], c.var[t].expand_as(above))

    noise, w = normal_grid(2)
    rows = x.repeat_interleave(len(w)).unsqueeze(1)
    draws = (noise[:, :1].repeat(3, 1), noise[:, 1:].repeat(3, 1))
    terms = vae.two_levels(rows, (encoder(0), encoder(1)), (decoder(1), decoder(2)), noise=draws)
    return Sides(left, chains.expect(terms.total.reshape(3, len(w)), w))


@twin(
    "3.20",
    r"\mathcal{L}(\mathbf{x}_0) = \mathbb{E}_{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\!\left[-\log p(\mathbf{x}_T) + \sum_{t=1}^{T} \log \frac{q(\mathbf{x}_t \mid \mathbf{x}_{t-1})}{p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)}\right]",
    symbols="bound E q x_0 x_t T t p theta",
    source=f"{HO}, eq. 3",
)
def fixed_encoder(g: torch.Generator) -> Sides:
    """KL to the exact posterior minus log p(x_0), and an autoencoder of three levels whose encoder adds noise."""
    c, s, x_0 = _both(g, 3)
    gap = kl(_spread(chains.joint_q(s, x_0)), _spread(chains.posterior_p(c, x_0)))

    def decoder(t: int) -> vae.bounds.Conditional:
        return lambda x: Gaussian(c.a[t] * x + c.b[t], c.var[t].expand_as(x))

    noise, w = normal_grid(3, 6)
    rows = x_0.repeat_interleave(len(w)).unsqueeze(1)
    draws = [noise[:, t : t + 1].repeat(len(x_0), 1) for t in range(3)]
    bound = vae.levels(rows, vae.noising_encoders(s), [decoder(t) for t in (1, 2, 3)], noise=draws)
    return Sides(gap - chains.log_marginal_p(c, x_0), chains.expect(bound.total.reshape(len(x_0), len(w)), w))


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
    data = GaussianMixture.isotropic(torch.tensor([0.4, 0.6], dtype=F64), _randn(g, 2, 2), 0.09)
    before, now = _levels(s, t)
    x, y = _randn(g, 6, 2), _randn(g, 6, 2)
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
    s, t, x_t = chains.random_schedule(g, 4), 2, _randn(g, 5)
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
    s, m, v = chains.random_schedule(g, 5), float(_randn(g, 1)), float(_rand(g, 0.2, 2, 1))
    joint, x = _data_and_path(s, m, v), _randn(g, 5, 2)
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
    c, s, _ = _both(g, 4)
    joint = _data_and_path(s, float(_randn(g, 1)), float(_rand(g, 0.3, 1.5, 1)))
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


@twin(
    "3.1e",
    r"p_\theta(\mathbf{x}_{0:2}) = p(\mathbf{x}_2)\, p_\theta(\mathbf{x}_1 \mid \mathbf{x}_2)\, p_\theta(\mathbf{x}_0 \mid \mathbf{x}_2)",
    symbols="p theta x_0 x_t",
    source="said in a lecture on diffusion models",
    erratum="The parent of x_0 is x_1, not x_2: each factor looks one step back, p(x_{T-2} | x_{T-1}).",
)
def wrong_parent(g: torch.Generator) -> Sides:
    """The joint of a chain of two steps, and this product with p(x_0 | x_2) of the same chain."""
    c, x = chains.random_chain(g, 2), _randn(g, 8, 3)
    mean = c.a[1] * (c.a[2] * x[:, 2] + c.b[2]) + c.b[1]
    skipping = chains.log_normal(x[:, 0], mean, c.a[1] ** 2 * c.var[2] + c.var[1])
    step = chains.log_normal(x[:, 1], c.a[2] * x[:, 2] + c.b[2], c.var[2])
    return Sides(chains.joint_p(c).log_prob(x), chains.log_normal(x[:, 2], 0.0, 1.0) + step + skipping)


@twin(
    "3.10e",
    r"\arg\max_\theta\ \mathbb{E}_{q(\mathbf{x}_0)}\!\left[\log p_\theta(\mathbf{x}_0)\right] = \mathbb{E}_{q(\mathbf{x}_0)}\!\left[\log \int p_\theta(\mathbf{x}_{0:T})\, d\mathbf{x}_{1:T}\right]",
    symbols="theta E q p x_0 x_t T",
    source="printed on a slide of a lecture on diffusion models; the next slide has the same left side with >=",
    erratum="The left side is a place (the best theta), the right side a height (nats). Without arg max both lines are right.",
)
def place_is_no_height(g: torch.Generator) -> Sides:
    """Gaussian data, theta the shift b_1 of one step: the best theta, and the mean log-likelihood there."""
    c, m, v = chains.random_chain(g, 1), 2 + float(_rand(g, 0, 1, 1)), float(_rand(g, 0.3, 1.5, 1))
    spread = float(c.a[1] ** 2 + c.var[1])  # x_0 ~ N(theta, spread), so the best theta is the mean of the data
    height = -0.5 * (v / spread + math.log(2 * math.pi * spread))
    return Sides(torch.tensor([m], dtype=F64), torch.tensor([height], dtype=F64))
