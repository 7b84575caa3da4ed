"""The bound in batches: chunks, shapes, dtypes, gradients, generators, and the errors of bad input."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffkit import elbo, schedule
from diffkit.errors import RangeError, ShapeError
from tests import elbo_claims as claims
from tests import properties  # noqa: F401  # no time limit
from tests.elbo_claims import F64, MIX

seeds = st.integers(0, 2**31)


def close(a, b, rtol=1e-9):
    torch.testing.assert_close(a, b, rtol=rtol, atol=1e-12)


@given(seeds, st.integers(1, 40))
def test_the_size_of_the_chunks_changes_nothing(seed, chunk_size):
    s = schedule.linear(7, 0.01, 0.5)
    x_0 = MIX.sample(3, generator=torch.Generator().manual_seed(seed))
    noise = torch.randn(7, 3, 1, dtype=F64)
    one, other = (
        elbo.evaluate(claims.best_predictor(MIX, s), s, x_0, noise=noise, chunk_size=size) for size in (21, chunk_size)
    )
    for a, b in zip(one, other, strict=True):
        close(a, b, rtol=1e-12)


def test_the_network_is_called_in_chunks_and_sees_every_level_of_every_example_once():
    s, calls = schedule.linear(1000), []

    def predictor(x, t):
        assert t.dtype == torch.int64
        calls.append(t)
        return x

    elbo.evaluate(predictor, s, torch.randn(16, 2), chunk_size=1024)
    assert len(calls) == 1 + math.ceil(999 * 16 / 1024)
    assert torch.cat(calls).bincount().tolist() == [0] + [16] * 1000


def test_images_are_treated_as_the_vectors_that_they_are():
    s, g = schedule.linear(5, 0.01, 0.5), torch.Generator().manual_seed(0)
    x_0, noise = torch.randn(4, 2, 4, 4, generator=g), torch.randn(5, 4, 2, 4, 4, generator=g)  # B = W
    image = elbo.evaluate(lambda x, t: x.tanh(), s, x_0, noise=noise)
    vector = elbo.evaluate(lambda x, t: x.tanh(), s, x_0.flatten(1), noise=noise.flatten(2))
    for a, b in zip(image, vector, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
        assert a.dtype == torch.float32
    assert image.L_t.shape == (4, 4)
    assert image.total.shape == (4,)


def test_gradients_reach_the_predictor_and_a_learned_variance():
    s, x_0 = schedule.linear(4, 0.05, 0.5), torch.randn(3, 2)
    scale, v = torch.tensor(0.5, requires_grad=True), torch.tensor(0.5, requires_grad=True)
    terms = elbo.evaluate(
        lambda x, t: scale * x,
        s,
        x_0,
        sigma=lambda x, t: elbo.interpolated_variance(s, v.expand_as(x), t),
        generator=torch.Generator().manual_seed(0),
    )
    assert all(bool(g.abs() > 0) for g in torch.autograd.grad(terms.total.sum(), [scale, v]))


def test_the_generator_decides_the_draw_and_each_example_gets_its_own():
    s, x_0 = schedule.linear(4, 0.05, 0.5), torch.zeros(3, 2)
    run = [
        elbo.evaluate(lambda x, t: 0 * x, s, x_0, generator=torch.Generator().manual_seed(seed)).total
        for seed in (0, 0, 1)
    ]
    assert torch.equal(run[0], run[1])
    assert not torch.equal(run[0], run[2])
    assert len(run[0].unique()) == 3


def test_one_step_leaves_no_middle_terms():
    s = schedule.linear(1, 0.3, 0.3)
    terms = elbo.evaluate(lambda x, t: 0 * x, s, torch.zeros(2, 3))
    assert terms.L_t.shape == (2, 0)
    assert terms.total.shape == (2,)


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"sigma": "gamma"}, RangeError, "choose beta, beta_tilde"),
        ({"sigma": torch.ones(4)}, ShapeError, r"\(7,\)"),
        ({"sigma": torch.zeros(7)}, RangeError, "> 0"),
        ({"data": "pixels"}, RangeError, "continuous, discrete"),
        ({"data": "discrete"}, RangeError, "not on the grid"),
        ({"noise": torch.zeros(5, 3, 2)}, ShapeError, r"asks for \(6, 3, 2\)"),
        ({"noise": torch.zeros(6, 3, 2, dtype=F64)}, RangeError, "float64"),
        ({"chunk_size": 0}, RangeError, "at least one row"),
    ],
)
def test_bad_options_are_refused(how, error, words):
    with pytest.raises(error, match=words):
        elbo.evaluate(lambda x, t: x, schedule.linear(6, 0.05, 0.5), torch.full((3, 2), 0.3), **how)


@pytest.mark.parametrize(
    ("x_0", "error", "words"),
    [
        (torch.zeros(3, 2, dtype=torch.int64), RangeError, "floating-point"),
        (torch.zeros(0, 2), ShapeError, "at least one example"),
        (torch.tensor(1.0), ShapeError, "batch"),
        (torch.tensor([[math.nan]]), RangeError, "not finite"),
        ([[1.0]], RangeError, "list"),
    ],
)
def test_bad_data_are_refused(x_0, error, words):
    with pytest.raises(error, match=words):
        elbo.evaluate(lambda x, t: x, schedule.linear(6, 0.05, 0.5), x_0)


def test_a_prediction_of_another_shape_or_dtype_is_refused():
    s, x_0 = schedule.linear(6, 0.05, 0.5), torch.zeros(3, 2)
    with pytest.raises(ShapeError, match="the prediction"):
        elbo.evaluate(lambda x, t: x[:, :1], s, x_0)
    with pytest.raises(RangeError, match="the prediction"):
        elbo.evaluate(lambda x, t: x.double(), s, x_0)
