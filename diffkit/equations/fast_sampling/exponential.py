r"""Exponential integrators in half the log signal-to-noise ratio.  Equations (10.21) to (10.26)."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from diffkit.equations.draws import number, randn, uniform
from diffkit.equations.fast_sampling.common import autograd_eps, mixture, vp
from diffkit.equations.grids import interval_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.oracle import GaussianMixture
from diffkit.samplers import ddim, dpm_solver_2, dpm_solver_2m, last

LU = "Lu et al. 2022 (DPM-Solver)"


class _Path:
    """Data N(m, v) and one path (10.15) of their flow, as functions of lambda = -log u."""

    def __init__(self, g: torch.Generator) -> None:
        self.m, self.v, self.k = randn(g, 3), number(g, 0.2, 1.0), randn(g, 3)
        self.start, self.end = number(g, -1.0, -0.4), number(g, 0.3, 1.0)

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
    sde, times = vp(g), [number(g, 0.7, 1.0), number(g, 0.2, 0.5)]
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
    t, h = uniform(g, -1, 0, 5), uniform(g, 0.2, 1.5, 5)
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
    sde, data, x, times = vp(g), mixture(g), randn(g, 6, 2), [0.9, 0.6, 0.3]
    library = last(dpm_solver_2(lambda x, t: data.eps(x, *sde.marginal(t)), sde, x, times))
    lams = [sde.half_log_snr(t) for t in times]
    for t, s in pairwise(lams):
        m, h = (t + s) / 2, s - t
        eps = autograd_eps(data, x, float(_clean(t)), float(_noisy(t)))
        x_m = _clean(m) / _clean(t) * x - _noisy(m) * (torch.exp(h / 2) - 1) * eps
        eps = autograd_eps(data, x_m, float(_clean(m)), float(_noisy(m)))
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
    lam = uniform(g, -1, 1, 1)[0]
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
    sde, data, x, times = vp(g), mixture(g), randn(g, 6, 2), [0.9, 0.7, 0.4, 0.3]
    library = last(dpm_solver_2m(lambda x, t: data.eps(x, *sde.marginal(t)), sde, x, times=times))
    lams, before, h_before = [sde.half_log_snr(t) for t in times], None, torch.ones(())
    for t, s in pairwise(lams):
        h, guess = s - t, data.posterior(x, _clean(t), _noisy(t)).mean
        lean = guess if before is None else guess + h / (2 * h_before) * (guess - before)
        x = _noisy(s) / _noisy(t) * x + _clean(s) * (1 - torch.exp(-h)) * lean
        before, h_before = guess, h
    return Sides(library, x)
