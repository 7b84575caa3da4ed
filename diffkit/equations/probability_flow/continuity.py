r"""The noise, rewritten as a flow.  Equations (9.1) to (9.5)."""

import math

import torch
from torch import Tensor

from diffkit.equations.draws import number, randn
from diffkit.equations.grids import differences
from diffkit.equations.probability_flow.common import (
    SONG,
    curvature,
    log_density,
    mixture,
    outflow,
    rate_of_density,
    score,
    setting,
    slope,
)
from diffkit.equations.registry import Sides, twin
from diffkit.likelihood import exact_divergence
from diffkit.oracle import GaussianMixture


@twin(
    "9.1",
    r"\frac{\partial p_t}{\partial t} = -\nabla\cdot\big(\mathbf{f}\,p_t\big) + \frac{g^2}{2}\,\nabla^2 p_t",
    symbols="t flow_p flow_f flow_g div lap",
    source="Fokker 1914, Planck 1917; Risken 1989, chapter 4",
)
def fokker_planck(g: torch.Generator) -> Sides:
    """The exact density of a noised mixture at nearby times, and automatic differentiation in x."""
    data, sde, x, t = setting(g)
    spreading = 0.5 * sde.diffusion(t) ** 2 * curvature(lambda y: log_density(data, sde, y, t).exp(), x)
    return Sides(rate_of_density(data, sde, x, t), -outflow(data, sde, x, t, 0.0) + spreading)


@twin(
    "9.2",
    r"\frac{d}{dt}\int_a^b p_t(x)\,dx = v(a,t)\,p_t(a) - v(b,t)\,p_t(b)",
    symbols="t flow_ab flow_p flow_v",
)
def mass_of_an_interval(g: torch.Generator) -> Sides:
    """Points of a mixture moved by x_t = c t + exp(r t) x_0: their share of an interval at nearby times, and the flow."""
    data, c, r, t = mixture(g, 1), number(g, -1, 1), number(g, -1, 1), number(g, 0.2, 0.8)
    ends = randn(g, 5, 2).sort(1).values

    def moved(time: float) -> GaussianMixture:
        grown = math.exp(r * time)
        return GaussianMixture(data.weights, c * time + grown * data.means, grown**2 * data.covs)

    def share(time: float) -> Tensor:
        now = moved(time)
        z = (ends.unsqueeze(2) - now.means[:, 0]) / now.covs[:, 0, 0].sqrt()
        return (torch.special.ndtr(z) @ now.weights).diff(dim=1)[:, 0]

    stream = (c + r * (ends - c * t)) * moved(t).log_prob(ends.reshape(-1, 1)).exp().reshape(ends.shape)
    return Sides(slope(lambda h: share(t + h)), stream[:, 0] - stream[:, 1])


@twin(
    "9.3",
    r"\frac{\partial p_t}{\partial t} = -\nabla\cdot\big(\mathbf{v}\,p_t\big)",
    symbols="t flow_p flow_v div",
    source="Euler 1757",
)
def continuity(g: torch.Generator) -> Sides:
    """Points of a mixture moved by dx/dt = A x stay a mixture: its density at nearby times, and the divergence."""
    data, A, x, t = mixture(g, 2), randn(g, 2, 2), randn(g, 6, 2), number(g, 0.2, 0.8)

    def density(y: Tensor, time: float) -> Tensor:
        E = torch.linalg.matrix_exp(time * A)
        return GaussianMixture(data.weights, data.means @ E.mT, E @ data.covs @ E.mT).log_prob(y).exp()

    flow = exact_divergence(lambda y: y @ A.mT * density(y, t).unsqueeze(1), x)[1]
    return Sides(slope(lambda h: density(x, t + h)), -flow)


@twin(
    "9.4",
    r"\nabla^2 p_t = \nabla\cdot\big(p_t\,\mathbf{s}\big)",
    symbols="flow_p flow_s div lap",
)
def curvature_is_a_flow(g: torch.Generator) -> Sides:
    """Second differences of the density, and the divergence of the density times the closed form of the score."""
    data, sde, x, t = setting(g)

    def p(y: Tensor) -> Tensor:
        return log_density(data, sde, y, t).exp()

    def along(i: int) -> Tensor:
        return differences(lambda y: differences(p, y)[:, i], x)[:, i]

    flow = exact_divergence(lambda y: p(y).unsqueeze(1) * score(data, sde, y, t), x)[1]
    return Sides(along(0) + along(1), flow)


@twin(
    "9.5",
    r"\frac{\partial p_t}{\partial t} = -\nabla\cdot\Big[\Big(\mathbf{f} - \tfrac12\,g^2\,\mathbf{s}\Big)\,p_t\Big]",
    symbols="t flow_p flow_f flow_g flow_s div",
    source=f"{SONG}, appendix D",
)
def fokker_planck_as_flow(g: torch.Generator) -> Sides:
    """The exact density at nearby times, and the divergence of what flows."""
    data, sde, x, t = setting(g)
    return Sides(rate_of_density(data, sde, x, t), -outflow(data, sde, x, t, 0.5))


@twin(
    "9.5e",
    r"\frac{\partial p_t}{\partial t} = -\nabla\cdot\Big[\Big(\mathbf{f} - g^2\,\mathbf{s}\Big)\,p_t\Big]",
    symbols="t flow_p flow_f flow_g flow_s div",
    source="the drift of the reverse SDE, used without its noise",
    erratum="The whole g^2 belongs to the reverse SDE, whose noise takes half of it back. Without noise, half is right.",
)
def whole_g2(g: torch.Generator) -> Sides:
    """The exact density at nearby times, and what flows if g^2 is not halved."""
    data, sde, x, t = setting(g)
    return Sides(rate_of_density(data, sde, x, t), -outflow(data, sde, x, t, 1.0))
