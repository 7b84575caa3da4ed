r"""The family of processes with the same marginals.  Equations (10.1) to (10.6)."""

import itertools
import math

import torch
from torch import Tensor

from diffkit import forward
from diffkit.equations.draws import number, randn, same_draws, uniform
from diffkit.equations.fast_sampling.common import SONG, kept, random_levels, random_schedule
from diffkit.equations.quadrature import integrate
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import FullGaussian, Gaussian
from diffkit.samplers import ddim, last
from diffkit.schedule import Schedule


@twin(
    "10.1",
    r"\int \mathcal{N}\big(\mathbf{x}_s;\ a\,\mathbf{x}_t + b\,\mathbf{x}_0,\ \sigma^2\mathbf{I}\big)\; q(\mathbf{x}_t \mid \mathbf{x}_0)\,d\mathbf{x}_t = \mathcal{N}\big(\mathbf{x}_s;\ (a\sqrt{\bar\alpha_t} + b)\,\mathbf{x}_0,\ (a^2(1-\bar\alpha_t) + \sigma^2)\,\mathbf{I}\big)",
    symbols="N x_t x_0 fast_s fast_ab fast_sigma I q alpha_bar",
    source="Bishop 2006, eq. 2.115",
)
def marginal(g: torch.Generator) -> Sides:
    """The integral over x_t by the trapezoidal rule at seven points x_s, and the normal density."""
    bar, x_0, a, b, var = (number(g, *r) for r in ((0.2, 0.8), (-2, 2), (0.3, 1.2), (-0.5, 0.5), (0.1, 0.6)))
    x_s = randn(g, 7, 1)

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
    bar_t, bar_s, sigma2 = random_levels(g, 5)
    low, high = torch.zeros_like(bar_t), torch.full_like(bar_t, 5.0)
    for _ in range(80):
        middle = (low + high) / 2
        too_little = middle**2 * (1 - bar_t) + sigma2 < 1 - bar_s
        low, high = torch.where(too_little, middle, low), torch.where(too_little, high, middle)
    return Sides(torch.stack([low, bar_s.sqrt() - low * bar_t.sqrt()]), torch.stack(kept(bar_t, bar_s, sigma2)))


@twin(
    "10.3",
    r"q_\sigma(\mathbf{x}_s \mid \mathbf{x}_t, \mathbf{x}_0) = \mathcal{N}\Big(\mathbf{x}_s;\ \sqrt{\bar\alpha_s}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_s-\sigma^2}\;\frac{\mathbf{x}_t-\sqrt{\bar\alpha_t}\,\mathbf{x}_0}{\sqrt{1-\bar\alpha_t}},\ \sigma^2\mathbf{I}\Big)",
    symbols="fast_q x_t x_0 fast_s N alpha_bar fast_sigma I",
    source=f"{SONG}, eq. 7",
)
def family(g: torch.Generator) -> Sides:
    """Steps of the library's sampler when the "network" knows x_0, and draws from this density with the same noise."""
    s, x_0, eta = random_schedule(g), randn(g, 6, 2), number(g, 0.2, 0.9)
    x, (one, other) = randn(g, 6, 2), same_draws(g)
    bar, times = s.alpha_bar, [12, 9, 5, 2]

    def told(x: Tensor, t: Tensor) -> Tensor:
        return (x - bar[t[0]].sqrt() * x_0) / (1 - bar[t[0]]).sqrt()

    library = last(ddim(told, s, x, times=times, eta=eta, generator=one))
    for t, u in itertools.pairwise(times):
        sigma2 = eta**2 * (1 - bar[u]) / (1 - bar[t]) * (1 - bar[t] / bar[u])
        away = (x - bar[t].sqrt() * x_0) / (1 - bar[t]).sqrt()
        mean = bar[u].sqrt() * x_0 + (1 - bar[u] - sigma2).sqrt() * away
        x = Gaussian(mean, sigma2).sample(noise=randn(other, 6, 2))
    return Sides(library, x)


def _path_of_noises(s: Schedule, sigma2: Tensor) -> tuple[Tensor, Tensor]:
    """x_1..x_T as a linear map of x_0 and T independent noises, down from x_T: factors of x_0 (T,), map (T, T)."""
    T, bar = s.T, s.alpha_bar
    of_x_0, of_noise = torch.zeros(T + 1, dtype=torch.float64), torch.zeros(T + 1, T, dtype=torch.float64)
    of_x_0[T], of_noise[T, T - 1] = bar[T].sqrt(), (1 - bar[T]).sqrt()
    for t in range(T, 1, -1):
        a, b = kept(bar[t], bar[t - 1], sigma2[t])
        of_x_0[t - 1] = a * of_x_0[t] + b
        of_noise[t - 1] = a * of_noise[t]
        of_noise[t - 1, t - 2] = sigma2[t].sqrt()
    return of_x_0[1:], of_noise[1:]


def _family_of(g: torch.Generator, T: int = 6) -> tuple[Schedule, Tensor]:
    """A schedule, and a random sigma^2 for every step that leaves room."""
    s = random_schedule(g, T)
    sigma2 = torch.zeros_like(s.beta)
    sigma2[2:] = (1 - s.alpha_bar[1:-1]) * uniform(g, 0.1, 0.8, T - 1)
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
    x_0, path = number(g, -2, 2), randn(g, 5, 6)
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
    (s, sigma2), x_0 = _family_of(g), number(g, -2, 2)
    of_x_0, of_noise = _path_of_noises(s, sigma2)
    x_s, t = randn(g, 5), 4
    joint = FullGaussian(x_0 * of_x_0, of_noise @ of_noise.mT).marginal([t - 2, t - 1])
    slow = FullGaussian(joint.mean.expand(5, 2), joint.cov).condition([0], x_s.unsqueeze(1)).mean[:, 0]
    now, before = s.alpha_bar[t], s.alpha_bar[t - 1]
    factor = ((1 - now) * (1 - before - sigma2[t])).sqrt() / (1 - before)
    return Sides(slow, now.sqrt() * x_0 + factor * (x_s - before.sqrt() * x_0))
