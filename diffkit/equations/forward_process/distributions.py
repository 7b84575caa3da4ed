r"""The whole distribution: distance to the prior, mixtures, the heat equation.  Equations (2.20) to (2.23)."""

import torch
from torch import Tensor

from diffkit import forward
from diffkit.data import bumps
from diffkit.equations.draws import randn
from diffkit.equations.forward_process.common import random_schedule
from diffkit.equations.quadrature import integrate, normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import LOG_2PI, Gaussian


@twin(
    "2.20",
    r"D_{\mathrm{KL}}\!\left(q(\mathbf{x}_t \mid \mathbf{x}_0)\,\|\,\mathcal{N}(\mathbf{0},\mathbf{I})\right) = \tfrac12\left[\bar\alpha_t\left(\|\mathbf{x}_0\|^2 - d\right) - d \log(1-\bar\alpha_t)\right]",
    symbols="KL q x_t x_0 alpha_bar d N I",
)
def kl_to_prior(g: torch.Generator) -> Sides:
    """E_q[log q - log p] by quadrature in three dimensions, and the closed form."""
    s, x_0, t = random_schedule(g), randn(g, 3), 6
    eps, w = normal_grid(3)
    q = forward.q_marginal(s, x_0.expand(len(eps), 3), t)
    x_t = q.sample(noise=eps)
    prior = Gaussian(torch.zeros_like(x_t), torch.ones_like(x_t))
    slow = w @ (q.log_prob(x_t) - prior.log_prob(x_t))
    ab = s.alpha_bar[t]
    return Sides(slow.reshape(1), (0.5 * (ab * ((x_0**2).sum() - 3) - 3 * torch.log(1 - ab))).reshape(1))


@twin(
    "2.21",
    r"\operatorname{Var}[x_t] = \bar\alpha_t \operatorname{Var}[x_0] + (1-\bar\alpha_t)",
    symbols="Var x_t x_0 alpha_bar",
)
def total_variance(g: torch.Generator) -> Sides:
    """Variance of the noisy mixture on the line by integrating its density, and the formula with Var[x_0] = 1.

    The data is scaled by a random factor, so that its variance is not 1.
    """
    s, t, data = random_schedule(g), 4, bumps()
    size = 0.5 + float(torch.rand(1, generator=g))
    noisy = data.noised(size * float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt()))

    def moments(x: Tensor) -> Tensor:
        return torch.stack([x, x**2], 1) * torch.exp(noisy.log_prob(x.unsqueeze(1))).unsqueeze(1)

    first, second = integrate(moments, -14, 14)
    return Sides((second - first**2).reshape(1), (s.alpha_bar[t] * size**2 + s.noise_var[t]).reshape(1))


@twin(
    "2.22",
    r"q(\mathbf{x}_t) = \int q(\mathbf{x}_t \mid \mathbf{x}_0)\, q(\mathbf{x}_0)\, d\mathbf{x}_0 = \sum_k w_k\, \mathcal{N}\!\left(\mathbf{x}_t;\ \sqrt{\bar\alpha_t}\,\boldsymbol\mu_k,\ \bar\alpha_t S_k + (1-\bar\alpha_t)\mathbf{I}\right)",
    symbols="q x_t x_0 mix alpha_bar N I",
)
def mixture_marginal(g: torch.Generator) -> Sides:
    """The integral over x_0 on a fine grid, and the mixture whose components moved and widened."""
    s, t, data, x_t = random_schedule(g), 3, bumps(), randn(g, 7)

    def integrand(x_0: Tensor) -> Tensor:
        step = Gaussian(s.alpha_bar[t].sqrt() * x_0.unsqueeze(1), s.noise_var[t].expand(1, 1))
        kernel = torch.exp(-0.5 * ((x_t - step.mean) ** 2 / step.var + torch.log(step.var) + LOG_2PI))
        return kernel * torch.exp(data.log_prob(x_0.unsqueeze(1))).unsqueeze(1)

    closed = data.log_prob(x_t.unsqueeze(1), s.alpha_bar[t].sqrt(), s.noise_var[t].sqrt())
    return Sides(integrate(integrand, -8, 8), torch.exp(closed))


@twin(
    "2.23",
    r"\frac{\partial p_\tau(\mathbf{y})}{\partial \tau} = \tfrac12 \nabla^2 p_\tau(\mathbf{y}), \qquad \mathbf{y} = \frac{\mathbf{x}_t}{\sqrt{\bar\alpha_t}} = \mathbf{x}_0 + \sqrt{\tau}\,\boldsymbol\varepsilon, \quad \tau = \frac{1-\bar\alpha_t}{\bar\alpha_t}",
    symbols="tau y x_t x_0 eps alpha_bar",
)
def heat(g: torch.Generator) -> Sides:
    """The density of y at random points: its slope in tau and half its curvature in y, by automatic differentiation."""
    data = bumps()
    y = randn(g, 5).requires_grad_()
    tau = (0.05 + torch.rand(5, generator=g, dtype=torch.float64)).requires_grad_()
    p = torch.exp(data.log_prob(y.unsqueeze(1), 1.0, tau.sqrt()))
    in_tau, in_y = torch.autograd.grad(p.sum(), (tau, y), create_graph=True)
    (curvature,) = torch.autograd.grad(in_y.sum(), y)
    return Sides(in_tau.detach(), 0.5 * curvature)
