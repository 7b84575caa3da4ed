"""The average gap of the bound, in closed pieces, against brute force and against what must hold."""

import math

import pytest
import torch

from diffkit import data, elbo, schedule
from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import LOG_2PI
from diffkit.oracle import GaussianMixture
from tests import elbo_claims as claims
from tests.elbo_claims import F64, MIX

S = claims.short_schedule()


def one_gaussian(mean=0.7, var=0.4):
    return GaussianMixture.isotropic(torch.ones(1, dtype=F64), torch.tensor([[mean]], dtype=F64), var)


@pytest.mark.parametrize("sigma", ["beta", "beta_tilde"])
def test_the_gap_is_the_divergence_of_the_two_chains(sigma):
    found = elbo.gap(S, elbo.levels(MIX, S), sigma)
    brute = claims.gap_by_chain_rule(S, elbo.variance_table(S, sigma))
    assert float(found.total) == pytest.approx(brute, rel=1e-9)


def test_the_gap_is_what_the_bound_loses_on_average():
    found = elbo.gap(S, elbo.levels(MIX, S), "beta")
    assert float(found.total) == pytest.approx(claims.gap(elbo.evaluate, S), rel=1e-6)


def test_entropies_are_those_of_the_noised_mixture():
    entropy = elbo.levels(MIX, S).entropy
    x, w = claims.mixture_nodes(MIX, 400)
    assert float(entropy[0]) == pytest.approx(-float((w * MIX.log_prob(x)).sum()), rel=1e-9)
    far = elbo.levels(MIX, schedule.cosine(50)).entropy[-1]
    assert float(far) == pytest.approx(0.5 * (1 + LOG_2PI), abs=1e-3)


def test_reverse_variances_are_those_of_the_exact_kernel():
    reverse_var = elbo.levels(MIX, S).reverse_var
    x = torch.linspace(-6, 6, 4001, dtype=F64).unsqueeze(1)
    for t in (1, 3, S.T):
        level = [(float(S.alpha_bar[u]) ** 0.5, float(S.noise_var[u]) ** 0.5) for u in (t - 1, t)]
        back = MIX.reverse(x, *level)
        second = (back.weights * (back.covs[..., 0, 0] + back.means[..., 0] ** 2)).sum(1)
        inner = second - back.mean[:, 0] ** 2
        p = torch.exp(MIX.noised(*level[1]).log_prob(x))
        assert float(reverse_var[t]) == pytest.approx(float(torch.trapezoid(p * inner, x[:, 0])), rel=1e-9)


def test_gaussian_data_have_no_gap_but_that_of_the_prior():
    facts = elbo.levels(one_gaussian(), S)
    found = elbo.gap(S, facts, "best")
    mean, var = float(S.alpha_bar[-1].sqrt()) * 0.7, float(S.alpha_bar[-1]) * 0.4 + float(S.noise_var[-1])
    assert float(found.prior) == pytest.approx(0.5 * (mean**2 + var - 1 - math.log(var)), rel=1e-9)
    assert float(found.steps.abs().max()) < 1e-12


def test_no_other_variance_beats_the_best_one():
    facts = elbo.levels(data.bumps(), S)
    least = elbo.gap(S, facts, "best").steps
    for factor in (0.9, 1.1):
        table = torch.cat([torch.zeros(1, dtype=F64), factor * facts.reverse_var[1:]])
        assert bool((elbo.gap(S, facts, table).steps > least).all())
    assert bool((least > 0).all())


def test_more_and_smaller_steps_close_the_gap():
    gaps = []
    for T in (1, 4, 16, 64, 256):
        u = torch.linspace(0, 1, T + 1, dtype=F64)
        s = schedule.from_alpha_bar(torch.exp(-0.1 * u - 9.95 * u**2), beta_max=1 - 1e-9)
        gaps.append(float(elbo.gap(s, elbo.levels(data.bumps(), s), "best").total))
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 0.02


def test_what_has_no_exact_gap_is_refused_with_advice():
    with pytest.raises(ShapeError, match="over the line"):
        elbo.levels(data.ring_mixture(), S)
    with pytest.raises(RangeError, match="widen it"):
        elbo.levels(_needle(), S)


def _needle():
    means = torch.tensor([[-5.0], [5.0]], dtype=F64)
    return GaussianMixture.isotropic(torch.tensor([0.5, 0.5], dtype=F64), means, 1e-6)
