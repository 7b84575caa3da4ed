"""Diffusion as a linear stochastic differential equation, dx = f(t) x dt + g(t) dw.

Because the drift is linear, x_t = alpha(t) x_0 + sigma(t) eps in closed form, exactly as in the discrete
chain.  Data lie at t = 0, where alpha = 1 and sigma = 0; noise grows up to t = t_max.

Source: Song et al. 2021, "Score-based generative modeling through SDEs" (section 3.4, appendices B and C);
Anderson 1982 (reversal); Karras et al. 2022 (sigma = t).
Shapes: t: a number or (B,); coefficients come back in t's shape, float64, on t's device.  x, score: (B, *D).
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from diffkit.errors import RangeError
from diffkit.gaussian import randn_like
from diffkit.schedule import Schedule, broadcast, check_number_of_steps, from_alpha_bar

Time = float | Tensor


class SDE(ABC):
    """The coefficients of one linear SDE.  Everything else follows from them."""

    t_max: float = 1.0

    @abstractmethod
    def rate(self, t: Time) -> Tensor:
        """f(t): the drift is f(t) x."""

    @abstractmethod
    def diffusion(self, t: Time) -> Tensor:
        """g(t), the size of the noise per square root of time."""

    @abstractmethod
    def marginal(self, t: Time) -> tuple[Tensor, Tensor]:
        """(alpha, sigma) of q(x_t | x_0) = N(alpha x_0, sigma^2 I).

        They solve alpha' = f alpha and (sigma^2)' = 2 f sigma^2 + g^2.
        """

    @abstractmethod
    def time_of(self, half_log_snr: Time) -> Tensor:
        """The t at which log(alpha/sigma) has this value: the inverse of `half_log_snr`."""

    def half_log_snr(self, t: Time) -> Tensor:
        """lambda(t) = log(alpha/sigma), falling with t, infinite at t = 0.  Lu et al. 2022, section 3.1."""
        alpha, sigma = self.marginal(t)
        return torch.log(alpha / sigma)

    def drift(self, x: Tensor, t: Time) -> Tensor:
        """f(t) x, the drift of the noising process."""
        return broadcast(self.rate(t), x) * x

    def reverse_drift(self, x: Tensor, t: Time, score: Tensor) -> Tensor:
        """f(t) x - g(t)^2 score, the drift from noise to data.  Song et al. 2021, eq. 6.

        It belongs to a time that runs backwards: dt < 0, and the noise has size g sqrt(-dt).
        """
        return self.drift(x, t) - broadcast(self.diffusion(t) ** 2, x) * score

    def flow_drift(self, x: Tensor, t: Time, score: Tensor) -> Tensor:
        """f(t) x - g(t)^2 score / 2, the ODE with the same marginals, both ways.  Song et al. 2021, eq. 13."""
        return self.drift(x, t) - 0.5 * broadcast(self.diffusion(t) ** 2, x) * score

    def prior_sample(self, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Noise to start from, N(0, sigma(t_max)^2 I), in x's shape, dtype and device."""
        return self.marginal(self.t_max)[1].to(x) * randn_like(x, generator)


@dataclass(frozen=True)
class _LinearBeta(SDE):
    """What VP and sub-VP share: beta(t), a straight line from beta_min to beta_max, and the drift -beta(t)/2 x."""

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.beta_min <= self.beta_max < math.inf:
            raise RangeError(f"beta runs from {self.beta_min} to {self.beta_max}: needed is 0 < min <= max")

    def beta(self, t: Time) -> Tensor:
        """beta(t): noise variance added per unit of time."""
        return self.beta_min + _time(t) * (self.beta_max - self.beta_min)

    def beta_integral(self, t: Time) -> Tensor:
        """B(t), the integral of beta from 0 to t."""
        t = _time(t)
        return t * (self.beta_min + 0.5 * t * (self.beta_max - self.beta_min))

    def rate(self, t: Time) -> Tensor:
        """f = -beta/2."""
        return -0.5 * self.beta(t)

    def _time_of_integral(self, B: Tensor) -> Tensor:
        slope = self.beta_max - self.beta_min
        return 2 * B / (self.beta_min + (self.beta_min**2 + 2 * slope * B).sqrt())


@dataclass(frozen=True)
class VP(_LinearBeta):
    """Variance preserving: dx = -beta(t)/2 x dt + sqrt(beta(t)) dw.  The limit of the DDPM chain.

    Song et al. 2021, eq. 11 and 32-33.
    """

    def diffusion(self, t: Time) -> Tensor:
        """g = sqrt(beta)."""
        return self.beta(t).sqrt()

    def marginal(self, t: Time) -> tuple[Tensor, Tensor]:
        """alpha = exp(-B/2), sigma^2 = 1 - exp(-B)."""
        B = self.beta_integral(t)
        return torch.exp(-0.5 * B), (-torch.expm1(-B)).sqrt()

    def time_of(self, half_log_snr: Time) -> Tensor:
        """From exp(-2 lambda) = exp(B) - 1."""
        # The default threshold of 20, from which softplus(x) is taken for x, is made for float32.
        return self._time_of_integral(torch.nn.functional.softplus(-2 * _real(half_log_snr), threshold=40))

    def schedule(self, T: int) -> Schedule:
        """The chain of T steps that has exactly the marginals of this SDE at t = 0, 1/T, .., 1."""
        check_number_of_steps(T)
        B = self.beta_integral(torch.linspace(0, 1, T + 1, dtype=torch.float64))
        return from_alpha_bar(torch.exp(-B), beta_max=1 - 1e-12)


@dataclass(frozen=True)
class SubVP(_LinearBeta):
    """Sub-variance preserving: the drift of VP with less noise, so that its variance never exceeds VP's.

    Song et al. 2021, eq. 12 and 29.
    """

    def diffusion(self, t: Time) -> Tensor:
        """g^2 = beta (1 - exp(-2B))."""
        return (self.beta(t) * -torch.expm1(-2 * self.beta_integral(t))).sqrt()

    def marginal(self, t: Time) -> tuple[Tensor, Tensor]:
        """alpha = exp(-B/2), sigma = 1 - exp(-B): that is the standard deviation, not the variance."""
        B = self.beta_integral(t)
        return torch.exp(-0.5 * B), -torch.expm1(-B)

    def time_of(self, half_log_snr: Time) -> Tensor:
        """From exp(-lambda) = 2 sinh(B/2)."""
        return self._time_of_integral(2 * torch.asinh(0.5 * torch.exp(-_real(half_log_snr))))


@dataclass(frozen=True)
class VE(SDE):
    """Variance exploding: dx = g(t) dw, the limit of a geometric ladder of noise levels.

    sigma(t)^2 = sigma_min^2 (r^(2t) - 1) with r = sigma_max/sigma_min, so that sigma(0) = 0.  Papers that
    drop the "-1" treat the data as blurred by sigma_min already.  Song et al. 2021, eq. 29-31.
    """

    sigma_min: float = 0.01
    sigma_max: float = 50.0

    def __post_init__(self) -> None:
        if not 0 < self.sigma_min < self.sigma_max < math.inf:
            raise RangeError(f"sigma runs from {self.sigma_min} to {self.sigma_max}: needed is 0 < min < max")

    @property
    def _log_ratio(self) -> float:
        return math.log(self.sigma_max / self.sigma_min)

    def rate(self, t: Time) -> Tensor:
        """f = 0: the mean stays."""
        return torch.zeros_like(_time(t))

    def diffusion(self, t: Time) -> Tensor:
        """g = sigma_min r^t sqrt(2 log r)."""
        return self.sigma_min * torch.exp(_time(t) * self._log_ratio) * math.sqrt(2 * self._log_ratio)

    def marginal(self, t: Time) -> tuple[Tensor, Tensor]:
        """alpha = 1, sigma = sigma_min sqrt(r^(2t) - 1)."""
        t = _time(t)
        return torch.ones_like(t), self.sigma_min * torch.expm1(2 * t * self._log_ratio).sqrt()

    def time_of(self, half_log_snr: Time) -> Tensor:
        """From sigma = exp(-lambda)."""
        var = torch.exp(-2 * _real(half_log_snr))
        return torch.log1p(var / self.sigma_min**2) / (2 * self._log_ratio)


@dataclass(frozen=True)
class EDM(SDE):
    """Noise level as time: alpha = 1, sigma(t) = t, g^2 = 2t.  Karras et al. 2022, section 3.

    With it a sampler's times are noise levels, e.g. `sigmas.karras(18).flip(0)`.
    """

    t_max: float = 80.0

    def __post_init__(self) -> None:
        if not 0 < self.t_max < math.inf:
            raise RangeError(f"t_max = {self.t_max}: the largest noise level must be positive and finite")

    def rate(self, t: Time) -> Tensor:
        """f = 0: the mean stays."""
        return torch.zeros_like(_time(t))

    def diffusion(self, t: Time) -> Tensor:
        """g = sqrt(2t)."""
        return (2 * _time(t)).sqrt()

    def marginal(self, t: Time) -> tuple[Tensor, Tensor]:
        """alpha = 1, sigma = t."""
        t = _time(t)
        return torch.ones_like(t), t

    def time_of(self, half_log_snr: Time) -> Tensor:
        """t = exp(-lambda)."""
        return torch.exp(-_real(half_log_snr))


def vp_of_linear(T: int, beta_1: float = 1e-4, beta_T: float = 0.02) -> VP:
    """The VP SDE of which `schedule.linear(T, beta_1, beta_T)` is the discretisation: beta(t) = T beta_{tT}."""
    return VP(T * beta_1, T * beta_T)


def _real(value: Time) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


def _time(t: Time) -> Tensor:
    """t in float64, after checking that it is not negative (on a GPU that would stall the device)."""
    t = _real(t)
    if t.device.type == "cpu" and not bool((t >= 0).all()):
        raise RangeError("a time is negative or nan: data lie at t = 0, noise grows with t")
    return t
