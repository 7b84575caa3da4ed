"""Likelihood by the probability-flow ODE against exact densities, and the estimators it is made of."""

import math

import pytest
import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.likelihood import (
    dequantise,
    dequantised_bits_per_dim,
    exact_divergence,
    hutchinson,
    log_likelihood,
    normal_probes,
    rademacher,
)
from diffkit.samplers import adaptive, euler, heun, rk4
from diffkit.sde import EDM, SDE, VE, VP, SubVP
from tests.sampler_checks import assert_mean, gaussian, generator, mixture, order, randn, score_model

SDES = [VP(), SubVP(), VE(0.1, 5.0), EDM(5.0)]
every_sde = pytest.mark.parametrize("sde", SDES, ids=repr)


def rising(sde: SDE, n: int, start: float = 0.0) -> Tensor:
    return sde.t_max * torch.linspace(start, 1, n + 1, dtype=torch.float64)


def end_density(sde: SDE):
    """The exact log density at t_max, which the standard prior only approximates."""
    return lambda x: mixture().log_prob(x, *sde.marginal(sde.t_max))


@every_sde
def test_the_mixture_s_log_likelihood_is_met_to_a_thousandth_of_a_nat(sde: SDE):
    data, x = mixture(), mixture().sample(200, generator=generator(1))
    found = log_likelihood(score_model(data, sde), sde, x, rising(sde, 100), prior=end_density(sde))
    assert float((found.log_prob - data.log_prob(x)).abs().max()) < 1e-3
    torch.testing.assert_close(found.log_prob, found.prior + found.volume)


def test_with_the_default_prior_the_error_is_that_of_the_prior():
    sde, x = VP(), mixture().sample(200, generator=generator(1))
    score = score_model(mixture(), sde)
    exact = log_likelihood(score, sde, x, rising(sde, 100), prior=end_density(sde))
    default = log_likelihood(score, sde, x, rising(sde, 100))
    z = default.latent
    sigma = sde.marginal(1.0)[1]
    log_normal = torch.distributions.Normal(0 * sigma, sigma).log_prob(z).sum(1)
    torch.testing.assert_close(default.prior, log_normal, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(default.volume, exact.volume)
    assert float((default.log_prob - mixture().log_prob(x)).abs().mean()) < 0.05


def test_likelihood_may_start_at_a_noisy_time():
    sde, t = VP(), 0.2
    level = mixture().noised(*(float(v) for v in sde.marginal(t)))
    x = level.sample(50, generator=generator(2))
    found = log_likelihood(score_model(mixture(), sde), sde, x, rising(sde, 50, t), prior=end_density(sde))
    torch.testing.assert_close(found.log_prob, level.log_prob(x), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("step", "theory"), [(euler, 1), (heun, 2), (rk4, 4)])
def test_the_error_in_nats_has_the_solver_s_order(step, theory: int):
    sde, x, ns = VP(), mixture().sample(50, generator=generator(3)), [20, 40, 80]
    score, truth = score_model(mixture(), sde), mixture().log_prob(x, *sde.marginal(0.2))
    errors = []
    for n in ns:
        found = log_likelihood(score, sde, x, rising(sde, n, 0.2), prior=end_density(sde), step=step)
        errors.append(float((found.log_prob - truth).norm()))
    assert abs(order(ns, errors) - theory) < 0.3


def test_adaptive_steps_give_the_likelihood_too():
    pytest.importorskip("torchdiffeq", reason="torchdiffeq is not installed")
    sde, x = VP(), mixture().sample(50, generator=generator(4))
    found = log_likelihood(
        score_model(mixture(), sde),
        sde,
        x,
        [0.0, 1.0],
        prior=end_density(sde),
        step=adaptive(rtol=1e-6, atol=1e-6),
    )
    torch.testing.assert_close(found.log_prob, mixture().log_prob(x), rtol=0, atol=1e-3)


def test_on_gaussian_data_volume_is_the_log_of_the_scale():
    """The flow multiplies by sqrt(alpha^2 v + sigma^2)/sqrt(v), so volume is its log."""
    sde, v = VP(), 0.25
    found = log_likelihood(score_model(gaussian(0.7, v), sde), sde, randn(10, 1), rising(sde, 200))
    alpha, sigma = sde.marginal(1.0)
    expected = 0.5 * torch.log((alpha**2 * v + sigma**2) / v)
    torch.testing.assert_close(found.volume, expected.expand(10), rtol=0, atol=1e-6)


def cubic(x: Tensor) -> Tensor:
    """A field with a dense, unsymmetric Jacobian."""
    return torch.tanh(x @ torch.arange(9.0, dtype=torch.float64).reshape(3, 3)) + x**3


def jacobians(x: Tensor) -> Tensor:
    return torch.stack([torch.autograd.functional.jacobian(lambda y: cubic(y[None])[0], row) for row in x])


def test_exact_divergence_is_the_trace_of_the_jacobian():
    x = randn(6, 3)
    value, div = exact_divergence(cubic, x)
    torch.testing.assert_close(value, cubic(x), rtol=1e-12, atol=0)
    torch.testing.assert_close(div, jacobians(x).diagonal(dim1=1, dim2=2).sum(1), rtol=1e-9, atol=1e-9)
    images, div_images = exact_divergence(lambda y: cubic(y.flatten(1)).reshape(y.shape), x.reshape(6, 1, 3))
    assert images.shape == (6, 1, 3)
    torch.testing.assert_close(div_images, div)


@pytest.mark.parametrize("kind", [rademacher, normal_probes])
def test_hutchinson_is_unbiased_with_its_theoretical_variance(kind):
    """2 |S|^2 for normal probes, less the diagonal's share for signs.  CLT, error rate below 1e-9."""
    x = randn(1, 3)
    J = jacobians(x)[0]
    S = (J + J.T) / 2
    variance = 2 * (S**2).sum() - (2 * (S.diagonal() ** 2).sum() if kind is rademacher else 0)
    probes = kind(1, x.expand(50_000, 3), generator=generator(5))
    _, estimates = hutchinson(probes)(cubic, x.expand(50_000, 3))
    assert_mean(estimates, J.trace())
    assert_mean((estimates - J.trace()) ** 2, variance)


def test_averaging_probes_divides_the_variance():
    x = randn(1, 3).expand(20_000, 3)
    J = jacobians(x[:1])[0]
    S = (J + J.T) / 2
    _, estimates = hutchinson(normal_probes(8, x, generator=generator(6)))(cubic, x)
    assert_mean((estimates - J.trace()) ** 2, 2 * (S**2).sum() / 8)


def test_the_likelihood_estimated_by_hutchinson_is_unbiased():
    """One point, 4,000 sets of probes.  The estimate is linear in the divergence, so unbiased.  CLT, below
    1e-9.
    """
    sde = VP()
    x = torch.tensor([[0.5, -0.3]], dtype=torch.float64).repeat(4000, 1)
    found = log_likelihood(
        score_model(mixture(), sde),
        sde,
        x,
        rising(sde, 60),
        prior=end_density(sde),
        divergence=hutchinson(rademacher(1, x, generator=generator(7))),
    )
    assert float(found.log_prob.std()) > 0.05
    exact = log_likelihood(score_model(mixture(), sde), sde, x[:1], rising(sde, 60), prior=end_density(sde))
    assert_mean(found.log_prob, exact.log_prob[0])


def test_dequantised_values_fill_their_cells_evenly():
    """CLT, error rate below 1e-9."""
    k = torch.arange(4).repeat(10_000)
    x = dequantise(k, 4, generator=generator(8))
    u = (x + 1) * 2 - k
    assert bool(((u >= 0) & (u < 1)).all())
    assert_mean(u.double(), 0.5)
    assert_mean((u.double() - 0.5) ** 2, 1 / 12)


@pytest.mark.parametrize("levels", [3, 256])
def test_no_dequantised_value_reaches_the_next_cell(levels: int):
    """In float32 k + u may round to k + 1: for k = 255 eight times in a million."""
    top = torch.full((2_000_000,), levels - 1)
    x = dequantise(top, levels, generator=generator(12))
    assert float(x.max()) < 1
    assert bool((torch.floor((x.double() + 1) / 2 * levels) == top).all())


@pytest.mark.parametrize("levels", [2, 5, 256])
def test_a_density_constant_on_each_cell_has_the_entropy_s_bits(levels: int):
    """Then the bound is tight: bits per dimension are the cross-entropy of the discrete data."""
    p = torch.rand(levels, dtype=torch.float64, generator=generator(9)) + 0.1
    p = p / p.sum()
    k = torch.multinomial(p, 3 * 40, replacement=True, generator=generator(10)).reshape(40, 3)
    x = dequantise(k, levels, generator=generator(11)).double()
    cell = torch.floor((x + 1) / 2 * levels).long().clamp(0, levels - 1)
    log_density = torch.log(p[cell] / (2 / levels)).sum(1)
    expected = -torch.log2(p[k]).sum(1) / 3
    torch.testing.assert_close(dequantised_bits_per_dim(log_density, 3, levels), expected, rtol=1e-9, atol=1e-9)


def test_a_uniform_density_on_256_levels_costs_eight_bits():
    log_density = torch.tensor([-784 * math.log(2.0)], dtype=torch.float64)
    assert math.isclose(float(dequantised_bits_per_dim(log_density, 784)), 8.0, rel_tol=1e-12)


def test_uniform_dequantisation_bounds_the_discrete_entropy_from_above():
    """A Gaussian density on 5 levels: E bits >= entropy of the cells it was fitted to, by Jensen's
    inequality.
    """
    p = torch.tensor([0.05, 0.25, 0.4, 0.25, 0.05], dtype=torch.float64)
    u = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000
    x = 2 * (torch.arange(5).unsqueeze(1) + u) / 5 - 1
    var = (p.unsqueeze(1) * x**2).sum() / 2000
    log_density = -0.5 * (x**2 / var + torch.log(2 * torch.pi * var))
    bits = float((p.unsqueeze(1) * dequantised_bits_per_dim(log_density, 1, 5)).sum() / 2000)
    entropy = -float((p * torch.log2(p)).sum())
    assert entropy < bits < entropy + 0.2


def test_bad_input_is_refused():
    sde, x = VP(), randn(3, 2)
    score = score_model(mixture(), sde)
    with pytest.raises(RangeError, match="rise"):
        log_likelihood(score, sde, x, [1.0, 0.0])
    with pytest.raises(RangeError, match="no gradient"):
        log_likelihood(lambda x, t: torch.zeros_like(x), sde, x, [0.0, 1.0])
    with pytest.raises(ShapeError, match="probes"):
        log_likelihood(score, sde, x, [0.0, 1.0], divergence=hutchinson(torch.ones(1, 2, 2)))
    with pytest.raises(ShapeError, match="n >= 1"):
        hutchinson(torch.ones(0, 3, 2))(lambda y: score(y, 0.5), x)
    with pytest.raises(ShapeError, match="log density"):
        log_likelihood(score, sde, x, [0.1, 1.0], prior=lambda x: x)
    with pytest.raises(ShapeError, match="axes"):
        log_likelihood(score, sde, x[:, 0], [0.0, 1.0])
    with pytest.raises(RangeError, match="whole numbers"):
        dequantise(x)
    with pytest.raises(RangeError, match="runs from"):
        dequantise(torch.tensor([256]))
    with pytest.raises(RangeError, match="n_dims"):
        dequantised_bits_per_dim(x[:, 0], 0)


def test_gradients_of_the_caller_stay_as_they_were():
    sde, x = VP(), randn(3, 2).requires_grad_()
    found = log_likelihood(score_model(mixture(), sde), sde, x, [0.1, 1.0])
    assert torch.is_grad_enabled()
    assert not found.log_prob.requires_grad
    assert x.grad is None
