"""A reverse chain whose every density is known: p(x_T) = N(0, 1) and p(x_{t-1} | x_t) = N(a_t x_t + b_t, sigma_t^2).

The twins of the lessons on the bound run on it.  Paths are (N, T+1): column t holds x_t, one number each.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from diffkit.equations import draws
from diffkit.equations.quadrature import normal_grid
from diffkit.gaussian import LOG_2PI, FullGaussian
from diffkit.schedule import Schedule

F64 = torch.float64


class Chain(NamedTuple):
    """a, b, var: (T+1,), entry t belongs to p(x_{t-1} | x_t); entry 0 belongs to no step."""

    a: Tensor
    b: Tensor
    var: Tensor

    @property
    def T(self) -> int:
        """Number of steps."""
        return len(self.a) - 1


def random_chain(g: torch.Generator, T: int) -> Chain:
    """Scales, shifts and variances of moderate size."""
    u = torch.rand(3, T + 1, generator=g, dtype=F64)
    return Chain(0.5 + 0.6 * u[0], u[1] - 0.5, 0.3 + 0.6 * u[2])


def random_schedule(g: torch.Generator, T: int) -> Schedule:
    """Strong steps, so that a handful of them matters."""
    return draws.schedule(g, T, 0.3, 0.4)


def log_normal(x: Tensor, mean: Tensor | float, var: Tensor | float) -> Tensor:
    """log N(x; mean, var) of each number, by hand."""
    var = torch.as_tensor(var, dtype=F64)
    return -0.5 * ((x - mean) ** 2 / var + torch.log(var) + LOG_2PI)


def log_p_steps(c: Chain, x: Tensor) -> Tensor:
    """log p(x_{0:T}) as a sum over the steps.  x: (N, T+1)."""
    out = log_normal(x[:, -1], 0.0, 1.0)
    for t in range(1, c.T + 1):
        out = out + log_normal(x[:, t - 1], c.a[t] * x[:, t] + c.b[t], c.var[t])
    return out


def log_q_steps(s: Schedule, x: Tensor) -> Tensor:
    """log q(x_{1:T} | x_0) as a sum over the steps.  x: (N, T+1)."""
    out = torch.zeros_like(x[:, 0])
    for t in range(1, s.T + 1):
        out = out + log_normal(x[:, t], s.alpha[t].sqrt() * x[:, t - 1], s.beta[t])
    return out


def joint_p(c: Chain) -> FullGaussian:
    """All of x_0 .. x_T as one Gaussian: x = shift + mix z with z the noises, the last one x_T itself."""
    shift, mix = torch.zeros(c.T + 1, dtype=F64), torch.zeros(c.T + 1, c.T + 1, dtype=F64)
    mix[c.T, c.T] = 1
    for t in range(c.T, 0, -1):
        shift[t - 1] = c.a[t] * shift[t] + c.b[t]
        mix[t - 1] = c.a[t] * mix[t]
        mix[t - 1, t - 1] = c.var[t].sqrt()
    return FullGaussian(shift, mix @ mix.mT)


def joint_q(s: Schedule, x_0: Tensor) -> FullGaussian:
    """q(x_{1:T} | x_0), from the jumps: mean sqrt(alpha_bar_t) x_0, covariances of the chain.  x_0: (N,)."""
    bar = s.alpha_bar[1:]
    low, high = torch.minimum(bar, bar.unsqueeze(1)), torch.maximum(bar, bar.unsqueeze(1))
    return FullGaussian(x_0.unsqueeze(-1) * bar.sqrt(), (low / high).sqrt() * (1 - high))


def posterior_p(c: Chain, x_0: Tensor) -> FullGaussian:
    """p(x_{1:T} | x_0) by conditioning the whole Gaussian.  x_0: (N,)."""
    return joint_p(c).condition([0], x_0.unsqueeze(-1))


def log_marginal_p(c: Chain, x_0: Tensor) -> Tensor:
    """log p(x_0) by the recursion of mean and variance.  x_0: (N,)."""
    mean, var = torch.zeros((), dtype=F64), torch.ones((), dtype=F64)
    for t in range(c.T, 0, -1):
        mean, var = c.a[t] * mean + c.b[t], c.a[t] ** 2 * var + c.var[t]
    return log_normal(x_0, mean, var)


def paths(s: Schedule, x_0: Tensor, n: int = 6) -> tuple[Tensor, Tensor]:
    """Paths of q(x_{1:T} | x_0) at the nodes of a quadrature, (N, n^T, T+1), and their weights, (n^T,).

    Exact for polynomials in the noises of degree up to 2n - 1.
    """
    noise, w = normal_grid(s.T, n)
    x = [x_0.unsqueeze(1).expand(-1, len(w))]
    for t in range(1, s.T + 1):
        x.append(s.alpha[t].sqrt() * x[-1] + s.beta[t].sqrt() * noise[:, t - 1])
    return torch.stack(x, -1), w


def expect(values: Tensor, w: Tensor) -> Tensor:
    """E over the paths of one x_0 after the other.  values: (N, M); w: (M,).  Returns (N,)."""
    return values @ w


def plane(low: float, high: float, n: int = 401) -> tuple[Tensor, float]:
    """A square grid over (x_1, x_2), (n^2, 2), and the area that one point stands for."""
    line = torch.linspace(low, high, n, dtype=F64)
    return torch.cartesian_prod(line, line), float(line[1] - line[0]) ** 2
