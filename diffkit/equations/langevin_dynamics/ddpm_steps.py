r"""Is the DDPM sampler the same thing?  Equations (7.21) to (7.23)."""

import torch
from torch import Tensor

from diffkit.equations import draws
from diffkit.equations.draws import randn, uniform
from diffkit.equations.langevin_dynamics.common import autograd_score, expected, mixture
from diffkit.equations.registry import Sides, twin
from diffkit.oracle import GaussianMixture
from diffkit.samplers.ancestral import reverse_kernel
from diffkit.schedule import Schedule


def _schedule(g: torch.Generator, T: int = 12) -> Schedule:
    return draws.schedule(g, T, 0.02, 0.38)


def _ddpm_step(s: Schedule, t: int, x: Tensor, data: GaussianMixture, variance: Tensor, z: Tensor) -> Tensor:
    """One step of the library's ancestral sampler with the exact noise predictor."""
    eps = data.eps(x, float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt()))
    (a,), (b,), (c,) = reverse_kernel(s, [t, t - 1], variance)
    return a * x + b * eps + c * z


@twin(
    "7.21",
    r"\mathbf{x}_{t-1} = \frac{1}{\sqrt{\alpha_t}}\big(\mathbf{x}_t + \beta_t\,\mathbf{s}_t(\mathbf{x}_t)\big) + \sqrt{\tilde\beta_t}\,\boldsymbol\varepsilon",
    symbols="x_t alpha beta lang_beta_tilde lang_score_t eps",
    source="Ho et al. 2020, eq. 11, with the score in the place of the noise",
)
def ddpm_by_score(g: torch.Generator) -> Sides:
    """The library's ancestral step, which is handed a noise predictor, and the same step from the score."""
    s, data, x, z, t = _schedule(g), mixture(g, 2), randn(g, 6, 2), randn(g, 6, 2), 7
    library = _ddpm_step(s, t, x, data, s.beta_tilde, z)
    marginal = data.noised(float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt()))
    mean = (x + s.beta[t] * autograd_score(marginal, x)) / s.alpha[t].sqrt()
    variance = s.beta[t] * (1 - s.alpha_bar[t - 1]) / (1 - s.alpha_bar[t])
    return Sides(library, mean + variance.sqrt() * z)


@twin(
    "7.22",
    r"\mathbf{y}_{t-1} = \mathbf{y}_t + \Delta_t\,\mathbf{s}(\mathbf{y}_t, \sigma_t) + \frac{\sigma_{t-1}}{\sigma_t}\sqrt{\Delta_t}\,\boldsymbol\varepsilon, \qquad \mathbf{y}_t = \frac{\mathbf{x}_t}{\sqrt{\bar\alpha_t}}, \quad \sigma_t^2 = \frac{1-\bar\alpha_t}{\bar\alpha_t}, \quad \Delta_t = \sigma_t^2 - \sigma_{t-1}^2",
    symbols="lang_y x_t alpha_bar lang_sigma lang_delta lang_score eps",
    source="Song et al. 2021 (SDE) give the right side as the ancestral sampler of the variance-exploding chain",
)
def ddpm_on_the_ladder(g: torch.Generator) -> Sides:
    """The library's ancestral step, divided by sqrt(alpha_bar_{t-1}), and the step on the ladder of sigmas."""
    s, data, y, z, t = _schedule(g), mixture(g, 2), 2 * randn(g, 6, 2), randn(g, 6, 2), 7
    root, root_before = s.alpha_bar[t].sqrt(), s.alpha_bar[t - 1].sqrt()
    library = _ddpm_step(s, t, root * y, data, s.beta_tilde, z) / root_before
    level, before = (s.noise_var[u] / s.alpha_bar[u] for u in (t, t - 1))
    delta = level - before
    step = delta * autograd_score(data, y, float(level.sqrt())) + (before / level * delta).sqrt() * z
    return Sides(library, y + step)


@twin(
    "7.23",
    r"\frac{d}{d(\sigma^2)}\,\mathbb{E}_{p_\sigma}[f(\mathbf{x})] = -\tfrac12\,\mathbb{E}_{p_\sigma}\big[\mathbf{s}(\mathbf{x}, \sigma) \cdot \nabla f(\mathbf{x})\big]",
    symbols="lang_sigma E p_sigma lang_f lang_score",
)
def transport(g: torch.Generator) -> Sides:
    """Waves f on a noisy mixture: automatic differentiation in sigma^2 of the exact mean of f, and quadrature.

    E sin(a x + b) on N(m, v) is exp(-a^2 v/2) sin(a m + b).
    """
    data, a, b = mixture(g), uniform(g, 0.5, 2, 5), randn(g, 5)
    level = uniform(g, 0.1, 1, 1)
    m, v = data.means, data.covs[:, :, 0]

    def mean_of_f(variance: Tensor) -> Tensor:
        return data.weights @ (torch.exp(-0.5 * a**2 * (v + variance)) * torch.sin(a * m + b))

    left = torch.autograd.functional.jacobian(mean_of_f, level).flatten()
    sigma = float(level.sqrt())

    def log_p(x: Tensor) -> Tensor:
        return data.log_prob(x, 1.0, sigma)

    right = expected(log_p, lambda x: data.score(x.unsqueeze(1), 1.0, sigma) * a * torch.cos(a * x.unsqueeze(1) + b))
    return Sides(left, -0.5 * right)
