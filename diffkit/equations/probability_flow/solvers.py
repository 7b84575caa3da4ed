r"""Walking along the flow: the order of a solver.  Equations (9.11) to (9.14)."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from diffkit.equations.draws import F64, number, randn
from diffkit.equations.registry import Sides, twin
from diffkit.samplers import ode


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
