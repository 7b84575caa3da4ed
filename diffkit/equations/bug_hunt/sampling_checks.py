r"""What checks of sampling and likelihood rest on.  Equations (13.20) to (13.26)."""

import torch
from torch import Tensor

from diffkit.equations.bug_hunt.common import T, mixture, slope
from diffkit.equations.chains import log_normal
from diffkit.equations.draws import number, randn, uniform
from diffkit.equations.quadrature import integrate
from diffkit.equations.registry import Sides, twin
from diffkit.equations.small_chain import random_schedule
from diffkit.guidance import combine_w
from diffkit.oracle import GaussianMixture
from diffkit.samplers.ancestral import reverse_kernel
from diffkit.samplers.ddim import ddim_kernel
from diffkit.samplers.path import make_path
from diffkit.schedule import Schedule


def _standard_normal_steps(s: Schedule) -> tuple[Tensor, Tensor]:
    """Factor of x_t and size of the noise in each reverse step t = T, .., 1 when eps is exact for N(0, 1) data."""
    one = torch.ones(1, dtype=torch.float64)
    data = GaussianMixture.isotropic(one, torch.zeros(1, 1, dtype=torch.float64), one)
    k = reverse_kernel(s, list(range(s.T, -1, -1)))
    factors = []
    for t, a, b in zip(range(s.T, 0, -1), k.a, k.b, strict=True):
        x = one.unsqueeze(1)
        factors.append(a * x + b * data.eps(x, float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt())))
    return torch.cat(factors)[:, 0], torch.tensor(k.c, dtype=torch.float64)


@twin(
    "13.20",
    r"\frac{1}{\sqrt{\alpha_t}}\Big(\mathbf{x} - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\sqrt{1-\bar\alpha_t}\;\mathbf{x}\Big) = \sqrt{\alpha_t}\,\mathbf{x}",
    symbols="alpha x_t beta alpha_bar",
)
def normal_step(g: torch.Generator) -> Sides:
    """The library's reverse step with the oracle's prediction for standard normal data, and the factor."""
    s = random_schedule(g, T)
    factors, _ = _standard_normal_steps(s)
    return Sides(factors, s.alpha[1:].flip(0).sqrt())


@twin(
    "13.21",
    r"\bar\alpha_T + \sum_{s=2}^{T} \beta_s\,\bar\alpha_{s-1} = 1 - \beta_1",
    symbols="alpha_bar T s beta",
)
def normal_chain(g: torch.Generator) -> Sides:
    """Variance at the end of the library's sampler on standard normal data, step by step; the sum; and the formula."""
    s = random_schedule(g, T)
    var = torch.ones((), dtype=torch.float64)
    for factor, c in zip(*_standard_normal_steps(s), strict=True):
        var = factor**2 * var + c**2
    total = s.alpha_bar[-1] + (s.beta[2:] * s.alpha_bar[1:-1]).sum()
    return Sides(torch.stack([var, total]), (1 - s.beta[1]).expand(2))


@twin(
    "13.22",
    r"c_\varepsilon^2 + c_z^2 = 1 - \bar\alpha_s, \qquad c_z^2 = \eta^2\,\frac{1-\bar\alpha_s}{1-\bar\alpha_t}\Big(1 - \frac{\bar\alpha_t}{\bar\alpha_s}\Big)",
    symbols="c_eps alpha_bar s t eta",
    source="Song, Meng & Ermon 2021 (DDIM), eq. 12 and 16",
)
def room_for_noise(g: torch.Generator) -> Sides:
    """What the library's step makes of old and of new noise, and what level s allows."""
    schedule, eta = random_schedule(g, T), number(g, 0.2, 0.9)
    t, s = 6, 2
    k = ddim_kernel(make_path(schedule, torch.zeros(1, 1, dtype=torch.float64), [t, s]), eta)
    now, then = schedule.alpha_bar[t], schedule.alpha_bar[s]
    old = k.a[0] * (1 - now).sqrt() + k.b[0]
    left = torch.stack([old**2 + k.c[0] ** 2, torch.as_tensor(k.c[0] ** 2, dtype=torch.float64)])
    share = (now / then) / (1 - now / then)  # precision of x_s from x_t; that from x_0 is 1/(1 - then)
    return Sides(left, torch.stack([1 - then, eta**2 / (share + 1 / (1 - then))]))


@twin(
    "13.23",
    r"v_\infty = \frac{c^2}{2d} \cdot \frac{1}{1 - d/2}",
    symbols="v_inf dc",
)
def noise_and_drift(g: torch.Generator) -> Sides:
    """The variance of x <- x - d x + c z, run until it stands still, and the formula."""
    d, c = uniform(g, 0.05, 0.6, 5), uniform(g, 0.2, 1.0, 5)
    v = torch.zeros(5, dtype=torch.float64)
    for _ in range(2000):
        v = (1 - d) ** 2 * v + c**2
    return Sides(v, c**2 / (2 * d) / (1 - d / 2))


@twin(
    "13.24",
    r"\frac{d}{dh}\Big[\Big(1 + \frac{\beta}{2}h - p\,h\Big)^2 + k^2 h\Big]_{h=0} = \beta - 2p + k^2",
    symbols="h beta pk",
)
def variance_stays(g: torch.Generator) -> Sides:
    """Change of the variance of standard normal data in a short reverse step, by automatic differentiation."""
    beta, p, k = uniform(g, 0.5, 3.0, 5), randn(g, 5), randn(g, 5)
    h = torch.zeros(5, dtype=torch.float64)
    return Sides(slope(lambda h: (1 + beta / 2 * h - p * h) ** 2 + k**2 * h, h).detach(), beta - 2 * p + k**2)


@twin(
    "13.25",
    r"\nabla \log \frac{p_t(\mathbf{x} \mid \ell)^{1+w}}{p_t(\mathbf{x})^{w}} = -\frac{(1+w)\,\boldsymbol\varepsilon_\theta(\mathbf{x}, \ell) - w\,\boldsymbol\varepsilon_\theta(\mathbf{x})}{\sigma_t}",
    symbols="p_t x_t label w eps_theta sigma_t",
    source="Ho & Salimans 2022, eq. 6",
)
def guidance(g: torch.Generator) -> Sides:
    """Gradient of the ratio of densities by automatic differentiation, and the library's guided prediction."""
    data, other, x, w = mixture(g, 2), mixture(g, 2), randn(g, 5, 2), number(g, 0.5, 3.0)
    a, s = 0.6, 0.8
    left = slope(lambda y: (1 + w) * data.log_prob(y, a, s) - w * other.log_prob(y, a, s), x).detach()
    return Sides(left, -combine_w(data.eps(x, a, s), other.eps(x, a, s), w) / s)


@twin(
    "13.26",
    r"\int p_Z\big(F(x)\big)\,\Big|\frac{dF}{dx}\Big|\, dx = 1",
    symbols="p_latent map",
    source="the change of variables behind every normalizing flow",
)
def total_is_one(g: torch.Generator) -> Sides:
    """The integral for four random increasing maps, slopes by automatic differentiation, and 1."""
    a, b, c = uniform(g, 0.5, 2.0, 4), uniform(g, -0.4, 0.4, 4), randn(g, 4)

    def latent(x: Tensor) -> Tensor:
        return a * x + b * torch.sin(x) + c

    def density(x: Tensor) -> Tensor:
        x = x.unsqueeze(1).repeat(1, 4)
        return torch.exp(log_normal(latent(x), 0.0, 1.0)) * slope(latent, x).detach().abs()

    return Sides(integrate(density, -40, 40), torch.ones(4, dtype=torch.float64))
