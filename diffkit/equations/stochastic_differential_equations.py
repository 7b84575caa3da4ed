r"""Lesson 08, stochastic differential equations: the numbered equations (8.1) to (8.19) as functions.

Here are the Wiener process, the limits of the two chains, Itô's rule, the moments and the order of a step.  The
densities, the way back and the sampler are in `fokker_planck`.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor

from diffkit import sigmas
from diffkit.equations.grids import interval_nodes
from diffkit.equations.limits import limit, runge_kutta
from diffkit.equations.quadrature import integrate, normal_grid, normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.forward import q_step
from diffkit.gaussian import Gaussian
from diffkit.oracle import GaussianMixture
from diffkit.samplers import euler_maruyama, last
from diffkit.schedule import Schedule
from diffkit.sde import SDE, VE, VP, SubVP

SONG = "Song et al. 2021"
F64 = torch.float64


def randn(g: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=g, dtype=F64)


def number(g: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(1, generator=g, dtype=F64))


def mixture(g: torch.Generator, d: int = 1) -> GaussianMixture:
    """Three bells of random place, width and weight."""
    var = 0.2 + 0.4 * torch.rand(3, generator=g, dtype=F64)
    return GaussianMixture.isotropic(torch.softmax(randn(g, 3), 0), 1.2 * randn(g, 3, d), var)


def three_sdes(g: torch.Generator) -> list[SDE]:
    """One equation of each kind, with random ends."""
    low, high = number(g, 0.2, 0.8), number(g, 3, 6)
    return [VP(low, high), SubVP(low, high), VE(number(g, 0.05, 0.2), number(g, 1.5, 3))]


def _normal_density(x: Tensor, var: float) -> Tensor:
    return torch.exp(-0.5 * x**2 / var) / math.sqrt(2 * math.pi * var)


@twin(
    "8.1",
    r"\mathbf{w}_0 = \mathbf{0}, \qquad \mathbf{w}_t - \mathbf{w}_s \sim \mathcal{N}\big(\mathbf{0},\ (t-s)\,\mathbf{I}\big) \quad \text{for } s < t, \text{ independent of all that was before } s",
    symbols="sde_w sde_t N I",
    source="Wiener 1923",
)
def wiener(g: torch.Generator) -> Sides:
    """Cut the time from s to t anywhere: two increments, added by a convolution, and one increment of the whole."""
    first, second, x = number(g, 0.1, 1), number(g, 0.1, 1), randn(g, 6)
    left = integrate(
        lambda y: _normal_density(y, first).unsqueeze(1) * _normal_density(x - y.unsqueeze(1), second), -12, 12
    )
    return Sides(left, _normal_density(x, first + second))


@twin(
    "8.2",
    r"\mathbb{E}[w_s\,w_t] = \min(s, t)",
    symbols="E sde_w sde_t",
)
def wiener_covariance(g: torch.Generator) -> Sides:
    """Six times: the covariance of sums of independent increments, and the smaller of two times."""
    t = torch.rand(6, generator=g, dtype=F64).sort().values
    steps = t.diff(prepend=t.new_zeros(1))
    adds = torch.ones(6, 6, dtype=F64).tril()  # w at time i is the sum of the increments up to i
    return Sides(adds @ torch.diag(steps) @ adds.mT, torch.minimum(t.unsqueeze(0), t.unsqueeze(1)))


@twin(
    "8.3",
    r"\mathbb{E}\Big[\sum_{i=1}^{n} (\Delta w_i)^2\Big] = t, \qquad \operatorname{Var}\Big[\sum_{i=1}^{n} (\Delta w_i)^2\Big] = \frac{2t^2}{n}",
    symbols="E Var sde_dw sde_t sde_n",
)
def quadratic_variation(g: torch.Generator) -> Sides:
    """n = 1, 2, 3, 4 equal steps: mean and variance by quadrature over all increments, and the formulas."""
    t, left, right = number(g, 0.3, 2), [], []
    for n in range(1, 5):
        z, w = normal_grid(n)
        total = (t / n * z**2).sum(1)
        mean = w @ total
        left += [mean, w @ (total - mean) ** 2]
        right += [t, 2 * t**2 / n]
    return Sides(torch.stack(left), torch.tensor(right, dtype=F64))


@twin(
    "8.4",
    r"\mathbf{x}_{t+\Delta} = \mathbf{x}_t + \mathbf{f}(\mathbf{x}_t, t)\,\Delta + g(t)\,\sqrt{\Delta}\;\boldsymbol\varepsilon, \qquad \boldsymbol\varepsilon \sim \mathcal{N}(\mathbf{0}, \mathbf{I})",
    symbols="sde_x sde_t sde_f sde_g sde_delta eps N I",
    source="Maruyama 1955; Kloeden & Platen 1992, section 10.2",
)
def step(g: torch.Generator) -> Sides:
    """Six steps of different lengths: the library's solver on its VP, and a loop with the coefficients written out."""
    low, high, x = number(g, 0.2, 0.8), number(g, 3, 6), randn(g, 5, 2)
    times = [0.0, *torch.rand(6, generator=g, dtype=F64).sort().values.tolist()]
    seed = int(torch.randint(2**31, (1,), generator=g))
    sde = VP(low, high)
    run = euler_maruyama(sde.drift, sde.diffusion, x, times, generator=torch.Generator().manual_seed(seed))
    library, same = last(run), torch.Generator().manual_seed(seed)
    for t, after in pairwise(times):
        beta, dt = low + t * (high - low), after - t
        x = x - beta / 2 * x * dt + math.sqrt(beta) * math.sqrt(dt) * randn(same, 5, 2)
    return Sides(library, x)


def _chain(sde: VP, T: int) -> Schedule:
    """The DDPM chain of T steps with beta_i = beta(i/T)/T."""
    t = torch.arange(T + 1, dtype=F64) / T
    return Schedule(torch.where(t > 0, sde.beta(t) / T, 0.0))


@twin(
    "8.5",
    r"\mathbf{x}_t = \sqrt{1-\beta(t)\,\Delta}\;\mathbf{x}_{t-\Delta} + \sqrt{\beta(t)\,\Delta}\;\boldsymbol\varepsilon, \qquad t = i\,\Delta, \quad \Delta = \frac1T, \quad \beta_i = \beta(t)\,\Delta",
    symbols="sde_x sde_t sde_beta sde_delta eps T",
    source=f"Ho et al. 2020, eq. 2, in the letters of {SONG}, appendix B",
)
def chain_in_time(g: torch.Generator) -> Sides:
    """The chain of lesson 02 with the table beta_i, all its steps, and the formula in time."""
    low, high, T, x = number(g, 0.2, 0.8), number(g, 3, 6), 12, randn(g, 4, 2)
    noises = randn(g, T, 4, 2)
    s, y = _chain(VP(low, high), T), x
    for i in range(1, T + 1):
        x = q_step(s, x, i).sample(noise=noises[i - 1])
        beta = (low + i / T * (high - low)) / T
        y = math.sqrt(1 - beta) * y + math.sqrt(beta) * noises[i - 1]
    return Sides(x, y)


@twin(
    "8.6",
    r"d\mathbf{x} = -\tfrac12\,\beta(t)\,\mathbf{x}\,dt + \sqrt{\beta(t)}\,d\mathbf{w}",
    symbols="sde_x sde_beta sde_t sde_w",
    source=f"{SONG}, eq. 11",
)
def chain_to_vp(g: torch.Generator) -> Sides:
    """Mean and variance of one step of the chain, divided by the step, as it shrinks to 0; drift and g^2 of VP."""
    sde, x, t = VP(number(g, 0.2, 0.8), number(g, 3, 6)), randn(g, 5, 1), number(g, 0.1, 0.9)

    def per_time(dt: float) -> Tensor:
        one = Schedule(torch.stack([torch.zeros((), dtype=F64), sde.beta(t) * dt]))
        after = q_step(one, x, 1)
        return torch.cat([(after.mean - x) / dt, after.var.reshape(1, 1) / dt])

    formula = torch.cat([sde.drift(x, t), (sde.diffusion(t) ** 2).reshape(1, 1)])
    return Sides(limit(per_time, 0.05), formula)


@twin(
    "8.7",
    r"\lim_{T\to\infty}\ \prod_{i=1}^{tT} \Big(1 - \frac{\beta(i/T)}{T}\Big) = e^{-B(t)}, \qquad B(t) = \int_0^t \beta(u)\,du",
    symbols="T sde_beta sde_t sde_B",
    source=f"{SONG}, appendix B",
)
def product_to_exponential(g: torch.Generator) -> Sides:
    """alpha_bar of the chain at t = 1/4, 1/2, 3/4, 1 for T = 32 to 8192, carried to T = infinity; the exponential."""
    sde = VP(number(g, 0.2, 0.8), number(g, 3, 6))
    quarters = torch.tensor([0.25, 0.5, 0.75, 1.0], dtype=F64)

    def alpha_bar(step: float) -> Tensor:
        T = round(1 / step)
        return _chain(sde, T).alpha_bar[(quarters * T).long()]

    nodes, w = interval_nodes(0.0, 1.0, 20)
    B = torch.stack([t * w @ sde.beta(t * nodes) for t in quarters])
    return Sides(limit(alpha_bar, 1 / 32, 9), torch.exp(-B))


@twin(
    "8.8",
    r"d\mathbf{x} = g(t)\,d\mathbf{w}, \qquad g(t)^2 = \lim_{\Delta\to0} \frac{\sigma(t)^2 - \sigma(t-\Delta)^2}{\Delta} = \frac{d\,[\sigma(t)^2]}{dt}",
    symbols="sde_x sde_g sde_w sde_t sde_level sde_delta",
    source=f"{SONG}, eq. 9",
)
def ladder_to_ve(g: torch.Generator) -> Sides:
    """The ladder of lesson 07 at its middle rung, with 5 to 641 rungs: added variance per time; g^2 of the library."""
    low, high = number(g, 0.05, 0.2), number(g, 1.5, 3)

    def per_time(dt: float) -> Tensor:
        n = round(1 / dt)  # steps from the cleanest rung, t = 0, to the noisiest, t = 1
        rungs = sigmas.geometric(n + 1, low, high)[1:]
        return ((rungs[n // 2] ** 2 - rungs[n // 2 - 1] ** 2) * n).reshape(1)

    return Sides(limit(per_time, 1 / 4), (VE(low, high).diffusion(0.5) ** 2).reshape(1))


@twin(
    "8.9",
    r"\sigma(t) = \sigma_{\min}\,r^{\,t}, \quad r = \frac{\sigma_{\max}}{\sigma_{\min}} \qquad\Longrightarrow\qquad g(t) = \sigma_{\min}\,r^{\,t}\,\sqrt{2\log r}",
    symbols="sde_level sde_r sde_t sde_g",
    source=f"{SONG}, appendix C",
)
def ve_diffusion(g: torch.Generator) -> Sides:
    """The derivative of sigma(t)^2 by automatic differentiation, and the formula."""
    low, high = number(g, 0.05, 0.2), number(g, 1.5, 3)
    t = torch.rand(5, generator=g, dtype=F64).requires_grad_()
    (slope,) = torch.autograd.grad(((low * (high / low) ** t) ** 2).sum(), t)
    r = high / low
    return Sides(slope.sqrt(), low * r ** t.detach() * math.sqrt(2 * math.log(r)))


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


def _growth(g: torch.Generator) -> tuple[float, float, float]:
    return number(g, -0.5, 0.5), number(g, 0.3, 0.8), number(g, 0.3, 1)


def _mean_powers(a: float, b: float, t: float, correction: float) -> Tensor:
    """E[x_t], E[x_t^2] for x_t = exp((a - correction) t + b w_t), by quadrature over w_t."""
    z, w = normal_nodes(60)
    x = torch.exp((a - correction) * t + b * math.sqrt(t) * z)
    return torch.stack([w @ x, w @ x**2])


def _grown(a: float, b: float, t: float) -> Tensor:
    """E[x_t], E[x_t^2] for dx = a x dt + b x dw by (8.11) with phi = x and phi = x^2."""
    return runge_kutta(lambda _, y: (a * y[0], (2 * a + b**2) * y[1]), (1.0, 1.0), t)


@twin(
    "8.17",
    r"dx = a\,x\,dt + b\,x\,dw \qquad\Longrightarrow\qquad x_t = x_0\,\exp\!\Big(\big(a - \tfrac12 b^2\big)\,t + b\,w_t\Big)",
    symbols="sde_ab sde_x sde_w sde_t",
    source="Kloeden & Platen 1992, section 4.4",
)
def geometric_brownian_motion(g: torch.Generator) -> Sides:
    """Mean and mean square of the solution by quadrature over w_t, and the rates that (8.11) gives for x and x^2."""
    a, b, t = _growth(g)
    return Sides(_mean_powers(a, b, t, b**2 / 2), _grown(a, b, t))


@twin(
    "8.17e",
    r"dx = a\,x\,dt + b\,x\,dw \qquad\Longrightarrow\qquad x_t = x_0\,\exp\!\big(a\,t + b\,w_t\big)",
    symbols="sde_ab sde_x sde_w sde_t",
    source="ordinary calculus: divide by x and integrate",
    erratum="Ordinary calculus misses b^2/2. Its mean grows like exp((a + b^2/2) t), but the equation says exp(a t).",
)
def growth_by_ordinary_calculus(g: torch.Generator) -> Sides:
    """The same without the correction."""
    a, b, t = _growth(g)
    return Sides(_mean_powers(a, b, t, 0.0), _grown(a, b, t))


@twin(
    "8.18",
    r"\frac{\mathbb{E}\big[(\hat x_n - x_t)^2\big]}{x_0^2} = \big((1+a\Delta)^2 + b^2\Delta\big)^n - 2\Big(e^{a\Delta}\big(1 + a\Delta + b^2\Delta\big)\Big)^n + e^{(2a+b^2)t}, \qquad n\Delta = t",
    symbols="E sde_hat sde_x sde_ab sde_delta sde_n sde_t",
    source="the order 1/2 is theorem 10.2.2 of Kloeden & Platen 1992",
)
def strong_error_multiplicative(g: torch.Generator) -> Sides:
    """n = 1, 2, 3 steps: the mean square by quadrature over all increments, and the formula."""
    (a, b, t), left, right = _growth(g), [], []
    for n in (1, 2, 3):
        z, w = normal_grid(n, 30)
        dt = t / n
        steps = torch.prod(1 + a * dt + b * math.sqrt(dt) * z, 1)
        exact = torch.exp((a - b**2 / 2) * t + b * math.sqrt(dt) * z.sum(1))
        left.append(w @ (steps - exact) ** 2)
        squares = ((1 + a * dt) ** 2 + b**2 * dt) ** n
        right.append(squares - 2 * (math.exp(a * dt) * (1 + a * dt + b**2 * dt)) ** n + math.exp((2 * a + b**2) * t))
    return Sides(torch.stack(left), torch.tensor(right, dtype=F64))


@twin(
    "8.19",
    r"\mathbb{E}\big[(\hat x_n - x_t)^2\big] = \big((1-\theta\Delta)^n - e^{-\theta t}\big)^2 x_0^2 + g^2 \sum_{i=1}^{n} \int_{(i-1)\Delta}^{i\Delta} \big((1-\theta\Delta)^{n-i} - e^{-\theta(t-u)}\big)^2\,du",
    symbols="E sde_hat sde_x sde_theta sde_g sde_delta sde_n sde_t",
    source="the order 1 for additive noise is in section 10.2 of Kloeden & Platen 1992",
)
def strong_error_additive(g: torch.Generator) -> Sides:
    """dx = -theta x dt + g dw: the joint Gaussian of exact path and Euler's path, step by step; and the sum."""
    theta, size, start, t = number(g, 0.5, 2), number(g, 0.5, 2), number(g, 0.5, 2), number(g, 0.5, 1)
    left, right = [], []
    for n in (1, 4, 16):
        dt = t / n
        decay, shrink = math.exp(-theta * dt), 1 - theta * dt
        # Given the past, noise of the exact step is g times the integral of exp(-theta (end - u)) dw, Euler's g dw.
        fresh = [(1 - decay**2) / (2 * theta), (1 - decay) / theta, dt]
        mean, cov = [start, start], [0.0, 0.0, 0.0]
        for _ in range(n):
            mean = [decay * mean[0], shrink * mean[1]]
            turned = zip((decay**2, decay * shrink, shrink**2), cov, fresh, strict=True)
            cov = [k * c + size**2 * f for k, c, f in turned]
        left.append((mean[1] - mean[0]) ** 2 + cov[2] - 2 * cov[1] + cov[0])
        total = ((1 - theta * dt) ** n - math.exp(-theta * t)) ** 2 * start**2
        for i in range(1, n + 1):
            u, w = interval_nodes((i - 1) * dt, i * dt, 12)
            total += size**2 * float(w @ ((1 - theta * dt) ** (n - i) - torch.exp(-theta * (t - u))) ** 2)
        right.append(total)
    return Sides(torch.tensor(left, dtype=F64), torch.tensor(right, dtype=F64))


def density_of(data: GaussianMixture, sde: SDE, t: float, x: Tensor) -> Tensor:
    """p_t at points (B, d), from the exact marginals."""
    return torch.exp(data.log_prob(x, *(float(c) for c in sde.marginal(t))))


def gaussian_density(x: Tensor, mean: Tensor, var: Tensor | float) -> Tensor:
    """N(x; mean, var I) for points (B, d)."""
    return torch.exp(Gaussian(mean, torch.as_tensor(var, dtype=F64).expand_as(mean)).log_prob(x))
