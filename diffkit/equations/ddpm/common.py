"""Random schedules and data for the equations of this lesson."""

import torch
from torch import Tensor

from diffkit.equations import draws
from diffkit.gaussian import LOG_2PI
from diffkit.oracle import GaussianMixture
from diffkit.schedule import Schedule

HO = "Ho et al. 2020"
HIGH_VARIANCE = 1.7  # of made-up Gaussian data, so that nothing hides behind a variance of 1


def random_schedule(g: torch.Generator, T: int = 12) -> Schedule:
    """T random betas between 0.02 and 0.37."""
    return draws.schedule(g, T, 0.02, 0.35)


def data_variance(g: torch.Generator) -> float:
    """Of made-up Gaussian data, between 0.3 and 2."""
    return 0.3 + HIGH_VARIANCE * float(torch.rand(1, generator=g))


def data_and_noise(data: GaussianMixture) -> tuple[Tensor, Tensor, Tensor]:
    """A fine grid over (x_0, eps) with weights: x_0 (n,), eps (n,), w (n,)."""
    x, e = torch.linspace(-5, 5, 801, dtype=torch.float64), torch.linspace(-9, 9, 401, dtype=torch.float64)
    w_x = torch.exp(data.log_prob(x.unsqueeze(1))) * (x[1] - x[0])
    w_e = torch.exp(-0.5 * (e**2 + LOG_2PI)) * (e[1] - e[0])
    x_0, eps = torch.cartesian_prod(x, e).unbind(1)
    return x_0, eps, torch.outer(w_x, w_e).flatten()


def level(s: Schedule, t: int) -> tuple[float, float]:
    """(alpha, sigma) = roots of alpha_bar_t and 1 - alpha_bar_t."""
    return float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt())
