r"""Lesson 04, forms that are printed on slides about the bound and are wrong.

Each is the erratum of the right equation with its number, and is refuted by the same small chains.
"""

from dataclasses import replace

import torch
from torch import Tensor

from diffkit import elbo, forward
from diffkit.equations.chains import log_normal
from diffkit.equations.decomposing_the_elbo.common import expected_divergences
from diffkit.equations.quadrature import normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.equations.small_chain import SmallChain, random_schedule
from diffkit.gaussian import kl

SLIDES = "a slide deck on diffusion models"
FLOOR = 1e-20  # what programs put for a variance of 0, to take its logarithm


def _one_latent(g: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """p_theta(x_0 | x_1) = N(0, e^theta) on tightly packed data: the best theta, log-likelihood and bound there."""
    x_0 = (0.02 + 0.02 * torch.rand(1, generator=g)) * torch.randn(40, generator=g, dtype=torch.float64)
    theta = torch.log((x_0**2).mean())
    likelihood = log_normal(x_0, 0.0, torch.exp(theta))  # x_1 is not used, so it integrates to one
    a = 0.5 + 0.3 * torch.rand(1, generator=g, dtype=torch.float64)  # q(x_1 | x_0) = N(sqrt(a) x_0, 1 - a)
    divergence = 0.5 * (a * x_0**2 - a - torch.log(1 - a))
    return theta, likelihood.mean(), (likelihood - divergence).mean()


@twin(
    "4.1e",
    r"\arg\max_\theta\, \mathbb{E}_{\mathbf{x}_0}\!\left[\log p_\theta(\mathbf{x}_0)\right] = \mathbb{E}_{\mathbf{x}_0}\!\left[\log \int p_\theta(\mathbf{x}_{0:T})\, d\mathbf{x}_{1:T}\right]",
    symbols="p_theta theta x_0 E T",
    source=f"{SLIDES}, the slide on likelihood",
    erratum="The left side is a parameter, the right side a number of nats: no arg max belongs there.",
)
def arg_max_is_no_value(g: torch.Generator) -> Sides:
    """A model whose parameter is the logarithm of a variance: the best parameter, and the likelihood it reaches."""
    theta, value, _ = _one_latent(g)
    return Sides(theta.reshape(1), value.reshape(1))


@twin(
    "4.2e",
    r"\mathbb{E}_{\mathbf{x}_0, q}\!\left[\log \frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)}\right] \le \arg\max_\theta\, \mathbb{E}_{\mathbf{x}_0}\!\left[\log p_\theta(\mathbf{x}_0)\right]",
    symbols="p_theta theta x_0 q E T",
    source=f"{SLIDES}, the slide that introduces the bound",
    relation="<=",
    erratum="The bound lies below the log-likelihood, not below the parameter that maximises it.",
)
def bound_below_arg_max(g: torch.Generator) -> Sides:
    """The same model: its bound, which is above the best parameter."""
    theta, _, bound = _one_latent(g)
    return Sides(bound.reshape(1), theta.reshape(1))


@twin(
    "4.3e",
    r"\mathbb{E}_q\!\left[\log \frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)}\right] = \mathbb{E}_q\!\left[-\log p(\mathbf{x}_T) - \sum_{t>0} \log \frac{p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)}{q(\mathbf{x}_t\mid\mathbf{x}_{t-1},\mathbf{x}_0)}\right]",
    symbols="E p_theta q x_t x_0 T t",
    source=f"{SLIDES}, the slide that unpacks the bound",
    erratum="The right side is minus the left side: the minus signs belong to the negative bound, which is minimised.",
)
def sign_of_the_bound(g: torch.Generator) -> Sides:
    """Both sides by quadrature over whole paths; they add up to zero."""
    chain = SmallChain.random(g)
    x, w = chain.paths()
    steps = sum(chain.log_reverse(x, t) - chain.log_step(x, t) for t in range(1, 4))
    return Sides((w @ chain.log_ratio(x)).reshape(1), (w @ (-chain.log_prior(x) - steps)).reshape(1))


@twin(
    "4.5e",
    r"-\log \frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T}\mid\mathbf{x}_0)} = -\log p(\mathbf{x}_T) - \sum_{t>0} \log \frac{p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)}{q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)}\, \frac{q(\mathbf{x}_{t-1}\mid\mathbf{x}_0)}{q(\mathbf{x}_t\mid\mathbf{x}_0)}",
    symbols="p_theta q x_t x_0 T t",
    source=f"{SLIDES}, the slide that unpacks the bound, second line",
    erratum="At t = 1 this asks for the density of x_0 given x_0. That is a point: beta_tilde_1 = 0, and whatever small "
    "variance is put in its place decides the answer. Bayes' rule is for t > 1; t = 1 stays apart.",
)
def bayes_at_the_first_step(g: torch.Generator) -> Sides:
    """Random paths; the point q(x_0 | x_1, x_0) gets a variance of 1e-20, and q(x_0 | x_0) counts as certain."""
    chain = SmallChain.random(g)
    x = torch.cat([chain.x_0.expand(5, 1), torch.randn(5, 3, generator=g, dtype=torch.float64)], 1)
    right = -chain.log_prior(x)
    for t in (3, 2):
        ratio = chain.log_jump(x, t - 1) - chain.log_jump(x, t)
        right = right - (chain.log_reverse(x, t) - chain.log_posterior(x, t) + ratio)
    point = log_normal(x[:, 0], chain.x_0, FLOOR)
    return Sides(-chain.log_ratio(x), right - (chain.log_reverse(x, 1) - point + 0.0 - chain.log_jump(x, 1)))


@twin(
    "4.8e",
    r"\mathbb{E}_q\!\left[-\sum_{t>1} \log \frac{p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)}{q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)}\right] = \mathbb{E}_{q(\mathbf{x}_t\mid\mathbf{x}_0)}\!\left[D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)\,\|\,p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)\right)\right]",
    symbols="E KL p_theta q x_t x_0 t",
    source=f"{SLIDES}, the slide on reconstruction",
    erratum="The sum over t > 1 is lost on the right, where no t is named any more: one term for all of them.",
)
def sum_of_divergences_lost(g: torch.Generator) -> Sides:
    """The left side over whole paths, and the right side for each t that could be meant."""
    chain = SmallChain.random(g)
    x, w = chain.paths()
    slow = sum(w @ (chain.log_posterior(x, t) - chain.log_reverse(x, t)) for t in (2, 3))
    single = torch.stack(expected_divergences(chain))
    return Sides(torch.as_tensor(slow).expand(2).clone(), single)


@twin(
    "4.9e",
    r"\text{ELBO} = \mathbb{E}_q\!\left[-\log \frac{p(\mathbf{x}_T)}{q(\mathbf{x}_T\mid\mathbf{x}_0)} - \sum_{t>1} \log \frac{p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)}{q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)} - \log p_\theta(\mathbf{x}_0\mid\mathbf{x}_1)\right]",
    symbols="E p_theta q x_t x_0 T t",
    source=f"{SLIDES}, the slides on closed forms and on reconstruction",
    erratum="This is minus the bound. It is what one minimises; the evidence lower bound itself is maximised.",
)
def negative_bound_called_bound(g: torch.Generator) -> Sides:
    """The bound over whole paths, and the three kinds of terms."""
    chain = SmallChain.random(g)
    x, w = chain.paths()
    right = chain.log_jump(x, 3) - chain.log_prior(x) - chain.log_reverse(x, 1)
    for t in (2, 3):
        right = right + chain.log_posterior(x, t) - chain.log_reverse(x, t)
    return Sides((w @ chain.log_ratio(x)).reshape(1), (w @ right).reshape(1))


@twin(
    "4.12e",
    r"\tilde{\boldsymbol\mu}_t(\mathbf{x}_t, \mathbf{x}_0) = \frac{\sqrt{\bar\alpha_t}\,\beta_t}{1-\bar\alpha_t}\,\mathbf{x}_0 + \frac{\sqrt{\alpha_t}\,(1-\bar\alpha_{t-1})}{1-\bar\alpha_t}\,\mathbf{x}_t",
    symbols="mu_tilde x_t x_0 alpha alpha_bar beta",
    source=f"{SLIDES}, the slide on closed forms",
    erratum="The factor of x_0 has sqrt(alpha_bar_{t-1}): x_{t-1} has one step less behind it than x_t.",
)
def posterior_mean_at_t(g: torch.Generator) -> Sides:
    """Every t > 1: the mean from a conditioned covariance matrix, and this form."""
    chain, x_t = SmallChain.random(g, T=8), torch.randn(7, generator=g, dtype=torch.float64)
    chain = replace(chain, x_0=2 + chain.x_0.abs())  # at x_0 = 0 the two forms agree
    ab, alpha, beta = chain.s.alpha_bar, chain.s.alpha, chain.s.beta
    mean = torch.cat([chain.posterior(x_t[t - 2].reshape(1), t)[0] for t in range(2, 9)])
    from_x_0 = ab[2:].sqrt() * beta[2:] / (1 - ab[2:]) * chain.x_0
    return Sides(mean, from_x_0 + alpha[2:].sqrt() * (1 - ab[1:-1]) / (1 - ab[2:]) * x_t)


@twin(
    "4.15e",
    r"D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)\,\|\,\mathcal{N}(\boldsymbol\mu_\theta, \Sigma_\theta(\mathbf{x}_t, t))\right) - \frac{1}{2\sigma_t^2}\left\|\tilde{\boldsymbol\mu}_t - \boldsymbol\mu_\theta\right\|^2 = C",
    symbols="KL q x_t x_0 mu_theta mu_tilde sigma Sigma_theta",
    source=f"{SLIDES}, the slide on reconstruction, second line",
    erratum="With a variance that the network chooses, the rest is no constant. It needs Sigma_theta = sigma_t^2 I, and "
    "even then C depends on the choice of sigma_t^2: it is 0 for beta_tilde_t and not 0 for beta_t.",
)
def constant_that_is_none(g: torch.Generator) -> Sides:
    """What should be one C: first for sigma_t^2 = beta_t and beta_tilde_t, then for two x_t under a diagonal Sigma."""
    s, t = random_schedule(g, 5), 2
    x_0, x_t, mean = torch.randn(3, 2, 3, generator=g, dtype=torch.float64)
    q = forward.q_posterior(s, x_0, x_t, t)

    def rest(var: Tensor, sigma2: Tensor) -> Tensor:
        p = type(q)(mean, var.expand_as(mean))
        return kl(q, p) - ((q.mean - mean) ** 2).sum(1) / (2 * sigma2)

    diagonal = s.beta[t] * (0.3 + torch.rand(3, generator=g, dtype=torch.float64))
    first, second = rest(diagonal, diagonal.mean())
    left = torch.stack([rest(s.beta[t], s.beta[t])[0], first])
    return Sides(left, torch.stack([rest(s.beta_tilde[t], s.beta_tilde[t])[0], second]))


@twin(
    "4.17e",
    r"\boldsymbol\mu_\theta(\mathbf{x}_t, t) = \frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta}{\sqrt{1-\bar\alpha_t}}\,\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\right)",
    symbols="mu_theta alpha alpha_bar beta x_t eps_theta",
    source=f"{SLIDES}, the slide on reparameterization",
    erratum="beta has lost its index t. With one beta for all steps, a perfect eps_theta does not give the right mean.",
)
def beta_without_index(g: torch.Generator) -> Sides:
    """A perfect eps_theta and t > 1: the posterior's mean, and this form with the mean of all betas."""
    s = random_schedule(g, 8)
    x_0, eps = torch.randn(2, 7, 1, generator=g, dtype=torch.float64)
    t = torch.arange(2, 9)
    x_t = forward.q_sample(s, x_0, t, noise=eps)
    beta = s.beta[1:].mean()
    printed = (x_t - beta / (1 - s.alpha_bar[2:]).sqrt().unsqueeze(1) * eps) / s.alpha[2:].sqrt().unsqueeze(1)
    return Sides(forward.q_posterior(s, x_0, x_t, t).mean, printed)


@twin(
    "4.18e",
    r"\mathbb{E}_q\!\left[-\sum_{t>1} \log \frac{p_\theta(\mathbf{x}_{t-1}\mid\mathbf{x}_t)}{q(\mathbf{x}_{t-1}\mid\mathbf{x}_t,\mathbf{x}_0)}\right] = \mathbb{E}_{\boldsymbol\varepsilon}\!\left[\frac{\beta_t^2}{2\sigma_t^2 \alpha_t (1-\bar\alpha_t)} \left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\right\|^2\right] + C",
    symbols="E p_theta q x_t x_0 beta sigma alpha alpha_bar eps eps_theta",
    source=f"{SLIDES}, the slide on reparameterization",
    erratum="The sum over t > 1 is lost here too. What one trains on is one random t per example, which is another thing: "
    "it needs the factor T - 1, or a mean over t on the left.",
)
def sum_of_errors_lost(g: torch.Generator) -> Sides:
    """sigma_t^2 = beta_tilde_t, so C = 0: the sum of divergences, and the right side for each t."""
    s, slope = random_schedule(g, 4), 0.4 + 0.2 * torch.rand(1, generator=g, dtype=torch.float64)
    x_0 = torch.randn(1, generator=g, dtype=torch.float64)
    z, w = normal_nodes(8)
    terms, single = [], []
    for t in (2, 3, 4):
        x_t = forward.q_sample(s, x_0.expand(8, 1), t, noise=z.unsqueeze(1))
        p = elbo.p_reverse(s, slope * x_t, x_t, t, "beta_tilde")
        terms.append(w @ kl(forward.q_posterior(s, x_0.expand(8, 1), x_t, t), p))
        single.append(elbo.weights(s, "beta_tilde")[t] * (w @ (z - slope * x_t[:, 0]) ** 2))
    return Sides(torch.stack(terms).sum().expand(3).clone(), torch.stack(single))
