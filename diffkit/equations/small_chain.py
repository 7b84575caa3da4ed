"""A chain on the line that is so short that every expected value in its bound is an exact finite sum.

The noise of each step runs over the nodes of a Gauss quadrature.  The reverse means are polynomials, so every log
density along a path is one too, and the quadrature makes no error.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from diffkit.equations import draws
from diffkit.equations.chains import log_normal
from diffkit.equations.quadrature import normal_grid
from diffkit.gaussian import FullGaussian
from diffkit.schedule import Schedule


def random_schedule(g: torch.Generator, T: int, low: float = 0.1, high: float = 0.5) -> Schedule:
    """T random betas between low and high."""
    return draws.schedule(g, T, low, high - low)


@dataclass(frozen=True, eq=False)
class SmallChain:
    """Forward steps of a schedule, and a model that goes back: p(x_{t-1} | x_t) = N(slope x_t + bend x_t^2, var).

    x_0: (), one data point; slope, bend, var: (T+1,), entry t belongs to the step from t to t - 1; p(x_T) = N(0, 1).
    """

    s: Schedule
    x_0: Tensor
    slope: Tensor
    bend: Tensor
    var: Tensor

    @classmethod
    def random(cls, g: torch.Generator, T: int = 3, *, bend: float = 0.2) -> "SmallChain":
        """A random schedule, data point and model; bend = 0 makes the model linear."""
        x_0, slope, curve, log_var = torch.randn(4, T + 1, generator=g, dtype=torch.float64)
        return cls(random_schedule(g, T), x_0[0], 0.8 + 0.1 * slope, bend * curve, 0.3 * torch.exp(0.3 * log_var))

    def paths(self) -> tuple[Tensor, Tensor]:
        """All paths x_0, .., x_T of the quadrature, (n, T+1), and their weights under q(x_{1:T} | x_0), (n,)."""
        eps, w = normal_grid(self.s.T)
        x = [self.x_0.expand(len(w))]
        for t in range(1, self.s.T + 1):
            x.append(self.s.alpha[t].sqrt() * x[-1] + self.s.beta[t].sqrt() * eps[:, t - 1])
        return torch.stack(x, 1), w

    def log_prior(self, x: Tensor) -> Tensor:
        """log p(x_T), (n,)."""
        return log_normal(x[:, -1], 0.0, 1.0)

    def reverse_mean(self, x_t: Tensor, t: int) -> Tensor:
        """Mean of p(x_{t-1} | x_t)."""
        return self.slope[t] * x_t + self.bend[t] * x_t**2

    def log_reverse(self, x: Tensor, t: int) -> Tensor:
        """log p(x_{t-1} | x_t), (n,)."""
        return log_normal(x[:, t - 1], self.reverse_mean(x[:, t], t), self.var[t])

    def log_step(self, x: Tensor, t: int) -> Tensor:
        """log q(x_t | x_{t-1}), (n,)."""
        return log_normal(x[:, t], self.s.alpha[t].sqrt() * x[:, t - 1], self.s.beta[t])

    def log_jump(self, x: Tensor, t: int) -> Tensor:
        """log q(x_t | x_0), (n,)."""
        return log_normal(x[:, t], self.s.alpha_bar[t].sqrt() * self.x_0, self.s.noise_var[t])

    def posterior(self, x_t: Tensor, t: int) -> tuple[Tensor, Tensor]:
        """Mean and variance of q(x_{t-1} | x_t, x_0), t > 1: the pair (x_{t-1}, x_t) given x_0, then conditioned."""
        before, now, a = self.s.noise_var[t - 1], self.s.noise_var[t], self.s.alpha[t].sqrt()
        cov = torch.stack([torch.stack([before, a * before]), torch.stack([a * before, now])])
        mean = torch.stack([self.s.alpha_bar[t - 1].sqrt(), self.s.alpha_bar[t].sqrt()]) * self.x_0
        found = FullGaussian(mean.expand(len(x_t), 2), cov).condition([1], x_t.unsqueeze(1))
        return found.mean[:, 0], found.cov[0, 0].expand(len(x_t))

    def log_posterior(self, x: Tensor, t: int) -> Tensor:
        """log q(x_{t-1} | x_t, x_0), t > 1, (n,)."""
        return log_normal(x[:, t - 1], *self.posterior(x[:, t], t))

    def log_ratio(self, x: Tensor) -> Tensor:
        """log p(x_{0:T}) - log q(x_{1:T} | x_0) along each path, factor by factor, (n,)."""
        out = self.log_prior(x)
        for t in range(1, self.s.T + 1):
            out = out + self.log_reverse(x, t) - self.log_step(x, t)
        return out

    def joint_p(self) -> FullGaussian:
        """p(x_{0:T}) as one Gaussian, for a linear model."""
        T = self.s.T
        to_path = torch.zeros(T + 1, T + 1, dtype=torch.float64)  # the path as a map of its noises
        to_path[T, T] = 1.0
        for t in range(T, 0, -1):
            to_path[t - 1] = self.slope[t] * to_path[t]
            to_path[t - 1, t - 1] = self.var[t].sqrt()
        return FullGaussian(torch.zeros(T + 1, dtype=torch.float64), to_path @ to_path.mT)

    def joint_q(self) -> FullGaussian:
        """q(x_{1:T} | x_0) as one Gaussian."""
        T = self.s.T
        to_path = torch.zeros(T + 1, T + 1, dtype=torch.float64)
        for t in range(1, T + 1):
            to_path[t] = self.s.alpha[t].sqrt() * to_path[t - 1]
            to_path[t, t] = self.s.beta[t].sqrt()
        cov = (to_path @ to_path.mT)[1:, 1:]
        return FullGaussian(self.s.alpha_bar[1:].sqrt() * self.x_0, cov)
