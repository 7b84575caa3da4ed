"""The road from the variational autoencoder to the diffusion model: bounds, gaps, and one equal to the next."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffkit import elbo, graph, schedule, vae
from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import FullGaussian, Gaussian, kl
from tests import elbo_claims, properties  # noqa: F401  # properties: no time limit
from tests.elbo_claims import F64, MIX

seeds = st.integers(0, 2**31)
S = schedule.linear(6, 0.05, 0.5)


def close(a, b, rtol=1e-9):
    torch.testing.assert_close(a, b, rtol=rtol, atol=1e-11)


def grid(dims, n=4):
    """Gauss-Hermite nodes (n^dims, dims) and weights: exact for polynomials up to degree 2n - 1, as all here are."""
    nodes, weights = (torch.tensor(a) for a in np.polynomial.hermite_e.hermegauss(n))
    points = torch.cartesian_prod(*[nodes] * dims).reshape(-1, dims)
    return points, torch.cartesian_prod(*[weights / weights.sum()] * dims).reshape(-1, dims).prod(1)


def linear(weight, bias, var):
    """The conditional N(weight * z + bias, var), coordinate by coordinate."""
    return lambda z: Gaussian(weight * z + bias, torch.tensor(var, dtype=F64))


def random_linear_model(seed, orthogonal=False):
    g = torch.Generator().manual_seed(seed)
    W = torch.randn(3, 2, generator=g, dtype=F64)
    if orthogonal:
        W = torch.linalg.qr(W)[0] * torch.tensor([1.5, 0.4], dtype=F64)
    return vae.LinearModel(W, torch.randn(3, generator=g, dtype=F64), 0.3), torch.randn(4, 3, generator=g, dtype=F64)


def expected_total(bound, x, dims):
    """The mean over the noise of the total, (B,), with the noise as a grid.  bound(x, noise) -> Bound."""
    z, w = grid(dims)
    terms = bound(x.repeat_interleave(len(z), 0), z.repeat(len(x), 1))
    return (terms.total.unflatten(0, (len(x), len(z))) * w).sum(1)


@given(seeds)
def test_the_gap_of_one_level_is_the_divergence_from_the_true_posterior(seed):
    model, x = random_linear_model(seed)
    encoder = lambda x: Gaussian(torch.tanh(x[:, :2]), 0.1 + x[:, 1:] ** 2)  # noqa: E731
    total = expected_total(lambda x, noise: vae.one_level(x, encoder, model.decoder, noise=noise), x, 2)
    q = FullGaussian(encoder(x).mean, torch.diag_embed(encoder(x).var))
    close(total + model.marginal.log_prob(x), kl(q, model.posterior(x)))


def test_the_true_posterior_as_encoder_leaves_no_gap():
    model, x = random_linear_model(0, orthogonal=True)  # then the posterior has independent coordinates
    encoder = lambda x: Gaussian(model.posterior(x).mean, model.posterior(x).cov.diagonal(0, 1, 2))  # noqa: E731
    for seed in range(3):  # at every draw, not only on average
        noise = torch.randn(4, 2, dtype=F64, generator=torch.Generator().manual_seed(seed))
        z = encoder(x).sample(noise=noise)
        at_point = model.decoder(z).log_prob(x) + vae.standard(z).log_prob(z) - encoder(x).log_prob(z)
        close(at_point, model.marginal.log_prob(x))
    total = expected_total(lambda x, noise: vae.one_level(x, encoder, model.decoder, noise=noise), x, 2)
    close(total, -model.marginal.log_prob(x))


@given(seeds)
def test_the_linear_model_is_what_conditioning_the_joint_gaussian_gives(seed):
    model, x = random_linear_model(seed)
    joint = FullGaussian(torch.zeros(2, dtype=F64), torch.eye(2, dtype=F64)).affine(
        torch.cat([torch.eye(2, dtype=F64), model.W]),
        torch.cat([torch.zeros(2, dtype=F64), model.b]),
        torch.diag(torch.tensor([0, 0, 0.3, 0.3, 0.3], dtype=F64)),
    )
    close(joint.marginal([2, 3, 4]).log_prob(x), model.marginal.log_prob(x))
    for i in range(4):
        posterior = joint.condition([2, 3, 4], x[i])
        close(model.posterior(x).mean[i], posterior.mean)
        close(model.posterior(x).cov[i], posterior.cov)


def two_level_model(rng):
    """x <- z1 <- z2 on the line: weights, biases, variances of p, and of q(z1 | x) q(z2 | z1)."""
    p = [(rng.uniform(0.3, 1.5), rng.uniform(-1, 1), rng.uniform(0.2, 1)) for _ in range(2)]
    q = [(rng.uniform(-0.5, 0.8), rng.uniform(-1, 1), rng.uniform(0.1, 1)) for _ in range(2)]
    return p, q


@given(seeds)
def test_the_gap_of_two_levels_is_the_divergence_from_the_true_posterior(seed):
    p, q = two_level_model(random.Random(seed))
    x = torch.tensor([[0.4], [-1.2]], dtype=F64)
    decoders, encoders = [linear(*c) for c in p], [linear(*c) for c in q]

    def bound(x, noise):
        return vae.two_levels(x, tuple(encoders), tuple(decoders), noise=(noise[:, :1], noise[:, 1:]))

    total = expected_total(bound, x, 2)
    weights = {("z1", "x"): p[0][0], ("z2", "z1"): p[1][0]}
    var, bias = {"x": p[0][2], "z1": p[1][2], "z2": 1.0}, {"x": p[0][1], "z1": p[1][1]}
    joint = graph.linear_gaussian(graph.dag("z2 -> z1 -> x"), weights, var, bias)
    for i in range(2):
        seen = float(x[i])
        log_p = joint.marginal("x").gaussian.log_prob(x[i])
        true = joint.condition({"x": x[i, 0]}).marginal(["z1", "z2"]).gaussian
        chain = graph.linear_gaussian(
            graph.dag("z1 -> z2"),
            {("z1", "z2"): q[1][0]},
            {"z1": q[0][2], "z2": q[1][2]},
            {"z1": q[0][0] * seen + q[0][1], "z2": q[1][1]},
        )
        close(total[i] + log_p, kl(chain.gaussian, true))


@given(seeds)
def test_any_number_of_levels_holds_one_and_two_as_special_cases(seed):
    p, q = two_level_model(random.Random(seed))
    x = torch.tensor([[0.4], [-1.2]], dtype=F64)
    decoders, encoders = [linear(*c) for c in p], [linear(*c) for c in q]
    one = expected_total(lambda x, z: vae.one_level(x, encoders[0], decoders[0], noise=z), x, 1)
    close(expected_total(lambda x, z: vae.levels(x, encoders[:1], decoders[:1], noise=[z]), x, 1), one)
    two = expected_total(
        lambda x, z: vae.two_levels(x, tuple(encoders), tuple(decoders), noise=(z[:, :1], z[:, 1:])), x, 2
    )
    close(expected_total(lambda x, z: vae.levels(x, encoders, decoders, noise=[z[:, :1], z[:, 1:]]), x, 2), two)


def predictor(x, t):
    """Neither right nor linear."""
    return torch.sin(3 * x) + 0.01 * t.reshape(-1, *[1] * (x.ndim - 1))


def reverse(x_t, t):
    level = torch.full((len(x_t),), t)
    return elbo.p_reverse(S, predictor(x_t, level), x_t, level, "beta_tilde")


@given(seeds, st.sampled_from([(5, 1), (3, 2), (4, 2, 4, 4)]))
def test_t_levels_with_a_fixed_encoder_are_the_bound_of_the_diffusion_model(seed, shape):
    g = torch.Generator().manual_seed(seed)
    x_0, noise = torch.randn(shape, generator=g, dtype=F64), torch.randn(S.T, *shape, generator=g, dtype=F64)
    road = vae.fixed_encoder(x_0, S, reverse, noise=noise)
    terms = elbo.evaluate(predictor, S, x_0, sigma="beta_tilde", noise=noise)
    close(road.reconstruction, terms.L_0)
    close(road.divergence, torch.cat([terms.L_t, terms.L_T.unsqueeze(1)], 1))
    close(road.total, terms.total)


@given(seeds)
def test_the_general_bound_with_noising_encoders_is_the_weight_of_the_same_path(seed):
    g = torch.Generator().manual_seed(seed)
    x_0, noise = torch.randn(3, 2, generator=g, dtype=F64), torch.randn(S.T, 3, 2, generator=g, dtype=F64)
    decoders = [lambda x, t=t: reverse(x, t) for t in range(1, S.T + 1)]
    road = vae.levels(x_0, vae.noising_encoders(S), decoders, noise=list(noise))
    weight = elbo.log_weight(predictor, S, elbo.path(S, x_0, noise=noise), sigma="beta_tilde")
    close(road.total, -weight)


def test_both_estimates_of_the_diffusion_bound_have_the_same_mean():
    # Trajectories on one side, a jump to each t on the other: 6 standard errors, error rate below 1e-8.
    n, g = 20000, torch.Generator().manual_seed(0)
    x_0 = torch.full((n, 1), 0.4, dtype=F64)
    best = elbo_claims.best_predictor(MIX, S)
    walk = -elbo.log_weight(best, S, elbo.path(S, x_0, generator=g))
    mean = float(elbo_claims.expected(elbo.evaluate, S, x_0[:1]).total)
    assert abs(float(walk.mean()) - mean) < 6 * float(walk.std()) / n**0.5


def test_the_gap_of_a_linear_diffusion_chain_is_the_divergence_from_its_true_posterior():
    # The reverse chain x_{t-1} = c x_t + noise is linear, so p(x_0) and p(x_1 .. x_T | x_0) are known exactly.
    c, x_0 = 0.8, 0.6
    joint = graph.linear_gaussian(
        graph.dag(" -> ".join(f"x{t}" for t in range(S.T, -1, -1))),
        {(f"x{t}", f"x{t - 1}"): c for t in range(1, S.T + 1)},
        {f"x{t - 1}": S.beta[t] for t in range(1, S.T + 1)} | {f"x{S.T}": 1.0},
    )
    latents = [f"x{t}" for t in range(1, S.T + 1)]
    forward = graph.examples.forward_process(S).condition({"x0": x_0}).marginal(latents).gaussian
    true = joint.condition({"x0": x_0}).marginal(latents).gaussian
    z, w = grid(1)
    x = torch.full((len(z), 1), x_0, dtype=F64)
    bound = vae.fixed_encoder(x, S, lambda x, t: Gaussian(c * x, S.beta[t]), noise=z.expand(S.T, *z.shape).contiguous())
    gap = (w * bound.total).sum() + joint.marginal("x0").gaussian.log_prob(x[0])
    close(gap, kl(forward, true))


def test_a_small_vae_learns():
    g = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = vae.Vae(2, 1, hidden=16)
    x = torch.randn(64, 1, generator=g) * torch.tensor([1.0, -0.7]) + 0.1 * torch.randn(64, 2, generator=g)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    noise = torch.randn(64, 1, generator=g)
    start = model(x, noise=noise)
    assert start.reconstruction.shape == (64,)
    assert start.divergence.shape == (64, 1)
    for _ in range(100):
        optimizer.zero_grad()
        model(x, noise=noise).total.mean().backward()
        optimizer.step()
    assert model(x, noise=noise).total.mean().item() < start.total.mean().item() - 1
    assert model.sample(5, generator=g).shape == (5, 2)


def test_the_seed_decides_what_a_vae_draws():
    model = vae.Vae(2, 1, hidden=4)
    for draw in (lambda g: model.sample(3, generator=g), lambda g: model(torch.zeros(3, 2), generator=g).total):
        first, again, other = (draw(torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)


def test_the_generator_decides_the_draw():
    model, x = random_linear_model(0)
    encoder = lambda x: Gaussian(x[:, :2], torch.ones(4, 2, dtype=F64))  # noqa: E731
    a, b, c = (
        vae.one_level(x, encoder, model.decoder, generator=torch.Generator().manual_seed(seed)).total
        for seed in (0, 0, 1)
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_bad_input_is_refused():
    x = torch.zeros(3, 2)
    wide = lambda x: Gaussian(torch.zeros(len(x), 4), torch.ones(()))  # noqa: E731
    same = lambda x: Gaussian(x, torch.ones(()))  # noqa: E731
    with pytest.raises(ShapeError, match="the decoder's mean"):
        vae.one_level(x, same, wide)
    with pytest.raises(ShapeError, match="noise"):
        vae.one_level(x, same, same, noise=torch.zeros(2))
    with pytest.raises(ShapeError, match="2 encoders, 1 decoders"):
        vae.levels(x, [same, same], [same])
    with pytest.raises(ShapeError, match="one per level"):
        vae.levels(x, [], [])
    with pytest.raises(RangeError, match="floating-point"):
        vae.one_level(x.long(), same, same)
    with pytest.raises(ShapeError, match=r"\(6, 3, 2\)"):
        vae.fixed_encoder(x, S, lambda x, t: same(x), noise=x)
    with pytest.raises(ShapeError, match="W is"):
        vae.LinearModel(torch.zeros(3, 2), torch.zeros(2), 1.0)
    with pytest.raises(RangeError, match="positive"):
        vae.LinearModel(torch.zeros(3, 2), torch.zeros(3), 0.0)
