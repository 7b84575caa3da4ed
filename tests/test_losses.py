"""Losses of a noise predictor, at one level and at all, by definition and beside the bound."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffkit import elbo, losses, schedule
from diffkit.errors import RangeError, ShapeError
from diffkit.parameterize import predicting
from tests import elbo_claims, properties  # noqa: F401  # properties: no time limit
from tests import loss_claims as claims
from tests.elbo_claims import F64, MIX

S = schedule.linear(10, 0.05, 0.5)
seeds = st.integers(0, 2**31)


def close(a, b, rtol=1e-9):
    torch.testing.assert_close(a, b, rtol=rtol, atol=1e-12)


def test_simple_is_a_squared_error_that_teaches():
    claims.claim_simple_is_a_squared_error_that_teaches(losses.simple)


def test_each_example_gets_its_own_noise():
    claims.claim_each_example_gets_its_own_noise(losses.simple)


def test_all_levels_of_the_schedule_weighted_by_sigma_squared_are_half_the_mean_simple_loss():
    # The bridge of the two families: with score = -eps/sigma, sigma^2 * denoising = 1/2 ||eps - eps_hat||^2.
    x_0, noise = claims.multilevel_noise(S.T)
    best = elbo_claims.best_predictor(MIX, S)
    wrong = lambda x, t: 0.5 * best(x, t) + 0.1  # noqa: E731
    score = predicting("score", wrong, "eps", S)
    found = losses.multilevel(
        lambda x, i: score(x, i + 1),
        x_0,
        S.noise_var[1:].sqrt(),
        alphas=S.alpha_bar[1:].sqrt(),
        noise=noise,
    )
    close(found, 0.5 * elbo.simple_over_t(wrong, S, x_0, noise=noise).mean(1))


def test_levels_are_weighted_and_averaged_as_told():
    x_0, noise = claims.multilevel_noise(3)
    sigmas, weights = torch.tensor([[0.1, 0.5, 2.0], [3.0, 0.0, 1.0]], dtype=F64)

    def score(x, i):
        return -x / (1 + i.reshape(-1, 1))

    def one(i):
        return weights[i] * losses.denoising(lambda x: -x / (1 + i), x_0, float(sigmas[i]), noise=noise[i])

    found = losses.multilevel(score, x_0, sigmas, weights=weights, noise=noise)
    each = [one(i) for i in range(3)]
    close(found, torch.stack(each).mean(0))


@pytest.mark.parametrize("sigma", ["beta", "beta_tilde"])
def test_vlb_is_the_part_of_the_bound_that_a_predictor_changes(sigma):
    x_0, noise = claims.multilevel_noise(S.T)
    best = elbo_claims.best_predictor(MIX, S)
    right = elbo.evaluate(best, S, x_0, sigma=sigma, noise=noise)
    zero = elbo.evaluate(lambda x, t: 0 * x, S, x_0, sigma=sigma, noise=noise)
    for t in range(1, S.T + 1):
        a, b = (losses.vlb(f, S, x_0, t, sigma=sigma, noise=noise[t - 1]) for f in (best, lambda x, t: 0 * x))
        terms = [e.L_0 if t == 1 else e.L_t[:, t - 2] for e in (right, zero)]
        close(a - b, terms[0] - terms[1], rtol=1e-8)


@given(seeds, st.sampled_from([(3, 2), (4, 2, 4, 4), (1, 1), (5,)]))
def test_weighted_looks_up_the_weight_of_each_example(seed, shape):
    g = torch.Generator().manual_seed(seed)
    x_0, noise = torch.randn(2, *shape, generator=g, dtype=F64)
    t, weight = losses.draw_t(S, x_0, generator=g), torch.rand(S.T + 1, generator=g, dtype=F64)
    found = losses.weighted(lambda x, t: x, S, x_0, t, weight, noise=noise)
    for i in range(len(x_0)):
        one = losses.simple(lambda x, t: x, S, x_0[i : i + 1], int(t[i]), noise=noise[i : i + 1])
        close(found[i : i + 1], weight[t[i]] * one)


def test_levels_are_drawn_from_1_to_T():
    t = losses.draw_t(S, torch.zeros(5000, 1), generator=torch.Generator().manual_seed(0))
    counts = t.bincount(minlength=11)
    assert counts[0] == 0
    assert len(counts) == 11
    # Each count is binomial(5000, 1/10), standard deviation 21: 6.5 of them, error rate below 1e-8 in all.
    assert bool(((counts[1:] - 500).abs() < 140).all())


def test_drawn_noise_is_standard_normal():
    # ||eps||^2 of 3 numbers has mean 3 and variance 6: 6 standard errors, error rate below 1e-8.
    loss = losses.simple(lambda x, t: 0 * x, S, torch.zeros(20000, 3), 4, generator=torch.Generator().manual_seed(0))
    assert abs(float(loss.mean()) - 3) < 6 * math.sqrt(6 / 20000)


def test_the_network_gets_one_level_per_example_also_for_a_number_t():
    def predictor(x, t):
        assert t.shape == (3,)
        return x

    losses.simple(predictor, S, torch.zeros(3, 2), 4)


def test_bad_input_is_refused():
    x, s = torch.zeros(3, 2), S
    cases = [
        (lambda: losses.simple(lambda x, t: x, s, x, 0), RangeError, "t = 1"),
        (lambda: losses.simple(lambda x, t: x, s, x, torch.tensor([1, 2])), ShapeError, "one t per example"),
        (lambda: losses.simple(lambda x, t: x[:, 0], s, x, 1), ShapeError, "the prediction"),
        (lambda: losses.simple(lambda x, t: None, s, x, 1), ShapeError, "the prediction is NoneType"),
        (lambda: losses.simple(lambda x, t: x, s, x.long(), 1), RangeError, "floating-point"),
        (lambda: losses.simple(lambda x, t: x, s, x, 1, noise=x[:1]), ShapeError, "noise"),
        (lambda: losses.weighted(lambda x, t: x, s, x, 1, torch.ones(3)), ShapeError, r"\(11,\)"),
        (lambda: losses.denoising(torch.sin, x, 0.0), RangeError, "sigma must be positive"),
        (lambda: losses.denoising(torch.sin, x, torch.ones(2)), ShapeError, "coefficients"),
        (lambda: losses.denoising(lambda x: x.sum(1), x, 1.0), ShapeError, "the score"),
        (lambda: losses.implicit(lambda x: x.detach(), x), RangeError, "remove detach"),
        (lambda: losses.sliced(torch.sin, x, n=0), RangeError, "at least one direction"),
        (lambda: losses.sliced(torch.sin, x, directions=x), ShapeError, r"pass \(n, 3, 2\)"),
        (lambda: losses.multilevel(lambda x, i: x, x, torch.ones(2), weights=torch.ones(3)), ShapeError, "L"),
        (lambda: losses.multilevel(lambda x, i: x, x, torch.ones(2), noise=x), ShapeError, "noise"),
        (lambda: losses.denoising_autoencoder(torch.sin, x, 0.0), RangeError, "sigma = 0"),
        (lambda: losses.denoising_autoencoder(torch.sin, x, -1.0), RangeError, "sigma = -1"),
        (lambda: losses.denoising_autoencoder(lambda x: x[:1], x, 1.0), ShapeError, "reconstruction"),
    ]
    for call, error, words in cases:
        with pytest.raises(error, match=words):
            call()
