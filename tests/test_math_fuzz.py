"""Arbitrary input to the public functions of the bound and the losses: a finite answer, or an error of ours."""

from contextlib import suppress

import torch
from hypothesis import given
from hypothesis import strategies as st

from diffkit import elbo, losses, schedule, vae
from diffkit.errors import DiffkitError
from diffkit.gaussian import Gaussian
from diffkit.parameterize import convert
from tests import properties  # noqa: F401  # no time limit

S = schedule.linear(4, 0.05, 0.5)
shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)
dtypes = st.sampled_from([torch.float32, torch.float64, torch.float16, torch.int64, torch.bool, torch.complex64])
fills = st.sampled_from([0.0, 1.0, -1.0, 0.3, 1e30, float("nan"), float("inf")])


@st.composite
def tensors(draw, shape=shapes):
    kind, fill = draw(dtypes), draw(fills)
    if not kind.is_floating_point and not kind.is_complex:
        fill = 1.0
    return torch.full(draw(shape), fill).to(kind)


levels = st.one_of(
    st.integers(-2, 7),
    st.lists(st.integers(-1, 5), max_size=3).map(lambda v: torch.tensor(v, dtype=torch.int64)),
    st.just(torch.tensor([0.5])),
    st.just(torch.tensor([True])),
)
optional = st.one_of(st.none(), tensors())


def finite(x):
    assert not bool(torch.isnan(x).any())


@given(
    tensors(),
    tensors(),
    levels,
    st.sampled_from(["eps", "x0", "score", "v"]),
    st.sampled_from(["eps", "x0", "score", "v"]),
)
def test_convert(value, x_t, t, source, target):
    with suppress(DiffkitError):
        assert convert(value, source, target, S, x_t, t).shape == x_t.shape


@given(
    tensors(),
    optional,
    st.sampled_from(["beta", "beta_tilde", "x"]),
    st.sampled_from(["continuous", "discrete"]),
    st.integers(-1, 300),
    st.one_of(st.none(), st.integers(-1, 9)),
)
def test_evaluate(x_0, noise, sigma, data, bins, chunk_size):
    with suppress(DiffkitError):
        how = {"sigma": sigma, "data": data, "bins": bins, "chunk_size": chunk_size}
        terms = elbo.evaluate(lambda x, t: 0 * x, S, x_0, noise=noise, **how)
        assert terms.L_t.shape == (len(x_0), 3)
        if noise is None and float(x_0.abs().max()) < 1e3:
            finite(terms.total)


@given(tensors(), levels, optional)
def test_simple_and_vlb(x_0, t, noise):
    for loss in (losses.simple, losses.vlb):
        with suppress(DiffkitError):
            assert loss(lambda x, t: 0 * x, S, x_0, t, noise=noise).shape == (len(x_0),)


@given(tensors(), optional, st.one_of(fills, tensors()))
def test_score_matching(x, directions, sigma):
    calls = [
        lambda: losses.explicit(torch.tanh, torch.sin, x),
        lambda: losses.implicit(torch.tanh, x),
        lambda: losses.sliced(torch.tanh, x, directions=directions),
        lambda: losses.denoising(torch.tanh, x, sigma, noise=directions),
        lambda: losses.denoising_autoencoder(torch.tanh, x, 0.5, noise=directions),
        lambda: losses.multilevel(lambda x, i: torch.tanh(x), x, torch.tensor([0.1, 1.0]), noise=directions),
    ]
    for call in calls:
        with suppress(DiffkitError):
            assert call().shape == (len(x),)


@given(tensors(), optional)
def test_vae(x, noise):
    def same(z):
        return Gaussian(z, torch.ones_like(z))

    with suppress(DiffkitError):
        assert vae.one_level(x, same, same, noise=noise).total.shape == (len(x),)
    with suppress(DiffkitError):
        assert vae.levels(x, [same, same], [same, same], noise=[noise, noise]).total.shape == (len(x),)
    with suppress(DiffkitError):
        assert vae.fixed_encoder(x, S, lambda x, t: same(x), noise=noise).total.shape == (len(x),)
