"""The explorers of the bound: their numbers against the library, their errors, their static twins."""

import json

import numpy as np
import pytest
import torch

from diffkit import data, elbo
from diffkit.errors import RangeError, ShapeError
from diffkit.explorers import elbo_terms, what_cancels
from diffkit.explorers.elbo_terms import STEPS, explained_share, schedule_of
from diffkit.explorers.what_cancels import STAGES, Factors
from diffkit.forward import kl_to_prior
from diffkit.oracle import GaussianMixture
from diffkit.schedule import linear
from tests.elbo_claims import mixture_nodes, normal_nodes

LIVE = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def cancels():
    return what_cancels(generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("sigma", ["beta", "beta_tilde"])
@pytest.mark.parametrize("share", [1.0, 0.6, 0.0])
def test_the_bars_are_the_librarys_terms_averaged_over_data_and_noise(sigma, share):
    explorer, mix, T = elbo_terms(), data.bumps(), 10
    explorer.T, explorer.sigma, explorer.share = T, sigma, share
    s, (z, w), (x_0, v) = schedule_of(T), normal_nodes(200), mixture_nodes(mix, 60)

    def predictor(x, t):
        return share * mix.eps(x, s.alpha_bar.sqrt()[t], s.noise_var.sqrt()[t])

    noise = z.repeat(len(x_0)).reshape(1, -1, 1).expand(T, -1, 1)
    found = elbo.evaluate(predictor, s, x_0.repeat_interleave(200, 0), noise=noise, sigma=sigma)
    weights = (v.unsqueeze(1) * w).flatten()
    terms = explorer.terms
    torch.testing.assert_close((terms.means + terms.variances)[2:], weights @ found.L_t, rtol=1e-6, atol=1e-9)
    ends = {"L_0": terms.L_0, "L_T": terms.L_T, "total": terms.total}
    for name, value in ends.items():
        assert value == pytest.approx(float(weights @ getattr(found, name)), rel=1e-6), name


@pytest.mark.parametrize("T", STEPS)
def test_no_bound_lies_below_the_entropy_of_the_data(T):
    explorer = elbo_terms()
    explorer.T = T
    totals = []
    for share in (1.0, 0.7, 0.3):
        explorer.share = share
        totals.append(explorer.terms.total)
    assert explorer.terms.entropy < totals[0] < totals[1] < totals[2]


def test_the_browser_gets_what_python_computed():
    explorer = elbo_terms()
    explorer.T = 20
    tables = torch.from_numpy(np.frombuffer(explorer.tables, "<f8").copy()).reshape(4, 21)
    assert torch.equal(tables, torch.stack(explorer.terms[:4]))
    L_T, middle, L_0, total, entropy = np.frombuffer(explorer.sums, "<f8")
    assert total == pytest.approx(L_T + middle + L_0)
    assert entropy == explorer.terms.entropy
    assert explorer.caption == "T = 20, variance beta, 100% of the best prediction"


def test_fewer_steps_bring_the_picked_bar_back_into_the_chain():
    explorer = elbo_terms()
    explorer.t = 50
    explorer.T = 10
    assert explorer.t == 10


def test_noise_is_seen_better_the_more_of_it_there_is_at_the_ends():
    explained = explained_share(schedule_of(50), data.bumps())
    assert float(explained[0]) == 0
    assert bool(((explained[1:] > 0) & (explained[1:] < 1)).all())
    assert float(explained[-1]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("T", [2, 3, 4, 5])
def test_exchanging_and_striking_out_leaves_the_sum_alone(cancels, T):
    cancels.T = T
    first, *others, averaged = [stage["total"] for stage in json.loads(cancels.stages)]
    assert others == pytest.approx([first] * 3, rel=1e-9)
    assert averaged != pytest.approx(first)


def test_what_is_struck_out_comes_in_pairs_that_cancel(cancels):
    cancels.T = 4
    stage = json.loads(cancels.stages)[2]
    struck = {}
    for column in stage["columns"]:
        for term in column["terms"]:
            if term["struck"]:
                struck.setdefault(term["text"], []).append(term["value"])
    assert set(struck) == {"q(x₁ | x₀)", "q(x₂ | x₀)", "q(x₃ | x₀)"}
    assert all(len(values) == 2 and sum(values) == 0 for values in struck.values())
    left = {term["text"] for c in stage["columns"] for term in c["terms"] if not term["struck"]}
    grouped = {term["text"] for c in json.loads(cancels.stages)[3]["columns"] for term in c["terms"]}
    assert left == grouped


def test_the_last_stage_is_the_mean_over_paths():
    s, n = linear(3, 0.1, 0.6), 40_000
    factors = Factors(s, data.bumps(), torch.Generator().manual_seed(7))
    averaged = [value for column in factors.averaged() for _, _, value in column]
    paths = elbo.path(s, factors.path[0].expand(n, 1), generator=torch.Generator().manual_seed(8))
    values = -elbo.log_weight(factors.predict, s, paths)
    assert abs(sum(averaged) - float(values.mean())) < 5 * float(values.std()) / n**0.5  # wrong once in 1.7 million
    assert averaged[0] == pytest.approx(float(kl_to_prior(s, factors.path[0])), rel=1e-9)


def test_a_new_path_is_another_one(cancels):
    before = cancels.stages
    cancels.draws += 1
    assert cancels.stages != before


@pytest.mark.parametrize(
    ("change", "error", "advice"),
    [
        (lambda: elbo_terms(data.ring_mixture()), ShapeError, "a mixture on the line"),
        (lambda: what_cancels(data.ring_mixture()), ShapeError, "a mixture on the line"),
        (lambda: setattr(elbo_terms(), "share", 1.5), RangeError, "choose 0"),
        (lambda: setattr(elbo_terms(), "t", 1), RangeError, "t = 2..T"),
        (lambda: setattr(what_cancels(), "T", 6), RangeError, "choose 2 to 5"),
        (lambda: setattr(what_cancels(), "stage", 5), RangeError, "choose 0 to 4"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_advice(change, error, advice):
    with pytest.raises(error, match=advice):
        change()


def test_the_same_generator_draws_the_same_path():
    first, again = (what_cancels(generator=torch.Generator().manual_seed(4)).stages for _ in range(2))
    assert first == again


@pytest.mark.parametrize("make", [elbo_terms, what_cancels])
def test_where_nothing_runs_a_picture_with_words_stands_in(make):
    bundle, _ = make()._repr_mimebundle_()
    assert LIVE in bundle
    assert bundle["image/png"]
    assert len(bundle["text/plain"]) > 80


def test_the_words_name_every_factor_of_the_stage(cancels):
    for stage in range(len(STAGES)):
        cancels.stage = stage
        alt = cancels.picture().alt
        assert STAGES[stage][0] in alt
        assert all(term["text"] in alt for c in cancels.shown[stage]["columns"] for term in c["terms"])


def test_another_mixture_may_be_taken():
    mixture = GaussianMixture.isotropic(torch.tensor([1.0]).double(), torch.tensor([[0.5]]).double(), 0.3)
    explorer = elbo_terms(mixture)
    assert explorer.terms.entropy == pytest.approx(0.5 * float(np.log(2 * np.pi * np.e * 0.3)), rel=1e-9)


@pytest.mark.parametrize("make", [elbo_terms, what_cancels])
def test_a_mixture_in_float32_is_shown_too(make):
    assert make(data.bumps(torch.float32)).picture().alt
