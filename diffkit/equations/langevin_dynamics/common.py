"""Random data, scores by automatic differentiation, and expected values for the equations of this lesson."""

from collections.abc import Callable

import torch
from torch import Tensor

from diffkit.equations.draws import randn, uniform
from diffkit.equations.quadrature import integrate
from diffkit.oracle import GaussianMixture

SONG = "Song & Ermon 2019"
Waves = Callable[[Tensor], Tensor]  # functions of a point whose expected values are compared


def mixture(g: torch.Generator, d: int = 1, K: int = 3) -> GaussianMixture:
    """A random mixture of K components in d dimensions."""
    weights = torch.softmax(randn(g, K), 0)
    return GaussianMixture.isotropic(weights, 1.2 * randn(g, K, d), uniform(g, 0.2, 0.6, K))


def autograd_score(data: GaussianMixture, x: Tensor, sigma: float = 0.0) -> Tensor:
    """The score by automatic differentiation of the log density, which knows nothing of the library's formula."""
    x = x.detach().requires_grad_()
    (score,) = torch.autograd.grad(data.log_prob(x, 1.0, sigma).sum(), x)
    return score


def expected(log_p: Callable[[Tensor], Tensor], f: Waves) -> Tensor:
    """E[f] under the density proportional to exp(log_p), by the trapezoidal rule."""

    def mass(x: Tensor) -> Tensor:
        return torch.exp(log_p(x.unsqueeze(1))).unsqueeze(1)

    return integrate(lambda x: mass(x) * f(x), -14, 14) / integrate(mass, -14, 14)


def settled(v: Tensor, drift: float, noise_var: float) -> Tensor:
    """Variance of x <- x + drift score(x) + sqrt(noise_var) z on N(0, v) after so many steps that it stands still."""
    now = torch.zeros_like(v)
    for _ in range(3000):
        now = (1 - drift / v) ** 2 * now + noise_var
    return now
