"""DPM-Solver: second-order solvers of the probability-flow ODE that treat its linear part exactly.

In lambda = log(alpha/sigma) a first-order step is exactly DDIM; a second value of the network corrects it.
Source: Lu et al. 2022a, algorithm 1 (DPM-Solver-2); Lu et al. 2022b, algorithm 2 (DPM-Solver++ 2M).
"""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from diffkit.samplers.affine import Affine
from diffkit.samplers.checks import check_output, check_state
from diffkit.samplers.ddim import transfer
from diffkit.samplers.path import Noise, Path, Times, check_times, make_path
from diffkit.samplers.step import Model, Step
from diffkit.sde import SDE


def dpm_solver_2(eps: Model, sde: SDE, x_T: Tensor, times: Times) -> Iterator[Step]:
    """A DDIM step to the middle (in lambda), then the whole DDIM step with the network's answer from there.

    eps(x, t): t is a float.  x_T: (B, *D), at times[0].  times: falling.  Costs 2 calls a step; a step that
    ends at t = 0 has no middle, since lambda is infinite there, and is a plain DDIM step.
    """
    check_state(x_T)
    grid = check_times(times, sde.t_max)
    t = torch.tensor(grid, dtype=torch.float64)
    lam = sde.half_log_snr(t)
    middle = sde.time_of((lam[:-1] + lam[1:]) / 2)  # equal to the step's end where that is t = 0
    alpha, sigma = sde.marginal(t)
    half = transfer(alpha[:-1], sigma[:-1], *sde.marginal(middle))
    whole = transfer(alpha[:-1], sigma[:-1], alpha[1:], sigma[1:])
    return _single(eps, x_T, grid, middle.tolist(), [v.tolist() for v in (*half, *whole)])


@torch.no_grad()
def _single(
    eps: Model, x: Tensor, grid: list[float], middles: list[float], coefficients: list[list[float]]
) -> Iterator[Step]:
    yield Step(grid[0], x)
    for (t, t_next), middle, a_half, b_half, a, b in zip(pairwise(grid), middles, *coefficients, strict=True):
        out = _ask(eps, x, t)
        if middle > t_next:
            out = _ask(eps, torch.mul(x, a_half).add_(out, alpha=b_half), middle)
        x = torch.mul(x, a).add_(out, alpha=b)
        yield Step(t_next, x, out)


def dpm_solver_2m(eps: Model, noise: Noise, x_T: Tensor, *, times: Times | None = None) -> Iterator[Step]:
    """Second order from one call a step: the previous step's x_0_hat gives the slope.

    noise: a Schedule or an SDE.  times: falling, default every step of a Schedule.  x_T: (B, *D), at times[0].
    The first step, and a last one that ends at sigma = 0, are first order.
    """
    check_state(x_T)
    path = make_path(noise, x_T, times)
    return _multi(eps, x_T, path, multistep_kernel(path))


def multistep_kernel(path: Path) -> Affine:
    """Coefficients of x_s = a x_t + b x_0_hat + c (previous x_0_hat).  Lu et al. 2022b, algorithm 2.

    a = sigma_s/sigma_t.  b + c = alpha_s - a alpha_t = alpha_s (1 - exp(-h)) is the weight of the data, split
    as 1 + r to -r with r = h/(2 h_prev): the line through both predictions, read at the middle of the step.
    """
    alpha, sigma = (torch.tensor(v, dtype=torch.float64) for v in (path.alpha, path.sigma))
    a = sigma[1:] / sigma[:-1]
    weight = alpha[1:] - a * alpha[:-1]
    h = torch.log(alpha / sigma).diff()
    r = torch.zeros_like(h)  # first order at the first step, which has no previous one,
    r[1:] = torch.where(h[1:].isfinite(), h[1:] / (2 * h[:-1]), 0.0)  # and at a last one that ends at sigma = 0
    return Affine(a.tolist(), (weight * (1 + r)).tolist(), (-weight * r).tolist())


@torch.no_grad()
def _multi(eps: Model, x: Tensor, path: Path, k: Affine) -> Iterator[Step]:
    x_0_before = torch.zeros_like(x)
    yield Step(path.times[0], x)
    n = len(k.a)
    each = zip(path.given[:n], path.times[1:], path.alpha[:n], path.sigma[:n], *k, strict=True)
    for t, t_next, alpha, sigma, a, b, c in each:
        out = _ask(eps, x, t)
        x_0 = torch.sub(x, out, alpha=sigma).div_(alpha)
        x = torch.mul(x, a).add_(x_0, alpha=b).add_(x_0_before, alpha=c)
        x_0_before = x_0
        yield Step(t_next, x, out)


def _ask(eps: Model, x: Tensor, t: Tensor | float) -> Tensor:
    out = eps(x, t)
    check_output(out, x.shape)
    return out
