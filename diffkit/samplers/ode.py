"""Solvers of dx/dt = v(x, t), in either direction of time.

A solver step is a function (v, x, t, dt) -> x at t + dt, so a new method is a new function.
Source: Hairer, Nørsett & Wanner 1993, chapter II.1.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from diffkit.samplers.checks import check_positive

Velocity = Callable[[Tensor, float], Tensor]
OdeStep = Callable[[Velocity, Tensor, float, float], Tensor]


def euler(v: Velocity, x: Tensor, t: float, dt: float) -> Tensor:
    """Order 1, one call of v."""
    return torch.add(x, v(x, t), alpha=dt)


def heun(v: Velocity, x: Tensor, t: float, dt: float) -> Tensor:
    """Order 2, two calls: the mean of the slopes at both ends."""
    k1 = v(x, t)
    k2 = v(torch.add(x, k1, alpha=dt), t + dt)
    return torch.add(x, k1, alpha=dt / 2).add_(k2, alpha=dt / 2)


def rk4(v: Velocity, x: Tensor, t: float, dt: float) -> Tensor:
    """Order 4, four calls: the classical Runge-Kutta method."""
    k1 = v(x, t)
    k2 = v(torch.add(x, k1, alpha=dt / 2), t + dt / 2)
    k3 = v(torch.add(x, k2, alpha=dt / 2), t + dt / 2)
    k4 = v(torch.add(x, k3, alpha=dt), t + dt)
    total = torch.add(k1, k2, alpha=2).add_(k3, alpha=2).add_(k4)
    return torch.add(x, total, alpha=dt / 6)


def adaptive(*, rtol: float = 1e-5, atol: float = 1e-5) -> OdeStep:
    """A step that chooses its own substeps: Dormand-Prince 5(4), by torchdiffeq.

    Pass few times: they only say where to report.  rtol, atol: relative and absolute tolerance of one substep.
    Reading the error stalls a GPU at every substep.
    """
    check_positive(rtol, "rtol")
    check_positive(atol, "atol")
    try:
        from torchdiffeq import odeint  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise ImportError("adaptive steps need torchdiffeq: pip install torchdiffeq, or use rk4") from error

    def step(v: Velocity, x: Tensor, t: float, dt: float) -> Tensor:
        ends = torch.tensor([0.0, 1.0], dtype=torch.float64, device=x.device)
        options = {"step_t": ends[1:]}  # without it the last substep overshoots, to times where v need not exist
        out: Tensor = odeint(
            lambda part, y: dt * v(y, t + dt * float(part)), x, ends, rtol=rtol, atol=atol, options=options
        )
        return out[-1]

    return step


def integrate(v: Velocity, x: Tensor, times: list[float], step: OdeStep) -> Iterator[tuple[float, Tensor]]:
    """(t, x) at each of the times, the start included."""
    yield times[0], x
    for t, t_next in pairwise(times):
        x = step(v, x, t, t_next - t)
        yield t_next, x
