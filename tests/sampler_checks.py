"""What the sampler tests share: exact models to sample from, and checks that refuse a wrong step.

The checks take the function under test as an argument, so that the tests of traps can hand them wrong ones.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from diffkit.forward import q_posterior
from diffkit.oracle import GaussianMixture
from diffkit.samplers.path import Noise
from diffkit.samplers.step import Model, Step
from diffkit.schedule import Schedule
from diffkit.sde import SDE

# A deviation of 6.5 standard errors has probability 8e-11: a test that looks at 1,000 numbers fails by chance
# with probability below 1e-7.
Z = 6.5


def mixture() -> GaussianMixture:
    """Three components in the plane, of different weight, size and direction; variances near 1."""
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    means = torch.tensor([[1.0, 0.3], [-1.0, 0.8], [0.2, -1.2]], dtype=torch.float64)
    covs = torch.tensor([[[0.3, 0.1], [0.1, 0.2]], [[0.2, 0.0], [0.0, 0.4]], [[0.3, -0.1], [-0.1, 0.3]]])
    return GaussianMixture(weights, means, covs.double())


def gaussian(mean: float = 0.7, var: float = 0.25) -> GaussianMixture:
    """N(mean, var) on the line."""
    one = torch.ones(1, dtype=torch.float64)
    return GaussianMixture(one, mean * one[:, None], var * one[:, None, None])


def eps_model(data: GaussianMixture, noise: Noise) -> Model:
    """The exact noise predictor."""
    if isinstance(noise, SDE):
        return lambda x, t: data.eps(x, *noise.marginal(t))
    alpha, sigma = noise.alpha_bar.sqrt(), noise.noise_var.sqrt()
    return lambda x, t: data.eps(x, alpha[t], sigma[t])


def score_model(data: GaussianMixture, sde: SDE) -> Model:
    """The exact score."""
    return lambda x, t: data.score(x, *sde.marginal(t))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed))


def order(ns: list[int], errors: list[float]) -> float:
    """Slope of log error against log(1/n), by least squares."""
    x, y = (torch.tensor(v, dtype=torch.float64).log() for v in (ns, errors))
    x, y = x - x.mean(), y - y.mean()
    return -float((x * y).sum() / (x * x).sum())


def assert_mean(values: Tensor, expected: Tensor | float) -> None:
    """The mean over the first axis is the expected one, within Z standard errors."""
    standard_error = values.std(0) / math.sqrt(len(values))
    distance = (values.mean(0) - expected).abs()
    assert bool((distance <= Z * standard_error + 1e-12).all()), f"off by {distance / standard_error} standard errors"


def assert_moments(x: Tensor, mean: Tensor, cov: Tensor) -> None:
    """x: (N, d) has this mean and this covariance, within Z standard errors."""
    assert_mean(x, mean)
    centred = x - mean
    assert_mean(centred.unsqueeze(2) * centred.unsqueeze(1), cov)


def energy_distance(x: Tensor, y: Tensor) -> float:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| of two samples (n, d).  Szekely & Rizzo 2013."""
    return float(2 * _distances(x, y).mean() - _distances(x, x).mean() - _distances(y, y).mean())


def energy_floor(x: Tensor, n: int, u: float = 16.0) -> float:
    """What the energy distance of two samples of size n from one distribution exceeds with probability
    exp(-u) = 1e-7.

    It is 4/n times a sum of lambda_i chi^2_1, with lambda_i the eigenvalues of the centred kernel -|x - y|/2,
    here of 400 points of x.  The tail of such a sum is bounded by Laurent & Massart 2000, lemma 1.
    """
    d = _distances(x[:400], x[:400])
    kernel = -0.5 * (d - d.mean(0) - d.mean(1, keepdim=True) + d.mean())
    lam = torch.linalg.eigvalsh(kernel) / len(d)
    return 4 / n * float(lam.sum() + 2 * lam.norm() * math.sqrt(u) + 2 * lam.max() * u)


def assert_same_distribution(x: Tensor, y: Tensor) -> None:
    """Samples x and y: (n, d) are as close as two samples of one distribution."""
    distance, floor = energy_distance(x, y), energy_floor(y, len(x))
    assert distance <= floor, f"energy distance {distance:.2e}, noise floor {floor:.2e}"


def _distances(x: Tensor, y: Tensor) -> Tensor:
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


ReverseStep = Callable[[Model, Schedule, Tensor, int, torch.Generator], Tensor]


def wavy_eps(x: Tensor, t: Tensor) -> Tensor:
    """Some function of x and t, different at neighbouring t, so that a shifted index shows."""
    return torch.sin(3 * x + 0.7 * t.to(x).unsqueeze(1))


def check_reverse_step(step: ReverseStep, s: Schedule, variance: Tensor) -> None:
    """step(eps, s, x_t, t, generator) draws from N(posterior mean at x_0_hat, variance_t), and at t = 1 is
    its mean.
    """
    for t in (1, 2, s.T // 2, s.T):
        check_reverse_mean(step, s, t)
        check_reverse_moments(step, s, t, variance)


def reverse_mean(s: Schedule, x_t: Tensor, t: int) -> Tensor:
    """Through x_0_hat and the posterior q(x_{t-1} | x_t, x_0), not through the formula that samplers use."""
    index = torch.full((len(x_t),), t)
    x_0 = (x_t - s.noise_var[t].sqrt() * wavy_eps(x_t, index)) / s.alpha_bar[t].sqrt()
    return q_posterior(s, x_0, x_t, index).mean


def check_reverse_mean(step: ReverseStep, s: Schedule, t: int) -> None:
    """Two inputs and one seed: the noise cancels in the difference, which is that of the means, exactly."""
    x, y = randn(50, 3, seed=1), randn(50, 3, seed=2)
    before = x.clone()
    difference = step(wavy_eps, s, x, t, generator(3)) - step(wavy_eps, s, y, t, generator(3))
    expected = reverse_mean(s, x, t) - reverse_mean(s, y, t)
    torch.testing.assert_close(difference, expected, rtol=1e-9, atol=1e-9)
    assert torch.equal(x, before), "the step changed its input"


def check_reverse_moments(step: ReverseStep, s: Schedule, t: int, variance: Tensor) -> None:
    """Many draws from one point: mean, variance, and no correlation between examples."""
    point = torch.tensor([[0.8, -0.4]], dtype=torch.float64)
    draws = step(wavy_eps, s, point.repeat(20_000, 1), t, generator(4))
    cov = torch.eye(2, dtype=torch.float64) * (variance[t] if t > 1 else 0.0)
    assert_moments(draws, reverse_mean(s, point, t)[0], cov)


def one_step(steps: Iterator[Step]) -> Tensor:
    """x after the first update."""
    next(steps)
    return next(steps).x
