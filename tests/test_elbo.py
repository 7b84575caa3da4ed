"""The bound: its terms against integrals, its gap against the exact divergence, the choices of variance."""

import math
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffkit import elbo, schedule
from diffkit.forward import q_posterior, q_sample
from diffkit.gaussian import kl
from diffkit.parameterize import Name, convert, predicting
from tests import elbo_claims as claims
from tests import properties  # noqa: F401  # no time limit
from tests.elbo_claims import F64, MIX

seeds = st.integers(0, 2**31)


def close(a, b, rtol=1e-9):
    torch.testing.assert_close(a, b, rtol=rtol, atol=1e-12)


def test_each_term_is_its_integral():
    claims.claim_each_term_is_its_integral(elbo.evaluate)


def test_gap_is_the_divergence_of_the_chains():
    claims.claim_gap_is_the_divergence_of_the_chains(elbo.evaluate)


def test_dimensions_add_up():
    claims.claim_dimensions_add_up(elbo.evaluate)


def test_the_gap_of_sigma_beta_falls_like_1_over_T():
    gaps = [claims.gap(elbo.evaluate, claims.schedule_of(T), n=60, m=20) for T in (50, 100, 200, 1000)]
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=0.05)
    assert gaps[1] / gaps[2] == pytest.approx(2, rel=0.05)
    # What is left at T = 1000 is this, and about 4e-5 of KL to the prior, which does not fall with T.
    assert 0 < gaps[3] < 1.1 * gaps[2] / 5


def test_the_gap_of_sigma_beta_tilde_is_what_kl_between_the_two_variances_says():
    # The data are smooth, so the exact reverse variance is near beta_t, and beta_tilde_t pays
    # KL(N(0, beta_t) || N(0, beta_tilde_t)) at every step.  That is most of its gap; it stays while T grows.
    for T in (100, 400):
        s = claims.schedule_of(T)
        r = s.beta[1:] / elbo.variance_table(s, "beta_tilde")[1:]
        predicted = float((r - 1 - r.log()).sum() / 2)
        beta, tilde = (claims.gap(elbo.evaluate, s, n=60, m=20, sigma=x) for x in ("beta", "beta_tilde"))
        assert tilde - beta == pytest.approx(predicted, rel=0.15)
        assert tilde > 50 * beta


@given(seeds, st.sampled_from(["beta", "beta_tilde"]))
def test_the_weighted_error_is_the_kl_of_the_two_gaussians(seed, sigma):
    g = torch.Generator().manual_seed(seed)
    s = schedule.linear(5, 0.01, 0.6)
    x_0, eps = torch.randn(2, 4, 3, 2, generator=g, dtype=F64)
    noise = torch.randn(5, 4, 3, 2, generator=g, dtype=F64)
    terms = elbo.evaluate(lambda x, t: eps[:1].expand_as(x), s, x_0, sigma=sigma, noise=noise)
    for t in range(2, 6):
        x_t = q_sample(s, x_0, t, noise=noise[t - 1])
        p = elbo.p_reverse(s, eps[:1].expand_as(x_t), x_t, t, sigma)
        close(terms.L_t[:, t - 2], kl(q_posterior(s, x_0, x_t, t), p))
    x_1 = q_sample(s, x_0, 1, noise=noise[0])
    close(terms.L_0, -elbo.p_reverse(s, eps[:1].expand_as(x_1), x_1, 1, sigma).log_prob(x_0))


def test_the_reverse_mean_is_the_posterior_mean_at_the_predicted_data():
    s, g = schedule.cosine(20), torch.Generator().manual_seed(0)
    x_t, eps = torch.randn(2, 20, 2, generator=g, dtype=F64)
    t = torch.arange(1, 21)
    guess = convert(eps, "eps", "x0", s, x_t, t)
    close(elbo.p_reverse(s, eps, x_t, t).mean, q_posterior(s, guess, x_t, t).mean)


def test_at_t_1_the_weight_is_that_of_the_density_inside_l_0():
    s, x_0 = schedule.linear(5, 0.01, 0.6), torch.randn(4, 3, dtype=F64)
    noise = torch.randn(5, 4, 3, dtype=F64)
    for sigma in ("beta", "beta_tilde"):
        terms = elbo.evaluate(lambda x, t: torch.zeros_like(x), s, x_0, sigma=sigma, noise=noise)
        var = elbo.variance_table(s, sigma)[1]
        error = (noise[0] ** 2).sum(1)
        close(terms.L_0, elbo.weights(s, sigma)[1] * error + 1.5 * torch.log(2 * math.pi * var))


@pytest.mark.parametrize("name", ["eps", "x0", "score", "v"])
def test_any_parameterization_gives_the_same_bound(name: Name):
    s = schedule.linear(6, 0.05, 0.5)
    best = claims.best_predictor(MIX, s)
    as_name = predicting(name, best, "eps", s)
    x_0, noise = MIX.sample(5, generator=torch.Generator().manual_seed(0)), torch.randn(6, 5, 1, dtype=F64)
    direct = elbo.evaluate(best, s, x_0, noise=noise).total
    close(elbo.evaluate(predicting("eps", as_name, name, s), s, x_0, noise=noise).total, direct)


def test_a_table_and_a_function_of_variances_give_the_same_bound_as_the_name():
    s = schedule.linear(6, 0.05, 0.5)
    x_0, noise = MIX.sample(5, generator=torch.Generator().manual_seed(0)), torch.randn(6, 5, 1, dtype=F64)
    best = claims.best_predictor(MIX, s)
    names: tuple[Literal["beta", "beta_tilde"], ...] = ("beta", "beta_tilde")
    for name in names:
        table = elbo.variance_table(s, name)
        named = elbo.evaluate(best, s, x_0, sigma=name, noise=noise)
        for sigma in (table, lambda x, t, table=table: s.at(table, t, x)):
            for a, b in zip(named, elbo.evaluate(best, s, x_0, sigma=sigma, noise=noise), strict=True):
                close(a, b)


def test_with_the_exact_reverse_variance_of_gaussian_data_only_the_prior_is_lost():
    # For N(0, c) data every reverse kernel is Gaussian with a known variance.  With it
    # total(x_0) = -log q(x_0) + E[log q(x_T) - log p(x_T) | x_0]; both named variances lose more on average.
    s, c = schedule.linear(6, 0.05, 0.5), 0.3
    marginal = s.alpha_bar * c + s.noise_var
    exact = torch.ones_like(s.beta)
    exact[1:] = s.beta[1:] * marginal[:-1] / marginal[1:]
    nodes, w_data = claims.normal_nodes(40, 7.0)
    x, (z, w) = c**0.5 * nodes.unsqueeze(1), claims.normal_nodes(100)

    def total(sigma):
        noise = z.repeat(40).unsqueeze(1).expand(6, -1, 1)
        terms = elbo.evaluate(
            lambda x_t, t: x_t * s.at(s.noise_var.sqrt() / marginal, t, x_t),
            s,
            x.repeat_interleave(100, 0),
            sigma=sigma,
            noise=noise,
        )
        return (terms.total.unflatten(0, (40, 100)) * w).sum(1)

    a, v = s.alpha_bar[-1], marginal[-1]
    square = a * x[:, 0] ** 2 + 1 - a  # E[x_T^2 | x_0]
    prior = 0.5 * square * (1 - 1 / v) - 0.5 * torch.log(v)
    close(total(exact), prior - claims.log_normal(x[:, 0], 0 * x[:, 0], c))
    for sigma in ("beta", "beta_tilde"):
        assert float((total(sigma) * w_data).sum()) > float((total(exact) * w_data).sum())


def test_beta_tilde_at_t_1_where_it_would_be_no_variance_is_that_of_t_2():
    s = schedule.linear(6, 0.05, 0.5)
    table = elbo.variance_table(s, "beta_tilde")
    assert torch.equal(table[2:], s.beta_tilde[2:])
    assert float(s.beta_tilde[1]) == 0
    assert float(table[1]) == float(s.beta_tilde[2])
    one = schedule.linear(1, 0.3, 0.3)
    assert torch.equal(elbo.variance_table(one, "beta_tilde"), one.beta)


def test_an_interpolated_variance_runs_from_beta_tilde_to_beta():
    s, t = schedule.linear(6, 0.05, 0.5), torch.tensor([1, 3, 6])
    zero = torch.zeros(3, 2, dtype=F64)
    low, high = elbo.variance_table(s, "beta_tilde"), s.beta
    for v, table in ((0.0, low), (1.0, high)):
        close(elbo.interpolated_variance(s, zero + v, t), table[t].unsqueeze(1).expand(3, 2))
    middle = elbo.interpolated_variance(s, zero + 0.5, t)[:, 0]
    close(middle**2, low[t] * high[t])
