"""How good samples get for how many calls of the network: on the line this can be measured without chance.

A sampler starts from N evenly spread quantiles instead of random points, and a stochastic one draws its noise from a
lattice instead of a dice.  What comes out is compared, in order, with the quantiles of the data.  For N to infinity
that is the Wasserstein distance W_2 between what the sampler makes and the data.

Everything happens in y = x / alpha at noise level u = sigma / alpha, where all samplers are at home (`sde.EDM`).
Source of the lattice: L'Ecuyer, Lecot & Tuffin 2008, "A randomized quasi-Monte Carlo simulation method for Markov
chains" (sort the points, then give neighbours different noises).
"""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from diffkit import sigmas
from diffkit.errors import RangeError, ShapeError
from diffkit.oracle import GaussianMixture
from diffkit.samplers import ddim_kernel, dpm_solver_2, dpm_solver_2m, euler, heun, last, probability_flow
from diffkit.samplers.ode import Velocity
from diffkit.samplers.path import make_path
from diffkit.samplers.step import Model
from diffkit.sde import EDM, VP

Method = Literal["ancestral", "eta 1", "eta 0.5", "ddim", "heun", "dpm-2", "multistep"]
Spacing = Literal["time", "karras", "log"]
METHODS: tuple[Method, ...] = get_args(Method)
SPACINGS: tuple[Spacing, ...] = get_args(Spacing)
ETA: dict[Method, float] = {"ancestral": 1.0, "eta 1": 1.0, "eta 0.5": 0.5, "ddim": 0.0}
TWO_CALLS: tuple[Method, ...] = ("heun", "dpm-2")  # a step, but the last one, which ends at u = 0
U_MIN, U_MAX = 0.002, 80.0  # Karras et al. 2022, table 1
GOLDEN = (5**0.5 - 1) / 2
N_POINTS = 1024
BUDGETS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 50, 100, 200, 1000)


class Race(NamedTuple):
    """What every method makes of every number of calls.  S spacings, the METHODS, C budgets, N points."""

    mixture: GaussianMixture
    spacings: tuple[Spacing, ...]
    budgets: tuple[int, ...]
    spent: Tensor  # (7, C): calls that were made, at most the budget
    points: Tensor  # (S, 7, C, N), rising along N
    distances: Tensor  # (S, 7, C), to the quantiles of the mixture


def race(
    mixture: GaussianMixture,
    *,
    spacings: tuple[Spacing, ...] = ("time", "karras"),
    budgets: tuple[int, ...] = BUDGETS,
    n_points: int = N_POINTS,
    watch: Callable[[list[Method]], Iterable[Method]] = iter,
) -> Race:
    """Run all methods with all budgets.  watch: wraps the list of methods, for a progress bar."""
    goal = quantiles(mixture, n_points)
    steps = {method: [most_steps(method, calls) for calls in budgets] for method in METHODS}
    by_method = []
    for method in watch(list(METHODS)):
        runs = [samples(mixture, method, levels(s, n), n_points) for s in spacings for n in steps[method]]
        by_method.append(torch.stack(runs).reshape(len(spacings), len(budgets), n_points))
    points = torch.stack(by_method, 1)
    spent = torch.tensor([[2 * n - 1 if m in TWO_CALLS else n for n in steps[m]] for m in METHODS])
    distances = (points - goal).square().mean(-1).sqrt()
    return Race(mixture, spacings, budgets, spent, points, distances)


def most_steps(method: Method, calls: int) -> int:
    """The largest number of steps that this many calls of the network pay for, >= 1."""
    if calls < 1:
        raise RangeError(f"calls = {calls}: a sampler calls the network at least once")
    return (calls + 1) // 2 if method in TWO_CALLS else calls


def levels(spacing: Spacing, n: int) -> Tensor:
    """n+1 falling noise levels, (n+1,) float64, the last one 0.

    "time": a variance-preserving process looked at in even steps of time; "karras": even in u^(1/7); "log": even in
    log u.  Raises RangeError for another spacing.
    """
    if spacing not in SPACINGS:
        raise RangeError(f"spacing = {spacing!r}: choose one of {', '.join(SPACINGS)}")
    if spacing == "time":
        alpha, sigma = VP().marginal(torch.linspace(1, 0, n + 1, dtype=torch.float64))
        return sigma / alpha
    if n == 1:
        return torch.tensor([U_MAX, 0.0], dtype=torch.float64)
    made = sigmas.karras(n, U_MIN, U_MAX) if spacing == "karras" else sigmas.geometric(n, U_MIN, U_MAX)
    return made.flip(0)


def quantiles(mixture: GaussianMixture, n: int) -> Tensor:
    """The points below which lie the shares (i + 1/2)/n of a mixture on the line, (n,), rising."""
    mean, std = _on_the_line(mixture)
    p = _shares(n, mean.device)
    low, high = (mean - 9 * std).min().expand(n), (mean + 9 * std).max().expand(n)
    for _ in range(70):
        middle = (low + high) / 2
        below = torch.special.ndtr((middle.unsqueeze(1) - mean) / std) @ mixture.weights < p
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


def samples(mixture: GaussianMixture, method: Method, u: Tensor, n_points: int = N_POINTS, seed: int = 0) -> Tensor:
    """What the sampler makes of evenly spread noise, with the exact noise prediction, (n_points,), rising.

    u: (n+1,), the falling levels, the last one 0.  seed: moves the lattice of a stochastic sampler.
    Raises RangeError for a method that is not one of METHODS.
    """
    if method not in METHODS:
        raise RangeError(f"method = {method!r}: choose one of {', '.join(METHODS)}")
    eps, sde = line_eps(mixture), EDM(float(u[0]))
    y = quantiles(mixture.noised(1.0, float(u[0])), n_points).unsqueeze(1)
    if method in ETA:
        end = _chain(eps, method, u, y, seed)
    elif method == "heun":
        end = last(probability_flow(lambda y, level: eps(y, level) / -level, sde, y, u, step=heun_until_zero))
    elif method == "dpm-2":
        end = last(dpm_solver_2(eps, sde, y, u))
    else:
        end = last(dpm_solver_2m(eps, sde, y, times=u))
    return end[:, 0].sort().values


def line_eps(mixture: GaussianMixture) -> Model:
    """`mixture.eps(y, 1, u)` for y (N, 1) and one number u > 0, in half the time: no work for more dimensions."""
    mean, std = _on_the_line(mixture)
    log_w = torch.log(mixture.weights)

    def eps(y: Tensor, u: float) -> Tensor:
        var = std**2 + u**2
        away = y - mean
        share = torch.softmax(log_w - 0.5 * (away**2 / var + torch.log(var)), dim=1)
        return (share * away).mul_(u / var).sum(1, keepdim=True)

    return eps


def heun_until_zero(v: Velocity, x: Tensor, t: float, dt: float) -> Tensor:
    """Heun's step, but Euler's where it ends at t = 0, where a network has no answer.  Karras et al. 2022, alg. 1."""
    step = heun if t + dt > 0 else euler
    return step(v, x, t, dt)


def distance(mixture: GaussianMixture, x: Tensor) -> float:
    """Root mean square distance between the points in order, (n,), and the quantiles of the mixture."""
    return float((x.sort().values - quantiles(mixture, len(x))).square().mean().sqrt())


def noise_floor(mixture: GaussianMixture, n: int, *, repeats: int = 200, seed: int = 0) -> float:
    """Mean distance of n random samples that are right."""
    g = torch.Generator(mixture.means.device).manual_seed(seed)
    x = mixture.sample(n * repeats, generator=g).reshape(repeats, n).sort(1).values
    return float((x - quantiles(mixture, n)).square().mean(1).sqrt().mean())


def _chain(eps: Model, method: Method, u: Tensor, y: Tensor, seed: int) -> Tensor:
    """y <- a y + b eps + c z for every step, z from a lattice."""
    a, b, c = ddim_kernel(make_path(EDM(float(u[0])), y, u), ETA[method])
    if method == "ancestral":
        c = _ddpm_noise(u).tolist()
    normal = torch.special.ndtri(_lattice(len(y), y.device))
    for k, shift in enumerate(torch.rand(len(a), generator=torch.Generator().manual_seed(seed)).tolist()):
        y = a[k] * y + b[k] * eps(y, float(u[k]))
        if c[k] > 0:
            y = y.sort(0).values + c[k] * torch.roll(normal, int(shift * len(y))).unsqueeze(1)
    return y


def _ddpm_noise(u: Tensor) -> Tensor:
    """sqrt(beta) of each step u_t -> u_s, in units of y, with beta = 1 - alpha_bar_t/alpha_bar_s; 0 at the last."""
    share = 1 / (1 + u**2)  # alpha_bar
    c = ((1 - share[:-1] / share[1:]) / share[1:]).sqrt()
    return torch.where(u[1:] > 0, c, 0.0)


def _shares(n: int, device: torch.device) -> Tensor:
    return (torch.arange(n, dtype=torch.float64, device=device) + 0.5) / n


def _lattice(n: int, device: torch.device) -> Tensor:
    """The n shares in an order in which neighbours are far apart: the ranks of the multiples of the golden ratio."""
    order = torch.frac(torch.arange(n, dtype=torch.float64, device=device) * GOLDEN).argsort().argsort()
    return _shares(n, device)[order]


def _on_the_line(mixture: GaussianMixture) -> tuple[Tensor, Tensor]:
    """Means and standard deviations of the components, (K,) each."""
    if mixture.means.shape[1] != 1:
        raise ShapeError(f"this mixture has {mixture.means.shape[1]} dimensions: quantiles need one on the line")
    return mixture.means[:, 0], mixture.covs[:, 0, 0].sqrt()
