"""Mistakes that people really make with bounds and losses, planted one by one: each is refused by a claim.

The numbers name the kinds: 11 a wrong alpha_bar before the last step, 12 beta and beta_tilde, 15 means for
sums, 16 the last term of the bound and its units, 23 terms of the bound lost or kept, 24 a loss whose least
value is not 0, 25 shared noise, 26 a loss that is no square or teaches nothing.
"""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from diffkit import elbo, losses
from tests import elbo_claims, loss_claims
from tests.elbo_claims import F64
from tests.wrong_copies import LoopEvaluate, loop_simple, plain_denoising

CLAIMS = {
    "terms": elbo_claims.claim_each_term_is_its_integral,
    "gap": elbo_claims.claim_gap_is_the_divergence_of_the_chains,
    "dimensions": elbo_claims.claim_dimensions_add_up,
    "bins": elbo_claims.claim_bins_share_probability_one,
}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_the_plain_loop_passes_every_claim(claim):
    claim(LoopEvaluate())


@pytest.mark.parametrize(
    ("trap", "mistake", "claims"),
    [
        (11, "alpha_bar_0 is alpha_bar_1", "terms gap bins"),
        (11, "padded at the wrong end", "terms gap"),
        (12, "beta and beta_tilde exchanged", "terms gap"),
        (12, "beta_tilde whatever was asked", "terms gap"),
        (15, "mean over dimensions", "dimensions"),
        (16, "L_0 as a density", "bins"),
        (16, "edge bins closed", "bins"),
        (23, "L_T left out", "terms gap"),
        (23, "the ratio of the first step kept", "terms gap"),
        (23, "x_t drawn from q(x_t | x_{t-1} = x_0)", "terms gap"),
        (23, "t = 1 like the others", "terms gap bins"),
        (23, "t = 1 left out", "terms gap bins"),
        (23, "the sign of L_0", "terms gap bins"),
        (23, "only the means compared", "terms gap"),
        (23, "a density in place of the divergence", "terms gap"),
        (23, "one level t for the sum", "terms gap"),
    ],
)
def test_a_mistake_in_the_bound_is_refused(trap, mistake, claims):
    for name in claims.split():
        with pytest.raises(AssertionError):
            CLAIMS[name](LoopEvaluate(mistake))


def right_bits(nats: Tensor, dims: int, width: float | None) -> Tensor:
    return nats / dims / math.log(2) - (math.log2(width) if width else 0)


def test_the_plain_units_pass():
    elbo_claims.claim_bits_per_dim_has_its_units(
        lambda nats, dims, *, bin_width=None: right_bits(nats, dims, bin_width)
    )


@pytest.mark.parametrize(
    ("trap", "wrong"),
    [
        (15, lambda nats, dims, *, bin_width=None: right_bits(nats, 1, bin_width)),
        (16, lambda nats, dims, *, bin_width=None: right_bits(nats, dims, None)),
        (16, lambda nats, dims, *, bin_width=None: right_bits(nats, dims, bin_width and 1 / bin_width)),
        (16, lambda nats, dims, *, bin_width=None: right_bits(nats, dims, bin_width and 1 / 128)),
        (16, lambda nats, dims, *, bin_width=None: right_bits(nats, dims, bin_width) * math.log(2)),
        (16, lambda nats, dims, *, bin_width=None: nats / dims - math.log(bin_width or 1)),
    ],
)
def test_bits_per_dimension_in_other_units_are_refused(trap, wrong):
    with pytest.raises(AssertionError):
        elbo_claims.claim_bits_per_dim_has_its_units(wrong)


def test_data_without_dequantization_reach_a_density_that_no_code_can():
    # Trap 16: on a grid the density of a narrow model exceeds 1/width, so its "bits" fall below 0.
    s = elbo_claims.schedule_of(1000)
    x_0 = torch.tensor([[-1.0], [1 / 3], [1.0]], dtype=F64)

    def knows_the_grid(x_t: Tensor, t: Tensor) -> Tensor:
        a, sd = s.alpha_bar[t].sqrt().unsqueeze(1), s.noise_var[t].sqrt().unsqueeze(1)
        nearest = (torch.round((x_t / a * 3 + 3) / 2) * 2 - 3) / 3
        return (x_t - a * nearest) / sd

    noise = torch.zeros(1000, 3, 1, dtype=F64)
    density = elbo.evaluate(knows_the_grid, s, x_0, noise=noise).L_0
    bins = elbo.evaluate(knows_the_grid, s, x_0, noise=noise, data="discrete", bins=4).L_0
    assert bool((elbo.bits_per_dim(density, 1, bin_width=2 / 3) < 0).all())
    assert bool((bins >= 0).all())


def test_the_plain_simple_loss_passes():
    loss_claims.claim_simple_is_a_squared_error_that_teaches(loop_simple())
    loss_claims.claim_each_example_gets_its_own_noise(loop_simple())


@pytest.mark.parametrize(
    ("trap", "mistake"),
    [
        (15, "mean over dimensions"),
        (15, "mean over the batch"),
        (26, "no square"),
        (26, "absolute value"),
        (26, "prediction detached"),
        (26, "half detached"),
    ],
)
def test_a_mistake_in_the_simple_loss_is_refused(trap, mistake):
    with pytest.raises(AssertionError):
        loss_claims.claim_simple_is_a_squared_error_that_teaches(loop_simple(mistake))


def test_one_noise_for_the_whole_batch_is_refused():
    with pytest.raises(AssertionError):  # trap 25
        loss_claims.claim_each_example_gets_its_own_noise(loop_simple("one noise for all"))


def trace_detached(score: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The right value, with a trace that teaches nothing."""
    square = 0.5 * (score(x) ** 2).sum(1)
    return square + (losses.implicit(score, x) - square).detach()


def trace_twice(score: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    square = 0.5 * (score(x) ** 2).sum(1)
    return square + 2 * (losses.implicit(score, x) - square)


@pytest.mark.parametrize("wrong", [trace_detached, trace_twice])
def test_an_implicit_loss_with_a_wrong_or_silent_trace_is_refused(wrong):
    with pytest.raises(AssertionError):  # trap 26
        loss_claims.claim_implicit_teaches_through_its_trace(wrong)


def test_the_plain_denoising_loss_passes():
    loss_claims.claim_denoising_ends_at_its_floor(plain_denoising())
    loss_claims.claim_denoising_is_explicit_plus_its_floor(plain_denoising(), losses.explicit)


def test_who_expects_a_right_model_to_have_loss_zero_is_refuted():
    for right in (losses.denoising, plain_denoising()):  # trap 24
        with pytest.raises(AssertionError):
            loss_claims.claim_a_right_model_has_loss_zero(right)
    loss_claims.claim_a_right_model_has_loss_zero(plain_denoising("lowered until it ends at 0"))


@pytest.mark.parametrize(
    "mistake",
    [
        "sign of the target",
        "target not divided by sigma",
        "divided by sigma squared",
        "lowered until it ends at 0",
    ],
)
def test_a_denoising_loss_that_ends_elsewhere_is_refused(mistake):
    with pytest.raises(AssertionError):  # trap 24
        loss_claims.claim_denoising_ends_at_its_floor(plain_denoising(mistake))
    with pytest.raises(AssertionError):
        loss_claims.claim_denoising_is_explicit_plus_its_floor(plain_denoising(mistake), losses.explicit)
