r"""The tilted density, which the guided sampler does not sample.  Equations (11.13) to (11.17)."""

import torch
from torch import Tensor

from diffkit.equations.controllable_generation.common import (
    Labelled,
    autograd,
    labelled,
    level,
    line,
    log_class,
    normal,
)
from diffkit.equations.draws import number, randn, uniform
from diffkit.equations.registry import Sides, twin


@twin(
    "11.13",
    r"\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t] = \sum_{y} q(y \mid \mathbf{x}_t)\,\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t, y]",
    symbols="E eps x_t cg_y cg_qy",
)
def tower(g: torch.Generator) -> Sides:
    """Left: E[eps | x_t] by quadrature over all clean points.  Right: the classes' predictions, averaged."""
    m, x, (a, sd) = labelled(g), 1.5 * randn(g, 8, 1), level(g)
    x_0, w = line()
    posterior = w * m.data.log_prob(x_0).exp() * normal(x, a * x_0.T, sd**2)
    eps = (posterior * (x - a * x_0.T) / sd).sum(1) / posterior.sum(1)
    of_y = log_class(m.data, x, a, sd).exp().unsqueeze(1)
    return Sides(eps.unsqueeze(1), of_y * m.y.eps(x, a, sd) + (1 - of_y) * m.rest.eps(x, a, sd))


def _tilted(m: Labelled, scale: float | Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Points (n, 1), weights (n,), and the unnormalised p(x) p(y | x)^s there."""
    x_0, w = line()
    return x_0, w, torch.exp(m.data.log_prob(x_0) + scale * log_class(m.data, x_0))


@twin(
    "11.14",
    r"p_s(\mathbf{x}_0) = \frac{p(\mathbf{x}_0)\,p(y \mid \mathbf{x}_0)^s}{Z_s} \ \propto\ p(\mathbf{x}_0 \mid y)^s\,p(\mathbf{x}_0)^{1-s}",
    symbols="cg_p_s cg_p cg_py cg_s cg_Z x_0",
)
def tilted(g: torch.Generator) -> Sides:
    """Both forms, normalised by quadrature, at eight points."""
    m, scale, at = labelled(g), number(g, 1.5, 4), torch.randint(1600, 2400, (8,), generator=g)
    x_0, w, density = _tilted(m, scale)
    other = torch.exp(scale * m.y.log_prob(x_0) + (1 - scale) * m.data.log_prob(x_0))
    return Sides((density / (w @ density))[at], (other / (w @ other))[at])


@twin(
    "11.15",
    r"\frac{d}{ds}\,\mathbb{E}_{p_s}\big[\log p(y \mid \mathbf{x}_0)\big] = \operatorname{Var}_{p_s}\big[\log p(y \mid \mathbf{x}_0)\big]",
    symbols="E Var cg_p_s cg_py cg_s x_0",
)
def surer_and_surer(g: torch.Generator) -> Sides:
    """Left: automatic differentiation of the quadrature with respect to s.  Right: the variance, for five s."""
    m, s = labelled(g), uniform(g, 0.5, 4, 5).requires_grad_()
    x_0, _ = line()
    log_p, log_c = m.data.log_prob(x_0), log_class(m.data, x_0)
    share = torch.softmax(log_p + s.unsqueeze(1) * log_c, 1)  # the weights are equal and cancel
    mean = share @ log_c
    (slope,) = torch.autograd.grad(mean.sum(), s)
    return Sides(slope, (share.detach() @ log_c**2 - mean.detach() ** 2))


def _mean_power(m: Labelled, x: Tensor, a: float, sd: float, scale: float) -> Tensor:
    """E[p(y | x_0)^s | x_t] from the exact posterior mixture, by quadrature, (B,)."""
    x_0, w = line()
    posterior = m.data.posterior(x, a, sd)
    parts = normal(x_0, posterior.means[..., 0].unsqueeze(1), posterior.covs[..., 0, 0].unsqueeze(1))
    density = torch.einsum("bk,bnk->bn", posterior.weights, parts)
    return density @ (w * (scale * log_class(m.data, x_0)).exp())


@twin(
    "11.16",
    r"\int p_s(\mathbf{x}_0)\,q(\mathbf{x}_t \mid \mathbf{x}_0)\,d\mathbf{x}_0 = \frac{q(\mathbf{x}_t)}{Z_s}\,\mathbb{E}\big[p(y \mid \mathbf{x}_0)^s \,\big|\, \mathbf{x}_t\big]",
    symbols="cg_p_s cg_q cg_Z E cg_py x_0 x_t",
)
def noised_tilted(g: torch.Generator) -> Sides:
    """Left: the tilted density noised by quadrature.  Right: through the exact posterior of x_0."""
    m, x, (a, sd), scale = labelled(g), 1.5 * randn(g, 8, 1), level(g), number(g, 1.5, 4)
    x_0, w, density = _tilted(m, scale)
    whole = w @ density
    left = (normal(x, a * x_0.T, sd**2) * w) @ density / whole
    return Sides(left, m.data.log_prob(x, a, sd).exp() / whole * _mean_power(m, x, a, sd, scale))


@twin(
    "11.16e",
    r"\nabla \log q(\mathbf{x}_t) + s\,\nabla \log q(y \mid \mathbf{x}_t) = \nabla \log \int p_s(\mathbf{x}_0)\,q(\mathbf{x}_t \mid \mathbf{x}_0)\,d\mathbf{x}_0",
    symbols="grad cg_q cg_qy cg_s cg_p_s x_t x_0",
    source="the tempting reading of a guided score",
    erratum="The guided score is not the score of any noisy version of the tilted density, unless s is 0 or 1.",
)
def not_the_tilted_score(g: torch.Generator) -> Sides:
    """The score that a guided sampler follows, and the one that would lead to the tilted density."""
    m, x, (a, sd), scale = labelled(g), 1.5 * randn(g, 8, 1), level(g), number(g, 2.5, 4)
    followed = m.data.score(x, a, sd) + scale * autograd(lambda v: log_class(m.data, v, a, sd), x)
    x_0, w, density = _tilted(m, scale)
    share = normal(x, a * x_0.T, sd**2) * w * density
    wanted = (share * (a * x_0.T - x) / sd**2).sum(1, keepdim=True) / share.sum(1, keepdim=True)
    return Sides(followed, wanted)


@twin(
    "11.17",
    r"q(y \mid \mathbf{x}_t)^s \ \le\ \mathbb{E}\big[p(y \mid \mathbf{x}_0)^s \,\big|\, \mathbf{x}_t\big] \qquad (s \ge 1)",
    symbols="cg_qy cg_s E cg_py x_0 x_t",
    source="Jensen's inequality",
    relation="<=",
)
def power_of_the_mean(g: torch.Generator) -> Sides:
    """Left: Bayes' rule among noisy components, to the power s.  Right: quadrature over the posterior."""
    m, x, (a, sd), scale = labelled(g), 1.5 * randn(g, 8, 1), level(g), number(g, 1.2, 4)
    return Sides((scale * log_class(m.data, x, a, sd)).exp(), _mean_power(m, x, a, sd, scale))
