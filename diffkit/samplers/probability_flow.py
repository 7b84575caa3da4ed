"""The probability-flow ODE: a deterministic path with the same marginals as the SDE, between data and noise.

Source: Song et al. 2021, section 4.3 and eq. 13; Karras et al. 2022, algorithm 1 (Heun's method, with
`sde.EDM`).
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from diffkit.samplers.checks import check_output, check_state
from diffkit.samplers.ode import OdeStep, Velocity, heun, integrate
from diffkit.samplers.path import Times, as_floats, check_times
from diffkit.samplers.step import Model, Step
from diffkit.sde import SDE


def probability_flow(score: Model, sde: SDE, x: Tensor, times: Times, *, step: OdeStep = heun) -> Iterator[Step]:
    """dx/dt = f x - g^2 score(x, t) / 2 along the times: falling from noise to data, rising from data to noise.

    score(x, t): t is a float.  x: (B, *D), at times[0].  step: `euler`, `heun`, `rk4` or `adaptive(..)`.
    `Step.out` is None, since one step may call the network several times.
    """
    check_state(x)
    grid = as_floats(times)
    rising = len(grid) > 1 and grid[0] < grid[1]
    return _run(flow_velocity(score, sde), x, check_times(grid, sde.t_max, rising=rising), step)


@torch.no_grad()
def _run(v: Velocity, x: Tensor, times: list[float], step: OdeStep) -> Iterator[Step]:
    for t, y in integrate(v, x, times, step):
        yield Step(t, y)


def flow_velocity(score: Model, sde: SDE) -> Velocity:
    """v(x, t) = f x - g^2 score(x, t) / 2, with t a float."""

    def velocity(x: Tensor, t: float) -> Tensor:
        out = score(x, t)
        check_output(out, x.shape)
        return torch.mul(x, float(sde.rate(t))).add_(out, alpha=-0.5 * float(sde.diffusion(t)) ** 2)

    return velocity
