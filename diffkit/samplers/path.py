"""The noise levels that a sampler visits, in order, with everything its loop needs read out beforehand.

A `Schedule` has levels at t = 0..T and its network is handed t as (B,) integers.  An `SDE` has a level at
every real t, and its network is handed a float.  A `Path` hides the difference.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from diffkit.errors import RangeError
from diffkit.samplers.checks import check_count
from diffkit.schedule import Schedule, broadcast
from diffkit.sde import SDE

Noise = Schedule | SDE
Times = Sequence[float] | Tensor


class Path(NamedTuple):
    """n+1 levels.  Numbers are Python floats: a table lookup per step would cost more than the arithmetic.

    times: what `Step.t` reports.  given: what the network is handed.
    alpha, sigma: x_t = alpha x_0 + sigma eps.
    """

    times: list[float]
    given: list[Tensor] | list[float]
    alpha: list[float]
    sigma: list[float]


def uniform_times(T: int, n: int) -> list[int]:
    """n+1 step indices T, .., 0, as evenly spaced as whole numbers allow."""
    check_count(T, "T")
    if check_count(n, "n") > T:
        raise RangeError(f"n = {n} steps do not fit into T = {T}: choose n <= T")
    return [(T * (n - i) + n // 2) // n for i in range(n + 1)]


def time_grid(n: int, start: float = 1.0, end: float = 1e-3) -> list[float]:
    """n+1 evenly spaced falling times, for an SDE.  Learned scores are poor at t = 0, hence the default end."""
    check_count(n, "n")
    return check_times(torch.linspace(start, end, n + 1, dtype=torch.float64), math.inf)


def make_path(noise: Noise, x: Tensor, times: Times | None = None, *, rising: bool = False) -> Path:
    """The levels of noise at these times.  Without times, a Schedule's whole chain T, .., 0.

    times must fall (rise, if rising): whole numbers in 0..T for a Schedule, numbers in [0, t_max] for an SDE.
    """
    if isinstance(noise, Schedule):
        chain: Times = range(noise.T + 1) if rising else range(noise.T, -1, -1)
        steps = check_steps(chain if times is None else times, noise.T, rising=rising)
        alpha, sigma = (table[steps].tolist() for table in (noise.alpha_bar.sqrt(), noise.noise_var.sqrt()))
        return Path(list(steps), step_indices(steps, x), alpha, sigma)
    if times is None:
        raise RangeError("an SDE has no steps of its own: pass times, e.g. time_grid(100)")
    grid = check_times(times, noise.t_max, rising=rising)
    alpha, sigma = (v.tolist() for v in noise.marginal(torch.tensor(grid, dtype=torch.float64)))
    return Path(grid, grid, alpha, sigma)


def step_indices(steps: list[int], x: Tensor) -> list[Tensor]:
    """Every t as (B,) long on x's device.  Views of one small table, made once: no copy to the device in the loop."""
    return list(torch.tensor(steps, device=x.device).unsqueeze(1).expand(-1, len(x)).unbind(0))


def check_steps(times: Times, T: int, *, rising: bool = False) -> list[int]:
    """times as whole numbers, after checking that they lie in 0..T and fall (or rise)."""
    grid = check_times(times, T, rising=rising)
    if any(t != int(t) for t in grid):
        raise RangeError("a Schedule counts whole steps: pass integers, e.g. uniform_times(T, n)")
    return [int(t) for t in grid]


def as_floats(times: Times) -> list[float]:
    """times as a list of finite numbers, in any order."""
    try:
        # A tensor at once: entry by entry each would wait for its device.
        grid = [float(t) for t in (times.tolist() if isinstance(times, Tensor) else times)]
    except (TypeError, ValueError):
        raise RangeError(f"times is {times!r:.60}: pass a list of numbers or a tensor (n,)") from None
    if not all(math.isfinite(t) for t in grid):
        raise RangeError("times has entries that are not finite")
    return grid


def check_times(times: Times, t_max: float, *, rising: bool = False) -> list[float]:
    """times as floats, after checking that they are finite, lie in [0, t_max] and fall (or rise)."""
    grid = as_floats(times)
    if len(grid) < 2:
        raise RangeError(f"times has {len(grid)} entries: a step needs two, where it starts and where it ends")
    if not all(0 <= t <= t_max for t in grid):
        raise RangeError(f"times must lie in 0..{t_max:g}, got {min(grid):g}..{max(grid):g}")
    if not all((a < b) if rising else (a > b) for a, b in pairwise(grid)):
        direction = "rise, from data to noise" if rising else "fall, from noise to data"
        raise RangeError(f"times must {direction}, at every step: sort them and remove doubles")
    return grid


def posterior_std(alpha: Tensor, sigma: Tensor) -> Tensor:
    """sqrt(beta_tilde), the standard deviation of q(x_s | x_t, x_0), for each step t -> s along the levels.

    sigma_s/sigma_t sqrt(sigma_t^2 - (alpha_t/alpha_s)^2 sigma_s^2).  alpha, sigma: (n+1,), noisy to clean.
    """
    fresh = sigma[:-1] ** 2 - (alpha[:-1] / alpha[1:] * sigma[1:]) ** 2  # noise that step s -> t has added
    return sigma[1:] / sigma[:-1] * fresh.clamp(min=0).sqrt()  # below 0 by rounding only


def levels(noise: Noise, t: Tensor | float, x: Tensor) -> tuple[Tensor, Tensor]:
    """(alpha_t, sigma_t), ready to multiply x.  For functions that wrap a network; loops use a Path.

    Keep a Schedule on x's device (`s.to(device)`): a lookup in another memory stalls a GPU.
    """
    if isinstance(noise, Schedule):
        index = torch.as_tensor(t)
        return noise.at(noise.alpha_bar.sqrt(), index, x), noise.at(noise.noise_var.sqrt(), index, x)
    alpha, sigma = noise.marginal(t)
    return broadcast(alpha, x), broadcast(sigma, x)
