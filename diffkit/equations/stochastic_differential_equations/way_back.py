r"""The way back: the reverse equation, DDPM as its discretisation, the corrector.  Equations (8.25) to (8.31)."""

import math

import torch
from torch import Tensor

from diffkit.equations.draws import F64, number, randn
from diffkit.equations.limits import divergence, gradient, laplacian, limit
from diffkit.equations.quadrature import integrate
from diffkit.equations.registry import Sides, twin
from diffkit.equations.stochastic_differential_equations.common import (
    SONG,
    density_of,
    in_the_plane,
    mixture,
    rate_of,
    score,
    three_sdes,
)
from diffkit.gaussian import Gaussian
from diffkit.oracle import GaussianMixture
from diffkit.samplers import corrector_step, euler_maruyama_kernel, reverse_kernel
from diffkit.schedule import Schedule
from diffkit.sde import SDE, VP


def gaussian_density(x: Tensor, mean: Tensor, var: Tensor | float) -> Tensor:
    """N(x; mean, var I) for points (B, d)."""
    return torch.exp(Gaussian(mean, torch.as_tensor(var, dtype=F64).expand_as(mean)).log_prob(x))


ANDERSON = "Anderson 1982"


@twin(
    "8.25",
    r"\frac{\partial p_t}{\partial(-t)} = -\nabla\cdot\Big(\big(-\mathbf{f} + g(t)^2\,\mathbf{s}\big)\,p_t\Big) + \tfrac12\,g(t)^2\,\nabla^2 p_t",
    symbols="sde_p sde_t sde_f sde_g sde_score",
    source=ANDERSON,
)
def reversed_fokker_planck(g: torch.Generator) -> Sides:
    """Minus the derivative of the exact density in time, and the right side by derivatives in space."""
    data, sdes, t, x = in_the_plane(g)
    left, right = [], []
    for sde in sdes:

        def p(y: Tensor, sde: SDE = sde) -> Tensor:
            return density_of(data, sde, t, y)

        def flow(y: Tensor, sde: SDE = sde, p=p) -> Tensor:  # type: ignore[no-untyped-def]
            back = -sde.drift(y, t) + sde.diffusion(t) ** 2 * gradient(lambda v: torch.log(p(v)), y)
            return back * p(y).unsqueeze(1)

        left.append(-rate_of(data, sde, t, x))
        right.append(-divergence(flow, x) + 0.5 * sde.diffusion(t) ** 2 * laplacian(p, x))
    return Sides(torch.cat(left), torch.cat(right))


def _stepped_back(data: GaussianMixture, sde: SDE, t: float, x: Tensor) -> Tensor:
    """Mean of (x_{t-h} - x_t)/(-h) and variance of x_{t-h} over h, given x_t = x, in the limit of small h.

    By Bayes' rule on the exact mixture: no reverse equation is used.
    """
    now = tuple(float(c) for c in sde.marginal(t))

    def per_time(h: float) -> Tensor:
        alpha, sigma = (float(c) for c in sde.marginal(t - h))
        before = data.reverse(x, (alpha, sigma), (now[0], now[1]))
        mean, w = before.mean[:, 0], before.weights
        square = (w * (before.covs[:, :, 0, 0] + before.means[:, :, 0] ** 2)).sum(1)
        return torch.cat([(mean - x[:, 0]) / -h, (square - mean**2) / h])

    return limit(per_time, 0.02, 6)


@twin(
    "8.26",
    r"d\mathbf{x} = \big[\mathbf{f}(\mathbf{x}, t) - g(t)^2\,\mathbf{s}(\mathbf{x}, t)\big]\,dt + g(t)\,d\bar{\mathbf{w}}, \qquad dt < 0",
    symbols="sde_x sde_f sde_g sde_score sde_t sde_wbar",
    source=f"{ANDERSON}; {SONG}, eq. 6",
)
def reverse_equation(g: torch.Generator) -> Sides:
    """Where x_t came from, by Bayes' rule on the mixture: mean and variance per time; drift and g^2 of the equation."""
    data, t, x = mixture(g), number(g, 0.3, 0.8), randn(g, 5, 1)
    left, right = [], []
    for sde in three_sdes(g):
        left.append(_stepped_back(data, sde, t, x))
        drift = sde.reverse_drift(x, t, score(data, sde, t, x))[:, 0]
        right.append(torch.cat([drift, (sde.diffusion(t) ** 2).expand(5)]))
    return Sides(torch.cat(left), torch.cat(right))


@twin(
    "8.26e",
    r"d\mathbf{x} = \mathbf{f}(\mathbf{x}, t)\,dt + g(t)\,d\bar{\mathbf{w}}, \qquad dt < 0",
    symbols="sde_x sde_f sde_g sde_t sde_wbar",
    source="the forward equation run with negative steps",
    erratum="Noise does not undo noise: turning the sign of dt alone leaves out the score, and the paths spread even more.",
)
def reversed_without_score(g: torch.Generator) -> Sides:
    """The same mean and variance by Bayes' rule, and the forward drift with g^2."""
    data, t, x = mixture(g), number(g, 0.3, 0.8), randn(g, 5, 1)
    sde = three_sdes(g)[0]
    drift = sde.drift(x, t)[:, 0]
    return Sides(_stepped_back(data, sde, t, x), torch.cat([drift, (sde.diffusion(t) ** 2).expand(5)]))


def _both_steps(sde: VP, T: int, i: int) -> tuple[Tensor, float]:
    """DDPM minus Euler-Maruyama from i/T to (i-1)/T: factors of x, of the score and of the noise, and beta(t)/T."""
    t = torch.arange(T + 1, dtype=F64) / T
    chain = Schedule(torch.where(t > 0, sde.beta(t) / T, 0.0))
    ddpm = reverse_kernel(chain, [i, i - 1])  # its b multiplies eps = -sqrt(1 - alpha_bar) score
    euler = euler_maruyama_kernel(sde, [i / T, (i - 1) / T])
    of_score = -ddpm.b[0] * float(chain.noise_var[i].sqrt())
    gaps = [ddpm.a[0] - euler.a[0], of_score - euler.b[0], ddpm.c[0] - euler.c[0]]
    return torch.tensor(gaps, dtype=F64), float(chain.beta[i])


@twin(
    "8.27",
    r"\mathbf{x}^{\text{DDPM}}_{t-\Delta} - \mathbf{x}^{\text{EM}}_{t-\Delta} = \Big(\frac{1}{\sqrt{1-b}} - 1 - \frac b2\Big)\,\mathbf{x}_t + b\,\Big(\frac{1}{\sqrt{1-b}} - 1\Big)\,\mathbf{s}(\mathbf{x}_t, t), \qquad b = \beta(t)\,\Delta",
    symbols="sde_x sde_t sde_delta sde_b sde_score sde_beta",
    source=f"{SONG} call the two ancestral and reverse diffusion samplers",
)
def ddpm_minus_euler(g: torch.Generator) -> Sides:
    """The library's two samplers, one step of each from the same point with the same noise; and the formula."""
    T, x, s, z = 20, randn(g, 6, 2), randn(g, 6, 2), randn(g, 6, 2)
    gaps, b = _both_steps(VP(number(g, 0.2, 0.8), number(g, 3, 6)), T, 13)
    root = 1 / math.sqrt(1 - b)
    return Sides(gaps[0] * x + gaps[1] * s + gaps[2] * z, (root - 1 - b / 2) * x + b * (root - 1) * s)


@twin(
    "8.28",
    r"\lim_{\Delta\to0}\ \frac{\mathbf{x}^{\text{DDPM}}_{t-\Delta} - \mathbf{x}^{\text{EM}}_{t-\Delta}}{\Delta^2} = \beta(t)^2\,\Big(\tfrac38\,\mathbf{x}_t + \tfrac12\,\mathbf{s}(\mathbf{x}_t, t)\Big)",
    symbols="sde_x sde_t sde_delta sde_beta sde_score",
)
def second_order_gap(g: torch.Generator) -> Sides:
    """One step of both samplers of the library for T = 16 to 1024: the gap over the square of the step, in the limit."""
    sde, x, s = VP(number(g, 0.2, 0.8), number(g, 3, 6)), randn(g, 6, 2), randn(g, 6, 2)

    def over_square(dt: float) -> Tensor:
        T = round(1 / dt)
        gaps, _ = _both_steps(sde, T, T // 2)  # always t = 1/2
        return (gaps[0] * x + gaps[1] * s) * T**2

    return Sides(limit(over_square, 1 / 16, 7), sde.beta(0.5) ** 2 * (3 / 8 * x + s / 2))


@twin(
    "8.29",
    r"\frac{\partial p_t}{\partial t} = -\nabla\cdot\Big(\big(\mathbf{f} - \tfrac12\,g(t)^2\,\mathbf{s}\big)\,p_t\Big)",
    symbols="sde_p sde_t sde_f sde_g sde_score",
    source=f"{SONG}, appendix D",
)
def half_the_score_moves(g: torch.Generator) -> Sides:
    """The derivative of the exact density in time, and a flow without any noise."""
    data, sdes, t, x = in_the_plane(g)
    left, right = [], []
    for sde in sdes:

        def flow(y: Tensor, sde: SDE = sde) -> Tensor:
            return sde.flow_drift(y, t, score(data, sde, t, y)) * density_of(data, sde, t, y).unsqueeze(1)

        left.append(rate_of(data, sde, t, x))
        right.append(-divergence(flow, x))
    return Sides(torch.cat(left), torch.cat(right))


@twin(
    "8.30",
    r"p^{+}(\mathbf{y}) = \int p(\mathbf{x})\;\mathcal{N}\big(\mathbf{y};\ \mathbf{m}(\mathbf{x}),\ v\,\mathbf{I}\big)\,d\mathbf{x}",
    symbols="sde_plus sde_target sde_mean_of sde_noise_var N I sde_x",
)
def density_after_a_step(g: torch.Generator) -> Sides:
    """p a mixture, m(x) = a x + c: the integral over x on a fine grid, and the mixture that must come out."""
    data, a, c, v, y = mixture(g), number(g, 0.6, 1.2), number(g, -0.5, 0.5), number(g, 0.1, 0.6), randn(g, 6, 1)

    def integrand(x: Tensor) -> Tensor:
        column = x.unsqueeze(1)
        kernel = torch.stack([gaussian_density(y_i.expand_as(column), a * column + c, v) for y_i in y], 1)
        return torch.exp(data.log_prob(column)).unsqueeze(1) * kernel

    return Sides(integrate(integrand, -12, 12, 4001), torch.exp(data.log_prob(y - c, a, math.sqrt(v))))


@twin(
    "8.31",
    r"\mathbf{x} \leftarrow \mathbf{x} + \eta\,\mathbf{s} + \sqrt{2\eta}\,\mathbf{z}, \qquad \frac{\|\eta\,\mathbf{s}\|}{\|\sqrt{2\eta}\,\mathbf{z}\|} = \rho \quad\Longleftrightarrow\quad \eta = 2\,\Big(\rho\,\frac{\|\mathbf{z}\|}{\|\mathbf{s}\|}\Big)^2",
    symbols="sde_x sde_eta sde_score sde_z sde_rho",
    source=f"{SONG}, algorithms 4 and 5",
)
def corrector(g: torch.Generator) -> Sides:
    """eta found by halving an interval until drift over noise is rho; the library's step, which has the formula."""
    x, s, z, rho = randn(g, 7, 3), randn(g, 7, 3), randn(g, 7, 3), number(g, 0.1, 0.4)
    lengths = [float(v.norm(dim=1).mean()) for v in (s, z)]
    low, high = 0.0, 100.0
    for _ in range(80):
        eta = (low + high) / 2
        if eta * lengths[0] / (math.sqrt(2 * eta) * lengths[1]) < rho:
            low = eta
        else:
            high = eta
    return Sides(x + eta * s + math.sqrt(2 * eta) * z, corrector_step(x, s, z, rho))
