"""Exact log-likelihood by the probability-flow ODE: a diffusion model read as a continuous normalizing flow.

Along dx/dt = v(x, t) the log density changes by -div v.  So log p(x_0) is the prior's log density where the
path ends, plus the integral of the divergence on the way.

Source: Chen et al. 2018 (instantaneous change of variables, eq. 8); Grathwohl et al. 2019 (Hutchinson's
estimator); Song et al. 2021, section 4.3 and appendix D.2; Theis et al. 2016, section 3.1 (dequantisation).
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import LOG_2PI, randn_like, sum_event
from diffkit.samplers.checks import check_count, check_output, check_state
from diffkit.samplers.ode import OdeStep, rk4
from diffkit.samplers.path import Times, check_times
from diffkit.samplers.step import Model
from diffkit.sde import SDE

Field = Callable[[Tensor], Tensor]
Divergence = Callable[[Field, Tensor], tuple[Tensor, Tensor]]


class Likelihood(NamedTuple):
    """log p(x) and its two terms, in nats per example; log_prob = prior + volume.

    log_prob, prior, volume: (B,).  latent: (B, *D), where the path ends.
    """

    log_prob: Tensor
    prior: Tensor
    volume: Tensor
    latent: Tensor


def log_likelihood(
    score: Model,
    sde: SDE,
    x: Tensor,
    times: Times,
    *,
    divergence: Divergence | None = None,
    prior: Callable[[Tensor], Tensor] | None = None,
    step: OdeStep = rk4,
) -> Likelihood:
    """log p(x) at times[0], by the probability-flow ODE up to times[-1].

    score(x, t): t is a float; it must be differentiable, and treat the examples of a batch one by one.
    x: (B, *D).  times: rising, e.g. `torch.linspace(1e-3, 1, 101)`.
    divergence: `exact_divergence` (default; one backward pass per dimension) or `hutchinson(probes)`.
    prior: log density (B, *D) -> (B,) at times[-1], default N(0, sigma^2 I).
    """
    check_state(x, ndim=2)
    grid = check_times(times, sde.t_max, rising=True)
    div = exact_divergence if divergence is None else divergence
    n_dims = x[0].numel()

    def velocity(state: Tensor, t: float) -> Tensor:  # state: (B, n_dims + 1), the last column is the volume
        y = state[:, :-1].reshape(x.shape)
        s, div_s = div(lambda z: score(z, t), y)
        f, half_g2 = float(sde.rate(t)), 0.5 * float(sde.diffusion(t)) ** 2
        v, div_v = f * y - half_g2 * s, f * n_dims - half_g2 * div_s
        return torch.cat([v.flatten(1), div_v.unsqueeze(1)], dim=1)

    with torch.no_grad():
        state = torch.cat([x.flatten(1), x.new_zeros(len(x), 1)], dim=1)
        for t, t_next in pairwise(grid):
            state = step(velocity, state, t, t_next - t)
        latent, volume = state[:, :-1].reshape(x.shape), state[:, -1]
        log_prior = _normal(latent, float(sde.marginal(grid[-1])[1])) if prior is None else prior(latent)
    if log_prior.shape != volume.shape:
        raise ShapeError(f"prior returned {tuple(log_prior.shape)} for {len(x)} examples: pass a log density -> (B,)")
    return Likelihood(log_prior + volume, log_prior, volume, latent)


def exact_divergence(f: Field, x: Tensor) -> tuple[Tensor, Tensor]:
    """f(x) and the trace of its Jacobian, (B, *D) and (B,).  One backward pass per dimension."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        out = _differentiable(f, x)
        flat = out.flatten(1)
        div = torch.zeros_like(flat[:, 0])
        for i in range(flat.shape[1]):
            (row,) = torch.autograd.grad(flat[:, i].sum(), x, retain_graph=i + 1 < flat.shape[1])
            div = div + row.flatten(1)[:, i]
    return out.detach(), div.detach()


def hutchinson(probes: Tensor) -> Divergence:
    """Estimates the trace by z^T J z, averaged over probes z: (n, B, *D) with mean 0 and covariance I.

    Unbiased at a fixed x.  With S the symmetric part of J, one normal probe has the variance 2 sum_ij S_ij^2;
    a `rademacher` probe leaves out i = j.  One set of probes serves a whole path: fresh ones at every call
    would make the right side of the ODE random.
    """

    def divergence(f: Field, x: Tensor) -> tuple[Tensor, Tensor]:
        if probes.shape[1:] != x.shape or not len(probes):
            raise ShapeError(f"probes are {tuple(probes.shape)}, x is {tuple(x.shape)}: pass (n, *x.shape), n >= 1")
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            out = _differentiable(f, x)
            div = torch.zeros_like(out.detach().flatten(1)[:, 0])
            for i, z in enumerate(probes):
                (row,) = torch.autograd.grad(out, x, z, retain_graph=i + 1 < len(probes))
                div = div + sum_event(row * z)
        return out.detach(), div / len(probes)

    return divergence


def rademacher(n: int, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """n probes of independent signs, (n, *x.shape)."""
    check_count(n, "n")
    check_state(x)
    return 2.0 * torch.randint(0, 2, (n, *x.shape), generator=generator, device=x.device).to(x) - 1


def normal_probes(n: int, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """n standard normal probes, (n, *x.shape)."""
    check_state(x)
    return randn_like(x.expand(check_count(n, "n"), *x.shape), generator)


def dequantise(k: Tensor, levels: int = 256, *, generator: torch.Generator | None = None) -> Tensor:
    """x = 2 (k + u)/levels - 1 with u uniform on [0, 1): whole numbers k in 0..levels-1 spread over [-1, 1).

    Without it a density may be infinite at each of the finitely many points.  Returns float32, in k's shape.
    """
    check_count(levels, "levels")
    if k.is_floating_point() or k.is_complex() or k.dtype == torch.bool:
        raise RangeError(f"k has dtype {k.dtype}: pass whole numbers 0..{levels - 1}")
    if k.numel() and (int(k.min()) < 0 or int(k.max()) >= levels):
        raise RangeError(
            f"k runs from {int(k.min())} to {int(k.max())}: with levels = {levels} it needs 0..{levels - 1}"
        )
    x = k + torch.rand(k.shape, generator=generator, device=k.device)
    x = torch.minimum(x, torch.nextafter(k + 1.0, torch.zeros_like(x)))  # float32 rounds the largest u up to 1
    return 2 * x / levels - 1


def dequantised_bits_per_dim(log_prob: Tensor, n_dims: int, levels: int = 256) -> Tensor:
    """An upper bound on the bits per dimension of discrete data.  Theis et al. 2016, eq. 3-5.

    log_prob: (B,), log density of the `dequantise`d x in [-1, 1), nats.  A cell of the grid has the volume
    (2/levels)^n_dims, so on average -log2 P(k) <= -log2 p(x) + n_dims log2(levels/2).
    """
    check_count(n_dims, "n_dims")
    return -log_prob / (n_dims * math.log(2)) + math.log2(check_count(levels, "levels") / 2)


def _differentiable(f: Field, x: Tensor) -> Tensor:
    out = f(x)
    check_output(out, x.shape)
    if not out.requires_grad:
        raise RangeError("the score has no gradient in x: it must be computed by torch, without no_grad or detach")
    return out


def _normal(x: Tensor, sigma: float) -> Tensor:
    return -0.5 * sum_event((x / sigma) ** 2 + LOG_2PI + 2 * math.log(sigma))
