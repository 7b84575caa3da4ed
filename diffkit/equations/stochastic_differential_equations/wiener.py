r"""The Wiener process, and a step of an equation.  Equations (8.1) to (8.4)."""

import math
from itertools import pairwise

import torch
from torch import Tensor

from diffkit.equations.draws import F64, number, randn
from diffkit.equations.quadrature import integrate, normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.samplers import euler_maruyama, last
from diffkit.sde import VP


def _normal_density(x: Tensor, var: float) -> Tensor:
    return torch.exp(-0.5 * x**2 / var) / math.sqrt(2 * math.pi * var)


@twin(
    "8.1",
    r"\mathbf{w}_0 = \mathbf{0}, \qquad \mathbf{w}_t - \mathbf{w}_s \sim \mathcal{N}\big(\mathbf{0},\ (t-s)\,\mathbf{I}\big) \quad \text{for } s < t, \text{ independent of all that was before } s",
    symbols="sde_w sde_t N I",
    source="Wiener 1923",
)
def wiener(g: torch.Generator) -> Sides:
    """Cut the time from s to t anywhere: two increments, added by a convolution, and one increment of the whole."""
    first, second, x = number(g, 0.1, 1), number(g, 0.1, 1), randn(g, 6)
    left = integrate(
        lambda y: _normal_density(y, first).unsqueeze(1) * _normal_density(x - y.unsqueeze(1), second), -12, 12
    )
    return Sides(left, _normal_density(x, first + second))


@twin(
    "8.2",
    r"\mathbb{E}[w_s\,w_t] = \min(s, t)",
    symbols="E sde_w sde_t",
)
def wiener_covariance(g: torch.Generator) -> Sides:
    """Six times: the covariance of sums of independent increments, and the smaller of two times."""
    t = torch.rand(6, generator=g, dtype=F64).sort().values
    steps = t.diff(prepend=t.new_zeros(1))
    adds = torch.ones(6, 6, dtype=F64).tril()  # w at time i is the sum of the increments up to i
    return Sides(adds @ torch.diag(steps) @ adds.mT, torch.minimum(t.unsqueeze(0), t.unsqueeze(1)))


@twin(
    "8.3",
    r"\mathbb{E}\Big[\sum_{i=1}^{n} (\Delta w_i)^2\Big] = t, \qquad \operatorname{Var}\Big[\sum_{i=1}^{n} (\Delta w_i)^2\Big] = \frac{2t^2}{n}",
    symbols="E Var sde_dw sde_t sde_n",
)
def quadratic_variation(g: torch.Generator) -> Sides:
    """n = 1, 2, 3, 4 equal steps: mean and variance by quadrature over all increments, and the formulas."""
    t, left, right = number(g, 0.3, 2), [], []
    for n in range(1, 5):
        z, w = normal_grid(n)
        total = (t / n * z**2).sum(1)
        mean = w @ total
        left += [mean, w @ (total - mean) ** 2]
        right += [t, 2 * t**2 / n]
    return Sides(torch.stack(left), torch.tensor(right, dtype=F64))


@twin(
    "8.4",
    r"\mathbf{x}_{t+\Delta} = \mathbf{x}_t + \mathbf{f}(\mathbf{x}_t, t)\,\Delta + g(t)\,\sqrt{\Delta}\;\boldsymbol\varepsilon, \qquad \boldsymbol\varepsilon \sim \mathcal{N}(\mathbf{0}, \mathbf{I})",
    symbols="sde_x sde_t sde_f sde_g sde_delta eps N I",
    source="Maruyama 1955; Kloeden & Platen 1992, section 10.2",
)
def step(g: torch.Generator) -> Sides:
    """Six steps of different lengths: the library's solver on its VP, and a loop with the coefficients written out."""
    low, high, x = number(g, 0.2, 0.8), number(g, 3, 6), randn(g, 5, 2)
    times = [0.0, *torch.rand(6, generator=g, dtype=F64).sort().values.tolist()]
    seed = int(torch.randint(2**31, (1,), generator=g))
    sde = VP(low, high)
    run = euler_maruyama(sde.drift, sde.diffusion, x, times, generator=torch.Generator().manual_seed(seed))
    library, same = last(run), torch.Generator().manual_seed(seed)
    for t, after in pairwise(times):
        beta, dt = low + t * (high - low), after - t
        x = x - beta / 2 * x * dt + math.sqrt(beta) * math.sqrt(dt) * randn(same, 5, 2)
    return Sides(library, x)
