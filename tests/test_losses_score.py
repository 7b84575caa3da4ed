"""Score matching: the losses agree up to their constants under integrals, and their gradients teach."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffkit import losses, schedule
from tests import elbo_claims, properties  # noqa: F401  # properties: no time limit
from tests import loss_claims as claims
from tests.elbo_claims import F64, MIX

S = schedule.linear(10, 0.05, 0.5)
seeds = st.integers(0, 2**31)


def close(a, b, rtol=1e-9):
    torch.testing.assert_close(a, b, rtol=rtol, atol=1e-12)


def test_denoising_is_explicit_plus_its_floor():
    claims.claim_denoising_is_explicit_plus_its_floor(losses.denoising, losses.explicit)


def test_denoising_ends_at_its_floor_above_zero():
    claims.claim_denoising_ends_at_its_floor(losses.denoising)


def test_implicit_teaches_through_its_trace():
    claims.claim_implicit_teaches_through_its_trace(losses.implicit)
    claims.claim_implicit_teaches_through_its_trace(
        lambda score, x: losses.sliced(score, x, directions=3**0.5 * all_axes(x))
    )


def all_axes(x):
    """The D unit vectors as directions for every example; times sqrt(D), the mean of v v^T is the identity."""
    dims = x[0].numel()
    eye = torch.eye(dims, dtype=x.dtype).reshape(dims, 1, *x.shape[1:])
    return eye.expand(dims, *x.shape)


@pytest.mark.parametrize("k", range(3))
def test_implicit_is_explicit_minus_half_the_squared_true_score(k):
    # Integration by parts: E[implicit] = E[explicit] - 1/2 E||grad log p||^2 for every score.
    score, (x, w) = claims.wrong_scores()[k], elbo_claims.mixture_nodes(MIX, 300)
    constant = 0.5 * (w * MIX.score(x)[:, 0] ** 2).sum()
    close((w * losses.implicit(score, x)).sum(), (w * losses.explicit(score, MIX.score, x)).sum() - constant)


def test_explicit_is_zero_at_the_true_score_and_implicit_is_below_zero():
    x, w = elbo_claims.mixture_nodes(MIX, 300)
    assert losses.explicit(MIX.score, MIX.score, x).tolist() == [0.0] * len(x)
    assert (w * losses.implicit(MIX.score, x)).sum().item() < 0


def curved(x):
    """A score whose Jacobian is neither symmetric nor diagonal."""
    return torch.tanh(x.roll(1, -1)) * x - 0.4 * x**2


@given(seeds, st.sampled_from([(4, 1), (3, 5), (2, 2, 2)]))
def test_implicit_has_the_trace_of_the_whole_jacobian(seed, shape):
    x = torch.randn(shape, dtype=F64, generator=torch.Generator().manual_seed(seed))
    dims = x[0].numel()
    jacobian = torch.stack(
        [torch.autograd.functional.jacobian(lambda y: curved(y.unsqueeze(0))[0], row).reshape(dims, dims) for row in x]
    )
    close(
        losses.implicit(curved, x),
        0.5 * (curved(x) ** 2).flatten(1).sum(1) + jacobian.diagonal(0, 1, 2).sum(1),
    )


@given(seeds, st.sampled_from([(4, 1), (3, 5), (2, 2, 2)]), st.booleans())
def test_sliced_along_all_axes_is_implicit(seed, shape, reduced):
    x = torch.randn(shape, dtype=F64, generator=torch.Generator().manual_seed(seed))
    directions = math.sqrt(x[0].numel()) * all_axes(x)
    found = losses.sliced(curved, x, directions=directions, variance_reduced=reduced)
    close(found, losses.implicit(curved, x))


@pytest.mark.parametrize("reduced", [True, False])
def test_sliced_along_random_directions_is_implicit_on_average(reduced):
    # One point 20000 times, so the directions are the only noise: 6 standard errors, error rate below 1e-8.
    x = torch.tensor([[0.3, -1.1, 0.8]], dtype=F64)
    found = losses.sliced(
        curved, x.expand(20000, 3), generator=torch.Generator().manual_seed(0), variance_reduced=reduced
    )
    error = found.std().item() / math.sqrt(20000)
    assert abs((found.mean() - losses.implicit(curved, x)[0]).item()) < 6 * error


def test_several_directions_are_averaged():
    x = torch.randn(5, 3, dtype=F64, generator=torch.Generator().manual_seed(0))
    v = torch.randn(4, 5, 3, dtype=F64, generator=torch.Generator().manual_seed(1))
    for reduced in (True, False):
        each = [losses.sliced(curved, x, directions=v[i : i + 1], variance_reduced=reduced) for i in range(4)]
        close(losses.sliced(curved, x, directions=v, variance_reduced=reduced), torch.stack(each).mean(0))


def test_without_gradients_the_losses_keep_no_graph():
    k = torch.tensor(1.0, requires_grad=True)
    with torch.no_grad():
        loss = losses.implicit(lambda x: -k * x, torch.randn(3, 2))
    assert not loss.requires_grad


def test_a_denoising_autoencoder_is_denoising_score_matching_in_other_units():
    x_0, noise = MIX.sample(6, generator=torch.Generator().manual_seed(0)), torch.randn(6, 1, dtype=F64)
    sigma = 0.7
    found = losses.denoising_autoencoder(lambda x: x + sigma**2 * torch.sin(x), x_0, sigma, noise=noise)
    close(found, 2 * sigma**4 * losses.denoising(torch.sin, x_0, sigma, noise=noise))


def test_the_best_reconstruction_is_the_denoiser_of_the_oracle():
    x_0, noise, w = claims.noisy_pairs()
    one, sigma = torch.ones((), dtype=F64), torch.tensor(0.6, dtype=F64)

    def loss(shift):
        r = lambda x: MIX.denoiser(x, one, sigma) + shift  # noqa: E731
        return (w * losses.denoising_autoencoder(r, x_0, 0.6, noise=noise)).sum()

    close(loss(0.1) - loss(0.0), torch.tensor(0.01, dtype=F64), rtol=1e-6)
    close(loss(-0.1) - loss(0.0), torch.tensor(0.01, dtype=F64), rtol=1e-6)
