"""The discretised likelihood and its units: bins share probability 1, tails keep digits, 8 bits are 8 bits."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffkit import elbo
from diffkit.elbo.discrete import log_interval
from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import Gaussian
from tests import elbo_claims as claims
from tests import properties  # noqa: F401  # no time limit

F64 = torch.float64


def values(bins):
    return (2 * torch.arange(bins, dtype=F64) / (bins - 1) - 1).unsqueeze(1)


def test_bins_share_probability_one_in_the_bound():
    claims.claim_bins_share_probability_one(elbo.evaluate)


def test_bits_per_dim_has_its_units():
    claims.claim_bits_per_dim_has_its_units(elbo.bits_per_dim)


@given(st.floats(-3, 3), st.floats(1e-3, 10), st.sampled_from([2, 3, 16, 256]))
def test_the_bins_of_any_gaussian_share_probability_one(mean, std, bins):
    p = Gaussian(torch.full((bins, 1), mean, dtype=F64), torch.tensor(std**2, dtype=F64))
    log_p = elbo.discretized_log_prob(p, values(bins), bins)
    assert float(torch.exp(log_p).sum()) == pytest.approx(1, rel=1e-9)


@given(st.floats(-30, 30), st.floats(1e-3, 5))
def test_an_interval_equals_the_integral_of_the_density_also_in_the_tails(low, width):
    # Gauss-Legendre on pieces so short that the density hardly changes by e^1 within one.
    pieces = math.ceil(width * (abs(low) + width) + 1)
    nodes, weights = (torch.tensor(a) for a in np.polynomial.legendre.leggauss(12))
    edges = torch.linspace(low, low + width, pieces + 1, dtype=F64)
    half = width / pieces / 2
    z = ((edges[:-1] + edges[1:]) / 2).unsqueeze(1) + half * nodes
    log_density = -0.5 * z**2 - 0.5 * math.log(2 * math.pi)
    expected = torch.logsumexp((log_density + torch.log(half * weights)).flatten(), 0)
    found = log_interval(edges[0], edges[-1])
    # Absolute in the log is relative in the probability; the log itself may be near 0.
    assert float(found) == pytest.approx(float(expected), rel=1e-9, abs=1e-9)


@given(st.floats(-200, 200), st.floats(1e-6, 300))
def test_an_interval_has_a_finite_log_and_a_finite_gradient_even_where_its_probability_underflows(low, width):
    edges = torch.tensor([low, low + width], dtype=F64, requires_grad=True)
    out = log_interval(edges[0], edges[1])
    (slope,) = torch.autograd.grad(out, edges)
    assert math.isfinite(out.item())
    assert bool(torch.isfinite(slope).all())


def test_images_sum_over_their_pixels():
    x = values(16)[torch.randint(0, 16, (4, 2, 3, 3), generator=torch.Generator().manual_seed(0)), 0]
    p = Gaussian(0.9 * x, torch.tensor(0.04, dtype=F64))
    whole = elbo.discretized_log_prob(p, x, 16)
    flat = Gaussian(0.9 * x.reshape(-1, 1), p.var)
    pixels = elbo.discretized_log_prob(flat, x.reshape(-1, 1), 16)
    torch.testing.assert_close(whole, pixels.reshape(4, -1).sum(1), rtol=1e-12, atol=0)


def test_fine_bins_turn_into_the_density_with_the_right_offset():
    # A smooth density times the bin width is the bin's probability, up to the curvature over one bin.
    bins, x = 4096, values(4096)[1000:1003]
    p = Gaussian(torch.zeros_like(x), torch.tensor(0.25, dtype=F64))
    by_bins = elbo.bits_per_dim(-elbo.discretized_log_prob(p, x, bins), 1)
    by_density = elbo.bits_per_dim(-p.log_prob(x), 1, bin_width=2 / (bins - 1))
    torch.testing.assert_close(by_bins, by_density, rtol=0, atol=1e-6)


def test_dequantized_data_bound_the_probability_of_the_bin_from_the_safe_side():
    # Theis et al. 2016: E_u[-log p(x + u)] - log(width) >= -log P(bin of x), because log is concave.
    bins, x = 8, values(8)[1:-1]
    p = Gaussian(torch.full_like(x, 0.2), torch.tensor(0.04, dtype=F64))
    u = torch.linspace(-1, 1, 2001, dtype=F64) / (bins - 1)
    density = torch.stack([p.log_prob(x + v) for v in u]).mean(0)
    dequantized = elbo.bits_per_dim(-density, 1, bin_width=2 / (bins - 1))
    exact = elbo.bits_per_dim(-elbo.discretized_log_prob(p, x, bins), 1)
    assert bool((dequantized > exact).all())
    # Without the noise a narrow density promises less than no bits at all: no code can do that.
    narrow = Gaussian(x, torch.tensor(1e-6, dtype=F64))
    assert bool((elbo.bits_per_dim(-narrow.log_prob(x), 1, bin_width=2 / (bins - 1)) < 0).all())
    assert bool((elbo.discretized_log_prob(narrow, x, bins) <= 0).all())


@pytest.mark.parametrize("x", [0.3, 1.5, -1.01])
def test_data_off_the_grid_are_refused(x):
    p = Gaussian(torch.zeros(1, 1), torch.ones(()))
    with pytest.raises(RangeError, match="not on the grid of 256"):
        elbo.discretized_log_prob(p, torch.full((1, 1), x))


def test_float32_pixels_are_on_the_grid():
    x = (torch.arange(256, dtype=torch.uint8).float() / 127.5 - 1).unsqueeze(1)
    assert elbo.discretized_log_prob(Gaussian(x, torch.tensor(0.01)), x).shape == (256,)


def test_bad_numbers_are_refused():
    p = Gaussian(torch.zeros(1, 1), torch.ones(()))
    with pytest.raises(RangeError, match="at least 2 values"):
        elbo.discretized_log_prob(p, torch.zeros(1, 1), 1)
    with pytest.raises(RangeError, match="no density"):
        elbo.discretized_log_prob(Gaussian(torch.zeros(1, 1), torch.zeros(())), torch.zeros(1, 1), 3)
    with pytest.raises(ShapeError, match="counts examples"):
        elbo.discretized_log_prob(Gaussian(torch.zeros(2, 1), torch.ones(())), torch.zeros(2), 3)
    with pytest.raises(RangeError, match="dims"):
        elbo.bits_per_dim(torch.ones(1), 0)
    with pytest.raises(RangeError, match="bin_width"):
        elbo.bits_per_dim(torch.ones(1), 2, bin_width=0.0)
