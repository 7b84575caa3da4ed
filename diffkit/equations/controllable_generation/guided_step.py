r"""Guidance and one guided step.  Equations (11.6) to (11.9)."""

import torch
from torch import Tensor

from diffkit import guidance
from diffkit.equations.controllable_generation.common import (
    autograd,
    labelled,
    level,
    line,
    log_class,
    normal,
    schedule_and_t,
    times,
)
from diffkit.equations.draws import number, randn, uniform
from diffkit.equations.grids import differences
from diffkit.equations.quadrature import integrate
from diffkit.equations.registry import Sides, twin
from diffkit.samplers import ancestral

DHARIWAL = "Dhariwal & Nichol 2021"


@twin(
    "11.6",
    r"\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t, y] = \mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t] - \sqrt{1-\bar\alpha_t}\,\nabla \log q(y \mid \mathbf{x}_t)",
    symbols="E eps x_t cg_y alpha_bar grad cg_qy",
)
def conditional_noise(g: torch.Generator) -> Sides:
    """Left: E[eps | x_t, y] by quadrature over the clean points of the class.  Right: all data, and the classifier."""
    m, x, (a, sd) = labelled(g), 1.5 * randn(g, 8, 1), level(g)
    x_0, w = line()
    posterior = w * m.y.log_prob(x_0).exp() * normal(x, a * x_0.T, sd**2)
    eps = (posterior * (x - a * x_0.T) / sd).sum(1) / posterior.sum(1)
    classifier = autograd(lambda v: log_class(m.data, v, a, sd), x)
    return Sides(eps.unsqueeze(1), m.data.eps(x, a, sd) - sd * classifier)


@twin(
    "11.7",
    r"\hat{\boldsymbol\varepsilon}_s(\mathbf{x}_t) = \boldsymbol\varepsilon_\varnothing(\mathbf{x}_t) - s\,\sqrt{1-\bar\alpha_t}\,\nabla \log q(y \mid \mathbf{x}_t)",
    symbols="cg_eps_s cg_eps_y cg_s alpha_bar grad cg_qy x_t",
    source=f"{DHARIWAL}, algorithm 2",
)
def guided_noise(g: torch.Generator) -> Sides:
    """Left: the library's guided predictor (automatic differentiation).  Right: the formula with finite differences."""
    m, x, scale = labelled(g, 2), randn(g, 6, 2), number(g, 1.5, 4)
    s, t, (a, sd) = schedule_and_t(g)
    eps = guidance.classifier_guided(
        lambda v, _: m.data.eps(v, a, sd), lambda v, _: log_class(m.data, v, a, sd), s, scale
    )
    slope = differences(lambda v: log_class(m.data, v, a, sd), x)
    return Sides(eps(x, times(t, x)), -sd * m.data.score(x, a, sd) - scale * sd * slope)


@twin(
    "11.8",
    r"\mathcal{N}(\mathbf{x};\ \boldsymbol\mu,\ \sigma^2\mathbf{I})\,e^{s\,\mathbf{g} \cdot (\mathbf{x} - \boldsymbol\mu)} \ \propto\ \mathcal{N}(\mathbf{x};\ \boldsymbol\mu + s\,\sigma^2\,\mathbf{g},\ \sigma^2\mathbf{I})",
    symbols="N cg_mu cg_sigma I cg_s cg_g",
    source=f"{DHARIWAL}, eq. 3 to 10",
)
def shifted_mean(g: torch.Generator) -> Sides:
    """Left: the product, normalised by quadrature.  Right: the moved bell.  On the line, for four settings."""
    mu, slope, s = randn(g, 4), randn(g, 4), number(g, 1, 4)
    var, x = uniform(g, 0.1, 0.6, 4), randn(g, 6, 1)

    def product(v: Tensor) -> Tensor:
        return normal(v, mu, var) * torch.exp(s * slope * (v - mu))

    whole = integrate(lambda v: product(v.unsqueeze(1)), -25, 25)
    return Sides(product(x) / whole, normal(x, mu + s * var * slope, var))


@twin(
    "11.9",
    r"\frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\hat{\boldsymbol\varepsilon}_s\right) = \boldsymbol\mu + s\,\frac{\beta_t}{\sqrt{\alpha_t}}\,\nabla \log q(y \mid \mathbf{x}_t)",
    symbols="alpha beta alpha_bar x_t cg_eps_s cg_mu cg_s grad cg_qy",
)
def guided_mean(g: torch.Generator) -> Sides:
    """Left: the library's sampler takes one step with the guided predictor, its noise taken away.  Right: formula."""
    m, x, scale = labelled(g, 2), randn(g, 6, 2), number(g, 1.5, 4)
    s, t, (a, sd) = schedule_and_t(g)
    guided = guidance.classifier_guided(
        lambda v, _: m.data.eps(v, a, sd), lambda v, _: log_class(m.data, v, a, sd), s, scale
    )
    steps = ancestral(guided, s, x, t_start=t, variance=torch.zeros_like(s.beta))
    next(steps)
    beta, root = s.beta[t], s.alpha[t].sqrt()
    plain = (x + beta * m.data.score(x, a, sd)) / root
    return Sides(next(steps).x, plain + scale * beta / root * differences(lambda v: log_class(m.data, v, a, sd), x))
