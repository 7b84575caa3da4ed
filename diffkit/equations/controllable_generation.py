r"""Lesson 11, controllable generation: the numbered equations (11.1) to (11.25) as functions.

In each twin one side goes the slow road (quadrature, automatic or finite differences, a library sampler or guided
predictor that is run), the other is the formula.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from diffkit import guidance
from diffkit.equations.grids import differences, plane_nodes
from diffkit.equations.quadrature import integrate
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import FullGaussian
from diffkit.oracle import GaussianMixture
from diffkit.samplers import ancestral, inpaint, last
from diffkit.schedule import Schedule, linear

F64 = torch.float64
DHARIWAL = "Dhariwal & Nichol 2021"
HO = "Ho & Salimans 2022"
SONG = "Song et al. 2021 (SDE)"
MEMBERS = [0, 2]  # the components of a random mixture that make up class y
REACH, NODES = 12.0, 4001  # of the integrals over the line


def _randn(g: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=g, dtype=F64)


def _uniform(g: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(*shape, generator=g, dtype=F64)


def _number(g: torch.Generator, low: float, high: float) -> float:
    return float(_uniform(g, low, high, 1))


class Labelled(NamedTuple):
    """A mixture, the part of it that is class y, the part that is not, and the share of class y."""

    data: GaussianMixture
    y: GaussianMixture
    rest: GaussianMixture
    share: Tensor


def _labelled(g: torch.Generator, d: int = 1, K: int = 4) -> Labelled:
    weights = torch.softmax(0.5 * _randn(g, K), 0)
    data = GaussianMixture.isotropic(weights, 1.2 * _randn(g, K, d), _uniform(g, 0.25, 0.6, K))
    others = [k for k in range(K) if k not in MEMBERS]
    return Labelled(data, _part(data, MEMBERS), _part(data, others), weights[MEMBERS].sum())


def _part(data: GaussianMixture, members: list[int]) -> GaussianMixture:
    w = data.weights[members]
    return GaussianMixture(w / w.sum(), data.means[members], data.covs[members])


def _log_class(data: GaussianMixture, x: Tensor, alpha: float = 1.0, sigma: float = 0.0) -> Tensor:
    """log q(y | x_t) from the library's shares of the components."""
    return data.responsibilities(x, alpha, sigma)[:, MEMBERS].sum(1).log()


def _level(g: torch.Generator) -> tuple[float, float]:
    """(alpha, sigma) = roots of alpha_bar and 1 - alpha_bar."""
    alpha_bar = _number(g, 0.3, 0.8)
    return alpha_bar**0.5, (1 - alpha_bar) ** 0.5


def _normal(x: Tensor, mean: Tensor | float, var: Tensor | float) -> Tensor:
    """Density of N(mean, var) at x, elementwise."""
    var = torch.as_tensor(var, dtype=F64)
    return torch.exp(-0.5 * (x - mean) ** 2 / var) / (2 * math.pi * var).sqrt()


def _line() -> tuple[Tensor, Tensor]:
    """Points of the line, (NODES, 1), and the weight of each in the trapezoidal rule (its ends are empty)."""
    x = torch.linspace(-REACH, REACH, NODES, dtype=F64)
    return x.unsqueeze(1), torch.full((NODES,), 2 * REACH / (NODES - 1), dtype=F64)


def _autograd(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return guidance.gradient(f, x)


def _schedule_and_t(g: torch.Generator) -> tuple[Schedule, int, tuple[float, float]]:
    """A schedule, a step in it, and its (alpha, sigma)."""
    s = linear(20, 0.01, _number(g, 0.2, 0.3))
    t = int(torch.randint(4, 12, (1,), generator=g))
    return s, t, (float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt()))


def _times(t: int, x: Tensor) -> Tensor:
    return torch.full((len(x),), t)


@twin(
    "11.1",
    r"p(\mathbf{x}_0 \mid y) = \frac{p(\mathbf{x}_0)\,p(y \mid \mathbf{x}_0)}{p(y)}, \qquad p(y) = \int p(\mathbf{x}_0)\,p(y \mid \mathbf{x}_0)\,d\mathbf{x}_0",
    symbols="cg_p cg_y cg_py cg_prior x_0",
)
def bayes(g: torch.Generator) -> Sides:
    """Left: the class's own components, written out.  Right: all components, the classifier, and a quadrature."""
    m, x = _labelled(g), 1.5 * _randn(g, 8, 1)
    parts = _normal(x, m.y.means[:, 0], m.y.covs[:, 0, 0])

    def joint(v: Tensor) -> Tensor:
        return m.data.log_prob(v).exp() * _log_class(m.data, v).exp()

    return Sides(parts @ m.y.weights, joint(x) / integrate(lambda v: joint(v.unsqueeze(1)), -REACH, REACH))


@twin(
    "11.2",
    r"\nabla \log p(\mathbf{x}_0 \mid y) = \nabla \log p(\mathbf{x}_0) + \nabla \log p(y \mid \mathbf{x}_0)",
    symbols="grad cg_p cg_py x_0",
    source=f"{SONG}, eq. 14, at time t",
)
def bayes_for_scores(g: torch.Generator) -> Sides:
    """Left: the score formula of the class's components.  Right: automatic differentiation of the two logarithms."""
    m, x = _labelled(g, 2), _randn(g, 6, 2)
    return Sides(m.y.score(x), _autograd(m.data.log_prob, x) + _autograd(lambda v: _log_class(m.data, v), x))


@twin(
    "11.3",
    r"q(y \mid \mathbf{x}_t) = \mathbb{E}\big[p(y \mid \mathbf{x}_0) \,\big|\, \mathbf{x}_t\big]",
    symbols="cg_qy E cg_py x_0 x_t",
)
def noise_aware(g: torch.Generator) -> Sides:
    """Left: Bayes' rule among noisy components.  Right: the clean classifier averaged over what x_0 may have been."""
    m, x, (a, sd) = _labelled(g), 1.5 * _randn(g, 8, 1), _level(g)
    x_0, w = _line()
    posterior = w * m.data.log_prob(x_0).exp() * _normal(x, a * x_0.T, sd**2)
    posterior = posterior / posterior.sum(1, keepdim=True)
    return Sides(_log_class(m.data, x, a, sd).exp(), posterior @ _log_class(m.data, x_0).exp())


@twin(
    "11.3e",
    r"q(y \mid \mathbf{x}_t) = p(y \mid \mathbf{x}_0)\,\big|_{\mathbf{x}_0 = \mathbf{x}_t}",
    symbols="cg_qy cg_py x_0 x_t",
    source="what it means to guide with a classifier that was trained on clean data",
    erratum="A classifier of clean data takes the noise for a feature: it must be averaged over what x_0 may have been.",
)
def clean_classifier(g: torch.Generator) -> Sides:
    """The noise-aware classifier, and the clean one asked about the noisy point."""
    m, x, (a, sd) = _labelled(g), 1.5 * _randn(g, 8, 1), _level(g)
    return Sides(_log_class(m.data, x, a, sd).exp(), _log_class(m.data, x).exp())


@twin(
    "11.4",
    r"q(y \mid \mathbf{x}_t) = \frac{\sum_{k \in y} w_k\,\mathcal{N}\!\left(\mathbf{x}_t;\ \sqrt{\bar\alpha_t}\,\boldsymbol\mu_k,\ \bar\alpha_t S_k + (1-\bar\alpha_t)\mathbf{I}\right)}{\sum_{k} w_k\,\mathcal{N}\!\left(\mathbf{x}_t;\ \sqrt{\bar\alpha_t}\,\boldsymbol\mu_k,\ \bar\alpha_t S_k + (1-\bar\alpha_t)\mathbf{I}\right)}",
    symbols="cg_qy mix N I alpha_bar x_t",
)
def bayes_classifier(g: torch.Generator) -> Sides:
    """Left: clean densities noised by quadrature over the plane.  Right: the formula."""
    m, x, (a, sd) = _labelled(g, 2), _randn(g, 4, 2), _level(g)
    nodes, w = plane_nodes(9.0, 241)
    jump = _normal(x.unsqueeze(1), a * nodes, sd**2).prod(2) * w
    noisy_class, noisy = jump @ (m.share * m.y.log_prob(nodes).exp()), jump @ m.data.log_prob(nodes).exp()
    var = a**2 * m.data.covs[:, 0, 0] + sd**2
    parts = m.data.weights * _normal(x.unsqueeze(1), a * m.data.means, var.unsqueeze(1)).prod(2)
    return Sides(noisy_class / noisy, parts[:, MEMBERS].sum(1) / parts.sum(1))


@twin(
    "11.5",
    r"\nabla \log q(y \mid \mathbf{x}_t) = \sum_{k \in y} r_{k \mid y}\,\mathbf{s}_k - \sum_{k} r_k\,\mathbf{s}_k",
    symbols="grad cg_qy cg_r cg_ry cg_s_k x_t",
)
def classifier_score(g: torch.Generator) -> Sides:
    """Left: automatic differentiation of log q(y | x_t).  Right: two averages of the components' scores."""
    m, x, (a, sd) = _labelled(g, 2), _randn(g, 6, 2), _level(g)
    var = (a**2 * m.data.covs[:, 0, 0] + sd**2).unsqueeze(1)
    away = x.unsqueeze(1) - a * m.data.means
    parts = m.data.weights * _normal(away, 0.0, var).prod(2)
    mine = parts[:, MEMBERS] / parts[:, MEMBERS].sum(1, keepdim=True)
    r, s_k = parts / parts.sum(1, keepdim=True), -away / var
    averages = torch.einsum("bk,bkd->bd", mine, s_k[:, MEMBERS]) - torch.einsum("bk,bkd->bd", r, s_k)
    return Sides(_autograd(lambda v: _log_class(m.data, v, a, sd), x), averages)


@twin(
    "11.6",
    r"\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t, y] = \mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t] - \sqrt{1-\bar\alpha_t}\,\nabla \log q(y \mid \mathbf{x}_t)",
    symbols="E eps x_t cg_y alpha_bar grad cg_qy",
)
def conditional_noise(g: torch.Generator) -> Sides:
    """Left: E[eps | x_t, y] by quadrature over the clean points of the class.  Right: all data, and the classifier."""
    m, x, (a, sd) = _labelled(g), 1.5 * _randn(g, 8, 1), _level(g)
    x_0, w = _line()
    posterior = w * m.y.log_prob(x_0).exp() * _normal(x, a * x_0.T, sd**2)
    eps = (posterior * (x - a * x_0.T) / sd).sum(1) / posterior.sum(1)
    classifier = _autograd(lambda v: _log_class(m.data, v, a, sd), x)
    return Sides(eps.unsqueeze(1), m.data.eps(x, a, sd) - sd * classifier)


@twin(
    "11.7",
    r"\hat{\boldsymbol\varepsilon}_s(\mathbf{x}_t) = \boldsymbol\varepsilon_\varnothing(\mathbf{x}_t) - s\,\sqrt{1-\bar\alpha_t}\,\nabla \log q(y \mid \mathbf{x}_t)",
    symbols="cg_eps_s cg_eps_y cg_s alpha_bar grad cg_qy x_t",
    source=f"{DHARIWAL}, algorithm 2",
)
def guided_noise(g: torch.Generator) -> Sides:
    """Left: the library's guided predictor (automatic differentiation).  Right: the formula with finite differences."""
    m, x, scale = _labelled(g, 2), _randn(g, 6, 2), _number(g, 1.5, 4)
    s, t, (a, sd) = _schedule_and_t(g)
    eps = guidance.classifier_guided(
        lambda v, _: m.data.eps(v, a, sd), lambda v, _: _log_class(m.data, v, a, sd), s, scale
    )
    slope = differences(lambda v: _log_class(m.data, v, a, sd), x)
    return Sides(eps(x, _times(t, x)), -sd * m.data.score(x, a, sd) - scale * sd * slope)


@twin(
    "11.8",
    r"\mathcal{N}(\mathbf{x};\ \boldsymbol\mu,\ \sigma^2\mathbf{I})\,e^{s\,\mathbf{g} \cdot (\mathbf{x} - \boldsymbol\mu)} \ \propto\ \mathcal{N}(\mathbf{x};\ \boldsymbol\mu + s\,\sigma^2\,\mathbf{g},\ \sigma^2\mathbf{I})",
    symbols="N cg_mu cg_sigma I cg_s cg_g",
    source=f"{DHARIWAL}, eq. 3 to 10",
)
def shifted_mean(g: torch.Generator) -> Sides:
    """Left: the product, normalised by quadrature.  Right: the moved bell.  On the line, for four settings."""
    mu, slope, s = _randn(g, 4), _randn(g, 4), _number(g, 1, 4)
    var, x = _uniform(g, 0.1, 0.6, 4), _randn(g, 6, 1)

    def product(v: Tensor) -> Tensor:
        return _normal(v, mu, var) * torch.exp(s * slope * (v - mu))

    whole = integrate(lambda v: product(v.unsqueeze(1)), -25, 25)
    return Sides(product(x) / whole, _normal(x, mu + s * var * slope, var))


@twin(
    "11.9",
    r"\frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\hat{\boldsymbol\varepsilon}_s\right) = \boldsymbol\mu + s\,\frac{\beta_t}{\sqrt{\alpha_t}}\,\nabla \log q(y \mid \mathbf{x}_t)",
    symbols="alpha beta alpha_bar x_t cg_eps_s cg_mu cg_s grad cg_qy",
)
def guided_mean(g: torch.Generator) -> Sides:
    """Left: the library's sampler takes one step with the guided predictor, its noise taken away.  Right: formula."""
    m, x, scale = _labelled(g, 2), _randn(g, 6, 2), _number(g, 1.5, 4)
    s, t, (a, sd) = _schedule_and_t(g)
    guided = guidance.classifier_guided(
        lambda v, _: m.data.eps(v, a, sd), lambda v, _: _log_class(m.data, v, a, sd), s, scale
    )
    steps = ancestral(guided, s, x, t_start=t, variance=torch.zeros_like(s.beta))
    next(steps)
    beta, root = s.beta[t], s.alpha[t].sqrt()
    plain = (x + beta * m.data.score(x, a, sd)) / root
    return Sides(next(steps).x, plain + scale * beta / root * differences(lambda v: _log_class(m.data, v, a, sd), x))


@twin(
    "11.10",
    r"\nabla \log q(y \mid \mathbf{x}_t) = -\frac{\boldsymbol\varepsilon_y(\mathbf{x}_t) - \boldsymbol\varepsilon_\varnothing(\mathbf{x}_t)}{\sqrt{1-\bar\alpha_t}}",
    symbols="grad cg_qy cg_eps_y alpha_bar x_t",
    source=f"{HO}, section 3.2",
)
def implied_classifier(g: torch.Generator) -> Sides:
    """Left: finite differences of the exact classifier's logarithm.  Right: two exact noise predictions."""
    m, x, (a, sd) = _labelled(g, 2), _randn(g, 6, 2), _level(g)
    right = -(m.y.eps(x, a, sd) - m.data.eps(x, a, sd)) / sd
    return Sides(differences(lambda v: _log_class(m.data, v, a, sd), x), right)


def _conditional(m: Labelled, a: float, sd: float) -> guidance.Conditional:
    """A network f(x, t, y) that knows class 0, which is y, and the null class 1."""

    def net(x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        return torch.where((y == 0).unsqueeze(1), m.y.eps(x, a, sd), m.data.eps(x, a, sd))

    return net


@twin(
    "11.11",
    r"\boldsymbol\varepsilon_\varnothing + s\,(\boldsymbol\varepsilon_y - \boldsymbol\varepsilon_\varnothing) = \boldsymbol\varepsilon_\varnothing - s\,\sqrt{1-\bar\alpha_t}\,\nabla \log q(y \mid \mathbf{x}_t)",
    symbols="cg_eps_y cg_s alpha_bar grad cg_qy x_t",
)
def classifier_free(g: torch.Generator) -> Sides:
    """Left: the library's classifier-free predictor.  Right: its classifier-guided one, with the exact classifier."""
    m, x, scale = _labelled(g, 2), _randn(g, 6, 2), _number(g, 1.5, 4)
    s, t, (a, sd) = _schedule_and_t(g)
    y, null = torch.zeros(6, dtype=torch.long), torch.ones(6, dtype=torch.long)
    free = guidance.classifier_free(_conditional(m, a, sd), y, null, scale=scale)
    with_classifier = guidance.classifier_guided(
        lambda v, _: m.data.eps(v, a, sd), lambda v, _: _log_class(m.data, v, a, sd), s, scale
    )
    return Sides(free(x, _times(t, x)), with_classifier(x, _times(t, x)))


@twin(
    "11.12",
    r"(1+w)\,\boldsymbol\varepsilon_y - w\,\boldsymbol\varepsilon_\varnothing = \boldsymbol\varepsilon_\varnothing + s\,(\boldsymbol\varepsilon_y - \boldsymbol\varepsilon_\varnothing), \qquad s = 1 + w",
    symbols="cg_w cg_s cg_eps_y",
    source=f"{HO}, eq. 6, writes the left side",
)
def two_conventions(g: torch.Generator) -> Sides:
    """Left: both predictions asked one by one and combined.  Right: the library's predictor, told s = 1 + w."""
    m, x, w = _labelled(g, 2), _randn(g, 6, 2), _number(g, 0.5, 4)
    _, t, (a, sd) = _schedule_and_t(g)
    y, null = torch.zeros(6, dtype=torch.long), torch.ones(6, dtype=torch.long)
    free = guidance.classifier_free(_conditional(m, a, sd), y, null, scale=1 + w)
    left = (1 + w) * m.y.eps(x, a, sd) - w * m.data.eps(x, a, sd)
    return Sides(left, free(x, _times(t, x)))


@twin(
    "11.12e",
    r"(1+w)\,\boldsymbol\varepsilon_y - w\,\boldsymbol\varepsilon_\varnothing = \boldsymbol\varepsilon_\varnothing + w\,(\boldsymbol\varepsilon_y - \boldsymbol\varepsilon_\varnothing)",
    symbols="cg_w cg_eps_y",
    source="what happens when a number is taken from one paper and put into another program",
    erratum="The same number means two strengths. The sides differ by eps_y - eps_null, whatever w is.",
)
def mixed_conventions(g: torch.Generator) -> Sides:
    """The two conventions with one number in both."""
    m, x, w, (a, sd) = _labelled(g, 2), _randn(g, 6, 2), _number(g, 0.5, 4), _level(g)
    y, null = m.y.eps(x, a, sd), m.data.eps(x, a, sd)
    return Sides((1 + w) * y - w * null, null + w * (y - null))


@twin(
    "11.13",
    r"\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t] = \sum_{y} q(y \mid \mathbf{x}_t)\,\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t, y]",
    symbols="E eps x_t cg_y cg_qy",
)
def tower(g: torch.Generator) -> Sides:
    """Left: E[eps | x_t] by quadrature over all clean points.  Right: the classes' predictions, averaged."""
    m, x, (a, sd) = _labelled(g), 1.5 * _randn(g, 8, 1), _level(g)
    x_0, w = _line()
    posterior = w * m.data.log_prob(x_0).exp() * _normal(x, a * x_0.T, sd**2)
    eps = (posterior * (x - a * x_0.T) / sd).sum(1) / posterior.sum(1)
    of_y = _log_class(m.data, x, a, sd).exp().unsqueeze(1)
    return Sides(eps.unsqueeze(1), of_y * m.y.eps(x, a, sd) + (1 - of_y) * m.rest.eps(x, a, sd))


def _tilted(m: Labelled, scale: float | Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Points (n, 1), weights (n,), and the unnormalised p(x) p(y | x)^s there."""
    x_0, w = _line()
    return x_0, w, torch.exp(m.data.log_prob(x_0) + scale * _log_class(m.data, x_0))


@twin(
    "11.14",
    r"p_s(\mathbf{x}_0) = \frac{p(\mathbf{x}_0)\,p(y \mid \mathbf{x}_0)^s}{Z_s} \ \propto\ p(\mathbf{x}_0 \mid y)^s\,p(\mathbf{x}_0)^{1-s}",
    symbols="cg_p_s cg_p cg_py cg_s cg_Z x_0",
)
def tilted(g: torch.Generator) -> Sides:
    """Both forms, normalised by quadrature, at eight points."""
    m, scale, at = _labelled(g), _number(g, 1.5, 4), torch.randint(1600, 2400, (8,), generator=g)
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
    m, s = _labelled(g), _uniform(g, 0.5, 4, 5).requires_grad_()
    x_0, _ = _line()
    log_p, log_c = m.data.log_prob(x_0), _log_class(m.data, x_0)
    share = torch.softmax(log_p + s.unsqueeze(1) * log_c, 1)  # the weights are equal and cancel
    mean = share @ log_c
    (slope,) = torch.autograd.grad(mean.sum(), s)
    return Sides(slope, (share.detach() @ log_c**2 - mean.detach() ** 2))


def _mean_power(m: Labelled, x: Tensor, a: float, sd: float, scale: float) -> Tensor:
    """E[p(y | x_0)^s | x_t] from the exact posterior mixture, by quadrature, (B,)."""
    x_0, w = _line()
    posterior = m.data.posterior(x, a, sd)
    parts = _normal(x_0, posterior.means[..., 0].unsqueeze(1), posterior.covs[..., 0, 0].unsqueeze(1))
    density = torch.einsum("bk,bnk->bn", posterior.weights, parts)
    return density @ (w * (scale * _log_class(m.data, x_0)).exp())


@twin(
    "11.16",
    r"\int p_s(\mathbf{x}_0)\,q(\mathbf{x}_t \mid \mathbf{x}_0)\,d\mathbf{x}_0 = \frac{q(\mathbf{x}_t)}{Z_s}\,\mathbb{E}\big[p(y \mid \mathbf{x}_0)^s \,\big|\, \mathbf{x}_t\big]",
    symbols="cg_p_s cg_q cg_Z E cg_py x_0 x_t",
)
def noised_tilted(g: torch.Generator) -> Sides:
    """Left: the tilted density noised by quadrature.  Right: through the exact posterior of x_0."""
    m, x, (a, sd), scale = _labelled(g), 1.5 * _randn(g, 8, 1), _level(g), _number(g, 1.5, 4)
    x_0, w, density = _tilted(m, scale)
    whole = w @ density
    left = (_normal(x, a * x_0.T, sd**2) * w) @ density / whole
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
    m, x, (a, sd), scale = _labelled(g), 1.5 * _randn(g, 8, 1), _level(g), _number(g, 2.5, 4)
    followed = m.data.score(x, a, sd) + scale * _autograd(lambda v: _log_class(m.data, v, a, sd), x)
    x_0, w, density = _tilted(m, scale)
    share = _normal(x, a * x_0.T, sd**2) * w * density
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
    m, x, (a, sd), scale = _labelled(g), 1.5 * _randn(g, 8, 1), _level(g), _number(g, 1.2, 4)
    return Sides((scale * _log_class(m.data, x, a, sd)).exp(), _mean_power(m, x, a, sd, scale))


class Bells(NamedTuple):
    """Gaussian data N(0, v), a class N(m_y, v_y) in it, and the strength of guidance."""

    v: float
    m_y: float
    v_y: float
    s: float


def _bells(g: torch.Generator) -> Bells:
    return Bells(_number(g, 0.8, 1.5), _number(g, -1, 1), _number(g, 0.2, 0.6), _number(g, 1.5, 4))


def _one(mean: Tensor, cov: Tensor) -> GaussianMixture:
    return GaussianMixture(torch.ones(1, dtype=F64), mean.reshape(1, -1), cov.unsqueeze(0))


def _moments_by_derivatives(run: Callable[[Tensor], Tensor], n: int) -> Tensor:
    """Mean and variance of an affine function of n standard normal numbers: its value at 0, its slopes squared."""
    zero = torch.zeros(n, dtype=F64)
    slopes = torch.autograd.functional.jacobian(run, zero)
    return torch.stack([run(zero), (slopes**2).sum()])


@twin(
    "11.18",
    r"m_{t-1} = \frac{(1-\beta_t c_t)\,m_t + s\,\beta_t\sqrt{\bar\alpha_t}\,m_y / V_t^y}{\sqrt{\alpha_t}}, \qquad v_{t-1} = \frac{(1-\beta_t c_t)^2}{\alpha_t}\,v_t + \sigma_t^2, \qquad c_t = \frac{1-s}{V_t} + \frac{s}{V_t^y}",
    symbols="cg_m cg_c cg_V cg_s cg_sigma alpha beta alpha_bar",
)
def guided_chain(g: torch.Generator) -> Sides:
    """Left: a sampler written out step by step, differentiated by its noises.  Right: the recursion, 12 steps."""
    b, s = _bells(g), linear(12, 0.02, _number(g, 0.3, 0.5))
    data, of_y = (_one(torch.tensor([m], dtype=F64), torch.tensor([[v]], dtype=F64)) for m, v in ((0.0, b.v), b[1:3]))

    def run(z: Tensor) -> Tensor:
        x = z[12].reshape(1, 1)
        for t in range(12, 0, -1):
            a, sd = s.alpha_bar[t].sqrt(), s.noise_var[t].sqrt()
            eps = guidance.combine_scale(of_y.eps(x, a, sd), data.eps(x, a, sd), b.s)
            x = (x - s.beta[t] / sd * eps) / s.alpha[t].sqrt() + (s.beta[t].sqrt() * z[t - 1] if t > 1 else 0)
        return x[0, 0]

    m, var = torch.zeros(()).double(), torch.ones(()).double()
    for t in range(12, 0, -1):
        wide, narrow = (s.alpha_bar[t] * v + s.noise_var[t] for v in (b.v, b.v_y))
        c = (1 - b.s) / wide + b.s / narrow
        m = ((1 - s.beta[t] * c) * m + b.s * s.beta[t] * s.alpha_bar[t].sqrt() * b.m_y / narrow) / s.alpha[t].sqrt()
        var = (1 - s.beta[t] * c) ** 2 / s.alpha[t] * var + (s.beta[t] if t > 1 else 0)
    return Sides(_moments_by_derivatives(run, 13), torch.stack([m, var]))


@twin(
    "11.19",
    r"\frac{1}{v_s} = \frac{1-s}{v} + \frac{s}{v_y}, \qquad m_s = s\,\frac{v_s}{v_y}\,m_y",
    symbols="cg_m_s cg_s cg_V cg_m",
)
def tilted_bell(g: torch.Generator) -> Sides:
    """Left: mean and variance of the normalised product of powers, by quadrature.  Right: the formula."""
    b = _bells(g)
    x_0, w = _line()
    x = x_0[:, 0]
    density = w * torch.exp(b.s * _normal(x, b.m_y, b.v_y).log() + (1 - b.s) * _normal(x, 0.0, b.v).log())
    density = density / density.sum()
    mean = density @ x
    var = 1 / ((1 - b.s) / b.v + b.s / b.v_y)
    formula = torch.tensor([b.s * var / b.v_y * b.m_y, var], dtype=F64)
    return Sides(torch.stack([mean, density @ (x - mean) ** 2]), formula)


@twin(
    "11.20",
    r"\frac{1}{n(n-1)} \sum_{i \ne j} \left\|\mathbf{x}^{(i)} - \mathbf{x}^{(j)}\right\|^2 = \frac{2}{n-1} \sum_{i} \left\|\mathbf{x}^{(i)} - \bar{\mathbf{x}}\right\|^2",
    symbols="cg_n cg_bar x_0",
)
def spread(g: torch.Generator) -> Sides:
    """Left: a loop over all pairs.  Right: distances from the mean.  For three sets of seven points."""
    sets = _randn(g, 3, 7, 4) + 5 * _randn(g, 3, 1, 4)
    slow = [sum(float(((a - b) ** 2).sum()) for a in x for b in x) / (7 * 6) for x in sets]
    return Sides(torch.tensor(slow, dtype=F64), 2 / 6 * ((sets - sets.mean(1, keepdim=True)) ** 2).sum((1, 2)))


@twin(
    "11.21",
    r"\mathbf{x}_{t-1} = M \odot \left(\sqrt{\bar\alpha_{t-1}}\,\mathbf{k} + \sqrt{1-\bar\alpha_{t-1}}\,\mathbf{z}\right) + (1-M) \odot \left(\boldsymbol\mu + \sigma_t\,\boldsymbol\varepsilon\right)",
    symbols="x_t cg_M cg_k cg_z alpha_bar cg_mu cg_sigma eps",
    source=f"{SONG}, appendix I.2; Lugmayr et al. 2022, eq. 8",
)
def replacement(g: torch.Generator) -> Sides:
    """Left: the library's inpainting, run to its end.  Right: a loop over single images with the same draws."""
    m, s, x = _labelled(g, 3), linear(8, 0.02, 0.4), _randn(g, 5, 3)
    known, mask = _randn(g, 5, 3), torch.tensor([True, False, True])
    seed = int(torch.randint(2**31, (1,), generator=g))
    one, other = (torch.Generator().manual_seed(seed) for _ in range(2))

    def eps(v: Tensor, t: Tensor) -> Tensor:
        return m.data.eps(v, s.alpha_bar[t].sqrt(), s.noise_var[t].sqrt())

    left = last(inpaint(eps, s, x, known, mask, generator=one))
    for t in range(8, 0, -1):
        fresh, z = _randn(other, 5, 3), _randn(other, 5, 3)
        score = m.data.score(x, float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt()))
        mean = (x + s.beta[t] * score) / s.alpha[t].sqrt()
        free = mean + s.beta[t].sqrt() * fresh if t > 1 else mean
        fixed = s.alpha_bar[t - 1].sqrt() * known + s.noise_var[t - 1].sqrt() * z
        x = torch.stack([fixed[:, i] if mask[i] else free[:, i] for i in range(3)], 1)
    return Sides(left, x)


def _pair(rho: float) -> Tensor:
    """Covariance of two coordinates of variance 1 and correlation rho."""
    return torch.tensor([[1.0, rho], [rho, 1.0]], dtype=F64)


@twin(
    "11.22",
    r"m_{t-1} = a_t\,m_t + b_t\sqrt{\bar\alpha_t}\,k, \qquad v_{t-1} = a_t^2\,v_t + b_t^2\,(1-\bar\alpha_t) + \sigma_t^2",
    symbols="cg_m cg_ab cg_k alpha_bar cg_sigma",
)
def replacement_on_a_pair(g: torch.Generator) -> Sides:
    """Left: the chain written out with exact predictions, differentiated by its noises.  Right: the recursion."""
    rho, k, s = _number(g, 0.5, 0.9), _number(g, -2, 2), linear(10, 0.02, _number(g, 0.3, 0.5))
    data = _one(torch.zeros(2, dtype=F64), _pair(rho))

    def run(z: Tensor) -> Tensor:
        u = z[0]
        for t in range(10, 0, -1):
            a, sd = s.alpha_bar[t].sqrt(), s.noise_var[t].sqrt()
            x = torch.stack([a * k + sd * z[2 * t - 1], u]).unsqueeze(0)
            mean = (x - s.beta[t] / sd * data.eps(x, a, sd)) / s.alpha[t].sqrt()
            u = mean[0, 1] + (s.beta[t].sqrt() * z[2 * t] if t > 1 else 0)
        return u

    m, var = torch.zeros(()).double(), torch.ones(()).double()
    for t in range(10, 0, -1):
        r = s.alpha_bar[t] * rho  # the noisy pair still has variances 1
        a_t = (1 - s.beta[t] / (1 - r**2)) / s.alpha[t].sqrt()
        b_t = s.beta[t] * r / (1 - r**2) / s.alpha[t].sqrt()
        m = a_t * m + b_t * s.alpha_bar[t].sqrt() * k
        var = a_t**2 * var + b_t**2 * s.noise_var[t] + (s.beta[t] if t > 1 else 0)
    return Sides(_moments_by_derivatives(run, 21), torch.stack([m, var]))


class Measured(NamedTuple):
    """Gaussian data N(m, S) in the plane, one measurement y = A x_0 + tau n of it, and noisy points."""

    data: FullGaussian
    A: Tensor
    tau: float
    y: Tensor
    x: Tensor
    a: float
    sd: float

    @property
    def guess(self) -> tuple[Tensor, Tensor]:
        """E[x_0 | x_t] (B, 2) and Cov[x_0 | x_t] (2, 2), by the Gaussian rules."""
        noisy = self.a**2 * self.data.cov + self.sd**2 * torch.eye(2, dtype=F64)
        gain = self.a * self.data.cov @ torch.linalg.inv(noisy)
        mean = self.data.mean + (self.x - self.a * self.data.mean) @ gain.T
        return mean, self.data.cov - self.a * gain @ self.data.cov


def _measured(g: torch.Generator) -> Measured:
    root = _randn(g, 2, 2)
    data = FullGaussian(_randn(g, 2), 0.5 * root @ root.T + 0.3 * torch.eye(2, dtype=F64))
    return Measured(data, _randn(g, 1, 2), _number(g, 0.3, 0.8), _randn(g, 1), _randn(g, 5, 2), *_level(g))


@twin(
    "11.23",
    r"q(y \mid \mathbf{x}_t) = \mathcal{N}\!\left(y;\ A\hat{\mathbf{x}}_0,\ A\,C_t\,A^{\!\top} + \tau^2\mathbf{I}\right)",
    symbols="cg_qy N cg_A cg_x0_hat cg_C cg_tau I x_t",
    source="Song et al. 2023 (pseudoinverse guidance), section 3",
)
def measurement_given_noisy(g: torch.Generator) -> Sides:
    """Left: N(y; A x_0, tau^2) averaged over the clean plane by quadrature.  Right: the formula."""
    c = _measured(g)
    nodes, w = plane_nodes(14.0, 301)
    posterior = w * c.data.log_prob(nodes).exp() * _normal(c.x.unsqueeze(1), c.a * nodes, c.sd**2).prod(2)
    left = (posterior @ _normal(c.y, (nodes @ c.A.T)[:, 0], c.tau**2)) / posterior.sum(1)
    mean, cov = c.guess
    return Sides(left, _normal(c.y, (mean @ c.A.T)[:, 0], (c.A @ cov @ c.A.T)[0, 0] + c.tau**2))


@twin(
    "11.23e",
    r"q(y \mid \mathbf{x}_t) = \mathcal{N}\!\left(y;\ A\hat{\mathbf{x}}_0,\ \tau^2\mathbf{I}\right)",
    symbols="cg_qy N cg_A cg_x0_hat cg_tau I x_t",
    source="the approximation of Chung et al. 2023 (diffusion posterior sampling)",
    erratum="It takes the guess of x_0 for certain. At large noise C_t is far larger than tau^2: the pull is too strong.",
)
def certain_guess(g: torch.Generator) -> Sides:
    """The exact density of the measurement, and the one that leaves C_t out."""
    c = _measured(g)
    mean, cov = c.guess
    at = (mean @ c.A.T)[:, 0]
    return Sides(_normal(c.y, at, (c.A @ cov @ c.A.T)[0, 0] + c.tau**2), _normal(c.y, at, c.tau**2))


@twin(
    "11.24",
    r"\nabla \log q(y \mid \mathbf{x}_t) = \left(\frac{\partial \hat{\mathbf{x}}_0}{\partial \mathbf{x}_t}\right)^{\!\top} A^{\!\top} \left(A\,C_t\,A^{\!\top} + \tau^2\mathbf{I}\right)^{-1} \left(y - A\hat{\mathbf{x}}_0\right)",
    symbols="grad cg_qy cg_x0_hat x_t cg_A cg_C cg_tau I",
)
def measurement_score(g: torch.Generator) -> Sides:
    """Left: score of noised p(x_0 | y), from conditioning the joint, minus that of noised p(x_0).  Right: formula."""
    c = _measured(g)
    joint = c.data.affine(
        torch.cat([torch.eye(2, dtype=F64), c.A]), noise=torch.diag(torch.tensor([0, 0, c.tau**2], dtype=F64))
    )
    given = joint.condition([2], c.y)
    scores = [_one(d.mean, d.cov).score(c.x, c.a, c.sd) for d in (given, c.data)]
    mean, cov = c.guess
    jacobian = c.a / c.sd**2 * cov
    residual = torch.linalg.solve(c.A @ cov @ c.A.T + c.tau**2 * torch.eye(1, dtype=F64), (c.y - mean @ c.A.T).T)
    return Sides(scores[0] - scores[1], (jacobian.T @ c.A.T @ residual).T)


@twin(
    "11.25",
    r"\frac{\partial \hat{\mathbf{x}}_0}{\partial \mathbf{x}_t} = \frac{\sqrt{\bar\alpha_t}}{1-\bar\alpha_t}\,C_t",
    symbols="cg_x0_hat x_t alpha_bar cg_C",
    source="Meng et al. 2021, section 3",
)
def jacobian_is_covariance(g: torch.Generator) -> Sides:
    """Left: automatic differentiation of a mixture's denoiser.  Right: covariance of x_0, by quadrature."""
    m, x, (a, sd) = _labelled(g, 2), _randn(g, 3, 2), _level(g)
    rows = [torch.autograd.functional.jacobian(lambda v: m.data.denoiser(v.unsqueeze(0), a, sd)[0], p) for p in x]
    nodes, w = plane_nodes(9.0, 241)
    posterior = w * m.data.log_prob(nodes).exp() * _normal(x.unsqueeze(1), a * nodes, sd**2).prod(2)
    posterior = posterior / posterior.sum(1, keepdim=True)
    mean = posterior @ nodes
    second = torch.einsum("bn,ni,nj->bij", posterior, nodes, nodes)
    return Sides(torch.stack(rows), a / sd**2 * (second - mean.unsqueeze(2) * mean.unsqueeze(1)))
