r"""Lesson 10, fast sampling, second part: solvers of second order, levels, cost.  Equations (10.20) to (10.31)."""

import math
from collections.abc import Callable
from itertools import pairwise, permutations
from typing import Any

import torch
from torch import Tensor

from diffkit import sigmas
from diffkit.equations.fast_sampling import (
    _autograd_eps,
    _mixture,
    _number,
    _randn,
    _uniform,
    _vp,
)
from diffkit.equations.grids import interval_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.oracle import GaussianMixture
from diffkit.quality import heun_until_zero
from diffkit.samplers import ddim, dpm_solver_2, dpm_solver_2m, last, probability_flow
from diffkit.sde import EDM

KARRAS = "Karras et al. 2022"
LU = "Lu et al. 2022 (DPM-Solver)"


@twin(
    "10.20",
    r"\hat{\mathbf{y}} = \mathbf{y} + h\,\boldsymbol\varepsilon(\mathbf{y}, u), \qquad \mathbf{y} \ \leftarrow\ \mathbf{y} + \frac{h}{2}\,\big(\boldsymbol\varepsilon(\mathbf{y}, u) + \boldsymbol\varepsilon(\hat{\mathbf{y}}, u+h)\big)",
    symbols="y_hat fast_y h fast_eps u",
    source=f"{KARRAS}, algorithm 1",
)
def heun_step(g: torch.Generator) -> Sides:
    """Three steps of the library's flow in x and t, whose level is its time, and the steps written out."""
    data, y, u = _mixture(g), 2 * _randn(g, 6, 2), [2.5, 1.6, 0.9, 0.4]
    library = last(probability_flow(lambda x, t: data.score(x, 1.0, t), EDM(2.5), y, u))
    for here, there in pairwise(u):
        slope = _autograd_eps(data, y, 1.0, here)
        ahead = y + (there - here) * slope
        y = y + (there - here) / 2 * (slope + _autograd_eps(data, ahead, 1.0, there))
    return Sides(library, y)


class _Path:
    """Data N(m, v) and one path (10.15) of their flow, as functions of lambda = -log u."""

    def __init__(self, g: torch.Generator) -> None:
        self.m, self.v, self.k = _randn(g, 3), _number(g, 0.2, 1.0), _randn(g, 3)
        self.start, self.end = _number(g, -1.0, -0.4), _number(g, 0.3, 1.0)

    def y(self, lam: Tensor) -> Tensor:
        return self.m + self.k * (self.v + torch.exp(-2 * lam)).sqrt()

    def x(self, lam: Tensor) -> Tensor:
        return torch.sigmoid(2 * lam).sqrt() * self.y(lam)

    def data(self) -> GaussianMixture:
        """The coordinates have different means: one coordinate at a time is N(m, v)."""
        one = torch.ones(1, dtype=torch.float64)
        return GaussianMixture.isotropic(one, self.m.unsqueeze(0), self.v)

    def eps(self, lam: Tensor) -> Tensor:
        """The noise prediction at the point of the path."""
        return self.data().eps(self.y(lam).unsqueeze(0), 1.0, torch.exp(-lam))[0]

    def ends(self) -> tuple[Tensor, Tensor]:
        return torch.tensor(self.start, dtype=torch.float64), torch.tensor(self.end, dtype=torch.float64)


def _integral(f: Callable[[Tensor], Tensor], low: Tensor, high: Tensor) -> Tensor:
    nodes, weights = interval_nodes(float(low), float(high))
    return torch.stack([w * f(x) for x, w in zip(nodes, weights, strict=True)]).sum(0)


def _clean(lam: Tensor) -> Tensor:
    """sqrt(alpha_bar)."""
    return torch.sigmoid(2 * lam).sqrt()


def _noisy(lam: Tensor) -> Tensor:
    """sqrt(1 - alpha_bar)."""
    return torch.sigmoid(-2 * lam).sqrt()


@twin(
    "10.21",
    r"\mathbf{x}_s = \sqrt{\frac{\bar\alpha_s}{\bar\alpha_t}}\;\mathbf{x}_t - \sqrt{1-\bar\alpha_s}\int_{\lambda_t}^{\lambda_s} e^{\lambda_s-\lambda}\,\boldsymbol\varepsilon(\lambda)\,d\lambda",
    symbols="x_t fast_s alpha_bar lam fast_eps",
    source=f"{LU}, proposition 3.1",
)
def exponential_integrator(g: torch.Generator) -> Sides:
    """The end of a path that is known (10.15), and the integral by quadrature."""
    path = _Path(g)
    t, s = path.ends()
    total = _integral(lambda lam: torch.exp(s - lam) * path.eps(lam), t, s)
    return Sides(path.x(s), _clean(s) / _clean(t) * path.x(t) - _noisy(s) * total)


@twin(
    "10.22",
    r"\sqrt{1-\bar\alpha_s}\int_{\lambda_t}^{\lambda_s} e^{\lambda_s-\lambda}\,d\lambda = \sqrt{1-\bar\alpha_s}\;\big(e^{h} - 1\big) = \sqrt{\bar\alpha_s}\;(u_t - u_s), \qquad h = \lambda_s - \lambda_t",
    symbols="alpha_bar fast_s lam h u",
    source=f"{LU}, section 3.2 and 4.1: the first-order solver is DDIM",
)
def first_order_is_ddim(g: torch.Generator) -> Sides:
    """Both formulas; the integral by quadrature, and what a step of the library's DDIM takes off for eps = 1."""
    sde, times = _vp(g), [_number(g, 0.7, 1.0), _number(g, 0.2, 0.5)]
    t, s = (sde.half_log_snr(time) for time in times)
    slow = _noisy(s) * _integral(lambda lam: torch.exp(s - lam), t, s)
    zero = torch.zeros(1, 1, dtype=torch.float64)
    moved = -last(ddim(lambda x, _: torch.ones_like(x), sde, zero, times=times))[0, 0]
    formula = _noisy(s) * torch.expm1(s - t)
    return Sides(torch.stack([slow, moved]), torch.stack([formula, _clean(s) * (torch.exp(-t) - torch.exp(-s))]))


@twin(
    "10.23",
    r"\int_{\lambda_t}^{\lambda_s} e^{\lambda_s-\lambda}\,(\lambda-\lambda_m)\,d\lambda = -\,e^{h/2}\Big(h\cosh\frac{h}{2} - 2\sinh\frac{h}{2}\Big), \qquad \lambda_m = \frac{\lambda_t+\lambda_s}{2}",
    symbols="lam h m_middle",
)
def slope_cancels(g: torch.Generator) -> Sides:
    """The integral by quadrature for five steps, and the formula."""
    t, h = _uniform(g, -1, 0, 5), _uniform(g, 0.2, 1.5, 5)
    slow = [
        _integral(lambda lam, a=a, b=b: torch.exp(b - lam) * (lam - (a + b) / 2), a, b)  # type: ignore[misc]
        for a, b in zip(t, t + h, strict=True)
    ]
    return Sides(torch.stack(slow), -torch.exp(h / 2) * (h * torch.cosh(h / 2) - 2 * torch.sinh(h / 2)))


@twin(
    "10.24",
    r"\mathbf{x}_m = \sqrt{\frac{\bar\alpha_m}{\bar\alpha_t}}\,\mathbf{x}_t - \sqrt{1-\bar\alpha_m}\,\big(e^{h/2}-1\big)\,\boldsymbol\varepsilon(\mathbf{x}_t, t), \qquad \mathbf{x}_s = \sqrt{\frac{\bar\alpha_s}{\bar\alpha_t}}\,\mathbf{x}_t - \sqrt{1-\bar\alpha_s}\,\big(e^{h}-1\big)\,\boldsymbol\varepsilon(\mathbf{x}_m, m)",
    symbols="x_t alpha_bar m_middle t fast_s h fast_eps",
    source=f"{LU}, algorithm 1",
)
def midpoint_step(g: torch.Generator) -> Sides:
    """The library's solver over two steps of time, and the steps written out with a prediction by autograd."""
    sde, data, x, times = _vp(g), _mixture(g), _randn(g, 6, 2), [0.9, 0.6, 0.3]
    library = last(dpm_solver_2(lambda x, t: data.eps(x, *sde.marginal(t)), sde, x, times))
    lams = [sde.half_log_snr(t) for t in times]
    for t, s in pairwise(lams):
        m, h = (t + s) / 2, s - t
        eps = _autograd_eps(data, x, float(_clean(t)), float(_noisy(t)))
        x_m = _clean(m) / _clean(t) * x - _noisy(m) * (torch.exp(h / 2) - 1) * eps
        eps = _autograd_eps(data, x_m, float(_clean(m)), float(_noisy(m)))
        x = _clean(s) / _clean(t) * x - _noisy(s) * (torch.exp(h) - 1) * eps
    return Sides(library, x)


@twin(
    "10.25",
    r"\frac{d}{d\lambda}\,\frac{\mathbf{x}}{\sqrt{1-\bar\alpha}} = e^{\lambda}\,\hat{\mathbf{x}}_0",
    symbols="lam x_t alpha_bar x_0_hat",
    source="Lu et al. 2022b (DPM-Solver++), proposition 4.1",
)
def data_form(g: torch.Generator) -> Sides:
    """Along a path that is known: automatic differentiation in lambda, and the exact guess of the clean point."""
    path = _Path(g)
    lam = _uniform(g, -1, 1, 1)[0]
    slow = torch.autograd.functional.jacobian(lambda a: path.x(a) / _noisy(a), lam)
    guess = path.data().denoiser(path.x(lam).unsqueeze(0), _clean(lam), _noisy(lam))[0]
    return Sides(slow, torch.exp(lam) * guess)


@twin(
    "10.26",
    r"\mathbf{x}_s = \sqrt{\frac{1-\bar\alpha_s}{1-\bar\alpha_t}}\;\mathbf{x}_t + \sqrt{\bar\alpha_s}\,\big(1-e^{-h}\big)\Big(\hat{\mathbf{x}}_0 + \frac{h}{2h'}\,\big(\hat{\mathbf{x}}_0 - \hat{\mathbf{x}}_0'\big)\Big)",
    symbols="x_t fast_s alpha_bar h x_0_hat",
    source="Lu et al. 2022b (DPM-Solver++), algorithm 2",
)
def multistep(g: torch.Generator) -> Sides:
    """The library's multistep solver, and its steps written out with guesses from the posterior mean."""
    sde, data, x, times = _vp(g), _mixture(g), _randn(g, 6, 2), [0.9, 0.7, 0.4, 0.3]
    library = last(dpm_solver_2m(lambda x, t: data.eps(x, *sde.marginal(t)), sde, x, times=times))
    lams, before, h_before = [sde.half_log_snr(t) for t in times], None, torch.ones(())
    for t, s in pairwise(lams):
        h, guess = s - t, data.posterior(x, _clean(t), _noisy(t)).mean
        lean = guess if before is None else guess + h / (2 * h_before) * (guess - before)
        x = _noisy(s) / _noisy(t) * x + _clean(s) * (1 - torch.exp(-h)) * lean
        before, h_before = guess, h
    return Sides(library, x)


@twin(
    "10.27",
    r"\Big(\int \sqrt{\kappa(u)}\,du\Big)^{2} \le \int \kappa(u)\,h(u)\,du \;\cdot \int \frac{du}{h(u)}",
    symbols="kappa u h",
    relation="<=",
    source="the inequality of Cauchy and Schwarz",
)
def best_steps(g: torch.Generator) -> Sides:
    """Both sides by quadrature for four random step lengths h(u), and for h = kappa^(-1/2), where they are equal."""
    v, (u, w) = _number(g, 0.2, 1.0), interval_nodes(0.05, 3.0, 100)
    kappa = 0.5 * v / (v + u**2) ** 1.5
    h = torch.cat(
        [0.1 + torch.rand(4, 1, generator=g, dtype=torch.float64) * u ** _uniform(g, 0, 2, 4, 1), kappa[None] ** -0.5]
    )
    right = ((kappa * h) @ w) * ((1 / h) @ w)
    return Sides((kappa.sqrt() @ w).square().expand(5), right)


@twin(
    "10.28",
    r"u_i = \Big(u_{\min}^{1/\rho} + \frac{i-1}{n-1}\,\big(u_{\max}^{1/\rho} - u_{\min}^{1/\rho}\big)\Big)^{\rho}, \quad i = 1, \dots, n, \qquad u_0 = 0",
    symbols="u u_ends rho fast_n",
    source=f"{KARRAS}, eq. 5, which counts from the noisiest level",
)
def levels(g: torch.Generator) -> Sides:
    """The library's levels, and those that cut the integral of w^(1/rho - 1) into equal parts, found by bisection."""
    n, low, high, rho = 7, _number(g, 0.01, 0.1), _number(g, 5, 50), _number(g, 2, 8)

    def part(top: Tensor) -> Tensor:
        """The integral from u_min to each top, with w = exp(z)."""
        z, w = interval_nodes(0.0, 1.0, 40)
        length = torch.log(top / low)
        at = math.log(low) + length.unsqueeze(1) * z
        return length * (torch.exp(at / rho) @ w)

    wanted = torch.linspace(0, 1, n, dtype=torch.float64) * part(torch.tensor([high], dtype=torch.float64))
    below, above = torch.full((n,), low, dtype=torch.float64), torch.full((n,), high, dtype=torch.float64)
    for _ in range(60):
        middle = (below + above) / 2
        short = part(middle) < wanted
        below, above = torch.where(short, middle, below), torch.where(short, above, middle)
    slow = torch.cat([torch.zeros(1, dtype=torch.float64), (below + above) / 2])
    return Sides(slow, sigmas.karras(n, low, high, rho))


@twin(
    "10.29",
    r"\frac{du_i}{di} = \frac{\rho}{n-1}\,\big(u_{\max}^{1/\rho} - u_{\min}^{1/\rho}\big)\;u_i^{\,1-1/\rho}",
    symbols="u rho fast_n u_ends",
)
def density_of_levels(g: torch.Generator) -> Sides:
    """Automatic differentiation of (10.28) as a function of a real i, and the formula."""
    n, low, high, rho = 9, _number(g, 0.01, 0.1), _number(g, 5, 50), _number(g, 2, 8)
    i = torch.arange(1, n + 1, dtype=torch.float64).requires_grad_()
    roots = low ** (1 / rho), high ** (1 / rho)
    u = (roots[0] + (i - 1) / (n - 1) * (roots[1] - roots[0])) ** rho
    (slope,) = torch.autograd.grad(u.sum(), i)
    return Sides(slope, rho / (n - 1) * (roots[1] - roots[0]) * u.detach() ** (1 - 1 / rho))


@twin(
    "10.30",
    r"\text{calls} = n \ \text{(ancestral, DDIM, multistep)}, \qquad \text{calls} = 2n - 1 \ \text{(Heun, DPM-Solver-2)}, \qquad n \text{ steps down to } u = 0",
    symbols="fast_n u",
)
def calls(g: torch.Generator) -> Sides:
    """A predictor that counts, called by the library's samplers on n levels that fall to 0; and the formula."""
    n = int(torch.randint(2, 20, (1,), generator=g))
    y, u = _randn(g, 2, 1), sigmas.karras(n).flip(0)
    sde, counts = EDM(), []

    def counted(run: Callable[[Callable[[Tensor, Any], Tensor]], Any]) -> None:
        counts.append(0)

        def predict(x: Tensor, _: Any) -> Tensor:
            counts[-1] += 1
            return torch.zeros_like(x)

        last(run(predict))

    counted(lambda f: ddim(f, sde, y, times=u, eta=1.0))
    counted(lambda f: ddim(f, sde, y, times=u))
    counted(lambda f: dpm_solver_2m(f, sde, y, times=u))
    counted(lambda f: probability_flow(f, sde, y, u, step=heun_until_zero))
    counted(lambda f: dpm_solver_2(f, sde, y, u))
    formula = [n, n, n, 2 * n - 1, 2 * n - 1]
    return Sides(torch.tensor(counts, dtype=torch.float64), torch.tensor(formula, dtype=torch.float64))


@twin(
    "10.31",
    r"W_2^2 = \int_0^1 \big(F^{-1}(w) - G^{-1}(w)\big)^2\,dw",
    symbols="W2 F",
    source="Villani 2003, theorem 2.18",
)
def in_order(g: torch.Generator) -> Sides:
    """Six points against six, four times: the best of all 720 matchings, and the matching in order."""
    x, y = _randn(g, 4, 6), 1 + 2 * _randn(g, 4, 6)
    every = torch.tensor(list(permutations(range(6))))
    best = ((x.unsqueeze(1) - y[:, every]) ** 2).mean(2).min(1).values
    return Sides(best, ((x.sort(1).values - y.sort(1).values) ** 2).mean(1))
