r"""What cancels, and how paths become divergences.  Equations (4.1) to (4.9)."""

import torch

from diffkit import forward
from diffkit.equations.chains import log_normal
from diffkit.equations.decomposing_the_elbo.common import HO, expected_divergences
from diffkit.equations.draws import randn
from diffkit.equations.quadrature import normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.equations.small_chain import SmallChain, random_schedule
from diffkit.gaussian import FullGaussian, Gaussian


@twin(
    "4.1",
    r"p_\theta(\mathbf{x}_0) = \int p_\theta(\mathbf{x}_{0:T})\, d\mathbf{x}_{1:T}",
    symbols="p_theta x_0 x_t T",
    source=f"{HO}, section 2",
)
def marginal_likelihood(g: torch.Generator) -> Sides:
    """Two steps back: the integral over x_1 and x_2 on a grid, and the marginal of one Gaussian over the path."""
    chain = SmallChain.random(g, T=2, bend=0.0)
    x_0, u = randn(g, 4), torch.linspace(-9, 9, 721, dtype=torch.float64)
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
    x = torch.cat([chain.x_0.expand(6, 1), randn(g, 6, 4)], 1)
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
    x = randn(g, 6, 5)
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
    x, t = randn(g, 6, 6), 4
    return Sides(chain.log_step(x, t), chain.log_posterior(x, t) + chain.log_jump(x, t) - chain.log_jump(x, t - 1))


@twin(
    "4.6",
    r"\sum_{t=2}^{T} \log \frac{q(\mathbf{x}_{t-1}\mid\mathbf{x}_0)}{q(\mathbf{x}_t\mid\mathbf{x}_0)} = \log q(\mathbf{x}_1\mid\mathbf{x}_0) - \log q(\mathbf{x}_T\mid\mathbf{x}_0)",
    symbols="q x_t x_0 T t",
)
def telescope(g: torch.Generator) -> Sides:
    """All 2(T - 1) densities by Gaussian algebra, one step at a time, and the two that are left."""
    chain = SmallChain.random(g, T=6)
    x = randn(g, 5, 7)
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
    x = torch.cat([chain.x_0.expand(6, 1), randn(g, 6, 5)], 1)
    right = chain.log_jump(x, 5) - chain.log_prior(x) - chain.log_reverse(x, 1)
    for t in range(2, 6):
        back = forward.q_posterior(chain.s, x[:, :1], x[:, t : t + 1], t)
        right = right + back.log_prob(x[:, t - 1 : t]) - chain.log_reverse(x, t)
    return Sides(-chain.log_ratio(x), right)


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
