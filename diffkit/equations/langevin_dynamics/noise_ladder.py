r"""The ladder of noise levels, and walking down it.  Equations (7.13) to (7.20)."""

import math

import torch
from torch import Tensor

from diffkit import sigmas
from diffkit.equations.draws import number, randn, same_draws, uniform
from diffkit.equations.langevin_dynamics.common import SONG, autograd_score, mixture, settled
from diffkit.equations.quadrature import integrate, normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.samplers import annealed_langevin, last


@twin(
    "7.13",
    r"p_\sigma(\mathbf{x}) = \int p(\mathbf{x}_0)\,\mathcal{N}(\mathbf{x};\ \mathbf{x}_0, \sigma^2\mathbf{I})\,d\mathbf{x}_0 = \sum_k w_k\,\mathcal{N}(\mathbf{x};\ \boldsymbol\mu_k, S_k + \sigma^2\mathbf{I})",
    symbols="p_sigma lang_sigma lang_p x_0 mix N I",
)
def smoothed(g: torch.Generator) -> Sides:
    """The integral over x_0 on a fine grid, and the mixture whose components widened."""
    data, x, sigma = mixture(g), randn(g, 7), number(g, 0.3, 1.5)

    def integrand(x_0: Tensor) -> Tensor:
        kernel = torch.exp(-0.5 * (x - x_0.unsqueeze(1)) ** 2 / sigma**2) / (sigma * math.sqrt(2 * math.pi))
        return kernel * torch.exp(data.log_prob(x_0.unsqueeze(1))).unsqueeze(1)

    return Sides(integrate(integrand, -12, 12), torch.exp(data.log_prob(x.unsqueeze(1), 1.0, sigma)))


@twin(
    "7.14",
    r"\frac{\mathbb{E}[r_{i+1}^2] - \mathbb{E}[r_i^2]}{\sqrt{\operatorname{Var}[r_{i+1}^2]}} = \sqrt{\frac{d}{2}}\,\Big(1 - \frac{\sigma_i^2}{\sigma_{i+1}^2}\Big), \qquad r_i = \sigma_i\,\|\boldsymbol\varepsilon\|",
    symbols="E Var lang_r_i lang_sigma d eps",
    source="the argument is that of Song & Ermon 2020, section 3.2",
)
def shells(g: torch.Generator) -> Sides:
    """Moments of the squared noise length in three dimensions by quadrature, and the formula."""
    ladder = torch.sort(uniform(g, 0.1, 3, 5)).values
    eps, w = normal_grid(3)
    square = ladder**2 * (eps**2).sum(1, keepdim=True)  # (nodes, levels)
    mean = w @ square
    spread = (w @ (square - mean) ** 2).sqrt()
    gap = (mean[1:] - mean[:-1]) / spread[1:]
    return Sides(gap, math.sqrt(3 / 2) * (1 - ladder[:-1] ** 2 / ladder[1:] ** 2))


@twin(
    "7.15",
    r"\sigma_i = \sigma_1 \Big(\frac{\sigma_n}{\sigma_1}\Big)^{\frac{i-1}{n-1}}, \qquad i = 1, \dots, n, \qquad \sigma_0 = 0",
    symbols="lang_sigma lang_n",
    source=f"{SONG}, section 4, which counts from the noisiest level",
)
def ladder(g: torch.Generator) -> Sides:
    """The library's ladder, and the formula, level by level."""
    low, high = number(g, 0.01, 0.1), number(g, 1, 20)
    formula = [0.0] + [low * (high / low) ** ((i - 1) / 8) for i in range(1, 10)]
    return Sides(sigmas.geometric(9, low, high), torch.tensor(formula, dtype=torch.float64))


@twin(
    "7.16",
    r"\frac{\mathbb{E}\,\|\frac{\alpha_i}{2}\,\mathbf{s}\|^2}{\mathbb{E}\,\|\sqrt{\alpha_i}\,\boldsymbol\varepsilon\|^2} = \frac{\alpha_i}{4\,\sigma_i^2}, \qquad \mathbf{s} = -\frac{\mathbf{x}-\mathbf{x}_0}{\sigma_i^2}",
    symbols="E lang_alpha lang_score eps lang_sigma x_0",
    source=f"{SONG}, section 4.3, which takes the norms of the ratio",
)
def signal_and_noise(g: torch.Generator) -> Sides:
    """Both mean squares by quadrature in three dimensions, at five levels."""
    x_0, ladder_, alpha = randn(g, 3), uniform(g, 0.1, 3, 5), uniform(g, 0.01, 1, 5)
    eps, w = normal_grid(3)
    ratio = []
    for sigma, step in zip(ladder_, alpha, strict=True):
        x = x_0 + sigma * eps
        drift = step / 2 * -(x - x_0) / sigma**2
        ratio.append(w @ (drift**2).sum(1) / (w @ (step * eps**2).sum(1)))
    return Sides(torch.stack(ratio), alpha / (4 * ladder_**2))


@twin(
    "7.17",
    r"\alpha_i = h\,\frac{\sigma_i^2}{\sigma_1^2}",
    symbols="lang_alpha lang_h lang_sigma",
    source=f"{SONG}, algorithm 1, line 3",
)
def step_sizes(g: torch.Generator) -> Sides:
    """What the library's sampler does: the same draws with the score 2 and the score 0 differ by alpha_i."""
    levels, h = sigmas.geometric(6, number(g, 0.01, 0.1), 3.0), number(g, 0.001, 0.1)
    one, other = same_draws(g)
    ends = [
        torch.stack([step.x for step in annealed_langevin(score, levels, torch.zeros(1, 1).double(), n_steps=1,
                                                          step_size=h, generator=draws)])
        for score, draws in ((lambda x, _: torch.full_like(x, 2.0), one), (lambda x, _: torch.zeros_like(x), other))
    ]  # fmt: skip
    moved = (ends[0] - ends[1]).flatten().diff()  # the noisiest level first
    return Sides(moved.flip(0), h * levels[1:] ** 2 / levels[1] ** 2)


@twin(
    "7.18",
    r"\frac{v_\infty}{\sigma_i^2} = \frac{1}{1 - \alpha_i/(4\sigma_i^2)} = \frac{1}{1 - h/(4\sigma_1^2)}",
    symbols="v_inf lang_sigma lang_alpha lang_h",
)
def same_bias(g: torch.Generator) -> Sides:
    """Around one data point: the chain of each level run until it stands still, and one number for all levels."""
    levels = sigmas.geometric(6, number(g, 0.05, 0.2), 3.0)[1:]
    h = number(g, 0.2, 2) * float(levels[0]) ** 2
    alpha = h * levels**2 / levels[0] ** 2
    slow = [settled(s**2, float(a) / 2, float(a)) / s**2 for s, a in zip(levels, alpha, strict=True)]
    return Sides(torch.stack(slow), (1 / (1 - h / (4 * levels[:1] ** 2))).expand(6))


@twin(
    "7.19",
    r"\mathbf{x} \leftarrow \mathbf{x} + \frac{\alpha_i}{2}\,\mathbf{s}(\mathbf{x}, \sigma_i) + \sqrt{\alpha_i}\,\boldsymbol\varepsilon, \qquad i = n, n-1, \dots, 1, \quad K \text{ times each}",
    symbols="x_k lang_alpha lang_score lang_sigma eps lang_n lang_K",
    source=f"{SONG}, algorithm 1, which counts from the noisiest level",
)
def annealed(g: torch.Generator) -> Sides:
    """The library's sampler, and the two loops written out with a score by automatic differentiation."""
    data, x, h = mixture(g, 2), 2 * randn(g, 5, 2), number(g, 0.005, 0.02)
    levels = sigmas.geometric(4, 0.2, 2.0)
    one, other = same_draws(g)
    library = last(
        annealed_langevin(lambda y, sigma: data.score(y, 1.0, sigma), levels, x, n_steps=3, step_size=h, generator=one)
    )
    for i in range(4, 0, -1):
        alpha = h * float(levels[i] / levels[1]) ** 2
        for _ in range(3):
            noise = randn(other, 5, 2)
            x = x + alpha / 2 * autograd_score(data, x, float(levels[i])) + math.sqrt(alpha) * noise
    return Sides(library, x)


@twin(
    "7.20",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}] = \mathbf{x} + \sigma_1^2\,\mathbf{s}(\mathbf{x}, \sigma_1)",
    symbols="E x_0 x_k lang_sigma lang_score",
    source="Efron 2011; as a last step of the sampler Jolicoeur-Martineau et al. 2021",
)
def last_step(g: torch.Generator) -> Sides:
    """The posterior mean by quadrature over x_0, and one step along the score."""
    data, x, sigma = mixture(g), randn(g, 7), number(g, 0.2, 0.6)

    def joint(x_0: Tensor) -> Tensor:
        p = torch.exp(data.log_prob(x_0.unsqueeze(1))).unsqueeze(1)
        return p * torch.exp(-0.5 * (x - x_0.unsqueeze(1)) ** 2 / sigma**2)

    top = integrate(lambda x_0: x_0.unsqueeze(1) * joint(x_0), -12, 12)
    score = autograd_score(data, x.unsqueeze(1), sigma).squeeze(1)
    return Sides(top / integrate(joint, -12, 12), x + sigma**2 * score)
