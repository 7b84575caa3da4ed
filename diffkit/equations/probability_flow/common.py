"""Random data and equations, and derivatives from values alone, for the equations of this lesson."""

from collections.abc import Callable

import torch
from torch import Tensor

from diffkit.equations.draws import F64, number, randn
from diffkit.equations.grids import STENCIL
from diffkit.likelihood import exact_divergence
from diffkit.oracle import GaussianMixture
from diffkit.sde import SDE, VE, VP, SubVP

SONG = "Song et al. 2021"


def mixture(g: torch.Generator, d: int, K: int = 3) -> GaussianMixture:
    """A random mixture whose bumps are wide enough for differences."""
    weights = torch.softmax(randn(g, K), 0)
    var = 0.3 + 0.5 * torch.rand(K, generator=g, dtype=F64)
    return GaussianMixture.isotropic(weights, randn(g, K, d), var)


def some_sde(g: torch.Generator) -> SDE:
    """VP, sub-VP or VE with moderate noise."""
    low, high = number(g, 0.1, 0.5), number(g, 2.0, 3.0)
    return (VP(low, high), SubVP(low, high), VE(0.2, high))[int(torch.randint(3, (1,), generator=g))]


def slope(f: Callable[[float], Tensor], step: float = 0.005) -> Tensor:
    """f'(0) from values of f near 0."""
    return torch.stack([c * (f(k * step) - f(-k * step)) for k, c in enumerate(STENCIL, 1)]).sum(0) / step


def log_density(data: GaussianMixture, sde: SDE, x: Tensor, t: float) -> Tensor:
    """log p_t(x), (B,)."""
    return data.log_prob(x, *sde.marginal(t))


def score(data: GaussianMixture, sde: SDE, x: Tensor, t: float) -> Tensor:
    """s(x, t), (B, d)."""
    return data.score(x, *sde.marginal(t))


def below(data: GaussianMixture, sde: SDE, x: Tensor, t: float | Tensor) -> Tensor:
    """F_t(x), the share of the points left of x, on the line.  x: (..,), t: a number or in x's shape."""
    alpha, sigma = (v.unsqueeze(-1) for v in sde.marginal(t))
    spread = (alpha**2 * data.covs[:, 0, 0] + sigma**2).sqrt()
    return torch.special.ndtr((x.unsqueeze(-1) - alpha * data.means[:, 0]) / spread) @ data.weights


def rate_of_density(data: GaussianMixture, sde: SDE, x: Tensor, t: float) -> Tensor:
    """The left side of Fokker and Planck, from the exact density at times near t."""
    return slope(lambda h: log_density(data, sde, x, t + h).exp())


def outflow(data: GaussianMixture, sde: SDE, x: Tensor, t: float, share: float) -> Tensor:
    """Divergence of (f - share g^2 s) p by automatic differentiation, s from the closed form."""
    f, g2 = sde.rate(t), sde.diffusion(t) ** 2

    def stream(y: Tensor) -> Tensor:
        v = f * y - share * g2 * score(data, sde, y, t)
        return v * log_density(data, sde, y, t).exp().unsqueeze(1)

    return exact_divergence(stream, x)[1]


def curvature(p: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Sum of the second derivatives of p: (B, d) -> (B,), by automatic differentiation."""
    return exact_divergence(lambda y: torch.autograd.grad(p(y).sum(), y, create_graph=True)[0], x)[1]


def setting(g: torch.Generator, d: int = 2) -> tuple[GaussianMixture, SDE, Tensor, float]:
    """Random data in d dimensions, an equation, six points and a time."""
    return mixture(g, d), some_sde(g), randn(g, 6, d), number(g, 0.2, 0.8)
