"""The SDEs against their own differential equations, the Fokker-Planck equation and the discrete chain."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from diffkit import sigmas
from diffkit.errors import DiffkitError
from diffkit.likelihood import exact_divergence
from diffkit.schedule import linear
from diffkit.sde import EDM, SDE, VE, VP, SubVP, vp_of_linear
from tests.sampler_checks import assert_moments, generator, mixture, order, randn, score_model

SDES = [VP(), VP(0.5, 8.0), VP(3.0, 3.0), SubVP(), VE(), VE(0.1, 5.0), EDM(10.0)]
every_sde = pytest.mark.parametrize("sde", SDES, ids=repr)
TIMES = torch.linspace(0.01, 1, 37, dtype=torch.float64)


def derivative(y: Tensor, t: Tensor) -> Tensor:
    return torch.autograd.grad(y.sum(), t, retain_graph=True)[0]


@every_sde
def test_marginal_solves_the_moment_equations(sde: SDE):
    t = TIMES.clone().requires_grad_()
    alpha, sigma = sde.marginal(t)
    f, g = sde.rate(t), sde.diffusion(t)
    if alpha.requires_grad:
        torch.testing.assert_close(derivative(alpha, t), f * alpha, rtol=1e-9, atol=0)
    else:
        assert bool((alpha == 1).all() and (f == 0).all())
    torch.testing.assert_close(derivative(sigma**2, t), 2 * f * sigma**2 + g**2, rtol=1e-9, atol=1e-12)


@every_sde
def test_data_are_clean_at_time_zero(sde: SDE):
    alpha, sigma = sde.marginal(0.0)
    assert float(alpha) == 1
    assert float(sigma) == 0
    assert float(sde.half_log_snr(0.0)) == math.inf


@every_sde
def test_time_of_inverts_half_log_snr(sde: SDE):
    torch.testing.assert_close(sde.time_of(sde.half_log_snr(TIMES)), TIMES, rtol=1e-9, atol=1e-12)
    assert float(sde.time_of(math.inf)) == 0


def test_time_of_keeps_its_digits_where_hardly_any_signal_is_left():
    sde, t = VP(15.0, 60.0), torch.linspace(0.5, 1.0, 500, dtype=torch.float64)  # the integral of beta runs to 37.5
    torch.testing.assert_close(sde.time_of(sde.half_log_snr(t)), t, rtol=1e-14, atol=0)


def test_sub_vp_has_less_variance_than_vp_and_the_same_mean():
    (alpha, sigma), (alpha_sub, sigma_sub) = VP().marginal(TIMES), SubVP().marginal(TIMES)
    assert torch.equal(alpha, alpha_sub)
    assert bool((sigma_sub < sigma).all())
    torch.testing.assert_close(sigma_sub, sigma**2)


def log_density_terms(sde: SDE) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """x, t, d/dt log p_t(x), score and Laplacian of log p_t at random points of a noisy mixture."""
    x = 1.5 * randn(60, 2, seed=3)
    t = torch.linspace(0.05, 1, 60, dtype=torch.float64).requires_grad_()
    rate = derivative(mixture().log_prob(x, *sde.marginal(t)), t)
    t = t.detach()
    laplacian = mixture().score_jacobian(x, *sde.marginal(t)).diagonal(dim1=1, dim2=2).sum(1)
    return x, t, rate, mixture().score(x, *sde.marginal(t)), laplacian


@every_sde
def test_forward_process_obeys_the_fokker_planck_equation(sde: SDE):
    x, t, rate, s, laplacian = log_density_terms(sde)
    drift, div = exact_divergence(lambda y: sde.drift(y, t), x)
    spread = 0.5 * sde.diffusion(t) ** 2 * (laplacian + (s**2).sum(1))
    torch.testing.assert_close(rate, -div - (drift * s).sum(1) + spread, rtol=1e-8, atol=1e-8)


@every_sde
def test_reverse_process_has_the_same_densities_backwards(sde: SDE):
    x, t, rate, s, laplacian = log_density_terms(sde)
    score = score_model(mixture(), sde)
    drift, div = exact_divergence(lambda y: sde.reverse_drift(y, t, score(y, t)), x)
    spread = 0.5 * sde.diffusion(t) ** 2 * (laplacian + (s**2).sum(1))
    torch.testing.assert_close(-rate, div + (drift * s).sum(1) + spread, rtol=1e-8, atol=1e-8)


@every_sde
def test_flow_obeys_the_continuity_equation(sde: SDE):
    x, t, rate, s, _ = log_density_terms(sde)
    score = score_model(mixture(), sde)
    velocity, div = exact_divergence(lambda y: sde.flow_drift(y, t, score(y, t)), x)
    torch.testing.assert_close(rate, -div - (velocity * s).sum(1), rtol=1e-8, atol=1e-8)


def test_a_schedule_made_from_vp_has_its_marginals_exactly():
    s, T = VP().schedule(50), 50
    alpha, sigma = VP().marginal(torch.linspace(0, 1, T + 1, dtype=torch.float64))
    torch.testing.assert_close(s.alpha_bar.sqrt(), alpha, rtol=1e-12, atol=0)
    torch.testing.assert_close(s.noise_var.sqrt(), sigma, rtol=1e-9, atol=0)


def test_the_ddpm_chain_converges_to_vp_with_order_one():
    ns, errors = [50, 100, 200, 400, 800], []
    for T in ns:
        s = linear(T, 0.1 / T, 20 / T)
        assert vp_of_linear(T, 0.1 / T, 20 / T) == VP(0.1 / T * T, 20 / T * T)
        alpha = VP().marginal(torch.linspace(0, 1, T + 1, dtype=torch.float64))[0]
        errors.append(float((s.alpha_bar.sqrt() - alpha).abs().max()))
    assert abs(order(ns, errors) - 1) < 0.3


def test_ve_is_the_limit_of_the_geometric_ladder():
    ladder = sigmas.geometric(11, 0.1, 5.0)[1:]
    sigma = VE(0.1, 5.0).marginal(torch.linspace(0, 1, 11, dtype=torch.float64))[1]
    torch.testing.assert_close((sigma**2 + 0.1**2).sqrt(), ladder, rtol=1e-12, atol=0)


@every_sde
def test_prior_sample_has_the_variance_of_the_last_marginal(sde: SDE):
    """CLT, error rate below 1e-9."""
    x = sde.prior_sample(randn(50_000, 2), generator=generator(5))
    var = float(sde.marginal(sde.t_max)[1]) ** 2
    assert_moments(x, torch.zeros(2, dtype=torch.float64), var * torch.eye(2, dtype=torch.float64))


def test_coefficients_broadcast_over_examples_and_keep_the_dtype():
    x, t = torch.ones(3, 4, 4), torch.tensor([0.1, 0.5, 0.9])
    out = VP().drift(x, t)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out[:, 0, 0], VP().rate(t).float())
    assert VP().reverse_drift(x, t, x).shape == VP().flow_drift(x, 0.3, x).shape == x.shape


def test_geometric_ladder_has_a_constant_ratio():
    ladder = sigmas.geometric(10, 0.01, 1.0)
    assert ladder.shape == (11,)
    assert float(ladder[0]) == 0
    ratio = ladder[2:] / ladder[1:-1]
    torch.testing.assert_close(ratio, torch.full_like(ratio, 100 ** (1 / 9)), rtol=1e-12, atol=0)


def test_a_ladder_of_one_level_is_that_level():
    assert sigmas.geometric(1, 1.0, 1.0).tolist() == [0.0, 1.0]
    assert sigmas.karras(1, 1.0, 1.0).tolist() == [0.0, 1.0]


def test_karras_ladder_is_the_paper_s_formula():
    n, low, high, rho = 18, 0.002, 80.0, 7.0
    i = torch.arange(n, dtype=torch.float64)  # the paper's index runs from the largest level down
    paper = (high ** (1 / rho) + i / (n - 1) * (low ** (1 / rho) - high ** (1 / rho))) ** rho
    torch.testing.assert_close(sigmas.karras(n).flip(0)[:-1], paper, rtol=1e-12, atol=0)
    even = sigmas.karras(5, 1.0, 5.0, rho=1.0)
    torch.testing.assert_close(even, torch.arange(6, dtype=torch.float64))


numbers = st.floats() | st.floats(1e-300, 1e300)


@given(n=st.integers(-2, 5), low=numbers, high=numbers, rho=numbers)
def test_ladders_rise_from_zero_or_refuse(n: int, low: float, high: float, rho: float):
    for make in (lambda: sigmas.geometric(n, low, high), lambda: sigmas.karras(n, low, high, rho)):
        try:
            ladder = make()
        except DiffkitError:
            continue
        assert torch.equal(sigmas.check_ladder(ladder), ladder)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VP(-1.0, 2.0), "beta runs"),
        (lambda: VP(2.0, 1.0), "beta runs"),
        (lambda: SubVP(0.1, math.inf), "beta runs"),
        (lambda: VE(1.0, 0.5), "sigma runs"),
        (lambda: EDM(0.0), "t_max"),
        (lambda: EDM(math.nan), "t_max"),
        (lambda: VP().schedule(0), "whole number"),
        (lambda: sigmas.geometric(0), "whole number"),
        (lambda: sigmas.check_ladder(torch.tensor([1.0, 0.5, 0.0])), "flip"),
        (lambda: sigmas.check_ladder(torch.ones(2, 2)), "geometric"),
        (lambda: VP().drift(torch.ones(2, 3), torch.ones(3)), "one t per example"),
    ],
)
def test_bad_input_says_what_to_do(make, message: str):
    with pytest.raises(DiffkitError, match=message):
        make()
