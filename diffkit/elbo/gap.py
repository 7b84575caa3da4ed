"""What the bound loses on average, exactly, for data that are a Gaussian mixture on the line.

Averaged over the data, -ELBO = H(x_0) + KL( q(x_{0:T}) || p(x_{0:T}) ), and both chains are Markov in reverse, so
    KL = KL( q(x_T) || p(x_T) ) + sum_t E KL( q(x_{t-1} | x_t) || p(x_{t-1} | x_t) ).
If p(x_{t-1} | x_t) is a Gaussian with the right mean, E[x_{t-1} | x_t], and the variance sigma_t^2, its term is
    log(2 pi sigma_t^2) / 2 + E Var[x_{t-1} | x_t] / (2 sigma_t^2) - H(x_{t-1} | x_t),
    H(x_{t-1} | x_t) = H(x_t | x_{t-1}) + H(x_{t-1}) - H(x_t).
Every number here is an integral over the line, and one fine grid per level is enough.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from diffkit.elbo.terms import variance_table
from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import LOG_2PI
from diffkit.oracle import GaussianMixture
from diffkit.schedule import Schedule

Variance = Literal["beta", "beta_tilde", "best"]
GRID = 1201  # points per level
REACH = 9.0  # the grid goes so many standard deviations beyond the outermost means
COARSEST = 0.5  # standard deviations of the narrowest component between two points: finer, and the rule is exact


class Levels(NamedTuple):
    """What the gap needs to know of the noised data at every level."""

    entropy: Tensor  # (T+1,) nats: H(x_t)
    reverse_var: Tensor  # (T+1,): E Var[x_{t-1} | x_t], entry 0 is 0; the variance that makes each term smallest
    square: Tensor  # (): E x_T^2


class Gap(NamedTuple):
    """Parts of KL( q(x_{0:T}) || p(x_{0:T}) ) in nats: what -ELBO exceeds H(x_0) by, on average over the data."""

    prior: Tensor  # (): KL( q(x_T) || N(0, 1) )
    steps: Tensor  # (T,): entry t - 1 is E KL( q(x_{t-1} | x_t) || p(x_{t-1} | x_t) )

    @property
    def total(self) -> Tensor:
        """prior + all steps, a scalar."""
        return self.prior + self.steps.sum()


def levels(mixture: GaussianMixture, s: Schedule) -> Levels:
    """Entropies and reverse variances of the noised mixture at every t.

    Raises ShapeError unless the mixture is on the line, RangeError if a component is too narrow for the grid.
    """
    if mixture.means.shape[1] != 1:
        raise ShapeError(f"the mixture has {mixture.means.shape[1]} dimensions: the integrals here are over the line")
    bar = s.alpha_bar.unsqueeze(1)
    mean = bar.sqrt() * mixture.means[:, 0].double()  # (T+1, K), as is var
    var = bar * mixture.covs[:, 0, 0].double() + s.noise_var.unsqueeze(1)
    x, h = _grids(mean, var)
    parts = -0.5 * (
        (x.unsqueeze(2) - mean.unsqueeze(1)) ** 2 / var.unsqueeze(1) + torch.log(var).unsqueeze(1) + LOG_2PI
    )
    parts = parts + torch.log(mixture.weights.double())
    log_p = torch.logsumexp(parts, 2)  # (T+1, GRID)
    p = torch.exp(log_p)
    share = torch.softmax(parts[1:], 2)  # of each component, given x_t
    gain = s.alpha[1:].sqrt().unsqueeze(1) * var[:-1] / var[1:]
    back = mean[:-1].unsqueeze(1) + gain.unsqueeze(1) * (x[1:].unsqueeze(2) - mean[1:].unsqueeze(1))
    inner = s.beta[1:].unsqueeze(1) * var[:-1] / var[1:]  # variance of x_{t-1} given x_t and the component
    centre = (share * back).sum(2, keepdim=True)
    spread = (share * (inner.unsqueeze(1) + (back - centre) ** 2)).sum(2)
    reverse_var = torch.cat([p.new_zeros(1), (p[1:] * spread).sum(1) * h[1:]])
    return Levels(-(p * log_p).sum(1) * h, reverse_var, (p[-1] * x[-1] ** 2).sum() * h[-1])


def gap(s: Schedule, facts: Levels, sigma: Variance | Tensor = "beta") -> Gap:
    """The parts of the average gap for a Gaussian p(x_{t-1} | x_t) with the right mean and the variance sigma_t^2.

    facts: from `levels` with the same schedule; sigma: as in `evaluate`, or "best", the variance of least gap.
    """
    if isinstance(sigma, str) and sigma == "best":
        sigma = torch.cat([s.beta[:1], facts.reverse_var[1:]])
    var = variance_table(s, sigma)[1:]
    forward = 0.5 * (1 + LOG_2PI + torch.log(s.beta[1:]))  # H(x_t | x_{t-1})
    conditional = forward + facts.entropy[:-1] - facts.entropy[1:]
    cross = 0.5 * (LOG_2PI + torch.log(var) + facts.reverse_var[1:] / var)
    prior = 0.5 * (LOG_2PI + facts.square) - facts.entropy[-1]
    return Gap(prior, cross - conditional)


def _grids(mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
    """One grid per level, (T+1, GRID), and its spacing, (T+1,)."""
    reach = REACH * var.sqrt()
    low, high = (mean - reach).amin(1), (mean + reach).amax(1)
    h = (high - low) / (GRID - 1)
    if bool((h > COARSEST * var.sqrt().amin(1)).any()):
        raise RangeError("a component is very narrow beside the distance of the means: widen it, or move them closer")
    return low.unsqueeze(1) + h.unsqueeze(1) * torch.arange(GRID, dtype=mean.dtype, device=mean.device), h
