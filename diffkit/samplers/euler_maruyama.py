"""Euler-Maruyama: the simplest solver of a stochastic differential equation, forward or in reverse time.

Source: Kloeden & Platen 1992, section 10.2; Song et al. 2021, eq. 6 (the reverse SDE).
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from diffkit.samplers.affine import Affine, affine_chain
from diffkit.samplers.checks import check_output, check_state
from diffkit.samplers.path import Times, as_floats, check_times
from diffkit.samplers.step import Model, Step
from diffkit.sde import SDE


def reverse_sde(
    score: Model, sde: SDE, x_T: Tensor, times: Times, *, generator: torch.Generator | None = None
) -> Iterator[Step]:
    """From noise to data: dx = (f x - g^2 score(x, t)) dt + g dw with dt < 0.

    score(x, t): t is a float.  x_T: (B, *D), at times[0].  times: falling, e.g. `time_grid(1000)`.
    The last step adds noise as every other: x belongs to p at times[-1], not to the data.
    """
    check_state(x_T, generator)
    grid = check_times(times, sde.t_max)
    return affine_chain(score, x_T, grid, grid[:-1], euler_maruyama_kernel(sde, grid), generator)


def euler_maruyama_kernel(sde: SDE, times: list[float]) -> Affine:
    """Coefficients of each reverse step: a = 1 + f dt, b = -g^2 dt, c = g sqrt(-dt), with dt < 0."""
    t = torch.tensor(times, dtype=torch.float64)
    dt, f, g = t[1:] - t[:-1], sde.rate(t[:-1]), sde.diffusion(t[:-1])
    return Affine((1 + f * dt).tolist(), (-(g**2) * dt).tolist(), (g * (-dt).sqrt()).tolist())


def euler_maruyama(
    drift: Callable[[Tensor, float], Tensor],
    diffusion: Callable[[float], float | Tensor],
    x: Tensor,
    times: Times,
    *,
    generator: torch.Generator | None = None,
) -> Iterator[Step]:
    """x <- x + drift(x, t) dt + diffusion(t) sqrt(|dt|) z, for any SDE, along times that rise or fall.

    drift(x, t): (B, *D); diffusion(t): a number; t is a float.  x: (B, *D), at times[0].
    Forward: `euler_maruyama(sde.drift, sde.diffusion, x_0, times)`.  Backward `reverse_sde` is faster.
    """
    check_state(x, generator)
    grid = as_floats(times)
    rising = len(grid) > 1 and grid[0] < grid[1]
    return _euler_maruyama(drift, diffusion, x, check_times(grid, float("inf"), rising=rising), generator)


@torch.no_grad()
def _euler_maruyama(
    drift: Callable[[Tensor, float], Tensor],
    diffusion: Callable[[float], float | Tensor],
    x: Tensor,
    times: list[float],
    generator: torch.Generator | None,
) -> Iterator[Step]:
    noise = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    yield Step(times[0], x)
    for t, t_next in pairwise(times):
        dt = t_next - t
        out = drift(x, t)
        check_output(out, x.shape)
        size = float(diffusion(t)) * abs(dt) ** 0.5  # noise depends on the length of the step, not its sign
        x = torch.add(x, out, alpha=dt).add_(noise.normal_(generator=generator), alpha=size)
        yield Step(t_next, x, out)
