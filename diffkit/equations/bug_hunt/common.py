"""Random data, and what a posterior mean is by quadrature, for the equations of this lesson."""

from collections.abc import Callable

import torch
from torch import Tensor

from diffkit.equations.chains import log_normal
from diffkit.equations.draws import randn, uniform
from diffkit.equations.quadrature import integrate
from diffkit.oracle import GaussianMixture

T = 7  # steps of the chains here


def mixture(g: torch.Generator, d: int = 1, K: int = 3) -> GaussianMixture:
    """A random mixture of K components in d dimensions."""
    return GaussianMixture.isotropic(torch.softmax(randn(g, K), 0), 1.2 * randn(g, K, d), uniform(g, 0.2, 0.6, K))


def slope(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Gradient of the sum of f at x, by automatic differentiation; it can be differentiated again."""
    x = x if x.requires_grad else x.detach().requires_grad_()
    (out,) = torch.autograd.grad(f(x).sum(), x, create_graph=True)
    return out


def mean_given(data: GaussianMixture, x: Tensor, a: float, s: float, what: str) -> Tensor:
    """E[eps | x] or E[x_0 | x] on the line, by an integral over the noise and Bayes' rule.  x: (n, 1)."""

    def parts(eps: Tensor) -> Tensor:
        x_0 = (x[:, 0] - s * eps.unsqueeze(1)) / a  # (nodes, n)
        mass = torch.exp(data.log_prob(x_0.reshape(-1, 1)).reshape(x_0.shape) + log_normal(eps, 0.0, 1.0).unsqueeze(1))
        value = eps.unsqueeze(1).expand_as(x_0) if what == "eps" else x_0
        return torch.stack([mass * value, mass], 2)

    found = integrate(parts, -12, 12, 4001)
    return (found[:, 0] / found[:, 1]).unsqueeze(1)
