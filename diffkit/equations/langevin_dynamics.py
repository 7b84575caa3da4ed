r"""Lesson 07, Langevin dynamics: the numbered equations (7.1) to (7.27) as functions.

In each twin the left side goes the slow road (loop, quadrature, automatic differentiation, a library sampler that is
run), the right side is the formula.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from diffkit import sigmas
from diffkit.equations.quadrature import integrate, normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import FullGaussian, Gaussian
from diffkit.oracle import GaussianMixture
from diffkit.samplers import annealed_langevin, ula
from diffkit.samplers.ancestral import reverse_kernel
from diffkit.samplers.langevin import log_proposal
from diffkit.schedule import Schedule

SONG = "Song & Ermon 2019"


def _randn(g: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=g, dtype=torch.float64)


def _uniform(g: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(*shape, generator=g, dtype=torch.float64)


def _number(g: torch.Generator, low: float, high: float) -> float:
    return float(_uniform(g, low, high, 1))


def _mixture(g: torch.Generator, d: int = 1, K: int = 3) -> GaussianMixture:
    weights = torch.softmax(_randn(g, K), 0)
    return GaussianMixture.isotropic(weights, 1.2 * _randn(g, K, d), _uniform(g, 0.2, 0.6, K))


def _autograd_score(data: GaussianMixture, x: Tensor, sigma: float = 0.0) -> Tensor:
    """The score by automatic differentiation of the log density, which knows nothing of the library's formula."""
    x = x.detach().requires_grad_()
    (score,) = torch.autograd.grad(data.log_prob(x, 1.0, sigma).sum(), x)
    return score


def _last(steps: object) -> Tensor:
    *_, end = steps  # type: ignore[misc]
    return end.x  # type: ignore[has-type]


def _same_draws(g: torch.Generator) -> tuple[torch.Generator, torch.Generator]:
    """Two generators that draw the same numbers."""
    seed = int(torch.randint(2**31, (1,), generator=g))
    return torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)


@twin(
    "7.1",
    r"\mathbf{x}_{k+1} = \mathbf{x}_k + \eta\,\mathbf{s}(\mathbf{x}_k) + \sqrt{2\eta}\,\boldsymbol\varepsilon_k, \qquad \boldsymbol\varepsilon_k \sim \mathcal{N}(\mathbf{0}, \mathbf{I})",
    symbols="x_k lang_score eta eps N I",
    source="Roberts & Tweedie 1996",
)
def update(g: torch.Generator) -> Sides:
    """Five steps: the library's sampler, and a loop whose score comes from automatic differentiation."""
    data, x, eta = _mixture(g, 2), _randn(g, 6, 2), _number(g, 0.05, 0.2)
    one, other = _same_draws(g)
    library = _last(ula(data.score, x, eta=eta, n_steps=5, generator=one))
    for _ in range(5):
        x = x + eta * _autograd_score(data, x) + math.sqrt(2 * eta) * _randn(other, 6, 2)
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
    eta = _number(g, 0.05, 0.2)
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
    x, data, a, b = _randn(g, 2), _mixture(g, 2), _randn(g, 4, 2), _randn(g, 4, 2)
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


Waves = Callable[[Tensor], Tensor]


def _waves(g: torch.Generator) -> tuple[Waves, Waves]:
    """First and second derivative of five random functions sin(a x + b)."""
    a, b = _uniform(g, 0.5, 2.5, 5), _randn(g, 5)
    return (
        lambda x: a * torch.cos(a * x.unsqueeze(1) + b),
        lambda x: -(a**2) * torch.sin(a * x.unsqueeze(1) + b),
    )


def _expected(log_p: Callable[[Tensor], Tensor], f: Waves) -> Tensor:
    """E[f] under the density proportional to exp(log_p), by the trapezoidal rule."""

    def mass(x: Tensor) -> Tensor:
        return torch.exp(log_p(x.unsqueeze(1))).unsqueeze(1)

    return integrate(lambda x: mass(x) * f(x), -14, 14) / integrate(mass, -14, 14)


@twin(
    "7.3",
    r"\mathbb{E}_{p}\big[\mathbf{s}(\mathbf{x}) \cdot \nabla f(\mathbf{x})\big] = -\,\mathbb{E}_{p}\big[\nabla^2 f(\mathbf{x})\big]",
    symbols="E lang_p lang_score lang_f",
    source="the integration by parts of Hyvärinen 2005",
)
def by_parts(g: torch.Generator) -> Sides:
    """Both expected values by quadrature on a mixture on the line, for five waves f."""
    data, (slope, curvature) = _mixture(g), _waves(g)
    left = _expected(data.log_prob, lambda x: data.score(x.unsqueeze(1)) * slope(x))
    return Sides(left, -_expected(data.log_prob, curvature))


@twin(
    "7.4",
    r"m_{k+1} = m + \Big(1-\frac{\eta}{v}\Big)(m_k - m), \qquad v_{k+1} = \Big(1-\frac{\eta}{v}\Big)^2 v_k + 2\eta",
    symbols="lang_m lang_v m_k eta",
)
def gaussian_step(g: torch.Generator) -> Sides:
    """Mean and variance of one step from N(m_k, v_k) towards N(m, v): by quadrature of (7.1), and the formula."""
    m, m_k, v, v_k = _randn(g, 4), _randn(g, 4), _uniform(g, 0.5, 2, 4), _uniform(g, 0.5, 2, 4)
    eta = _number(g, 0.05, 0.4)
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
    v, start, eta = _number(g, 0.5, 2), _number(g, 0.1, 4), _number(g, 0.05, 0.8)
    now, slow = start, []
    for _ in range(30):
        now = (1 - eta / v) ** 2 * now + 2 * eta
        slow.append(now)
    limit = v / (1 - eta / (2 * v))
    k = torch.arange(1, 31, dtype=torch.float64)
    return Sides(torch.tensor(slow, dtype=torch.float64), limit + (1 - eta / v) ** (2 * k) * (start - limit))


def _settled(v: Tensor, drift: float, noise_var: float) -> Tensor:
    """Variance of x <- x + drift score(x) + sqrt(noise_var) z on N(0, v) after so many steps that it stands still."""
    now = torch.zeros_like(v)
    for _ in range(3000):
        now = (1 - drift / v) ** 2 * now + noise_var
    return now


@twin(
    "7.6",
    r"v_\infty = \frac{v}{1 - \eta/(2v)} \qquad (0 < \eta < 2v)",
    symbols="v_inf lang_v eta",
)
def step_size_bias(g: torch.Generator) -> Sides:
    """The recursion (7.4) run until it stands still, and the formula, for four variances."""
    v, eta = _uniform(g, 0.5, 3, 4), _number(g, 0.05, 0.8)
    return Sides(_settled(v, eta, 2 * eta), v / (1 - eta / (2 * v)))


@twin(
    "7.6e",
    r"v_\infty = v \qquad \text{for any } \eta",
    symbols="v_inf lang_v eta",
    source="how a lecture slide reads: the distribution reaches p as the number of steps grows",
    erratum="It needs eta to 0 as well. At a step size eta on N(0, 1) the chain settles at the variance 1/(1 - eta/2).",
)
def no_bias(g: torch.Generator) -> Sides:
    """The recursion run until it stands still, and the target's variance."""
    v, eta = _uniform(g, 0.5, 1.5, 4), _number(g, 0.2, 0.8)
    return Sides(_settled(v, eta, 2 * eta), v)


@twin(
    "7.7",
    r"\mathbf{x} + \frac{\alpha}{2}\,\mathbf{s}(\mathbf{x}) + \sqrt{\alpha}\,\boldsymbol\varepsilon = \mathbf{x} + \eta\,\mathbf{s}(\mathbf{x}) + \sqrt{2\eta}\,\boldsymbol\varepsilon \qquad \text{if } \alpha = 2\eta",
    symbols="x_k lang_alpha lang_score eps eta",
    source=f"{SONG}, eq. 4, writes the left side",
)
def two_conventions(g: torch.Generator) -> Sides:
    """Five steps of the library's two samplers with the same draws; each keeps its own convention."""
    data, x, eta = _mixture(g, 2), _randn(g, 6, 2), _number(g, 0.05, 0.2)
    one, other = _same_draws(g)
    ladder = torch.tensor([0.0, 1.0], dtype=torch.float64)
    half = annealed_langevin(lambda y, _: data.score(y), ladder, x, n_steps=5, step_size=2 * eta, generator=one)
    return Sides(_last(half), _last(ula(data.score, x, eta=eta, n_steps=5, generator=other)))


@twin(
    "7.8",
    r"v_\infty = \frac{b}{2a} \cdot \frac{v}{1 - a/(2v)}",
    symbols="v_inf lang_v lang_ab",
)
def mixed_conventions(g: torch.Generator) -> Sides:
    """Drift a and noise variance b chosen freely, on N(0, v): the recursion, and the formula."""
    v, a, b = _uniform(g, 0.5, 3, 4), _number(g, 0.05, 0.8), _number(g, 0.05, 0.8)
    return Sides(_settled(v, a, b), b / (2 * a) * v / (1 - a / (2 * v)))


@twin(
    "7.9",
    r"\mathbb{E}_{q}\Big[a\,\mathbf{s}(\mathbf{x}) \cdot \nabla f(\mathbf{x})\Big] = -\,\mathbb{E}_{q}\Big[\frac{b}{2}\,\nabla^2 f(\mathbf{x})\Big], \qquad q \propto p^{\,2a/b}",
    symbols="E lang_q lang_p lang_ab lang_score lang_f",
)
def temperature(g: torch.Generator) -> Sides:
    """Quadrature under a power of a mixture's density, for five waves f."""
    data, (slope, curvature) = _mixture(g), _waves(g)
    a, b = _number(g, 0.3, 1), _number(g, 0.3, 1)

    def log_q(x: Tensor) -> Tensor:
        return 2 * a / b * data.log_prob(x)

    left = _expected(log_q, lambda x: a * data.score(x.unsqueeze(1)) * slope(x))
    return Sides(left, -b / 2 * _expected(log_q, curvature))


@twin(
    "7.10",
    r"\mathbf{s}(\mathbf{x}) = \sum_k r_k(\mathbf{x})\,\mathbf{s}_k(\mathbf{x}), \qquad r_k(\mathbf{x}) = \frac{w_k\,p_k(\mathbf{x})}{\sum_j w_j\,p_j(\mathbf{x})}",
    symbols="lang_score lang_r mix x_k",
    source=f"{SONG}, section 3.2.2, for two parts that do not overlap",
)
def mixture_score(g: torch.Generator) -> Sides:
    """Automatic differentiation of the log density, and the average of the parts' scores."""
    data, x = _mixture(g, 2), _randn(g, 6, 2)
    away = x.unsqueeze(1) - data.means
    var = data.covs[:, 0, 0]
    weighted = data.weights / (2 * math.pi * var) * torch.exp(-0.5 * (away**2).sum(2) / var)
    r = weighted / weighted.sum(1, keepdim=True)
    return Sides(_autograd_score(data, x), (r.unsqueeze(2) * -away / var.unsqueeze(1)).sum(1))


@twin(
    "7.11",
    r"\hat w_k = \frac{1}{N}\,\#\big\{i : \|\mathbf{x}_i - \boldsymbol\mu_k\| \le \|\mathbf{x}_i - \boldsymbol\mu_j\| \text{ for all } j\big\}",
    symbols="lang_w_hat mix x_k",
)
def counted_weights(g: torch.Generator) -> Sides:
    """Parts so far apart that every point has one owner: the average of the exact shares r_k, and the count."""
    means = torch.cartesian_prod(torch.tensor([-60.0, 0.0, 60.0]), torch.tensor([0.0, 80.0])).double()
    data = GaussianMixture.isotropic(torch.softmax(_randn(g, 6), 0), means + _randn(g, 6, 2), 1.0)
    x = data.sample(500, generator=g)
    count = [0.0] * 6
    for point in x:
        square = ((point - data.means) ** 2).sum(1).tolist()
        count[square.index(min(square))] += 1 / 500
    return Sides(data.responsibilities(x).mean(0), torch.tensor(count, dtype=torch.float64))


def _chebyshev(n: int, low: float, high: float) -> tuple[Tensor, Tensor]:
    """n + 1 points from high down to low, and the matrix that differentiates a polynomial given there."""
    x = np.cos(np.pi * np.arange(n + 1) / n)
    c = np.array([2.0, *[1.0] * (n - 1), 2.0]) * (-1.0) ** np.arange(n + 1)
    away = x[:, None] - x[None, :] + np.eye(n + 1)
    D = np.outer(c, 1 / c) / away
    D -= np.diag(D.sum(1))
    half = (high - low) / 2
    return torch.from_numpy(low + half * (x + 1)), torch.from_numpy(D / half)


@twin(
    "7.12",
    r"\tau = \int_a^b \frac{1}{p(y)} \int_{-\infty}^{y} p(z)\,dz\,dy",
    symbols="lang_tau lang_ends lang_p",
    source="Gardiner 2009, chapter 5",
)
def crossing_time(g: torch.Generator) -> Sides:
    """The equation s tau' + tau'' = -1 solved by Chebyshev collocation, and the double integral.

    A wall at -5, where the density has died out, stands for minus infinity on both sides.
    """
    gap, var, wall = _number(g, 0.8, 1.3), _uniform(g, 0.2, 0.4, 2), -5.0
    weights = torch.softmax(_randn(g, 2), 0)
    data = GaussianMixture.isotropic(weights, torch.tensor([[-gap], [gap]]).double(), var)
    x, D = _chebyshev(150, wall, gap)
    system = data.score(x.unsqueeze(1)) * D + D @ D
    system[0], system[-1] = 0.0, D[-1]  # tau = 0 at the goal, tau' = 0 at the wall
    system[0, 0] = 1.0
    right = torch.full((151,), -1.0, dtype=torch.float64)
    right[0] = right[-1] = 0.0
    tau = torch.linalg.solve(system, right)
    nodes, w = (torch.from_numpy(v) for v in np.polynomial.legendre.leggauss(300))

    def below(y: Tensor) -> Tensor:
        z = (y.unsqueeze(1) - data.means[:, 0]) / var.sqrt()
        return torch.special.ndtr(z) @ weights

    starts = [int((x - a).abs().argmin()) for a in (-gap, -gap / 2, 0.0)]
    integrals = []
    for i in starts:
        half = (gap - x[i]) / 2
        y = x[i] + half * (nodes + 1)
        mass = below(y) - below(torch.tensor([wall], dtype=torch.float64))
        integrals.append(half * w @ (mass / torch.exp(data.log_prob(y.unsqueeze(1)))))
    return Sides(tau[starts], torch.stack(integrals))


@twin(
    "7.13",
    r"p_\sigma(\mathbf{x}) = \int p(\mathbf{x}_0)\,\mathcal{N}(\mathbf{x};\ \mathbf{x}_0, \sigma^2\mathbf{I})\,d\mathbf{x}_0 = \sum_k w_k\,\mathcal{N}(\mathbf{x};\ \boldsymbol\mu_k, S_k + \sigma^2\mathbf{I})",
    symbols="p_sigma lang_sigma lang_p x_0 mix N I",
)
def smoothed(g: torch.Generator) -> Sides:
    """The integral over x_0 on a fine grid, and the mixture whose components widened."""
    data, x, sigma = _mixture(g), _randn(g, 7), _number(g, 0.3, 1.5)

    def integrand(x_0: Tensor) -> Tensor:
        kernel = torch.exp(-0.5 * (x - x_0.unsqueeze(1)) ** 2 / sigma**2) / (sigma * math.sqrt(2 * math.pi))
        return kernel * torch.exp(data.log_prob(x_0.unsqueeze(1))).unsqueeze(1)

    return Sides(integrate(integrand, -12, 12), torch.exp(data.log_prob(x.unsqueeze(1), 1.0, sigma)))


@twin(
    "7.14",
    r"\frac{\mathbb{E}[r_{i+1}^2] - \mathbb{E}[r_i^2]}{\sqrt{\operatorname{Var}[r_{i+1}^2]}} = \sqrt{\frac{d}{2}}\,\Big(1 - \frac{\sigma_i^2}{\sigma_{i+1}^2}\Big), \qquad r_i = \sigma_i\,\|\boldsymbol\varepsilon\|",
    symbols="E Var lang_r_i lang_sigma d eps",
    source="the argument is that of Song & Ermon 2020, section 3.2",
)
def shells(g: torch.Generator) -> Sides:
    """Moments of the squared noise length in three dimensions by quadrature, and the formula."""
    ladder = torch.sort(_uniform(g, 0.1, 3, 5)).values
    eps, w = normal_grid(3)
    square = ladder**2 * (eps**2).sum(1, keepdim=True)  # (nodes, levels)
    mean = w @ square
    spread = (w @ (square - mean) ** 2).sqrt()
    gap = (mean[1:] - mean[:-1]) / spread[1:]
    return Sides(gap, math.sqrt(3 / 2) * (1 - ladder[:-1] ** 2 / ladder[1:] ** 2))


@twin(
    "7.15",
    r"\sigma_i = \sigma_1 \Big(\frac{\sigma_n}{\sigma_1}\Big)^{\frac{i-1}{n-1}}, \qquad i = 1, \dots, n, \qquad \sigma_0 = 0",
    symbols="lang_sigma lang_n",
    source=f"{SONG}, section 4, which counts from the noisiest level",
)
def ladder(g: torch.Generator) -> Sides:
    """The library's ladder, and the formula, level by level."""
    low, high = _number(g, 0.01, 0.1), _number(g, 1, 20)
    formula = [0.0] + [low * (high / low) ** ((i - 1) / 8) for i in range(1, 10)]
    return Sides(sigmas.geometric(9, low, high), torch.tensor(formula, dtype=torch.float64))


@twin(
    "7.16",
    r"\frac{\mathbb{E}\,\|\frac{\alpha_i}{2}\,\mathbf{s}\|^2}{\mathbb{E}\,\|\sqrt{\alpha_i}\,\boldsymbol\varepsilon\|^2} = \frac{\alpha_i}{4\,\sigma_i^2}, \qquad \mathbf{s} = -\frac{\mathbf{x}-\mathbf{x}_0}{\sigma_i^2}",
    symbols="E lang_alpha lang_score eps lang_sigma x_0",
    source=f"{SONG}, section 4.3, which takes the norms of the ratio",
)
def signal_and_noise(g: torch.Generator) -> Sides:
    """Both mean squares by quadrature in three dimensions, at five levels."""
    x_0, ladder_, alpha = _randn(g, 3), _uniform(g, 0.1, 3, 5), _uniform(g, 0.01, 1, 5)
    eps, w = normal_grid(3)
    ratio = []
    for sigma, step in zip(ladder_, alpha, strict=True):
        x = x_0 + sigma * eps
        drift = step / 2 * -(x - x_0) / sigma**2
        ratio.append(w @ (drift**2).sum(1) / (w @ (step * eps**2).sum(1)))
    return Sides(torch.stack(ratio), alpha / (4 * ladder_**2))


@twin(
    "7.17",
    r"\alpha_i = h\,\frac{\sigma_i^2}{\sigma_1^2}",
    symbols="lang_alpha lang_h lang_sigma",
    source=f"{SONG}, algorithm 1, line 3",
)
def step_sizes(g: torch.Generator) -> Sides:
    """What the library's sampler does: the same draws with the score 2 and the score 0 differ by alpha_i."""
    levels, h = sigmas.geometric(6, _number(g, 0.01, 0.1), 3.0), _number(g, 0.001, 0.1)
    one, other = _same_draws(g)
    ends = [
        torch.stack([step.x for step in annealed_langevin(score, levels, torch.zeros(1, 1).double(), n_steps=1,
                                                          step_size=h, generator=draws)])
        for score, draws in ((lambda x, _: torch.full_like(x, 2.0), one), (lambda x, _: torch.zeros_like(x), other))
    ]  # fmt: skip
    moved = (ends[0] - ends[1]).flatten().diff()  # the noisiest level first
    return Sides(moved.flip(0), h * levels[1:] ** 2 / levels[1] ** 2)


@twin(
    "7.18",
    r"\frac{v_\infty}{\sigma_i^2} = \frac{1}{1 - \alpha_i/(4\sigma_i^2)} = \frac{1}{1 - h/(4\sigma_1^2)}",
    symbols="v_inf lang_sigma lang_alpha lang_h",
)
def same_bias(g: torch.Generator) -> Sides:
    """Around one data point: the chain of each level run until it stands still, and one number for all levels."""
    levels = sigmas.geometric(6, _number(g, 0.05, 0.2), 3.0)[1:]
    h = _number(g, 0.2, 2) * float(levels[0]) ** 2
    alpha = h * levels**2 / levels[0] ** 2
    slow = [_settled(s**2, float(a) / 2, float(a)) / s**2 for s, a in zip(levels, alpha, strict=True)]
    return Sides(torch.stack(slow), (1 / (1 - h / (4 * levels[:1] ** 2))).expand(6))


@twin(
    "7.19",
    r"\mathbf{x} \leftarrow \mathbf{x} + \frac{\alpha_i}{2}\,\mathbf{s}(\mathbf{x}, \sigma_i) + \sqrt{\alpha_i}\,\boldsymbol\varepsilon, \qquad i = n, n-1, \dots, 1, \quad K \text{ times each}",
    symbols="x_k lang_alpha lang_score lang_sigma eps lang_n lang_K",
    source=f"{SONG}, algorithm 1, which counts from the noisiest level",
)
def annealed(g: torch.Generator) -> Sides:
    """The library's sampler, and the two loops written out with a score by automatic differentiation."""
    data, x, h = _mixture(g, 2), 2 * _randn(g, 5, 2), _number(g, 0.005, 0.02)
    levels = sigmas.geometric(4, 0.2, 2.0)
    one, other = _same_draws(g)
    library = _last(
        annealed_langevin(lambda y, sigma: data.score(y, 1.0, sigma), levels, x, n_steps=3, step_size=h, generator=one)
    )
    for i in range(4, 0, -1):
        alpha = h * float(levels[i] / levels[1]) ** 2
        for _ in range(3):
            noise = _randn(other, 5, 2)
            x = x + alpha / 2 * _autograd_score(data, x, float(levels[i])) + math.sqrt(alpha) * noise
    return Sides(library, x)


@twin(
    "7.20",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}] = \mathbf{x} + \sigma_1^2\,\mathbf{s}(\mathbf{x}, \sigma_1)",
    symbols="E x_0 x_k lang_sigma lang_score",
    source="Efron 2011; as a last step of the sampler Jolicoeur-Martineau et al. 2021",
)
def last_step(g: torch.Generator) -> Sides:
    """The posterior mean by quadrature over x_0, and one step along the score."""
    data, x, sigma = _mixture(g), _randn(g, 7), _number(g, 0.2, 0.6)

    def joint(x_0: Tensor) -> Tensor:
        p = torch.exp(data.log_prob(x_0.unsqueeze(1))).unsqueeze(1)
        return p * torch.exp(-0.5 * (x - x_0.unsqueeze(1)) ** 2 / sigma**2)

    top = integrate(lambda x_0: x_0.unsqueeze(1) * joint(x_0), -12, 12)
    score = _autograd_score(data, x.unsqueeze(1), sigma).squeeze(1)
    return Sides(top / integrate(joint, -12, 12), x + sigma**2 * score)


def _schedule(g: torch.Generator, T: int = 12) -> Schedule:
    return Schedule(torch.cat([torch.zeros(1, dtype=torch.float64), _uniform(g, 0.02, 0.4, T)]))


def _ddpm_step(s: Schedule, t: int, x: Tensor, data: GaussianMixture, variance: Tensor, z: Tensor) -> Tensor:
    """One step of the library's ancestral sampler with the exact noise predictor."""
    eps = data.eps(x, float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt()))
    (a,), (b,), (c,) = reverse_kernel(s, [t, t - 1], variance)
    return a * x + b * eps + c * z


@twin(
    "7.21",
    r"\mathbf{x}_{t-1} = \frac{1}{\sqrt{\alpha_t}}\big(\mathbf{x}_t + \beta_t\,\mathbf{s}_t(\mathbf{x}_t)\big) + \sqrt{\tilde\beta_t}\,\boldsymbol\varepsilon",
    symbols="x_t alpha beta lang_beta_tilde lang_score_t eps",
    source="Ho et al. 2020, eq. 11, with the score in the place of the noise",
)
def ddpm_by_score(g: torch.Generator) -> Sides:
    """The library's ancestral step, which is handed a noise predictor, and the same step from the score."""
    s, data, x, z, t = _schedule(g), _mixture(g, 2), _randn(g, 6, 2), _randn(g, 6, 2), 7
    library = _ddpm_step(s, t, x, data, s.beta_tilde, z)
    marginal = data.noised(float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt()))
    mean = (x + s.beta[t] * _autograd_score(marginal, x)) / s.alpha[t].sqrt()
    variance = s.beta[t] * (1 - s.alpha_bar[t - 1]) / (1 - s.alpha_bar[t])
    return Sides(library, mean + variance.sqrt() * z)


@twin(
    "7.22",
    r"\mathbf{y}_{t-1} = \mathbf{y}_t + \Delta_t\,\mathbf{s}(\mathbf{y}_t, \sigma_t) + \frac{\sigma_{t-1}}{\sigma_t}\sqrt{\Delta_t}\,\boldsymbol\varepsilon, \qquad \mathbf{y}_t = \frac{\mathbf{x}_t}{\sqrt{\bar\alpha_t}}, \quad \sigma_t^2 = \frac{1-\bar\alpha_t}{\bar\alpha_t}, \quad \Delta_t = \sigma_t^2 - \sigma_{t-1}^2",
    symbols="lang_y x_t alpha_bar lang_sigma lang_delta lang_score eps",
    source="Song et al. 2021 (SDE) give the right side as the ancestral sampler of the variance-exploding chain",
)
def ddpm_on_the_ladder(g: torch.Generator) -> Sides:
    """The library's ancestral step, divided by sqrt(alpha_bar_{t-1}), and the step on the ladder of sigmas."""
    s, data, y, z, t = _schedule(g), _mixture(g, 2), 2 * _randn(g, 6, 2), _randn(g, 6, 2), 7
    root, root_before = s.alpha_bar[t].sqrt(), s.alpha_bar[t - 1].sqrt()
    library = _ddpm_step(s, t, root * y, data, s.beta_tilde, z) / root_before
    level, before = (s.noise_var[u] / s.alpha_bar[u] for u in (t, t - 1))
    delta = level - before
    step = delta * _autograd_score(data, y, float(level.sqrt())) + (before / level * delta).sqrt() * z
    return Sides(library, y + step)


@twin(
    "7.23",
    r"\frac{d}{d(\sigma^2)}\,\mathbb{E}_{p_\sigma}[f(\mathbf{x})] = -\tfrac12\,\mathbb{E}_{p_\sigma}\big[\mathbf{s}(\mathbf{x}, \sigma) \cdot \nabla f(\mathbf{x})\big]",
    symbols="lang_sigma E p_sigma lang_f lang_score",
)
def transport(g: torch.Generator) -> Sides:
    """Waves f on a noisy mixture: automatic differentiation in sigma^2 of the exact mean of f, and quadrature.

    E sin(a x + b) on N(m, v) is exp(-a^2 v/2) sin(a m + b).
    """
    data, a, b = _mixture(g), _uniform(g, 0.5, 2, 5), _randn(g, 5)
    level = _uniform(g, 0.1, 1, 1)
    m, v = data.means, data.covs[:, :, 0]

    def mean_of_f(variance: Tensor) -> Tensor:
        return data.weights @ (torch.exp(-0.5 * a**2 * (v + variance)) * torch.sin(a * m + b))

    left = torch.autograd.functional.jacobian(mean_of_f, level).flatten()
    sigma = float(level.sqrt())

    def log_p(x: Tensor) -> Tensor:
        return data.log_prob(x, 1.0, sigma)

    right = _expected(log_p, lambda x: data.score(x.unsqueeze(1), 1.0, sigma) * a * torch.cos(a * x.unsqueeze(1) + b))
    return Sides(left, -0.5 * right)


@twin(
    "7.24",
    r"\log q(\mathbf{y} \mid \mathbf{x}) = -\frac{\|\mathbf{y} - \mathbf{x} - \eta\,\mathbf{s}(\mathbf{x})\|^2}{4\eta} + \text{const}",
    symbols="lang_proposal lang_y x_k eta lang_score",
)
def proposal(g: torch.Generator) -> Sides:
    """Differences of the log density of N(x + eta s(x), 2 eta I) between points y, where the constant cancels."""
    data, x, y, eta = _mixture(g, 2), _randn(g, 6, 2), _randn(g, 6, 2), _number(g, 0.1, 1)
    mean = x + eta * data.score(x)
    eye = torch.eye(2, dtype=torch.float64)
    full = FullGaussian(mean, 2 * eta * eye)
    left = full.log_prob(y) - full.log_prob(mean)
    return Sides(left, -((y - x - eta * _autograd_score(data, x)) ** 2).sum(1) / (4 * eta))


def _moves(data: GaussianMixture, x: Tensor, y: Tensor, eta: float) -> tuple[Tensor, Tensor, Tensor]:
    """p(x), q(y | x) and the ratio p(y) q(x | y) / (p(x) q(y | x)) for pairs of points on the line, (n, 1)."""

    def q(to: Tensor, start: Tensor) -> Tensor:
        var = torch.full_like(to, 2 * eta)
        return torch.exp(Gaussian(start + eta * data.score(start), var).log_prob(to))

    p_x, p_y = torch.exp(data.log_prob(x)), torch.exp(data.log_prob(y))
    return p_x, q(y, x), p_y * q(x, y) / (p_x * q(y, x))


@twin(
    "7.25",
    r"a(\mathbf{x}, \mathbf{y}) = \min\!\Big(1,\ \frac{p(\mathbf{y})\,q(\mathbf{x} \mid \mathbf{y})}{p(\mathbf{x})\,q(\mathbf{y} \mid \mathbf{x})}\Big)",
    symbols="lang_accept lang_p lang_proposal x_k lang_y",
    source="Hastings 1970",
)
def acceptance(g: torch.Generator) -> Sides:
    """From log densities with the library's proposal, which drops constants, and from normalised densities."""
    data, x, y, eta = _mixture(g), _randn(g, 8, 1), _randn(g, 8, 1), _number(g, 0.2, 1)
    back, there = log_proposal(x, y, data.score(y), eta), log_proposal(y, x, data.score(x), eta)
    log_ratio = data.log_prob(y) + back - data.log_prob(x) - there
    return Sides(torch.exp(log_ratio.clamp(max=0)), _moves(data, x, y, eta)[2].clamp(max=1))


@twin(
    "7.26",
    r"p(\mathbf{x})\,q(\mathbf{y} \mid \mathbf{x})\,a(\mathbf{x}, \mathbf{y}) = p(\mathbf{y})\,q(\mathbf{x} \mid \mathbf{y})\,a(\mathbf{y}, \mathbf{x})",
    symbols="lang_p lang_proposal lang_accept x_k lang_y",
)
def detailed_balance(g: torch.Generator) -> Sides:
    """The flow from x to y and the flow back, for eight pairs of points."""
    data, x, y, eta = _mixture(g), _randn(g, 8, 1), _randn(g, 8, 1), _number(g, 0.2, 1)
    p_x, there, ratio = _moves(data, x, y, eta)
    p_y, back, inverse = _moves(data, y, x, eta)
    return Sides(p_x * there * ratio.clamp(max=1), p_y * back * inverse.clamp(max=1))


@twin(
    "7.27",
    r"\int p(\mathbf{x})\,q(\mathbf{y} \mid \mathbf{x})\,a(\mathbf{x}, \mathbf{y})\,d\mathbf{x} + p(\mathbf{y})\Big(1 - \int q(\mathbf{x} \mid \mathbf{y})\,a(\mathbf{y}, \mathbf{x})\,d\mathbf{x}\Big) = p(\mathbf{y})",
    symbols="lang_p lang_proposal lang_accept x_k lang_y",
)
def stationary(g: torch.Generator) -> Sides:
    """Density after one corrected step from p, by quadrature: who arrives at y, and who is refused and stays."""
    data, eta, grid = _mixture(g), _number(g, 0.2, 0.6), torch.linspace(-10, 10, 4001, dtype=torch.float64)
    x = grid.unsqueeze(1)
    after, density = [], []
    for point in _randn(g, 4):
        y = point.expand_as(x)
        p_x, there, ratio = _moves(data, x, y, eta)
        p_y, away, inverse = _moves(data, y, x, eta)
        arrive = torch.trapezoid(p_x * there * ratio.clamp(max=1), grid)
        leave = torch.trapezoid(away * inverse.clamp(max=1), grid)
        after.append(arrive + p_y[0] * (1 - leave))
        density.append(p_y[0])
    return Sides(torch.stack(after), torch.stack(density))
