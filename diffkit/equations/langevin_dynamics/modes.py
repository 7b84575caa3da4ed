r"""How long it takes to cross from mode to mode.  Equations (7.10) to (7.12)."""

import math

import numpy as np
import torch
from torch import Tensor

from diffkit.equations.draws import number, randn, uniform
from diffkit.equations.langevin_dynamics.common import SONG, autograd_score, mixture
from diffkit.equations.registry import Sides, twin
from diffkit.oracle import GaussianMixture


@twin(
    "7.10",
    r"\mathbf{s}(\mathbf{x}) = \sum_k r_k(\mathbf{x})\,\mathbf{s}_k(\mathbf{x}), \qquad r_k(\mathbf{x}) = \frac{w_k\,p_k(\mathbf{x})}{\sum_j w_j\,p_j(\mathbf{x})}",
    symbols="lang_score lang_r mix x_k",
    source=f"{SONG}, section 3.2.2, for two parts that do not overlap",
)
def mixture_score(g: torch.Generator) -> Sides:
    """Automatic differentiation of the log density, and the average of the parts' scores."""
    data, x = mixture(g, 2), randn(g, 6, 2)
    away = x.unsqueeze(1) - data.means
    var = data.covs[:, 0, 0]
    weighted = data.weights / (2 * math.pi * var) * torch.exp(-0.5 * (away**2).sum(2) / var)
    r = weighted / weighted.sum(1, keepdim=True)
    return Sides(autograd_score(data, x), (r.unsqueeze(2) * -away / var.unsqueeze(1)).sum(1))


@twin(
    "7.11",
    r"\hat w_k = \frac{1}{N}\,\#\big\{i : \|\mathbf{x}_i - \boldsymbol\mu_k\| \le \|\mathbf{x}_i - \boldsymbol\mu_j\| \text{ for all } j\big\}",
    symbols="lang_w_hat mix x_k",
)
def counted_weights(g: torch.Generator) -> Sides:
    """Parts so far apart that every point has one owner: the average of the exact shares r_k, and the count."""
    means = torch.cartesian_prod(torch.tensor([-60.0, 0.0, 60.0]), torch.tensor([0.0, 80.0])).double()
    data = GaussianMixture.isotropic(torch.softmax(randn(g, 6), 0), means + randn(g, 6, 2), 1.0)
    x = data.sample(500, generator=g)
    count = [0.0] * 6
    for point in x:
        square = ((point - data.means) ** 2).sum(1).tolist()
        count[square.index(min(square))] += 1 / 500
    return Sides(data.responsibilities(x).mean(0), torch.tensor(count, dtype=torch.float64))


def _chebyshev(n: int, low: float, high: float) -> tuple[Tensor, Tensor]:
    """n + 1 points from high down to low, and the matrix that differentiates a polynomial given there."""
    x = np.cos(np.pi * np.arange(n + 1) / n)
    c = np.array([2.0, *[1.0] * (n - 1), 2.0]) * (-1.0) ** np.arange(n + 1)
    away = x[:, None] - x[None, :] + np.eye(n + 1)
    D = np.outer(c, 1 / c) / away
    D -= np.diag(D.sum(1))
    half = (high - low) / 2
    return torch.from_numpy(low + half * (x + 1)), torch.from_numpy(D / half)


@twin(
    "7.12",
    r"\tau = \int_a^b \frac{1}{p(y)} \int_{-\infty}^{y} p(z)\,dz\,dy",
    symbols="lang_tau lang_ends lang_p",
    source="Gardiner 2009, chapter 5",
)
def crossing_time(g: torch.Generator) -> Sides:
    """The equation s tau' + tau'' = -1 solved by Chebyshev collocation, and the double integral.

    A wall at -5, where the density has died out, stands for minus infinity on both sides.
    """
    gap, var, wall = number(g, 0.8, 1.3), uniform(g, 0.2, 0.4, 2), -5.0
    weights = torch.softmax(randn(g, 2), 0)
    data = GaussianMixture.isotropic(weights, torch.tensor([[-gap], [gap]]).double(), var)
    x, D = _chebyshev(150, wall, gap)
    system = data.score(x.unsqueeze(1)) * D + D @ D
    system[0], system[-1] = 0.0, D[-1]  # tau = 0 at the goal, tau' = 0 at the wall
    system[0, 0] = 1.0
    right = torch.full((151,), -1.0, dtype=torch.float64)
    right[0] = right[-1] = 0.0
    tau = torch.linalg.solve(system, right)
    nodes, w = (torch.from_numpy(v) for v in np.polynomial.legendre.leggauss(300))

    def below(y: Tensor) -> Tensor:
        z = (y.unsqueeze(1) - data.means[:, 0]) / var.sqrt()
        return torch.special.ndtr(z) @ weights

    starts = [int((x - a).abs().argmin()) for a in (-gap, -gap / 2, 0.0)]
    integrals = []
    for i in starts:
        half = (gap - x[i]) / 2
        y = x[i] + half * (nodes + 1)
        mass = below(y) - below(torch.tensor([wall], dtype=torch.float64))
        integrals.append(half * w @ (mass / torch.exp(data.log_prob(y.unsqueeze(1)))))
    return Sides(tau[starts], torch.stack(integrals))
