r"""One step: why this noise, and what its size costs.  Equations (7.1) to (7.9)."""

import math

import torch
from torch import Tensor

from diffkit.equations.draws import number, randn, same_draws, uniform
from diffkit.equations.langevin_dynamics.common import (
    SONG,
    Waves,
    autograd_score,
    expected,
    mixture,
    settled,
)
from diffkit.equations.quadrature import normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.samplers import annealed_langevin, last, ula


@twin(
    "7.1",
    r"\mathbf{x}_{k+1} = \mathbf{x}_k + \eta\,\mathbf{s}(\mathbf{x}_k) + \sqrt{2\eta}\,\boldsymbol\varepsilon_k, \qquad \boldsymbol\varepsilon_k \sim \mathcal{N}(\mathbf{0}, \mathbf{I})",
    symbols="x_k lang_score eta eps N I",
    source="Roberts & Tweedie 1996",
)
def update(g: torch.Generator) -> Sides:
    """Five steps: the library's sampler, and a loop whose score comes from automatic differentiation."""
    data, x, eta = mixture(g, 2), randn(g, 6, 2), number(g, 0.05, 0.2)
    one, other = same_draws(g)
    library = last(ula(data.score, x, eta=eta, n_steps=5, generator=one))
    for _ in range(5):
        x = x + eta * autograd_score(data, x) + math.sqrt(2 * eta) * randn(other, 6, 2)
    return Sides(library, x)


@twin(
    "7.1e",
    r"\mathbf{x}_{k+1} = \mathbf{x}_k - \eta\,\mathbf{s}(\mathbf{x}_k) + \sqrt{2\eta}\,\boldsymbol\varepsilon_k",
    symbols="x_k lang_score eta eps",
    source="printed on a lecture slide, whose next line has the right sign",
    erratum="With the minus sign every step walks downhill: on N(0, 1) the variance grows without bound instead of settling near 1.",
)
def downhill(g: torch.Generator) -> Sides:
    """log of the variance after 50 steps on N(0, 1): with the plus sign, and with the minus sign."""
    eta = number(g, 0.05, 0.2)
    up = down = 1.0
    for _ in range(50):
        up, down = (1 - eta) ** 2 * up + 2 * eta, (1 + eta) ** 2 * down + 2 * eta
    return Sides(torch.tensor([up]).double().log(), torch.tensor([down]).double().log())


@twin(
    "7.2",
    r"\frac{d}{d\eta}\,\mathbb{E}\big[f(\mathbf{x} + \eta\,\mathbf{s}(\mathbf{x}) + \sqrt{2\eta}\,\boldsymbol\varepsilon)\big]\Big|_{\eta=0} = \mathbf{s}(\mathbf{x}) \cdot \nabla f(\mathbf{x}) + \nabla^2 f(\mathbf{x})",
    symbols="eta E lang_f x_k lang_score eps",
)
def first_order(g: torch.Generator) -> Sides:
    """For polynomials f of degree 4 the left side is a polynomial in eta: five values of it give its slope at 0."""
    x, data, a, b = randn(g, 2), mixture(g, 2), randn(g, 4, 2), randn(g, 4, 2)
    s = data.score(x.unsqueeze(0))[0]
    eps, w = normal_grid(2)

    def f(points: Tensor) -> Tensor:
        return (points @ a.mT) ** 4 + (points @ b.mT) ** 3  # four functions at once

    etas = torch.linspace(0.1, 0.5, 5, dtype=torch.float64)
    values = torch.stack([w @ f(x + e * s + (2 * e).sqrt() * eps) for e in etas])
    slope = torch.linalg.solve(torch.vander(etas, increasing=True), values)[1]
    gradient = torch.autograd.functional.jacobian(f, x)
    laplacian = [torch.autograd.functional.hessian(lambda p, i=i: f(p)[i], x).trace() for i in range(4)]
    return Sides(slope, gradient @ s + torch.stack(laplacian))


def _waves(g: torch.Generator) -> tuple[Waves, Waves]:
    """First and second derivative of five random functions sin(a x + b)."""
    a, b = uniform(g, 0.5, 2.5, 5), randn(g, 5)
    return (
        lambda x: a * torch.cos(a * x.unsqueeze(1) + b),
        lambda x: -(a**2) * torch.sin(a * x.unsqueeze(1) + b),
    )


@twin(
    "7.3",
    r"\mathbb{E}_{p}\big[\mathbf{s}(\mathbf{x}) \cdot \nabla f(\mathbf{x})\big] = -\,\mathbb{E}_{p}\big[\nabla^2 f(\mathbf{x})\big]",
    symbols="E lang_p lang_score lang_f",
    source="the integration by parts of Hyvärinen 2005",
)
def by_parts(g: torch.Generator) -> Sides:
    """Both expected values by quadrature on a mixture on the line, for five waves f."""
    data, (slope, curvature) = mixture(g), _waves(g)
    left = expected(data.log_prob, lambda x: data.score(x.unsqueeze(1)) * slope(x))
    return Sides(left, -expected(data.log_prob, curvature))


@twin(
    "7.4",
    r"m_{k+1} = m + \Big(1-\frac{\eta}{v}\Big)(m_k - m), \qquad v_{k+1} = \Big(1-\frac{\eta}{v}\Big)^2 v_k + 2\eta",
    symbols="lang_m lang_v m_k eta",
)
def gaussian_step(g: torch.Generator) -> Sides:
    """Mean and variance of one step from N(m_k, v_k) towards N(m, v): by quadrature of (7.1), and the formula."""
    m, m_k, v, v_k = randn(g, 4), randn(g, 4), uniform(g, 0.5, 2, 4), uniform(g, 0.5, 2, 4)
    eta = number(g, 0.05, 0.4)
    z, w = normal_grid(2)
    x = m_k + v_k.sqrt() * z[:, :1]
    y = x - eta * (x - m) / v + math.sqrt(2 * eta) * z[:, 1:]
    mean = w @ y
    shrink = 1 - eta / v
    formula = torch.stack([m + shrink * (m_k - m), shrink**2 * v_k + 2 * eta])
    return Sides(torch.stack([mean, w @ (y - mean) ** 2]), formula)


@twin(
    "7.5",
    r"v_k = v_\infty + \Big(1-\frac{\eta}{v}\Big)^{2k}\,(v_0 - v_\infty)",
    symbols="m_k lang_v v_inf eta",
)
def variance_after(g: torch.Generator) -> Sides:
    """The recursion (7.4) run for 1 to 30 steps, and the closed form."""
    v, start, eta = number(g, 0.5, 2), number(g, 0.1, 4), number(g, 0.05, 0.8)
    now, slow = start, []
    for _ in range(30):
        now = (1 - eta / v) ** 2 * now + 2 * eta
        slow.append(now)
    limit = v / (1 - eta / (2 * v))
    k = torch.arange(1, 31, dtype=torch.float64)
    return Sides(torch.tensor(slow, dtype=torch.float64), limit + (1 - eta / v) ** (2 * k) * (start - limit))


@twin(
    "7.6",
    r"v_\infty = \frac{v}{1 - \eta/(2v)} \qquad (0 < \eta < 2v)",
    symbols="v_inf lang_v eta",
)
def step_size_bias(g: torch.Generator) -> Sides:
    """The recursion (7.4) run until it stands still, and the formula, for four variances."""
    v, eta = uniform(g, 0.5, 3, 4), number(g, 0.05, 0.8)
    return Sides(settled(v, eta, 2 * eta), v / (1 - eta / (2 * v)))


@twin(
    "7.6e",
    r"v_\infty = v \qquad \text{for any } \eta",
    symbols="v_inf lang_v eta",
    source="how a lecture slide reads: the distribution reaches p as the number of steps grows",
    erratum="It needs eta to 0 as well. At a step size eta on N(0, 1) the chain settles at the variance 1/(1 - eta/2).",
)
def no_bias(g: torch.Generator) -> Sides:
    """The recursion run until it stands still, and the target's variance."""
    v, eta = uniform(g, 0.5, 1.5, 4), number(g, 0.2, 0.8)
    return Sides(settled(v, eta, 2 * eta), v)


@twin(
    "7.7",
    r"\mathbf{x} + \frac{\alpha}{2}\,\mathbf{s}(\mathbf{x}) + \sqrt{\alpha}\,\boldsymbol\varepsilon = \mathbf{x} + \eta\,\mathbf{s}(\mathbf{x}) + \sqrt{2\eta}\,\boldsymbol\varepsilon \qquad \text{if } \alpha = 2\eta",
    symbols="x_k lang_alpha lang_score eps eta",
    source=f"{SONG}, eq. 4, writes the left side",
)
def two_conventions(g: torch.Generator) -> Sides:
    """Five steps of the library's two samplers with the same draws; each keeps its own convention."""
    data, x, eta = mixture(g, 2), randn(g, 6, 2), number(g, 0.05, 0.2)
    one, other = same_draws(g)
    ladder = torch.tensor([0.0, 1.0], dtype=torch.float64)
    half = annealed_langevin(lambda y, _: data.score(y), ladder, x, n_steps=5, step_size=2 * eta, generator=one)
    return Sides(last(half), last(ula(data.score, x, eta=eta, n_steps=5, generator=other)))


@twin(
    "7.8",
    r"v_\infty = \frac{b}{2a} \cdot \frac{v}{1 - a/(2v)}",
    symbols="v_inf lang_v lang_ab",
)
def mixed_conventions(g: torch.Generator) -> Sides:
    """Drift a and noise variance b chosen freely, on N(0, v): the recursion, and the formula."""
    v, a, b = uniform(g, 0.5, 3, 4), number(g, 0.05, 0.8), number(g, 0.05, 0.8)
    return Sides(settled(v, a, b), b / (2 * a) * v / (1 - a / (2 * v)))


@twin(
    "7.9",
    r"\mathbb{E}_{q}\Big[a\,\mathbf{s}(\mathbf{x}) \cdot \nabla f(\mathbf{x})\Big] = -\,\mathbb{E}_{q}\Big[\frac{b}{2}\,\nabla^2 f(\mathbf{x})\Big], \qquad q \propto p^{\,2a/b}",
    symbols="E lang_q lang_p lang_ab lang_score lang_f",
)
def temperature(g: torch.Generator) -> Sides:
    """Quadrature under a power of a mixture's density, for five waves f."""
    data, (slope, curvature) = mixture(g), _waves(g)
    a, b = number(g, 0.3, 1), number(g, 0.3, 1)

    def log_q(x: Tensor) -> Tensor:
        return 2 * a / b * data.log_prob(x)

    left = expected(log_q, lambda x: a * data.score(x.unsqueeze(1)) * slope(x))
    return Sides(left, -b / 2 * expected(log_q, curvature))
