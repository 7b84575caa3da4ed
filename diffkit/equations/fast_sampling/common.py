"""Random schedules, data and noise levels for the equations of this lesson."""

import torch
from torch import Tensor

from diffkit.equations import draws
from diffkit.equations.draws import number, randn, uniform
from diffkit.oracle import GaussianMixture
from diffkit.schedule import Schedule
from diffkit.sde import VP

KARRAS = "Karras et al. 2022"
SONG = "Song, Meng & Ermon 2021 (DDIM)"
Levels = tuple[Tensor, Tensor, Tensor]


def random_schedule(g: torch.Generator, T: int = 12) -> Schedule:
    """T random betas between 0.05 and 0.35."""
    return draws.schedule(g, T, 0.05, 0.3)


def mixture(g: torch.Generator, d: int = 2, K: int = 3) -> GaussianMixture:
    """A random mixture of K components in d dimensions."""
    weights = torch.softmax(randn(g, K), 0)
    return GaussianMixture.isotropic(weights, 1.2 * randn(g, K, d), uniform(g, 0.2, 0.6, K))


def autograd_eps(data: GaussianMixture, x: Tensor, alpha: float, sigma: float) -> Tensor:
    """The noise prediction by automatic differentiation of the log density."""
    x = x.detach().requires_grad_()
    (score,) = torch.autograd.grad(data.log_prob(x, alpha, sigma).sum(), x)
    return -sigma * score


def random_levels(g: torch.Generator, n: int = 1) -> Levels:
    """alpha_bar_t, alpha_bar_s > alpha_bar_t, and a sigma^2 below 1 - alpha_bar_s: (n,) each."""
    bar_s = uniform(g, 0.3, 0.9, n)
    return bar_s * uniform(g, 0.3, 0.8, n), bar_s, (1 - bar_s) * uniform(g, 0.1, 0.8, n)


def kept(bar_t: Tensor, bar_s: Tensor, sigma2: Tensor) -> tuple[Tensor, Tensor]:
    """a and b of x_s = a x_t + b x_0 + sigma z that keep the marginal at s."""
    a = ((1 - bar_s - sigma2) / (1 - bar_t)).sqrt()
    return a, bar_s.sqrt() - a * bar_t.sqrt()


def vp(g: torch.Generator) -> VP:
    """A variance-preserving equation with random ends."""
    return VP(number(g, 0.1, 1.0), number(g, 3.0, 6.0))
