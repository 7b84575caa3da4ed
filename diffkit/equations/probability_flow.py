r"""Lesson 09, probability flow: the numbered equations (9.1) to (9.14), from Fokker and Planck to the solvers.

In each twin one side comes from values alone (differences, quadrature, a solver that is run), the other from the
formula.  The likelihood, (9.15) to (9.26), stands in `probability_flow_likelihood`.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from diffkit.equations.grids import STENCIL, differences
from diffkit.equations.registry import Sides, twin
from diffkit.likelihood import exact_divergence
from diffkit.oracle import GaussianMixture
from diffkit.samplers import last, ode, probability_flow, rk4
from diffkit.sde import SDE, VE, VP, SubVP

SONG = "Song et al. 2021"
F64 = torch.float64


def randn(g: torch.Generator, *shape: int) -> Tensor:
    """Standard normal numbers, float64."""
    return torch.randn(*shape, generator=g, dtype=F64)


def number(g: torch.Generator, low: float, high: float) -> float:
    """One number, uniform between low and high."""
    return low + (high - low) * float(torch.rand(1, generator=g, dtype=F64))


def mixture(g: torch.Generator, d: int, K: int = 3) -> GaussianMixture:
    """A random mixture whose bumps are wide enough for differences."""
    weights = torch.softmax(randn(g, K), 0)
    var = 0.3 + 0.5 * torch.rand(K, generator=g, dtype=F64)
    return GaussianMixture.isotropic(weights, randn(g, K, d), var)


def some_sde(g: torch.Generator) -> SDE:
    """VP, sub-VP or VE with moderate noise."""
    low, high = number(g, 0.1, 0.5), number(g, 2.0, 3.0)
    return (VP(low, high), SubVP(low, high), VE(0.2, high))[int(torch.randint(3, (1,), generator=g))]


def slope(f: Callable[[float], Tensor], step: float = 0.005) -> Tensor:
    """f'(0) from values of f near 0."""
    return torch.stack([c * (f(k * step) - f(-k * step)) for k, c in enumerate(STENCIL, 1)]).sum(0) / step


def log_density(data: GaussianMixture, sde: SDE, x: Tensor, t: float) -> Tensor:
    """log p_t(x), (B,)."""
    return data.log_prob(x, *sde.marginal(t))


def score(data: GaussianMixture, sde: SDE, x: Tensor, t: float) -> Tensor:
    """s(x, t), (B, d)."""
    return data.score(x, *sde.marginal(t))


def below(data: GaussianMixture, sde: SDE, x: Tensor, t: float | Tensor) -> Tensor:
    """F_t(x), the share of the points left of x, on the line.  x: (..,), t: a number or in x's shape."""
    alpha, sigma = (v.unsqueeze(-1) for v in sde.marginal(t))
    spread = (alpha**2 * data.covs[:, 0, 0] + sigma**2).sqrt()
    return torch.special.ndtr((x.unsqueeze(-1) - alpha * data.means[:, 0]) / spread) @ data.weights


def _rate_of_density(data: GaussianMixture, sde: SDE, x: Tensor, t: float) -> Tensor:
    """The left side of Fokker and Planck, from the exact density at times near t."""
    return slope(lambda h: log_density(data, sde, x, t + h).exp())


def _outflow(data: GaussianMixture, sde: SDE, x: Tensor, t: float, share: float) -> Tensor:
    """Divergence of (f - share g^2 s) p by automatic differentiation, s from the closed form."""
    f, g2 = sde.rate(t), sde.diffusion(t) ** 2

    def stream(y: Tensor) -> Tensor:
        v = f * y - share * g2 * score(data, sde, y, t)
        return v * log_density(data, sde, y, t).exp().unsqueeze(1)

    return exact_divergence(stream, x)[1]


def _curvature(p: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Sum of the second derivatives of p: (B, d) -> (B,), by automatic differentiation."""
    return exact_divergence(lambda y: torch.autograd.grad(p(y).sum(), y, create_graph=True)[0], x)[1]


def _setting(g: torch.Generator, d: int = 2) -> tuple[GaussianMixture, SDE, Tensor, float]:
    return mixture(g, d), some_sde(g), randn(g, 6, d), number(g, 0.2, 0.8)


@twin(
    "9.1",
    r"\frac{\partial p_t}{\partial t} = -\nabla\cdot\big(\mathbf{f}\,p_t\big) + \frac{g^2}{2}\,\nabla^2 p_t",
    symbols="t flow_p flow_f flow_g div lap",
    source="Fokker 1914, Planck 1917; Risken 1989, chapter 4",
)
def fokker_planck(g: torch.Generator) -> Sides:
    """The exact density of a noised mixture at nearby times, and automatic differentiation in x."""
    data, sde, x, t = _setting(g)
    spreading = 0.5 * sde.diffusion(t) ** 2 * _curvature(lambda y: log_density(data, sde, y, t).exp(), x)
    return Sides(_rate_of_density(data, sde, x, t), -_outflow(data, sde, x, t, 0.0) + spreading)


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
    data, sde, x, t = _setting(g)

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
    data, sde, x, t = _setting(g)
    return Sides(_rate_of_density(data, sde, x, t), -_outflow(data, sde, x, t, 0.5))


@twin(
    "9.5e",
    r"\frac{\partial p_t}{\partial t} = -\nabla\cdot\Big[\Big(\mathbf{f} - g^2\,\mathbf{s}\Big)\,p_t\Big]",
    symbols="t flow_p flow_f flow_g flow_s div",
    source="the drift of the reverse SDE, used without its noise",
    erratum="The whole g^2 belongs to the reverse SDE, whose noise takes half of it back. Without noise, half is right.",
)
def whole_g2(g: torch.Generator) -> Sides:
    """The exact density at nearby times, and what flows if g^2 is not halved."""
    data, sde, x, t = _setting(g)
    return Sides(_rate_of_density(data, sde, x, t), -_outflow(data, sde, x, t, 1.0))


@twin(
    "9.6",
    r"\frac{d\mathbf{x}}{dt} = \mathbf{v}(\mathbf{x},t) = \mathbf{f}(\mathbf{x},t) - \tfrac12\,g(t)^2\,\mathbf{s}(\mathbf{x},t)",
    symbols="t flow_x flow_v flow_f flow_g flow_s",
    source=f"{SONG}, eq. 13",
)
def flow_velocity(g: torch.Generator) -> Sides:
    """On the line a velocity that keeps the shares on both sides is -(dF/dt)/p: from the shares, and by the formula."""
    data, sde, x, t = _setting(g, 1)
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
    data, sde, x, t = _setting(g)
    lam = number(g, 0.2, 1.5)
    spreading = 0.5 * (lam * sde.diffusion(t)) ** 2 * _curvature(lambda y: log_density(data, sde, y, t).exp(), x)
    return Sides(_rate_of_density(data, sde, x, t), -_outflow(data, sde, x, t, (1 + lam**2) / 2) - spreading)


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


def _linear_field(g: torch.Generator) -> tuple[ode.Velocity, Callable[[Tensor, float, float, int], Tensor]]:
    """v = A x + b t, and the Taylor polynomial of the exact solution, up to a given order."""
    A, b = randn(g, 3, 3), randn(g, 3)

    def taylor(x: Tensor, t: float, h: float, order: int) -> Tensor:
        term = x @ A.mT + b * t
        out = x + h * term
        for k in range(2, order + 1):
            term = term @ A.mT + (b if k == 2 else 0)
            out = out + h**k / math.factorial(k) * term
        return out

    return lambda x, t: x @ A.mT + b * t, taylor


def _three_steps(g: torch.Generator, step: ode.OdeStep, order: int) -> Sides:
    v, taylor = _linear_field(g)
    x, t, h = randn(g, 5, 3), number(g, 0, 1), number(g, 0.1, 0.3)
    slow = x
    for k in range(3):
        slow = taylor(slow, t + k * h, h, order)
    *_, (_, end) = ode.integrate(v, x, [t, t + h, t + 2 * h, t + 3 * h], step)
    return Sides(end, slow)


@twin(
    "9.11",
    r"\mathbf{x}_{k+1} = \mathbf{x}_k + h\,\mathbf{v}(\mathbf{x}_k, t_k)",
    symbols="t flow_x flow_h flow_v",
    source="Euler 1768",
)
def euler_step(g: torch.Generator) -> Sides:
    """Three steps of the library in a linear field, and the Taylor polynomial of order 1 of the exact solution."""
    return _three_steps(g, ode.euler, 1)


@twin(
    "9.12",
    r"\mathbf{x}_{k+1} = \mathbf{x}_k + \frac{h}{2}\,(\mathbf{k}_1 + \mathbf{k}_2), \qquad \mathbf{k}_1 = \mathbf{v}(\mathbf{x}_k, t_k), \quad \mathbf{k}_2 = \mathbf{v}(\mathbf{x}_k + h\,\mathbf{k}_1,\ t_k + h)",
    symbols="t flow_x flow_h flow_k flow_v",
    source="Heun 1900; Karras et al. 2022, algorithm 1",
)
def heun_step(g: torch.Generator) -> Sides:
    """Three steps of the library in a linear field, and the Taylor polynomial of order 2 of the exact solution."""
    return _three_steps(g, ode.heun, 2)


@twin(
    "9.13",
    r"\mathbf{x}_{k+1} = \mathbf{x}_k + \frac{h}{6}\,(\mathbf{k}_1 + 2\mathbf{k}_2 + 2\mathbf{k}_3 + \mathbf{k}_4), \qquad \mathbf{k}_2 = \mathbf{v}\big(\mathbf{x}_k + \tfrac{h}{2}\mathbf{k}_1,\ t_k + \tfrac{h}{2}\big), \quad \mathbf{k}_3 = \mathbf{v}\big(\mathbf{x}_k + \tfrac{h}{2}\mathbf{k}_2,\ t_k + \tfrac{h}{2}\big), \quad \mathbf{k}_4 = \mathbf{v}(\mathbf{x}_k + h\,\mathbf{k}_3,\ t_k + h)",
    symbols="t flow_x flow_h flow_k flow_v",
    source="Kutta 1901",
)
def rk4_step(g: torch.Generator) -> Sides:
    """Three steps of the library in a linear field, and the Taylor polynomial of order 4 of the exact solution."""
    return _three_steps(g, ode.rk4, 4)


@twin(
    "9.14",
    r"\hat q = -\,\frac{\sum_i (\log n_i - \overline{\log n})\,(\log e_i - \overline{\log e})}{\sum_i (\log n_i - \overline{\log n})^2}",
    symbols="flow_order flow_n",
)
def order_from_errors(g: torch.Generator) -> Sides:
    """The straight line with the least squares, by a solver of linear systems, and the formula."""
    n = torch.tensor([10.0, 20, 40, 80, 160], dtype=F64)
    e = number(g, 0.5, 2) * n ** -number(g, 1, 4) * torch.exp(0.1 * randn(g, 5))
    design = torch.stack([torch.ones_like(n), n.log()], 1)
    line = torch.linalg.lstsq(design, e.log().unsqueeze(1)).solution[:, 0]
    u, y = n.log() - n.log().mean(), e.log() - e.log().mean()
    return Sides(-line[1:], -((u * y).sum() / (u**2).sum()).reshape(1))
