"""Latent diffusion: the joint bound against exact likelihoods, and the scale that changes nothing in it."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffkit import latent, nets, schedule
from diffkit.errors import DiffkitError, RangeError, ShapeError
from diffkit.gaussian import Gaussian, kl
from diffkit.oracle import GaussianMixture
from tests import elbo_claims, properties  # noqa: F401  # no time limit

F64 = torch.float64
S = schedule.linear(10, 0.05, 0.5)
A, VAR = 1.5, 0.4  # p(z) = N(0, 1), p(x | z) = N(A z, VAR), so p(x) = N(0, A^2 + VAR)
N = 40_000


def normal_predictor(x, t):
    """Of standard normal data: E[eps | x_t] = sigma_t x_t.  With sigma^2 = beta the chain is then exact."""
    return S.at(S.noise_var.sqrt(), t, x) * x


def posterior(x):
    gain = A / (A**2 + VAR)
    return Gaussian(gain * x, torch.full_like(x, VAR / (A**2 + VAR)))


def likelihood(x, z):
    return Gaussian(A * z, torch.full_like(z, VAR)).log_prob(x)


def draw(seed, *shape):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def mean_and_error(values):
    return values.mean().item(), values.std().item() / math.sqrt(len(values))


def bound(encode, x, **kw):
    g = torch.Generator().manual_seed(0)
    return latent.joint_bound(encode, likelihood, normal_predictor, S, x, generator=g, **kw)


def exact(x):
    return -Gaussian(torch.zeros_like(x), torch.full_like(x, A**2 + VAR)).log_prob(x)


def test_with_exact_parts_the_bound_is_the_likelihood():
    x = torch.tensor([[0.9]], dtype=F64).expand(N, 1)
    mean, error = mean_and_error(bound(posterior, x).total)
    assert abs(mean - exact(x)[0].item()) < 6 * error  # 6 standard errors: error rate below 1e-8
    assert error < 0.03


def test_a_wrong_encoder_costs_its_divergence_from_the_posterior():
    x = torch.tensor([[0.9]], dtype=F64).expand(N, 1)
    wrong = lambda x: Gaussian(0.3 * x + 0.2, torch.full_like(x, 0.3))  # noqa: E731
    mean, error = mean_and_error(bound(wrong, x).total)
    gap = kl(wrong(x[:1]), posterior(x[:1])).item()
    assert gap > 10 * error
    assert abs(mean - exact(x)[0].item() - gap) < 6 * error


@given(st.integers(0, 2**31), st.floats(0.1, 5), st.floats(-3, 3))
def test_a_scale_moves_no_term_between_code_and_prior_but_a_constant(seed, std, mean):
    # The chain is another one on scaled codes, so hold only what must agree: the code's own two terms.
    x, noise = draw(seed, 4, 3), draw(seed + 1, S.T + 1, 4, 3)
    scale = latent.LatentScale(torch.tensor(mean, dtype=F64), torch.tensor(std, dtype=F64))
    plain, scaled = (
        latent.joint_bound(posterior, likelihood, normal_predictor, S, x, noise=noise, scale=k) for k in (None, scale)
    )
    torch.testing.assert_close(plain.reconstruction, scaled.reconstruction, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(plain.code + 3 * math.log(std), scaled.code, rtol=1e-9, atol=1e-9)


def test_codes_of_another_size_have_the_same_bound_once_they_are_scaled():
    # z' = 5 z + 2 with its own encoder and decoder; scaled, it is z again, and so is every term.
    x, noise = draw(0, 6, 2), draw(1, S.T + 1, 6, 2)
    scale = latent.LatentScale(torch.tensor(2.0, dtype=F64), torch.tensor(5.0, dtype=F64))
    plain = latent.joint_bound(posterior, likelihood, normal_predictor, S, x, noise=noise)
    other = latent.joint_bound(
        lambda x: posterior(x).affine(5.0, 2.0),
        lambda x, z: likelihood(x, (z - 2) / 5),
        normal_predictor, S, x, noise=noise, scale=scale,
    )  # fmt: skip
    torch.testing.assert_close(plain.total, other.total, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("per_channel", [True, False])
def test_a_fitted_scale_gives_mean_zero_and_variance_one_and_undoes_itself(per_channel):
    z = draw(0, 50, 3, 4, 2) * torch.tensor([0.1, 2.0, 7.0], dtype=F64)[:, None, None] + 5
    scale = latent.fit_scale(z, per_channel=per_channel)
    u = scale.scale(z)
    parts = u.transpose(0, 1).flatten(1) if per_channel else u.reshape(1, -1)
    torch.testing.assert_close(parts.mean(1), torch.zeros(len(parts), dtype=F64), rtol=0, atol=1e-12)
    torch.testing.assert_close(parts.var(1, correction=0), torch.ones(len(parts), dtype=F64), rtol=1e-9, atol=0)
    torch.testing.assert_close(scale.unscale(u), z, rtol=1e-12, atol=1e-12)


def test_tokens_cost_the_logarithm_of_their_number():
    # Uniform tokens, exact posterior and exact predictor: the bound is log K, up to the chain's own gap, which is
    # never negative and small at T = 100.
    table = torch.tensor([[-1.0], [0.2], [1.3]], dtype=F64)
    code, s = latent.Embedding(table, 0.15), schedule.linear(100, 0.001, 0.15)
    mixture = GaussianMixture.isotropic(torch.full((3,), 1 / 3, dtype=F64), table, torch.tensor(0.15**2, dtype=F64))
    tokens = torch.arange(3).repeat(1500)
    found = latent.joint_bound(
        code.encode, code.log_likelihood, elbo_claims.best_predictor(mixture, s), s, tokens,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    mean, error = mean_and_error(found.total)
    assert -6 * error < mean - math.log(3) < 0.1 + 6 * error  # error rate below 1e-8
    assert error < 0.03


def test_token_likelihoods_sum_to_one_and_rounding_undoes_the_embedding():
    code = latent.Embedding(draw(0, 5, 3), 0.7)
    z = draw(1, 4, 2, 3)
    total = sum(code.log_likelihood(torch.tensor([[i, j]]).expand(4, 2), z).exp() for i in range(5) for j in range(5))
    torch.testing.assert_close(total, torch.ones(4, dtype=F64), rtol=1e-9, atol=0)
    tokens = torch.tensor([[0, 4, 2], [1, 1, 3]])
    assert torch.equal(code.round(code.encode(tokens).mean), tokens)
    assert code.log_likelihood(torch.tensor([0, 1]), z[:2, 0]).shape == (2,)


def test_the_token_likelihood_is_bayes_rule_with_all_tokens_alike():
    code, z = latent.Embedding(draw(0, 5, 3), 0.7), draw(1, 4, 3)
    log_q = torch.stack([code.encode(torch.full((4,), k)).log_prob(z) for k in range(5)], 1)
    wanted = torch.log_softmax(log_q, 1)
    found = torch.stack([code.log_likelihood(torch.full((4,), k), z) for k in range(5)], 1)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


def test_encoder_decoder_and_predictor_all_learn_from_the_bound():
    torch.manual_seed(0)
    ae, net = nets.AutoEncoder(1, 2, channels=8), nets.UNet(2, (8,), attention=False)
    torch.nn.init.normal_(net.last[2].weight)
    x = torch.randn(2, 1, 4, 4)
    found = latent.joint_bound(
        lambda x: Gaussian(*ae.encode(x)),
        lambda x, z: Gaussian(ae.decode(z), torch.ones_like(x)).log_prob(x),
        net, S, x, generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    found.total.mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in [*ae.parameters(), *net.last.parameters()])


X, CODE = torch.zeros(3, 2, dtype=F64), latent.Embedding(torch.zeros(2, 3), 1.0)
WRONG = [
    (lambda: latent.LatentScale(torch.zeros(()), torch.zeros(())), "positive"),
    (lambda: latent.fit_scale(torch.zeros(5, 2)), "never vary"),
    (lambda: latent.fit_scale(torch.zeros(1, 2)), "two codes"),
    (lambda: bound(posterior, X, noise=torch.zeros(3, 2, dtype=F64)), "noise is"),
    (lambda: latent.joint_bound(posterior, lambda x, z: z, normal_predictor, S, X), "one number per example"),
    (lambda: latent.Embedding(torch.zeros(2, 3), 0.0), "std > 0"),
    (lambda: CODE.encode(torch.tensor([2])), "0..1"),
    (lambda: CODE.encode(torch.tensor([0.5])), "long"),
    (lambda: CODE.round(torch.zeros(2, 4)), "pass"),
]


@pytest.mark.parametrize(("call", "words"), WRONG)
def test_wrong_input_is_named(call, words):
    with pytest.raises((RangeError, ShapeError), match=words):
        call()


@given(st.lists(st.integers(0, 4), max_size=3), st.integers(-2, 3))
def test_any_tokens_give_a_code_or_an_error_of_ours(shape, value):
    try:
        found = CODE.encode(torch.full(shape, value))
    except DiffkitError:
        return
    assert found.mean.shape == (*shape, 3)
