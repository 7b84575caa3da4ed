r"""Itô's rule, and what it says of mean and variance.  Equations (8.10) to (8.16)."""

import math

import torch
from torch import Tensor

from diffkit.equations.draws import F64, number, randn
from diffkit.equations.limits import runge_kutta
from diffkit.equations.quadrature import integrate, normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.equations.stochastic_differential_equations.common import SONG, mixture, three_sdes
from diffkit.oracle import GaussianMixture
from diffkit.sde import SDE, VE, VP, SubVP


@twin(
    "8.10",
    r"w_t^2 = 2\sum_{i=1}^{n} w_{t_{i-1}}\,\Delta w_i + \sum_{i=1}^{n} (\Delta w_i)^2",
    symbols="sde_w sde_dw sde_t sde_n",
)
def square_of_a_path(g: torch.Generator) -> Sides:
    """Four random paths: the square of their last point, and the two sums, step by step."""
    increments = 0.1 * randn(g, 50, 4)
    w, total = torch.zeros(4, dtype=F64), torch.zeros(4, dtype=F64)
    for dw in increments:
        total = total + 2 * w * dw + dw**2
        w = w + dw
    return Sides(increments.sum(0) ** 2, total)


def waves_at(sde: SDE, data: GaussianMixture, a: Tensor, b: Tensor, t: float) -> tuple[Tensor, Tensor, Tensor]:
    """For phi = sin(a x + b): d/dt E[phi(x_t)] by automatic differentiation, E[f phi'] and E[g^2 phi''/2] by quadrature."""
    m, v = data.means, data.covs[:, :, 0]

    def mean_of_phi(time: Tensor) -> Tensor:  # E sin(a x + b) on N(m, v) is exp(-a^2 v/2) sin(a m + b)
        alpha, sigma = sde.marginal(time)
        return data.weights @ (torch.exp(-0.5 * a**2 * (alpha**2 * v + sigma**2)) * torch.sin(a * alpha * m + b))

    rate = torch.autograd.functional.jacobian(mean_of_phi, torch.tensor([t], dtype=F64)).flatten()
    alpha, sigma = (float(c) for c in sde.marginal(t))
    f, g2 = float(sde.rate(t)), float(sde.diffusion(t)) ** 2

    def p(x: Tensor) -> Tensor:
        return torch.exp(data.log_prob(x.unsqueeze(1), alpha, sigma)).unsqueeze(1)

    carried = integrate(lambda x: p(x) * f * x.unsqueeze(1) * a * torch.cos(a * x.unsqueeze(1) + b), -24, 24)
    spread = integrate(lambda x: -p(x) * g2 / 2 * a**2 * torch.sin(a * x.unsqueeze(1) + b), -24, 24)
    return rate, carried, spread


def _waves(g: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """The three terms for VP, sub-VP and VE, three waves each."""
    data, t = mixture(g), number(g, 0.1, 0.9)
    a, b = 0.5 + 1.5 * torch.rand(3, generator=g, dtype=F64), randn(g, 3)
    terms = [waves_at(sde, data, a, b, t) for sde in three_sdes(g)]
    rate, carried, spread = (torch.cat(part) for part in zip(*terms, strict=True))
    return rate, carried, spread


@twin(
    "8.11",
    r"\frac{d}{dt}\,\mathbb{E}\big[\varphi(\mathbf{x}_t)\big] = \mathbb{E}\Big[\mathbf{f}(\mathbf{x}_t, t)\cdot\nabla\varphi(\mathbf{x}_t) + \tfrac12\,g(t)^2\,\nabla^2\varphi(\mathbf{x}_t)\Big]",
    symbols="sde_t E sde_phi sde_x sde_f sde_g",
    source="Itô 1944; Øksendal 2003, chapter 7",
)
def ito(g: torch.Generator) -> Sides:
    """Three waves phi under VP, sub-VP and VE on a mixture: the exact mean differentiated in time, and quadrature."""
    rate, carried, spread = _waves(g)
    return Sides(rate, carried + spread)


@twin(
    "8.11e",
    r"\frac{d}{dt}\,\mathbb{E}\big[\varphi(\mathbf{x}_t)\big] = \mathbb{E}\big[\mathbf{f}(\mathbf{x}_t, t)\cdot\nabla\varphi(\mathbf{x}_t)\big]",
    symbols="sde_t E sde_phi sde_x sde_f",
    source="the chain rule of ordinary calculus",
    erratum="The chain rule for smooth paths forgets that dw^2 = dt: half of g^2 times the second derivative is missing.",
)
def ordinary_chain_rule(g: torch.Generator) -> Sides:
    """The same without the second derivative."""
    rate, carried, _ = _waves(g)
    return Sides(rate, carried)


@twin(
    "8.12",
    r"\frac{d\mathbf{m}}{dt} = f(t)\,\mathbf{m}, \qquad \frac{dv}{dt} = 2 f(t)\,v + g(t)^2 \qquad \text{if } \mathbf{f}(\mathbf{x}, t) = f(t)\,\mathbf{x}",
    symbols="sde_m sde_v sde_t sde_f sde_rate sde_g sde_x",
    source="Särkkä & Solin 2019, section 5.5",
)
def moments(g: torch.Generator) -> Sides:
    """Data of mean m_0, variance v_0 under VP, sub-VP, VE: the marginals differentiated in time, and the two rates."""
    start, spread, t = number(g, 0.5, 2), number(g, 0.2, 2), torch.tensor([number(g, 0.1, 0.9)], dtype=F64)
    left, right = [], []
    for sde in three_sdes(g):

        def both(time: Tensor, sde: SDE = sde) -> Tensor:
            alpha, sigma = sde.marginal(time)
            return torch.cat([alpha * start, alpha**2 * spread + sigma**2])

        m, v = both(t)
        left.append(torch.autograd.functional.jacobian(both, t).flatten())
        right.append(torch.cat([sde.rate(t) * m, 2 * sde.rate(t) * v + sde.diffusion(t) ** 2]))
    return Sides(torch.cat(left), torch.cat(right))


def _moments_of(sde: SDE, t: float) -> Tensor:
    alpha, sigma = sde.marginal(t)
    return torch.stack([alpha, sigma**2])


@twin(
    "8.13",
    r"\text{VP:} \quad \alpha(t) = e^{-B(t)/2}, \qquad \sigma(t)^2 = 1 - e^{-B(t)}",
    symbols="sde_alpha sde_B sde_t sde_level",
    source=f"{SONG}, appendix C",
)
def vp_marginal(g: torch.Generator) -> Sides:
    """(8.12) from (1, 0) by 1,500 steps of Runge and Kutta, and the library's closed form."""
    low, high, t = number(g, 0.2, 0.8), number(g, 3, 6), number(g, 0.3, 1)

    def rates(u: float, y: tuple[float, ...]) -> tuple[float, ...]:
        beta = low + u * (high - low)
        return -beta / 2 * y[0], -beta * y[1] + beta

    return Sides(runge_kutta(rates, (1.0, 0.0), t), _moments_of(VP(low, high), t))


@twin(
    "8.14",
    r"\text{VE:} \quad \alpha(t) = 1, \qquad \sigma(t)^2 = \sigma_{\min}^2\,\big(r^{\,2t} - 1\big)",
    symbols="sde_alpha sde_t sde_level sde_r",
    source=f"{SONG}, appendix C, up to the -1",
)
def ve_marginal(g: torch.Generator) -> Sides:
    """(8.12) from (1, 0) by Runge and Kutta, and the library's closed form."""
    low, high, t = number(g, 0.05, 0.2), number(g, 1.5, 3), number(g, 0.3, 1)
    r = high / low

    def rates(u: float, y: tuple[float, ...]) -> tuple[float, ...]:
        return 0.0, (low * r**u) ** 2 * 2 * math.log(r)

    return Sides(runge_kutta(rates, (1.0, 0.0), t), _moments_of(VE(low, high), t))


@twin(
    "8.15",
    r"\text{sub-VP:} \quad g(t)^2 = \beta(t)\,\big(1 - e^{-2B(t)}\big) \qquad\Longrightarrow\qquad \alpha(t) = e^{-B(t)/2}, \quad \sigma(t)^2 = \big(1 - e^{-B(t)}\big)^2",
    symbols="sde_g sde_beta sde_B sde_t sde_alpha sde_level",
    source=f"{SONG}, eq. 12",
)
def sub_vp_marginal(g: torch.Generator) -> Sides:
    """(8.12) from (1, 0) by Runge and Kutta, and the library's closed form."""
    low, high, t = number(g, 0.2, 0.8), number(g, 3, 6), number(g, 0.3, 1)

    def rates(u: float, y: tuple[float, ...]) -> tuple[float, ...]:
        beta, B = low + u * (high - low), low * u + u**2 * (high - low) / 2
        return -beta / 2 * y[0], -beta * y[1] + beta * (1 - math.exp(-2 * B))

    return Sides(runge_kutta(rates, (1.0, 0.0), t), _moments_of(SubVP(low, high), t))


@twin(
    "8.16",
    r"m_{k+1} = (1 + f\Delta)\,m_k, \qquad v_{k+1} = (1 + f\Delta)^2\,v_k + g^2\Delta",
    symbols="sde_mk sde_rate sde_delta sde_g",
)
def moments_of_a_step(g: torch.Generator) -> Sides:
    """Mean and variance after one step (8.4) from N(m_k, v_k): by quadrature, and the formulas."""
    m, v, f, size, dt = randn(g, 4), 0.3 + torch.rand(4, generator=g, dtype=F64), *(number(g, 0.1, 1) for _ in "fgd")
    z, w = normal_grid(2)
    x = m + v.sqrt() * z[:, :1]
    y = x - f * x * dt + size * math.sqrt(dt) * z[:, 1:]
    mean = w @ y
    formula = torch.stack([(1 - f * dt) * m, (1 - f * dt) ** 2 * v + size**2 * dt])
    return Sides(torch.stack([mean, w @ (y - mean) ** 2]), formula)
