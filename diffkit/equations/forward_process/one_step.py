r"""One step of the chain.  Equations (2.1) to (2.5)."""

import math

import torch

from diffkit import forward
from diffkit.equations.draws import randn
from diffkit.equations.forward_process.common import HO, random_schedule
from diffkit.equations.quadrature import normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import LOG_2PI, FullGaussian, Gaussian


@twin(
    "2.1",
    r"q(\mathbf{x}_{0:T}) = q(\mathbf{x}_0) \prod_{t=1}^{T} q(\mathbf{x}_t \mid \mathbf{x}_{t-1})",
    symbols="q x_0 x_t T t",
    source=f"{HO}, eq. 2",
)
def factorization(g: torch.Generator) -> Sides:
    """On Gaussian data of variance 0.5: the joint density from one big covariance matrix, and the product of steps."""
    s = random_schedule(g, T=5)
    to_path = torch.zeros(6, 6, dtype=torch.float64)  # the path as a linear map of (x_0, eps_1, .., eps_5)
    to_path[0, 0] = 0.5**0.5
    for t in range(1, 6):
        to_path[t] = s.alpha[t].sqrt() * to_path[t - 1]
        to_path[t, t] = s.beta[t].sqrt()
    x = randn(g, 8, 6)
    joint = FullGaussian(torch.zeros(6, dtype=torch.float64), to_path @ to_path.mT).log_prob(x)
    steps = Gaussian(torch.zeros_like(x[:, :1]), torch.full_like(x[:, :1], 0.5)).log_prob(x[:, :1])
    for t in range(1, 6):
        steps = steps + forward.q_step(s, x[:, t - 1 : t], t).log_prob(x[:, t : t + 1])
    return Sides(joint, steps)


@twin(
    "2.2",
    r"q(\mathbf{x}_t \mid \mathbf{x}_{t-1}) = \mathcal{N}\!\left(\mathbf{x}_t;\ \sqrt{1-\beta_t}\,\mathbf{x}_{t-1},\ \beta_t \mathbf{I}\right)",
    symbols="q x_t beta N I",
    source=f"{HO}, eq. 2",
)
def step_density(g: torch.Generator) -> Sides:
    """The log density written out by hand, and the library's `q_step`."""
    s, x, y, t = random_schedule(g), randn(g, 6, 3), randn(g, 6, 3), 4
    square = ((y - torch.sqrt(1 - s.beta[t]) * x) ** 2).sum(1)
    by_hand = -1.5 * math.log(2 * math.pi * float(s.beta[t])) - square / (2 * s.beta[t])
    return Sides(by_hand, forward.q_step(s, x, t).log_prob(y))


@twin(
    "2.3",
    r"\mathbf{x}_t = \sqrt{1-\beta_t}\,\mathbf{x}_{t-1} + \sqrt{\beta_t}\,\boldsymbol\varepsilon_t, \qquad \boldsymbol\varepsilon_t \sim \mathcal{N}(\mathbf{0}, \mathbf{I})",
    symbols="x_t beta eps N I",
    source=f"{HO}, section 2",
)
def step_affine(g: torch.Generator) -> Sides:
    """Change of variables from eps to x_t = a x + b eps, log N(eps) - d log b, against the density (2.2)."""
    s, x, eps, t = random_schedule(g), randn(g, 6, 3), randn(g, 6, 3), 7
    b = s.beta[t].sqrt()
    y = torch.sqrt(1 - s.beta[t]) * x + b * eps
    moved = -0.5 * ((eps**2).sum(1) + 3 * LOG_2PI) - 3 * torch.log(b)
    return Sides(moved, forward.q_step(s, x, t).log_prob(y))


@twin(
    "2.4",
    r"\mathbb{E}[\mathbf{x}_t \mid \mathbf{x}_{t-1}] = \sqrt{1-\beta_t}\,\mathbf{x}_{t-1}",
    symbols="E x_t beta",
)
def step_mean(g: torch.Generator) -> Sides:
    """The affine form averaged over the noise by quadrature."""
    s, x, t = random_schedule(g), randn(g, 3), 5
    eps, w = normal_grid(3)
    y = torch.sqrt(1 - s.beta[t]) * x + s.beta[t].sqrt() * eps
    return Sides(w @ y, torch.sqrt(1 - s.beta[t]) * x)


@twin(
    "2.5",
    r"\operatorname{Cov}[\mathbf{x}_t \mid \mathbf{x}_{t-1}] = \beta_t \mathbf{I}",
    symbols="Cov x_t beta I",
)
def step_covariance(g: torch.Generator) -> Sides:
    """The covariance of the affine form by quadrature, all nine entries."""
    s, x, t = random_schedule(g), randn(g, 3), 5
    eps, w = normal_grid(3)
    y = torch.sqrt(1 - s.beta[t]) * x + s.beta[t].sqrt() * eps
    centred = y - w @ y
    return Sides(centred.mT @ (w.unsqueeze(1) * centred), s.beta[t] * torch.eye(3, dtype=torch.float64))
