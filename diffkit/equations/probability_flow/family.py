r"""The flow and its noisy relatives.  Equations (9.6) to (9.10)."""

import torch
from torch import Tensor

from diffkit.equations.draws import F64, number, randn
from diffkit.equations.probability_flow.common import (
    SONG,
    below,
    curvature,
    log_density,
    mixture,
    outflow,
    rate_of_density,
    score,
    setting,
    slope,
    some_sde,
)
from diffkit.equations.registry import Sides, twin
from diffkit.oracle import GaussianMixture
from diffkit.samplers import last, probability_flow, rk4
from diffkit.sde import SDE, VP


@twin(
    "9.6",
    r"\frac{d\mathbf{x}}{dt} = \mathbf{v}(\mathbf{x},t) = \mathbf{f}(\mathbf{x},t) - \tfrac12\,g(t)^2\,\mathbf{s}(\mathbf{x},t)",
    symbols="t flow_x flow_v flow_f flow_g flow_s",
    source=f"{SONG}, eq. 13",
)
def flow_velocity(g: torch.Generator) -> Sides:
    """On the line a velocity that keeps the shares on both sides is -(dF/dt)/p: from the shares, and by the formula."""
    data, sde, x, t = setting(g, 1)
    moving = -slope(lambda h: below(data, sde, x[:, 0], t + h)) / log_density(data, sde, x, t).exp()
    return Sides(moving, sde.flow_drift(x, t, score(data, sde, x, t))[:, 0])


def _run(data: GaussianMixture, sde: SDE, x: Tensor, end: float, n: int = 150) -> Tensor:
    """Where the library's solver brings x from time 0.05 to end."""
    times = torch.linspace(0.05, end, n + 1, dtype=F64)
    return last(probability_flow(lambda y, t: score(data, sde, y, t), sde, x, times, step=rk4))


@twin(
    "9.7",
    r"F_t(x_t) = F_0(x_0)",
    symbols="t flow_F flow_x",
)
def shares_are_kept(g: torch.Generator) -> Sides:
    """The library's solver run on a mixture on the line: the share to the left at the end, and at the start."""
    data, sde, x = mixture(g, 1), VP(0.2, number(g, 1.0, 2.0)), randn(g, 6, 1)
    end = _run(data, sde, x, 0.9)
    return Sides(below(data, sde, end[:, 0], 0.9), below(data, sde, x[:, 0], 0.05))


@twin(
    "9.8",
    r"\frac{\partial p_t}{\partial t} = -\nabla\cdot\Big[\Big(\mathbf{f} - \frac{1+\lambda^2}{2}\,g^2\,\mathbf{s}\Big)p_t\Big] - \frac{\lambda^2}{2}\,g^2\,\nabla^2 p_t",
    symbols="t flow_p flow_f flow_g flow_s flow_lambda div lap",
    source="Karras et al. 2022, section 4, has a family of this kind",
)
def family(g: torch.Generator) -> Sides:
    """The exact density at nearby times, and both terms by automatic differentiation, for a random lambda."""
    data, sde, x, t = setting(g)
    lam = number(g, 0.2, 1.5)
    spreading = 0.5 * (lam * sde.diffusion(t)) ** 2 * curvature(lambda y: log_density(data, sde, y, t).exp(), x)
    return Sides(rate_of_density(data, sde, x, t), -outflow(data, sde, x, t, (1 + lam**2) / 2) - spreading)


@twin(
    "9.9",
    r"\frac{dV_t}{dt} = 2\Big(f + \frac{(1+\lambda^2)\,g^2}{2V_t}\Big)V_t - \lambda^2 g^2 = 2 f V_t + g^2",
    symbols="t flow_V flow_f flow_g flow_lambda",
)
def variance_of_the_family(g: torch.Generator) -> Sides:
    """alpha^2 V + sigma^2 at nearby times, and the rate of the member with a random lambda."""
    sde, t, lam = some_sde(g), number(g, 0.2, 0.8), number(g, 0.0, 1.5)
    V = 0.3 + torch.rand(5, generator=g, dtype=F64)

    def variance(time: float) -> Tensor:
        alpha, sigma = sde.marginal(time)
        return alpha**2 * V + sigma**2

    now, f, g2 = variance(t), sde.rate(t), sde.diffusion(t) ** 2
    rate = 2 * (f + (1 + lam**2) * g2 / (2 * now)) * now - lam**2 * g2
    return Sides(slope(lambda h: variance(t + h)), rate)


@twin(
    "9.10",
    r"x_t = \alpha_t\,m + \sqrt{\frac{V_t}{V}}\,(x_0 - m), \qquad V_t = \alpha_t^2\,V + \sigma_t^2",
    symbols="t flow_x flow_level flow_m flow_V",
)
def gaussian_path(g: torch.Generator) -> Sides:
    """Gaussian data on the line, already noised up to 0.05: the library's solver, and the stretched line."""
    data, sde = mixture(g, 1, K=1), VP(0.2, number(g, 1.0, 2.0))
    x, (a, s), (a_0, s_0) = randn(g, 6, 1), sde.marginal(0.9), sde.marginal(0.05)
    m, V = data.means[0, 0], data.covs[0, 0, 0]
    stretch = ((a**2 * V + s**2) / (a_0**2 * V + s_0**2)).sqrt()
    return Sides(_run(data, sde, x, 0.9), a * m + stretch * (x - a_0 * m))
