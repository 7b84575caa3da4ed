r"""The model, and the likelihood that we want.  Equations (3.1) to (3.4)."""

import torch

from diffkit import elbo
from diffkit.equations import chains
from diffkit.equations.draws import F64, randn
from diffkit.equations.likelihood_to_elbo.common import HO
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import LOG_2PI
from diffkit.graph import dag, linear_gaussian


@twin(
    "3.1",
    r"p_\theta(\mathbf{x}_{0:T}) = p(\mathbf{x}_T) \prod_{t=1}^{T} p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)",
    symbols="p theta x_0 x_t T t",
    source=f"{HO}, eq. 1",
)
def reverse_factorization(g: torch.Generator) -> Sides:
    """The joint density from one big covariance matrix, and the sum over the steps, for T = 5."""
    c, x = chains.random_chain(g, 5), randn(g, 8, 6)
    return Sides(chains.joint_p(c).log_prob(x), chains.log_p_steps(c, x))


@twin(
    "3.2",
    r"p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t) = \mathcal{N}\!\left(\mathbf{x}_{t-1};\ \boldsymbol\mu_\theta(\mathbf{x}_t, t),\ \sigma_t^2 \mathbf{I}\right)",
    symbols="p theta x_t mu_theta sigma N I",
    source=f"{HO}, section 3.2",
)
def reverse_step(g: torch.Generator) -> Sides:
    """Change of variables from the noise to x_{t-1} = mu + sigma eps, against the library's reverse step."""
    s, x, eps, t = chains.random_schedule(g, 6), randn(g, 5, 3), randn(g, 5, 3), 4
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
    c, x_0 = chains.random_chain(g, 2), randn(g, 4)
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
    "3.1e",
    r"p_\theta(\mathbf{x}_{0:2}) = p(\mathbf{x}_2)\, p_\theta(\mathbf{x}_1 \mid \mathbf{x}_2)\, p_\theta(\mathbf{x}_0 \mid \mathbf{x}_2)",
    symbols="p theta x_0 x_t",
    source="said in a lecture on diffusion models",
    erratum="The parent of x_0 is x_1, not x_2: each factor looks one step back, p(x_{T-2} | x_{T-1}).",
)
def wrong_parent(g: torch.Generator) -> Sides:
    """The joint of a chain of two steps, and this product with p(x_0 | x_2) of the same chain."""
    c, x = chains.random_chain(g, 2), randn(g, 8, 3)
    mean = c.a[1] * (c.a[2] * x[:, 2] + c.b[2]) + c.b[1]
    skipping = chains.log_normal(x[:, 0], mean, c.a[1] ** 2 * c.var[2] + c.var[1])
    step = chains.log_normal(x[:, 1], c.a[2] * x[:, 2] + c.b[2], c.var[2])
    return Sides(chains.joint_p(c).log_prob(x), chains.log_normal(x[:, 2], 0.0, 1.0) + step + skipping)
