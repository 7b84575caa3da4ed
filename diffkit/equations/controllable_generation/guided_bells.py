r"""What the guided chain samples, exactly, for Gaussians.  Equations (11.18) to (11.20)."""

from typing import NamedTuple

import torch
from torch import Tensor

from diffkit import guidance
from diffkit.equations.controllable_generation.common import line, moments_by_derivatives, normal, one_bell
from diffkit.equations.draws import F64, number, randn
from diffkit.equations.registry import Sides, twin
from diffkit.schedule import linear


class Bells(NamedTuple):
    """Gaussian data N(0, v), a class N(m_y, v_y) in it, and the strength of guidance."""

    v: float
    m_y: float
    v_y: float
    s: float


def _bells(g: torch.Generator) -> Bells:
    return Bells(number(g, 0.8, 1.5), number(g, -1, 1), number(g, 0.2, 0.6), number(g, 1.5, 4))


@twin(
    "11.18",
    r"m_{t-1} = \frac{(1-\beta_t c_t)\,m_t + s\,\beta_t\sqrt{\bar\alpha_t}\,m_y / V_t^y}{\sqrt{\alpha_t}}, \qquad v_{t-1} = \frac{(1-\beta_t c_t)^2}{\alpha_t}\,v_t + \sigma_t^2, \qquad c_t = \frac{1-s}{V_t} + \frac{s}{V_t^y}",
    symbols="cg_m cg_c cg_V cg_s cg_sigma alpha beta alpha_bar",
)
def guided_chain(g: torch.Generator) -> Sides:
    """Left: a sampler written out step by step, differentiated by its noises.  Right: the recursion, 12 steps."""
    b, s = _bells(g), linear(12, 0.02, number(g, 0.3, 0.5))
    data, of_y = (
        one_bell(torch.tensor([m], dtype=F64), torch.tensor([[v]], dtype=F64)) for m, v in ((0.0, b.v), b[1:3])
    )

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
    return Sides(moments_by_derivatives(run, 13), torch.stack([m, var]))


@twin(
    "11.19",
    r"\frac{1}{v_s} = \frac{1-s}{v} + \frac{s}{v_y}, \qquad m_s = s\,\frac{v_s}{v_y}\,m_y",
    symbols="cg_m_s cg_s cg_V cg_m",
)
def tilted_bell(g: torch.Generator) -> Sides:
    """Left: mean and variance of the normalised product of powers, by quadrature.  Right: the formula."""
    b = _bells(g)
    x_0, w = line()
    x = x_0[:, 0]
    density = w * torch.exp(b.s * normal(x, b.m_y, b.v_y).log() + (1 - b.s) * normal(x, 0.0, b.v).log())
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
    sets = randn(g, 3, 7, 4) + 5 * randn(g, 3, 1, 4)
    slow = [sum(float(((a - b) ** 2).sum()) for a in x for b in x) / (7 * 6) for x in sets]
    return Sides(torch.tensor(slow, dtype=F64), 2 / 6 * ((sets - sets.mean(1, keepdim=True)) ** 2).sum((1, 2)))
