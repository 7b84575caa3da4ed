r"""How good a step of Euler and Maruyama is.  Equations (8.17) to (8.19)."""

import math

import torch
from torch import Tensor

from diffkit.equations.draws import F64, number
from diffkit.equations.grids import interval_nodes
from diffkit.equations.limits import runge_kutta
from diffkit.equations.quadrature import normal_grid, normal_nodes
from diffkit.equations.registry import Sides, twin


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
