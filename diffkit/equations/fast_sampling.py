r"""Lesson 10, fast sampling, first part: the family, DDIM as Euler's method, inversion.  Equations (10.1) to (10.19).

In each twin one side goes the slow road (quadrature, conditioning a joint Gaussian, automatic differentiation, a
library sampler that is run), the other is the formula.
"""

import itertools
import math

import torch
from torch import Tensor

from diffkit import forward
from diffkit.equations.grids import interval_nodes
from diffkit.equations.quadrature import integrate
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import FullGaussian, Gaussian, kl
from diffkit.oracle import GaussianMixture
from diffkit.samplers import ddim, ddim_invert, last, probability_flow, rk4, uniform_times
from diffkit.samplers.probability_flow import flow_velocity
from diffkit.schedule import Schedule
from diffkit.sde import EDM, VP

SONG = "Song, Meng & Ermon 2021 (DDIM)"
Levels = tuple[Tensor, Tensor, Tensor]


def _randn(g: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=g, dtype=torch.float64)


def _uniform(g: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(*shape, generator=g, dtype=torch.float64)


def _number(g: torch.Generator, low: float, high: float) -> float:
    return float(_uniform(g, low, high, 1))


def _schedule(g: torch.Generator, T: int = 12) -> Schedule:
    return Schedule(torch.cat([torch.zeros(1, dtype=torch.float64), _uniform(g, 0.05, 0.35, T)]))


def _mixture(g: torch.Generator, d: int = 2, K: int = 3) -> GaussianMixture:
    weights = torch.softmax(_randn(g, K), 0)
    return GaussianMixture.isotropic(weights, 1.2 * _randn(g, K, d), _uniform(g, 0.2, 0.6, K))


def _autograd_eps(data: GaussianMixture, x: Tensor, alpha: float, sigma: float) -> Tensor:
    """The noise prediction by automatic differentiation of the log density."""
    x = x.detach().requires_grad_()
    (score,) = torch.autograd.grad(data.log_prob(x, alpha, sigma).sum(), x)
    return -sigma * score


def _same_draws(g: torch.Generator) -> tuple[torch.Generator, torch.Generator]:
    seed = int(torch.randint(2**31, (1,), generator=g))
    return torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)


def _levels(g: torch.Generator, n: int = 1) -> Levels:
    """alpha_bar_t, alpha_bar_s > alpha_bar_t, and a sigma^2 below 1 - alpha_bar_s: (n,) each."""
    bar_s = _uniform(g, 0.3, 0.9, n)
    return bar_s * _uniform(g, 0.3, 0.8, n), bar_s, (1 - bar_s) * _uniform(g, 0.1, 0.8, n)


def _keep(bar_t: Tensor, bar_s: Tensor, sigma2: Tensor) -> tuple[Tensor, Tensor]:
    a = ((1 - bar_s - sigma2) / (1 - bar_t)).sqrt()
    return a, bar_s.sqrt() - a * bar_t.sqrt()


@twin(
    "10.1",
    r"\int \mathcal{N}\big(\mathbf{x}_s;\ a\,\mathbf{x}_t + b\,\mathbf{x}_0,\ \sigma^2\mathbf{I}\big)\; q(\mathbf{x}_t \mid \mathbf{x}_0)\,d\mathbf{x}_t = \mathcal{N}\big(\mathbf{x}_s;\ (a\sqrt{\bar\alpha_t} + b)\,\mathbf{x}_0,\ (a^2(1-\bar\alpha_t) + \sigma^2)\,\mathbf{I}\big)",
    symbols="N x_t x_0 fast_s fast_ab fast_sigma I q alpha_bar",
    source="Bishop 2006, eq. 2.115",
)
def marginal(g: torch.Generator) -> Sides:
    """The integral over x_t by the trapezoidal rule at seven points x_s, and the normal density."""
    bar, x_0, a, b, var = (_number(g, *r) for r in ((0.2, 0.8), (-2, 2), (0.3, 1.2), (-0.5, 0.5), (0.1, 0.6)))
    x_s = _randn(g, 7, 1)

    def joint(x_t: Tensor) -> Tensor:
        one = torch.ones_like(x_t)
        forward_density = Gaussian(bar**0.5 * x_0 * one, (1 - bar) * one).log_prob(x_t)
        step = -0.5 * ((x_s - a * x_t - b * x_0) ** 2 / var + math.log(2 * math.pi * var))
        return torch.exp(step + forward_density).mT

    mean = torch.full_like(x_s, (a * bar**0.5 + b) * x_0)
    formula = Gaussian(mean, torch.full_like(x_s, a**2 * (1 - bar) + var)).log_prob(x_s)
    return Sides(integrate(joint, -14, 14, 4001), torch.exp(formula))


@twin(
    "10.2",
    r"a = \sqrt{\frac{1-\bar\alpha_s-\sigma^2}{1-\bar\alpha_t}}, \qquad b = \sqrt{\bar\alpha_s} - a\sqrt{\bar\alpha_t}",
    symbols="fast_ab alpha_bar fast_s t fast_sigma",
)
def two_conditions(g: torch.Generator) -> Sides:
    """a by bisection of the condition on the variance, b from that on the mean; and the formulas."""
    bar_t, bar_s, sigma2 = _levels(g, 5)
    low, high = torch.zeros_like(bar_t), torch.full_like(bar_t, 5.0)
    for _ in range(80):
        middle = (low + high) / 2
        too_little = middle**2 * (1 - bar_t) + sigma2 < 1 - bar_s
        low, high = torch.where(too_little, middle, low), torch.where(too_little, high, middle)
    return Sides(torch.stack([low, bar_s.sqrt() - low * bar_t.sqrt()]), torch.stack(_keep(bar_t, bar_s, sigma2)))


@twin(
    "10.3",
    r"q_\sigma(\mathbf{x}_s \mid \mathbf{x}_t, \mathbf{x}_0) = \mathcal{N}\Big(\mathbf{x}_s;\ \sqrt{\bar\alpha_s}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_s-\sigma^2}\;\frac{\mathbf{x}_t-\sqrt{\bar\alpha_t}\,\mathbf{x}_0}{\sqrt{1-\bar\alpha_t}},\ \sigma^2\mathbf{I}\Big)",
    symbols="fast_q x_t x_0 fast_s N alpha_bar fast_sigma I",
    source=f"{SONG}, eq. 7",
)
def family(g: torch.Generator) -> Sides:
    """Steps of the library's sampler when the "network" knows x_0, and draws from this density with the same noise."""
    s, x_0, eta = _schedule(g), _randn(g, 6, 2), _number(g, 0.2, 0.9)
    x, (one, other) = _randn(g, 6, 2), _same_draws(g)
    bar, times = s.alpha_bar, [12, 9, 5, 2]

    def told(x: Tensor, t: Tensor) -> Tensor:
        return (x - bar[t[0]].sqrt() * x_0) / (1 - bar[t[0]]).sqrt()

    library = last(ddim(told, s, x, times=times, eta=eta, generator=one))
    for t, u in itertools.pairwise(times):
        sigma2 = eta**2 * (1 - bar[u]) / (1 - bar[t]) * (1 - bar[t] / bar[u])
        away = (x - bar[t].sqrt() * x_0) / (1 - bar[t]).sqrt()
        mean = bar[u].sqrt() * x_0 + (1 - bar[u] - sigma2).sqrt() * away
        x = Gaussian(mean, sigma2).sample(noise=_randn(other, 6, 2))
    return Sides(library, x)


def _path_of_noises(s: Schedule, sigma2: Tensor) -> tuple[Tensor, Tensor]:
    """x_1..x_T as a linear map of x_0 and T independent noises, down from x_T: factors of x_0 (T,), map (T, T)."""
    T, bar = s.T, s.alpha_bar
    of_x_0, of_noise = torch.zeros(T + 1, dtype=torch.float64), torch.zeros(T + 1, T, dtype=torch.float64)
    of_x_0[T], of_noise[T, T - 1] = bar[T].sqrt(), (1 - bar[T]).sqrt()
    for t in range(T, 1, -1):
        a, b = _keep(bar[t], bar[t - 1], sigma2[t])
        of_x_0[t - 1] = a * of_x_0[t] + b
        of_noise[t - 1] = a * of_noise[t]
        of_noise[t - 1, t - 2] = sigma2[t].sqrt()
    return of_x_0[1:], of_noise[1:]


def _family_of(g: torch.Generator, T: int = 6) -> tuple[Schedule, Tensor]:
    """A schedule, and a random sigma^2 for every step that leaves room."""
    s = _schedule(g, T)
    sigma2 = torch.zeros_like(s.beta)
    sigma2[2:] = (1 - s.alpha_bar[1:-1]) * _uniform(g, 0.1, 0.8, T - 1)
    return s, sigma2


@twin(
    "10.4",
    r"q_\sigma(\mathbf{x}_{1:T} \mid \mathbf{x}_0) = q(\mathbf{x}_T \mid \mathbf{x}_0) \prod_{t=2}^{T} q_\sigma(\mathbf{x}_{t-1} \mid \mathbf{x}_t, \mathbf{x}_0)",
    symbols="fast_q q x_t x_0 T t",
    source=f"{SONG}, eq. 6",
)
def whole_path(g: torch.Generator) -> Sides:
    """log density of five whole paths: one Gaussian with a covariance over all steps, and the factors one by one."""
    s, sigma2 = _family_of(g)
    x_0, path = _number(g, -2, 2), _randn(g, 5, 6)
    of_x_0, of_noise = _path_of_noises(s, sigma2)
    left = FullGaussian(x_0 * of_x_0, of_noise @ of_noise.mT).log_prob(path)
    bar, x = s.alpha_bar, torch.cat([torch.full((5, 1), x_0, dtype=torch.float64), path], 1)
    right = forward.q_marginal(s, x[:, :1], 6).log_prob(x[:, 6:])
    for t in range(6, 1, -1):
        away = (x[:, t] - bar[t].sqrt() * x_0) / (1 - bar[t]).sqrt()
        mean = bar[t - 1].sqrt() * x_0 + (1 - bar[t - 1] - sigma2[t]).sqrt() * away
        right = right + Gaussian(mean.unsqueeze(1), sigma2[t].expand(5, 1)).log_prob(x[:, t - 1 : t])
    return Sides(left, right)


@twin(
    "10.5",
    r"q_\sigma(\mathbf{x}_t \mid \mathbf{x}_0) = \mathcal{N}\big(\mathbf{x}_t;\ \sqrt{\bar\alpha_t}\,\mathbf{x}_0,\ (1-\bar\alpha_t)\,\mathbf{I}\big), \qquad t = T, T-1, \dots, 1, \quad \text{for every choice of the } \sigma",
    symbols="fast_q x_t x_0 N alpha_bar I t T fast_sigma",
    source=f"{SONG}, lemma 1 in the appendix",
)
def marginals_are_kept(g: torch.Generator) -> Sides:
    """Factor of x_0 and variance of every x_t, by pushing T independent noises down the whole chain; the formulas."""
    s, sigma2 = _family_of(g)
    of_x_0, of_noise = _path_of_noises(s, sigma2)
    slow = torch.stack([of_x_0, (of_noise**2).sum(1)])
    return Sides(slow, torch.stack([s.alpha_bar[1:].sqrt(), 1 - s.alpha_bar[1:]]))


@twin(
    "10.6",
    r"\mathbb{E}_{q_\sigma}\big[\mathbf{x}_t \mid \mathbf{x}_s, \mathbf{x}_0\big] = \sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \frac{\sqrt{(1-\bar\alpha_t)\,(1-\bar\alpha_s-\sigma^2)}}{1-\bar\alpha_s}\,\big(\mathbf{x}_s - \sqrt{\bar\alpha_s}\,\mathbf{x}_0\big)",
    symbols="E fast_q x_t x_0 fast_s alpha_bar fast_sigma",
    source=f"{SONG}, section 3.1: the forward process by Bayes' rule",
)
def not_markov(g: torch.Generator) -> Sides:
    """x_t given x_s by conditioning the joint Gaussian of the whole path, and the formula."""
    (s, sigma2), x_0 = _family_of(g), _number(g, -2, 2)
    of_x_0, of_noise = _path_of_noises(s, sigma2)
    x_s, t = _randn(g, 5), 4
    joint = FullGaussian(x_0 * of_x_0, of_noise @ of_noise.mT).marginal([t - 2, t - 1])
    slow = FullGaussian(joint.mean.expand(5, 2), joint.cov).condition([0], x_s.unsqueeze(1)).mean[:, 0]
    now, before = s.alpha_bar[t], s.alpha_bar[t - 1]
    factor = ((1 - now) * (1 - before - sigma2[t])).sqrt() / (1 - before)
    return Sides(slow, now.sqrt() * x_0 + factor * (x_s - before.sqrt() * x_0))


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
    s, eta, bar = _schedule(g), _number(g, 0.1, 1.0), None
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
    s, eta, zero = _schedule(g), _number(g, 0.3, 1.0), torch.zeros(1, dtype=torch.float64)
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
    s, t = _schedule(g), 7
    now, before = s.alpha_bar[t], s.alpha_bar[t - 1]
    sigma2 = (1 - before) / (1 - now) * (1 - now / before)
    a, b = _keep(now, before, sigma2)
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
    s, data, eta, x = _schedule(g), _mixture(g), _number(g, 0.2, 1.0), _randn(g, 6, 2)
    (one, other), bar, times = _same_draws(g), s.alpha_bar, [12, 9, 5, 2, 0]
    exact = lambda x, t: data.eps(x, bar[t].sqrt(), (1 - bar[t]).sqrt())  # noqa: E731
    library = last(ddim(exact, s, x, times=times, eta=eta, generator=one))
    for t, u in itertools.pairwise(times):
        eps = _autograd_eps(data, x, float(bar[t].sqrt()), float((1 - bar[t]).sqrt()))
        sigma = eta * ((1 - bar[u]) / (1 - bar[t]) * (1 - bar[t] / bar[u])).sqrt()
        x_0 = (x - (1 - bar[t]).sqrt() * eps) / bar[t].sqrt()
        x = bar[u].sqrt() * x_0 + (1 - bar[u] - sigma**2).sqrt() * eps
        x = x + sigma * _randn(other, 6, 2) if u else x
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
    _, bar_s, sigma2 = _levels(g, 5)
    return Sides(1 - bar_s, (1 - bar_s) + sigma2)


@twin(
    "10.10",
    r"D_{\mathrm{KL}}\big(q_\sigma(\mathbf{x}_s \mid \mathbf{x}_t, \mathbf{x}_0)\,\|\,q_\sigma(\mathbf{x}_s \mid \mathbf{x}_t, \hat{\mathbf{x}}_0)\big) = \frac{1}{2\sigma^2}\Big(\sqrt{\tfrac{\bar\alpha_s\,(1-\bar\alpha_t)}{\bar\alpha_t}} - \sqrt{1-\bar\alpha_s-\sigma^2}\Big)^{2}\,\big\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\big\|^2",
    symbols="KL fast_q x_t x_0 x_0_hat fast_s fast_sigma alpha_bar eps eps_theta t",
    source=f"{SONG}, theorem 1",
)
def same_loss(g: torch.Generator) -> Sides:
    """The divergence of two Gaussians, one at the true x_0 and one at the guess, and the weighted error of the noise."""
    bar_t, bar_s, sigma2 = (v.unsqueeze(1) for v in _levels(g, 6))
    x_0, eps, wrong = _randn(g, 6, 3), _randn(g, 6, 3), _randn(g, 6, 3)
    x_t = bar_t.sqrt() * x_0 + (1 - bar_t).sqrt() * eps
    guess = (x_t - (1 - bar_t).sqrt() * wrong) / bar_t.sqrt()
    a, b = _keep(bar_t, bar_s, sigma2)
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


@twin(
    "10.12",
    r"\frac{\mathbf{x}_s}{\sqrt{\bar\alpha_s}} = \frac{\mathbf{x}_t}{\sqrt{\bar\alpha_t}} + (u_s - u_t)\,\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t), \qquad u_t = \sqrt{\frac{1-\bar\alpha_t}{\bar\alpha_t}}",
    symbols="x_t fast_s alpha_bar u eps_theta t",
    source=f"{SONG}, eq. 13",
)
def ddim_is_euler(g: torch.Generator) -> Sides:
    """The library's DDIM down to the data, and Euler's method in y and u with a prediction by autograd."""
    s, data, x = _schedule(g), _mixture(g), _randn(g, 6, 2)
    bar, times = s.alpha_bar, [12, 9, 5, 2, 0]
    library = last(ddim(lambda x, t: data.eps(x, bar[t].sqrt(), (1 - bar[t]).sqrt()), s, x, times=times))
    u, y = (1 / bar - 1).sqrt(), x / bar[12].sqrt()
    for t, below in itertools.pairwise(times):
        y = y + (u[below] - u[t]) * _autograd_eps(data, y, 1.0, float(u[t]))  # the same noise is in x and in y
    return Sides(library, y)


def _vp(g: torch.Generator) -> VP:
    return VP(_number(g, 0.1, 1.0), _number(g, 3.0, 6.0))


def _noise_over_signal(sde: VP, t: Tensor) -> Tensor:
    alpha, sigma = sde.marginal(t)
    return sigma / alpha


@twin(
    "10.13",
    r"\frac{du}{dt} = \frac{\beta(t)}{2\sqrt{\bar\alpha(t)\,(1-\bar\alpha(t))}}",
    symbols="u t beta_of_t",
)
def growth_of_u(g: torch.Generator) -> Sides:
    """Automatic differentiation of noise over signal at five times, and the formula."""
    sde, t = _vp(g), _uniform(g, 0.2, 1.0, 5).requires_grad_()
    (slope,) = torch.autograd.grad(_noise_over_signal(sde, t).sum(), t)
    bar = torch.exp(-sde.beta_integral(t.detach()))
    return Sides(slope, sde.beta(t.detach()) / (2 * (bar * (1 - bar)).sqrt()))


@twin(
    "10.14",
    r"\frac{d\mathbf{y}}{du} = \boldsymbol\varepsilon(\mathbf{x}, t) \qquad \text{along} \qquad \frac{d\mathbf{x}}{dt} = -\tfrac12\,\beta(t)\,\big(\mathbf{x} + \nabla \log p_t(\mathbf{x})\big), \qquad \mathbf{y} = \frac{\mathbf{x}}{\sqrt{\bar\alpha(t)}}",
    symbols="fast_y u fast_eps x_t t beta_of_t p_t",
    source=f"{SONG}, eq. 14 and proposition 1; Song et al. 2021 (SDE), eq. 13",
)
def flow_in_u(g: torch.Generator) -> Sides:
    """The library's flow in x and t, turned into dy/du by automatic differentiation; the noise from the posterior mean."""
    sde, data, x, t = _vp(g), _mixture(g), _randn(g, 6, 2), _number(g, 0.3, 0.9)
    move = flow_velocity(lambda x, t: data.score(x, *sde.marginal(t)), sde)(x, t)

    def y_and_u(step: Tensor) -> tuple[Tensor, Tensor]:
        time = t + step
        alpha, _ = sde.marginal(time)
        return (x + step * move) / alpha, _noise_over_signal(sde, time)

    zero = torch.zeros((), dtype=torch.float64)
    dy, du = torch.autograd.functional.jacobian(y_and_u, zero)
    alpha, sigma = sde.marginal(t)
    return Sides(dy / du, (x - alpha * data.posterior(x, alpha, sigma).mean) / sigma)


@twin(
    "10.15",
    r"\mathbf{y}(u) = \mathbf{m} + \sqrt{\frac{v+u^2}{v+U^2}}\;\big(\mathbf{y}(U) - \mathbf{m}\big)",
    symbols="fast_y u mv U",
)
def gaussian_path(g: torch.Generator) -> Sides:
    """Data N(m, v): the flow by 200 steps of RK4 from U to five levels, and the formula."""
    m, v, U = _randn(g, 2), _number(g, 0.3, 1.0), _number(g, 2.0, 3.0)
    data = GaussianMixture.isotropic(torch.ones(1, dtype=torch.float64), m.unsqueeze(0), v)
    y = m + 2 * _randn(g, 4, 2)
    times = torch.linspace(U, 0.1, 201, dtype=torch.float64)
    steps = list(probability_flow(lambda x, u: data.score(x, 1.0, u), EDM(U), y, times, step=rk4))
    chosen = [40, 80, 120, 160, 200]
    formula = [m + ((v + times[k] ** 2) / (v + U**2)).sqrt() * (y - m) for k in chosen]
    return Sides(torch.stack([steps[k].x for k in chosen]), torch.stack(formula))


@twin(
    "10.16",
    r"\mathbf{x}_t \ \leftarrow\ \sqrt{\frac{\bar\alpha_t}{\bar\alpha_s}}\;\mathbf{x}_s + \sqrt{\bar\alpha_t}\;(u_t - u_s)\;\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)",
    symbols="x_t alpha_bar fast_s u eps_theta t",
    source=f"{SONG}, section 5.4, takes one round",
)
def rounds_of_guessing(g: torch.Generator) -> Sides:
    """The library's inversion after three rounds, and the x_t that DDIM takes back to x_s; and both by this formula."""
    s, data, x_s = _schedule(g), _mixture(g), _randn(g, 6, 2)
    bar, (u, t) = s.alpha_bar, (4, 6)
    exact = lambda x, k: data.eps(x, bar[k].sqrt(), (1 - bar[k]).sqrt())  # noqa: E731
    library = [last(ddim_invert(exact, s, x_s, times=[u, t], refine=r)) for r in (2, 79)]
    back = last(ddim(exact, s, library[1], times=[t, u]))
    level = (1 / bar - 1).sqrt()
    x, found = x_s, []
    for _ in range(3):
        eps = _autograd_eps(data, x, float(bar[t].sqrt()), float((1 - bar[t]).sqrt()))
        x = (bar[t] / bar[u]).sqrt() * x_s + bar[t].sqrt() * (level[t] - level[u]) * eps
        found.append(x)
    return Sides(torch.stack([library[0], back]), torch.stack([found[-1], x_s]))


@twin(
    "10.17",
    r"r = \frac{(u_t - u_s)\,u_t}{v + u_t^2} < 1",
    symbols="r u mv t fast_s",
)
def contraction(g: torch.Generator) -> Sides:
    """Data N(m, v): the ratio of successive changes in the library's rounds, and the formula."""
    s, v = _schedule(g), _number(g, 0.2, 1.0)
    data = GaussianMixture.isotropic(torch.ones(1, dtype=torch.float64), _randn(g, 1, 2), v)
    x, bar, (u, t) = _randn(g, 5, 2), s.alpha_bar, (4, 9)
    exact = lambda x, k: data.eps(x, bar[k].sqrt(), (1 - bar[k]).sqrt())  # noqa: E731
    ends = torch.stack([last(ddim_invert(exact, s, x, times=[u, t], refine=r)) for r in range(3)])
    changes = ends.diff(dim=0)
    level = (1 / bar - 1).sqrt()
    ratio = (level[t] - level[u]) * level[t] / (v + level[t] ** 2)
    return Sides(changes[1] / changes[0], ratio.expand(5, 2))


@twin(
    "10.18",
    r"\mathbf{y}(u+h) - \big(\mathbf{y}(u) + h\,\boldsymbol\varepsilon\big) = \int_u^{u+h} (u+h-w)\,\mathbf{y}''(w)\,dw",
    symbols="fast_y u h fast_eps",
    source="Taylor's formula with its remainder",
)
def error_of_a_step(g: torch.Generator) -> Sides:
    """On the path (10.15): what one step of DDIM gets wrong, and the integral with y'' by automatic differentiation."""
    v, U = _number(g, 0.2, 1.0), _number(g, 1.5, 3.0)
    m, y_start, end = _randn(g, 3), _randn(g, 3), _number(g, 0.2, 1.0)
    data = GaussianMixture.isotropic(torch.ones(1, dtype=torch.float64), m[:1].unsqueeze(0), v)
    y_start, m = 2 * y_start, m[:1].expand(3)

    def path(w: Tensor) -> Tensor:
        return m + ((v + w**2) / (v + U**2)).sqrt() * (y_start - m)

    ddim_step = last(ddim(lambda y, u: data.eps(y, 1.0, u), EDM(U), y_start.unsqueeze(1), times=[U, end]))[:, 0]
    nodes, weights = interval_nodes(U, end)
    slope = torch.autograd.functional.jacobian
    total = torch.zeros(3, dtype=torch.float64)
    for w, weight in zip(nodes, weights, strict=True):
        total += weight * (end - w) * slope(lambda a: slope(path, a, create_graph=True), w)
    return Sides(path(torch.tensor(end, dtype=torch.float64)) - ddim_step, total)


@twin(
    "10.19",
    r"p = -\,\frac{\sum_k \big(\log n_k - \overline{\log n}\big)\,\log e_k}{\sum_k \big(\log n_k - \overline{\log n}\big)^2}",
    symbols="p_order n_e",
)
def fitted_order(g: torch.Generator) -> Sides:
    """The slope of a line through logarithms by a general least-squares solver, and the formula."""
    n = torch.tensor([8, 16, 32, 64, 128], dtype=torch.float64)
    e = n ** -_number(g, 1, 3) * torch.exp(0.2 * _randn(g, 5))
    A = torch.stack([torch.ones_like(n), n.log()], 1)
    slow = -torch.linalg.lstsq(A, e.log().unsqueeze(1)).solution[1]
    x = n.log() - n.log().mean()
    return Sides(slow, -((x * e.log()).sum() / (x**2).sum()).reshape(1))
