r"""Cold diffusion: damage without noise.  Equations (12.24) to (12.27)."""

import torch
from torch import Tensor

from diffkit.equations.draws import F64, randn
from diffkit.equations.quadrature import normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import Gaussian
from diffkit.samplers import cold

BANSAL = "Bansal et al. 2022"


def _damage(g: torch.Generator, d: int = 4, T: int = 5) -> Tensor:
    """D_0 = I and T random matrices, (T + 1, d, d)."""
    steps = torch.eye(d, dtype=F64) + 0.3 * randn(g, T, d, d)
    return torch.cat([torch.eye(d, dtype=F64).unsqueeze(0), steps])


@twin(
    "12.24",
    r"\mathbf{x}_{t-1} = \mathbf{x}_t - D(\hat{\mathbf{x}}_0, t) + D(\hat{\mathbf{x}}_0, t-1), \qquad \hat{\mathbf{x}}_0 = R(\mathbf{x}_t, t)",
    symbols="x_t lat_D lat_x0hat t",
    source=f"{BANSAL}, algorithm 2",
)
def improved_step(g: torch.Generator) -> Sides:
    """Five steps of the library's sampler, and of a loop over rows, with random matrices and a crooked restorer."""
    D, x = _damage(g), randn(g, 3, 4)

    def restore(x: Tensor, t: int) -> Tensor:
        return torch.tanh(x) + 0.1 * t

    *_, end = cold(restore, lambda x, t: x @ D[t].mT, x, 5)
    rows = []
    for row in x:
        for t in range(5, 0, -1):
            guess = torch.tanh(row) + 0.1 * t
            row = row - D[t] @ guess + D[t - 1] @ guess
        rows.append(row)
    return Sides(end.x, torch.stack(rows))


@twin(
    "12.25",
    r"\mathbf{x}_t = D_t \mathbf{x}_0 \quad\Longrightarrow\quad \mathbf{x}_{t-1} - D_{t-1}\mathbf{x}_0 = \begin{cases} D_{t-1}\,(\hat{\mathbf{x}}_0 - \mathbf{x}_0) & \text{naive} \\ (D_{t-1} - D_t)\,(\hat{\mathbf{x}}_0 - \mathbf{x}_0) & \text{improved} \end{cases}",
    symbols="x_t x_0 lat_D lat_x0hat t",
    source=f"after {BANSAL}, section 3.3",
)
def errors_of_a_step(g: torch.Generator) -> Sides:
    """The first step of the library's sampler in both ways, with a restorer that is off by a random vector."""
    D, x_0, off = _damage(g), randn(g, 4), randn(g, 4)
    found, right = [], []
    for naive in (True, False):
        steps = cold(
            lambda x, t: (x_0 + off).unsqueeze(0),
            lambda x, t: x @ D[t].mT,
            (D[5] @ x_0).unsqueeze(0),
            5,
            naive=naive,
        )
        next(steps)
        found.append(next(steps).x[0] - D[4] @ x_0)
        right.append(D[4] @ off if naive else (D[4] - D[5]) @ off)
    return Sides(torch.stack(found), torch.stack(right))


@twin(
    "12.26",
    r"\operatorname{tr}\operatorname{Cov}\!\left[\mathbf{x}_0\right] = \mathbb{E}\left\|\mathbf{x}_0 - \mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_T]\right\|^2 + \operatorname{tr}\operatorname{Cov}\!\left[\,\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_T]\,\right]",
    symbols="lat_tr Cov x_0 x_t E",
)
def lost_spread(g: torch.Generator) -> Sides:
    """Twelve data points, three of which always look alike after the damage: all the sums written out."""
    x = randn(g, 4, 3, 2)
    restored = x.mean(1, keepdim=True)
    everything = x.reshape(12, 2)
    total = ((everything - everything.mean(0)) ** 2).sum(1).mean()
    within = ((x - restored) ** 2).sum(2).mean()
    between = ((restored[:, 0] - restored[:, 0].mean(0)) ** 2).sum(1).mean()
    return Sides(total.reshape(1), (within + between).reshape(1))


@twin(
    "12.27",
    r"D_{\mathrm{KL}}\!\left(\mathcal{N}(D_t \mathbf{x}_0, \sigma^2 \mathbf{I})\,\|\,\mathcal{N}(D_t \hat{\mathbf{x}}_0, \sigma^2 \mathbf{I})\right) = \frac{\|D_t(\mathbf{x}_0 - \hat{\mathbf{x}}_0)\|^2}{2\sigma^2} \;\longrightarrow\; \infty \quad (\sigma \to 0)",
    symbols="KL N lat_D x_0 lat_x0hat lat_sigma I",
)
def no_likelihood(g: torch.Generator) -> Sides:
    """The divergence by quadrature of the log ratio in two dimensions, for three noises, and the formula."""
    D, x_0, guess = 1 + 0.3 * randn(g, 2, 2), randn(g, 2), randn(g, 2)
    noise, w = normal_grid(2)
    slow, fast = [], []
    for sigma in (1.0, 0.1, 0.01):
        var = torch.full((len(w), 2), sigma**2, dtype=F64)
        p, q = (Gaussian((D @ m).expand(len(w), 2), var) for m in (x_0, guess))
        x = D @ x_0 + sigma * noise
        slow.append(w @ (p.log_prob(x) - q.log_prob(x)))
        fast.append(((D @ (x_0 - guess)) ** 2).sum() / (2 * sigma**2))
    return Sides(torch.stack(slow), torch.stack(fast))
