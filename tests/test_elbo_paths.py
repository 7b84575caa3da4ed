"""Whole trajectories: the importance-weighted bound, the rate-distortion curve, the sum over levels."""

import math

import pytest
import torch

from diffkit import elbo, schedule
from diffkit.errors import RangeError
from diffkit.forward import q_step
from diffkit.gaussian import Gaussian
from diffkit.parameterize import convert
from tests import elbo_claims as claims
from tests.elbo_claims import F64, MIX

S = schedule.linear(6, 0.05, 0.5)


def draw(n=5, seed=0):
    g = torch.Generator().manual_seed(seed)
    return MIX.sample(n, generator=g), torch.randn(6, n, 1, generator=g, dtype=F64)


def test_a_path_without_a_loop_is_the_path_step_by_step():
    for s in (S, schedule.cosine(60), schedule.linear(1000)):
        noise = torch.randn(s.T, 3, 2, 2, dtype=F64, generator=torch.Generator().manual_seed(0))
        x = torch.randn(3, 2, 2, dtype=F64, generator=torch.Generator().manual_seed(1))
        whole = elbo.path(s, x, noise=noise)
        assert whole.shape == (s.T + 1, 3, 2, 2)
        for t in range(s.T + 1):
            if t:
                x = q_step(s, x, t).sample(noise=noise[t - 1])
            torch.testing.assert_close(whole[t], x, rtol=1e-9, atol=1e-11)


def log_weight_by_definition(s, x, predictor, var):
    """log p(x_T) + sum log p(x_{t-1} | x_t) - sum log q(x_t | x_{t-1}), straight from the two chains."""
    out = Gaussian(torch.zeros_like(x[0]), torch.ones_like(x[0])).log_prob(x[-1])
    for t in range(1, s.T + 1):
        eps = predictor(x[t], torch.full((x.shape[1],), t))
        mean = (x[t] - s.beta[t] / s.noise_var[t].sqrt() * eps) / s.alpha[t].sqrt()
        out = out + Gaussian(mean, var[t]).log_prob(x[t - 1]) - q_step(s, x[t - 1], t).log_prob(x[t])
    return out


@pytest.mark.parametrize("sigma", ["beta", "beta_tilde"])
@pytest.mark.parametrize("chunk_size", [None, 4])
def test_the_weight_of_a_path_is_the_ratio_of_the_two_chains(sigma, chunk_size):
    x_0, noise = draw()
    x, best = elbo.path(S, x_0, noise=noise), claims.best_predictor(MIX, S)
    found = elbo.log_weight(best, S, x, sigma=sigma, chunk_size=chunk_size)
    expected = log_weight_by_definition(S, x, best, elbo.variance_table(S, sigma))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_an_exact_model_has_the_same_weight_on_every_path():
    # Standard normal data: the reverse kernels N(sqrt(alpha_t) x_t, beta_t) are exact, so each weight is p(x_0).
    def best(x_t, t):
        return S.at(S.noise_var.sqrt(), t, x_t) * x_t

    x_0 = torch.randn(4, 3, dtype=F64, generator=torch.Generator().manual_seed(0))
    exact = Gaussian(torch.zeros_like(x_0), torch.ones_like(x_0)).log_prob(x_0)
    for seed in range(3):
        g = torch.Generator().manual_seed(seed)
        torch.testing.assert_close(elbo.importance_weighted(best, S, x_0, 2, generator=g), exact, rtol=1e-9, atol=0)


def test_more_paths_bring_the_bound_closer_and_never_above_the_truth():
    # Each comparison asks for more than 6 standard errors, or allows 6: error rate below 1e-8 each.
    x_0 = torch.full((4000, 1), 0.4, dtype=F64)
    g, best = torch.Generator().manual_seed(0), claims.best_predictor(MIX, S)
    truth = float(MIX.log_prob(x_0[:1]) - pointwise_prior_gap(S, x_0[:1], best))
    means, errors = [], []
    for K in (1, 4, 32):
        bound = elbo.importance_weighted(best, S, x_0, K, sigma="beta_tilde", generator=g)
        means.append(float(bound.mean()))
        errors.append(float(bound.std()) / math.sqrt(len(x_0)))
    assert means[1] - means[0] > 6 * math.hypot(errors[0], errors[1])
    assert means[2] - means[1] > 6 * math.hypot(errors[1], errors[2])
    assert means[2] < truth + 6 * errors[2]
    one = -claims.expected(elbo.evaluate, S, x_0[:1], sigma="beta_tilde").total
    assert abs(means[0] - float(one)) < 6 * errors[0]


def pointwise_prior_gap(s, x_0, best):
    """log p_data(x_0) - log p_model(x_0) at a point; p_model by pushing N(0, 1) through the chain on a grid."""
    grid = torch.linspace(-9, 9, 3000, dtype=F64)
    h = float(grid[1] - grid[0])
    density = torch.exp(claims.log_normal(grid, 0 * grid, 1))
    var = elbo.variance_table(s, "beta_tilde")
    for t in range(s.T, 0, -1):
        mean = elbo.p_reverse(s, best(grid.unsqueeze(1), torch.full((3000,), t)), grid.unsqueeze(1), t).mean
        to = x_0[:, 0] if t == 1 else grid
        density = (torch.exp(claims.log_normal(to, mean, var[t])) * density.unsqueeze(1)).sum(0) * h
    return MIX.log_prob(x_0) - density.log()


def test_discrete_data_enter_the_last_step_of_the_weight_alone():
    x_0 = torch.tensor([[-1.0], [0.2], [1.0]], dtype=F64)
    x = elbo.path(S, x_0, generator=torch.Generator().manual_seed(0))
    best = claims.best_predictor(MIX, S)
    both = [elbo.log_weight(best, S, x, data=data, bins=6) for data in ("continuous", "discrete")]
    p = elbo.p_reverse(S, best(x[1], torch.ones(3).long()), x[1], 1)
    last = elbo.discretized_log_prob(p, x_0, 6) - p.log_prob(x_0)
    torch.testing.assert_close(both[1] - both[0], last, rtol=1e-9, atol=1e-12)


def test_bad_numbers_of_paths_are_refused():
    with pytest.raises(RangeError, match="K = 0"):
        elbo.importance_weighted(lambda x, t: x, S, torch.zeros(2, 1), 0)


def test_another_kind_of_data_is_refused():
    with pytest.raises(RangeError, match="continuous, discrete"):
        elbo.importance_weighted(lambda x, t: x, S, torch.zeros(2, 1), 1, data="Discrete")


def test_rate_and_last_term_make_the_whole_bound_and_distortion_is_the_error_of_the_guess():
    g = torch.Generator().manual_seed(0)
    x_0, noise = torch.randn(5, 3, generator=g, dtype=F64), torch.randn(6, 5, 3, generator=g, dtype=F64)

    def predictor(x, t):
        return 0.4 * x

    curve = elbo.rate_distortion(predictor, S, x_0, noise=noise)
    terms = elbo.evaluate(predictor, S, x_0, noise=noise)
    assert curve.rate.shape == curve.distortion.shape == (5, 6)
    torch.testing.assert_close(curve.rate[:, 0] + terms.L_0, terms.total, rtol=1e-12, atol=0)
    torch.testing.assert_close(curve.rate[:, -1], terms.L_T, rtol=1e-12, atol=0)
    for t in range(1, 7):
        x_t = S.alpha_bar[t].sqrt() * x_0 + S.noise_var[t].sqrt() * noise[t - 1]
        guess = convert(0.4 * x_t, "eps", "x0", S, x_t, t)
        rmse = ((guess - x_0) ** 2).mean(1).sqrt()
        torch.testing.assert_close(curve.distortion[:, t - 1], rmse, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "draw",
    [
        lambda g: elbo.simple_over_t(lambda x, t: 0 * x, S, torch.zeros(4, 2), generator=g),
        lambda g: elbo.rate_distortion(lambda x, t: 0 * x, S, torch.zeros(4, 2), generator=g).distortion,
        lambda g: elbo.importance_weighted(lambda x, t: 0 * x, S, torch.zeros(4, 2), 2, generator=g),
    ],
)
def test_the_generator_decides_the_draw(draw):
    first, again, other = (draw(torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_expected_curve_falls_more_bits_less_error():
    (z, w), (x_0, w_data) = claims.normal_nodes(100), claims.mixture_nodes(MIX, 30)
    noise = z.repeat(60).unsqueeze(1).expand(6, -1, 1)
    curve = elbo.rate_distortion(claims.best_predictor(MIX, S), S, x_0.repeat_interleave(100, 0), noise=noise)
    weights = torch.outer(w_data, w).flatten()
    rate, squared = weights @ curve.rate, weights @ curve.distortion**2
    assert bool((rate[1:] < rate[:-1]).all())
    assert bool((squared[1:] > squared[:-1]).all())


def test_the_sum_over_levels_has_the_squared_error_of_each():
    x_0, noise = draw()
    found = elbo.simple_over_t(lambda x, t: 0.3 * x, S, x_0, noise=noise, chunk_size=7)
    for t in range(1, 7):
        x_t = S.alpha_bar[t].sqrt() * x_0 + S.noise_var[t].sqrt() * noise[t - 1]
        torch.testing.assert_close(found[:, t - 1], ((noise[t - 1] - 0.3 * x_t) ** 2).sum(1), rtol=1e-12, atol=0)
