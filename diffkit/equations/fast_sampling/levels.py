r"""Where to put the levels, and what a call buys.  Equations (10.27) to (10.31)."""

import math
from collections.abc import Callable
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from diffkit import sigmas
from diffkit.equations.draws import number, randn, uniform
from diffkit.equations.fast_sampling.common import KARRAS
from diffkit.equations.grids import interval_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.quality import heun_until_zero
from diffkit.samplers import ddim, dpm_solver_2, dpm_solver_2m, last, probability_flow
from diffkit.sde import EDM


@twin(
    "10.27",
    r"\Big(\int \sqrt{\kappa(u)}\,du\Big)^{2} \le \int \kappa(u)\,h(u)\,du \;\cdot \int \frac{du}{h(u)}",
    symbols="kappa u h",
    relation="<=",
    source="the inequality of Cauchy and Schwarz",
)
def best_steps(g: torch.Generator) -> Sides:
    """Both sides by quadrature for four random step lengths h(u), and for h = kappa^(-1/2), where they are equal."""
    v, (u, w) = number(g, 0.2, 1.0), interval_nodes(0.05, 3.0, 100)
    kappa = 0.5 * v / (v + u**2) ** 1.5
    h = torch.cat(
        [0.1 + torch.rand(4, 1, generator=g, dtype=torch.float64) * u ** uniform(g, 0, 2, 4, 1), kappa[None] ** -0.5]
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
    n, low, high, rho = 7, number(g, 0.01, 0.1), number(g, 5, 50), number(g, 2, 8)

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
    n, low, high, rho = 9, number(g, 0.01, 0.1), number(g, 5, 50), number(g, 2, 8)
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
    y, u = randn(g, 2, 1), sigmas.karras(n).flip(0)
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
    x, y = randn(g, 4, 6), 1 + 2 * randn(g, 4, 6)
    every = torch.tensor(list(permutations(range(6))))
    best = ((x.unsqueeze(1) - y[:, every]) ** 2).mean(2).min(1).values
    return Sides(best, ((x.sort(1).values - y.sort(1).values) ** 2).mean(1))
