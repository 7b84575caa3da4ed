r"""How much fresh noise, and leaving out steps.  Equations (10.7) to (10.11)."""

import itertools

import torch
from torch import Tensor

from diffkit.equations.draws import number, randn, same_draws
from diffkit.equations.fast_sampling.common import (
    SONG,
    autograd_eps,
    kept,
    mixture,
    random_levels,
    random_schedule,
)
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import FullGaussian, Gaussian, kl
from diffkit.samplers import ddim, last, uniform_times
from diffkit.schedule import Schedule


def _posterior_by_conditioning(s: Schedule, x_0: Tensor, x_t: Tensor, u: int, t: int) -> FullGaussian:
    """q(x_u | x_t, x_0) of lesson 02's chain, x_u and x_t made by single steps: points (B,)."""
    keep, parts = torch.ones(()).double(), []
    noise = torch.zeros(s.T, dtype=torch.float64)
    for k in range(1, t + 1):
        keep, noise = s.alpha[k].sqrt() * keep, s.alpha[k].sqrt() * noise
        noise[k - 1] = s.beta[k].sqrt()
        if k in (u, t):
            parts.append((keep, noise.clone()))
    maps = torch.stack([n for _, n in parts])
    mean = torch.stack([k * x_0 for k, _ in parts], 1)
    return FullGaussian(mean, maps @ maps.mT).condition([1], x_t.unsqueeze(1))


@twin(
    "10.7",
    r"\sigma_{t,s}(\eta) = \eta\,\sqrt{\frac{1-\bar\alpha_s}{1-\bar\alpha_t}}\,\sqrt{1-\frac{\bar\alpha_t}{\bar\alpha_s}}",
    symbols="fast_sigma_ts eta alpha_bar t fast_s",
    source=f"{SONG}, eq. 16",
)
def sigma_of_eta(g: torch.Generator) -> Sides:
    """eta times the deviation of x_s given x_t and x_0 in lesson 02's chain, by conditioning; and the formula."""
    s, eta, bar = random_schedule(g), number(g, 0.1, 1.0), None
    zero, slow, fast = torch.zeros(1, dtype=torch.float64), [], []
    bar = s.alpha_bar
    for u, t in ((1, 2), (3, 7), (4, 12)):
        slow.append(eta * _posterior_by_conditioning(s, zero, zero, u, t).cov[0, 0].sqrt())
        fast.append(eta * ((1 - bar[u]) / (1 - bar[t])).sqrt() * (1 - bar[t] / bar[u]).sqrt())
    return Sides(torch.stack(slow), torch.stack(fast))


@twin(
    "10.7e",
    r"\sigma_{t,s}(\eta) = \eta\,\sqrt{1-\frac{\bar\alpha_t}{\bar\alpha_s}}",
    symbols="fast_sigma_ts eta alpha_bar t fast_s",
    source="what is left when the first ratio is forgotten",
    erratum="Without the ratio eta = 1 gives the noise of the step forward. A long step, or the last one, then adds more noise than the level has.",
)
def sigma_without_ratio(g: torch.Generator) -> Sides:
    """The deviation of x_s given x_t and x_0 by conditioning, and this form."""
    s, eta, zero = random_schedule(g), number(g, 0.3, 1.0), torch.zeros(1, dtype=torch.float64)
    pairs = ((1, 2), (3, 7), (4, 12))
    slow = [eta * _posterior_by_conditioning(s, zero, zero, u, t).cov[0, 0].sqrt() for u, t in pairs]
    fast = [eta * (1 - s.alpha_bar[t] / s.alpha_bar[u]).sqrt() for u, t in pairs]
    return Sides(torch.stack(slow), torch.stack(fast))


@twin(
    "10.8",
    r"\eta = 1, \ s = t-1: \qquad \sigma^2 = \tilde\beta_t, \qquad a = \frac{\sqrt{\alpha_t}\,(1-\bar\alpha_{t-1})}{1-\bar\alpha_t}, \qquad b = \frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t}",
    symbols="eta fast_sigma beta_tilde fast_ab alpha alpha_bar beta t",
    source=f"{SONG}, section 4.1; Ho et al. 2020, eq. 7",
)
def eta_one_is_ddpm(g: torch.Generator) -> Sides:
    """sigma^2, a, b of the family, and those of the chain's posterior, found by conditioning at three pairs of points."""
    s, t = random_schedule(g), 7
    now, before = s.alpha_bar[t], s.alpha_bar[t - 1]
    sigma2 = (1 - before) / (1 - now) * (1 - now / before)
    a, b = kept(now, before, sigma2)
    x_0, x_t = torch.tensor([0.0, 0.0, 1.0]).double(), torch.tensor([0.0, 1.0, 0.0]).double()
    posterior = _posterior_by_conditioning(s, x_0, x_t, t - 1, t)
    return Sides(torch.stack([sigma2, a, b]), torch.cat([posterior.cov[0], posterior.mean[1:, 0]]))


@twin(
    "10.9",
    r"\mathbf{x}_s = \sqrt{\bar\alpha_s}\;\hat{\mathbf{x}}_0 + \sqrt{1-\bar\alpha_s-\sigma^2}\;\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t) + \sigma\,\mathbf{z}, \qquad \hat{\mathbf{x}}_0 = \frac{\mathbf{x}_t - \sqrt{1-\bar\alpha_t}\;\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)}{\sqrt{\bar\alpha_t}}",
    symbols="x_t fast_s alpha_bar x_0_hat fast_sigma eps_theta t z",
    source=f"{SONG}, eq. 12",
)
def step_of_the_family(g: torch.Generator) -> Sides:
    """The library's sampler, and the steps written out with a prediction by automatic differentiation."""
    s, data, eta, x = random_schedule(g), mixture(g), number(g, 0.2, 1.0), randn(g, 6, 2)
    (one, other), bar, times = same_draws(g), s.alpha_bar, [12, 9, 5, 2, 0]
    exact = lambda x, t: data.eps(x, bar[t].sqrt(), (1 - bar[t]).sqrt())  # noqa: E731
    library = last(ddim(exact, s, x, times=times, eta=eta, generator=one))
    for t, u in itertools.pairwise(times):
        eps = autograd_eps(data, x, float(bar[t].sqrt()), float((1 - bar[t]).sqrt()))
        sigma = eta * ((1 - bar[u]) / (1 - bar[t]) * (1 - bar[t] / bar[u])).sqrt()
        x_0 = (x - (1 - bar[t]).sqrt() * eps) / bar[t].sqrt()
        x = bar[u].sqrt() * x_0 + (1 - bar[u] - sigma**2).sqrt() * eps
        x = x + sigma * randn(other, 6, 2) if u else x
    return Sides(library, x)


@twin(
    "10.9e",
    r"\mathbf{x}_s = \sqrt{\bar\alpha_s}\;\hat{\mathbf{x}}_0 + \sqrt{1-\bar\alpha_s}\;\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t) + \sigma\,\mathbf{z}",
    symbols="x_t fast_s alpha_bar x_0_hat fast_sigma eps_theta t z",
    source="a common slip: no room is made for the fresh noise",
    erratum="Old and fresh noise together then have the variance 1 - alpha_bar_s + sigma^2, more than level s has.",
)
def no_room(g: torch.Generator) -> Sides:
    """The noise variance of level s, and what this step leaves when x_0 and the noise are known exactly."""
    _, bar_s, sigma2 = random_levels(g, 5)
    return Sides(1 - bar_s, (1 - bar_s) + sigma2)


@twin(
    "10.10",
    r"D_{\mathrm{KL}}\big(q_\sigma(\mathbf{x}_s \mid \mathbf{x}_t, \mathbf{x}_0)\,\|\,q_\sigma(\mathbf{x}_s \mid \mathbf{x}_t, \hat{\mathbf{x}}_0)\big) = \frac{1}{2\sigma^2}\Big(\sqrt{\tfrac{\bar\alpha_s\,(1-\bar\alpha_t)}{\bar\alpha_t}} - \sqrt{1-\bar\alpha_s-\sigma^2}\Big)^{2}\,\big\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\big\|^2",
    symbols="KL fast_q x_t x_0 x_0_hat fast_s fast_sigma alpha_bar eps eps_theta t",
    source=f"{SONG}, theorem 1",
)
def same_loss(g: torch.Generator) -> Sides:
    """The divergence of two Gaussians, one at the true x_0 and one at the guess, and the weighted error of the noise."""
    bar_t, bar_s, sigma2 = (v.unsqueeze(1) for v in random_levels(g, 6))
    x_0, eps, wrong = randn(g, 6, 3), randn(g, 6, 3), randn(g, 6, 3)
    x_t = bar_t.sqrt() * x_0 + (1 - bar_t).sqrt() * eps
    guess = (x_t - (1 - bar_t).sqrt() * wrong) / bar_t.sqrt()
    a, b = kept(bar_t, bar_s, sigma2)
    slow = kl(Gaussian(a * x_t + b * x_0, sigma2.expand(6, 3)), Gaussian(a * x_t + b * guess, sigma2.expand(6, 3)))
    root = (bar_s * (1 - bar_t) / bar_t).sqrt() - (1 - bar_s - sigma2).sqrt()
    return Sides(slow, (root**2 / (2 * sigma2)).squeeze(1) * ((eps - wrong) ** 2).sum(1))


@twin(
    "10.11",
    r"\tau_k = \Big\lfloor \frac{k\,T}{n} + \frac12 \Big\rfloor, \qquad k = n, n-1, \dots, 0",
    symbols="tau_k T fast_n",
    source=f"{SONG}, section 4.2 and appendix D: the linear choice",
)
def visited_steps(g: torch.Generator) -> Sides:
    """The whole number nearest to each even place, by looking through all of them, and the formula in the library."""
    n = 2 * int(torch.randint(2, 10, (1,), generator=g)) + 1  # odd: then no place lies half way between two
    T = int(torch.randint(50, 200, (1,), generator=g))
    steps = torch.arange(T + 1, dtype=torch.float64)
    nearest = [float(steps[(steps - k * T / n).abs().argmin()]) for k in range(n, -1, -1)]
    return Sides(torch.tensor(nearest, dtype=torch.float64), torch.tensor(uniform_times(T, n)).double())
