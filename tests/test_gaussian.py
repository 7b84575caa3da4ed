"""Gaussians against torch.distributions, quadrature and sampling."""

import math

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from diffkit.equations.quadrature import normal_nodes
from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import FullGaussian, Gaussian, kl, product


def diagonal(g, *shape):
    mean = torch.randn(*shape, generator=g, dtype=torch.float64)
    return Gaussian(mean, 0.2 + torch.rand(*shape, generator=g, dtype=torch.float64))


def full(g, d, *batch):
    root = torch.randn(*batch, d, d, generator=g, dtype=torch.float64)
    cov = root @ root.mT + 0.1 * torch.eye(d, dtype=torch.float64)
    return FullGaussian(torch.randn(*batch, d, generator=g, dtype=torch.float64), cov)


def reference(p):
    if isinstance(p, FullGaussian):
        return MultivariateNormal(p.mean, p.cov)
    return Independent(Normal(p.mean, p.var.sqrt().expand_as(p.mean)), p.mean.ndim - 1)


@pytest.mark.parametrize("shape", [(4,), (4, 3), (2, 1, 3, 3)])
def test_diagonal_agrees_with_torch_distributions(g, shape):
    p, q = diagonal(g, *shape), diagonal(g, *shape)
    x = torch.randn(*shape, generator=g, dtype=torch.float64)
    assert torch.allclose(p.log_prob(x), reference(p).log_prob(x), rtol=1e-12)
    assert torch.allclose(p.entropy(), reference(p).entropy(), rtol=1e-12)
    assert torch.allclose(kl(p, q), kl_divergence(reference(p), reference(q)), rtol=1e-12)


@pytest.mark.parametrize("batch", [(), (3,)])
def test_full_agrees_with_torch_distributions(g, batch):
    p, q = full(g, 3, *batch), full(g, 3, *batch)
    x = torch.randn(*batch, 3, generator=g, dtype=torch.float64)
    assert torch.allclose(p.log_prob(x), reference(p).log_prob(x), rtol=1e-11)
    assert torch.allclose(p.entropy(), reference(p).entropy(), rtol=1e-12)
    assert torch.allclose(kl(p, q), kl_divergence(reference(p), reference(q)), rtol=1e-9)


def test_one_variance_for_all_coordinates_counts_for_each(g):
    mean = torch.randn(4, 3, generator=g, dtype=torch.float64)
    narrow, wide = Gaussian(mean, torch.full((4, 1), 0.5)), Gaussian(mean, torch.full((4, 3), 0.5))
    x = torch.randn(4, 3, generator=g, dtype=torch.float64)
    assert torch.allclose(narrow.log_prob(x), wide.log_prob(x))
    assert torch.allclose(narrow.entropy(), wide.entropy())
    other = diagonal(g, 4, 3)
    assert torch.allclose(kl(narrow, other), kl(wide, other))
    assert torch.allclose(kl(other, narrow), kl(other, wide))


def test_product_of_densities_is_its_normalised_density_times_z(g):
    p, q, x = diagonal(g, 5, 2), diagonal(g, 5, 2), torch.randn(5, 2, generator=g, dtype=torch.float64)
    r, log_z = product(p, q)
    assert torch.allclose(p.log_prob(x) + q.log_prob(x), log_z + r.log_prob(x), rtol=1e-11)


def test_affine_and_sum_have_the_moments_that_quadrature_finds(g):
    p, q = diagonal(g, 6), diagonal(g, 6)
    z, w = normal_nodes()
    a, b = -1.7, 0.3
    x = a * (p.mean + p.std * z.unsqueeze(1)) + b
    assert torch.allclose(p.affine(a, b).mean, w @ x)
    assert torch.allclose(p.affine(a, b).var, w @ x**2 - (w @ x) ** 2)
    assert torch.allclose((p + q).var, p.var + q.var)


def test_full_affine_sum_and_marginal_are_consistent(g):
    p, q = full(g, 3), full(g, 3)
    A = torch.randn(2, 3, generator=g, dtype=torch.float64)
    noise = 0.3 * torch.eye(2, dtype=torch.float64)
    moved = p.affine(A, torch.ones(2), noise)
    assert torch.allclose(moved.cov, A @ p.cov @ A.T + noise)
    assert torch.allclose(moved.mean, A @ p.mean + 1)
    pick = torch.tensor([[0.0, 0, 1], [1, 0, 0]], dtype=torch.float64)
    assert torch.allclose(p.marginal([2, 0]).cov, p.affine(pick).cov)
    assert torch.allclose((p + q).cov, p.cov + q.cov)


def test_joint_is_marginal_times_conditional(g):
    p, x = full(g, 4), torch.randn(4, generator=g, dtype=torch.float64)
    on, rest = [3, 1], [0, 2]
    chain = p.marginal(on).log_prob(x[on]) + p.condition(on, x[on]).log_prob(x[rest])
    assert torch.allclose(p.log_prob(x), chain, rtol=1e-11)


def test_samples_have_the_right_moments(g):
    # 4 entries of mean and 10 of covariance, each off by more than 6 standard errors with probability 2e-9.
    n, p = 200_000, full(g, 4)
    x = p.sample(n, generator=g)
    error = p.cov.diagonal().sqrt() / math.sqrt(n)
    assert ((x.mean(0) - p.mean).abs() < 6 * error).all()
    var = p.cov.diagonal()
    spread = torch.sqrt((torch.outer(var, var) + p.cov**2) / n)
    assert ((torch.cov(x.T) - p.cov).abs() < 6 * spread).all()


@pytest.mark.parametrize(("batch_q", "batch_p"), [((3,), ()), ((), (3,)), ((2, 1), (3,))])
def test_full_divergences_of_batches_are_those_of_their_members(g, batch_q, batch_p):
    q, p = full(g, 2, *batch_q), full(g, 2, *batch_p)
    batch = torch.broadcast_shapes(batch_q, batch_p)
    means = [v.mean.expand(*batch, 2).reshape(-1, 2) for v in (q, p)]
    covs = [v.cov.expand(*batch, 2, 2).reshape(-1, 2, 2) for v in (q, p)]
    each = [kl(FullGaussian(m, S), FullGaussian(n, V)) for m, n, S, V in zip(*means, *covs, strict=True)]
    assert torch.allclose(kl(q, p).flatten(), torch.stack(each), rtol=1e-12)


def test_many_covariances_about_one_mean_are_each_drawn_from(g):
    # Three variances of 100,000 draws, each off by more than 6 standard errors with probability 2e-9.
    n, var = 100_000, torch.tensor([0.5, 1.0, 4.0], dtype=torch.float64)
    x = FullGaussian(torch.zeros(1, dtype=torch.float64), var.reshape(3, 1, 1)).sample(n, generator=g)
    assert x.shape == (n, 3, 1)
    assert ((x[..., 0].var(0) / var - 1).abs() < 6 * math.sqrt(2 / n)).all()
    assert FullGaussian(torch.zeros(1), torch.ones(3, 1, 1)).sample(3).shape == (3, 3, 1)


def test_given_noise_is_used_and_the_generator_repeats(g):
    p = diagonal(g, 3, 2)
    noise = torch.ones(3, 2, dtype=torch.float64)
    assert torch.equal(p.sample(noise=noise), p.mean + p.var.sqrt())
    draws = [p.sample(generator=torch.Generator().manual_seed(5)) for _ in range(2)]
    assert torch.equal(*draws)


def test_bad_shapes_and_covariances_are_refused(g):
    with pytest.raises(ShapeError, match="broadcast"):
        Gaussian(torch.zeros(3, 2), torch.ones(3))
    with pytest.raises(ShapeError, match=r"\(d, d\)"):
        FullGaussian(torch.zeros(3), torch.ones(3))
    with pytest.raises(RangeError, match="positive definite"):
        FullGaussian(torch.zeros(2), -torch.eye(2)).log_prob(torch.zeros(2))
    with pytest.raises(RangeError, match="leave at least one"):
        full(g, 2).condition([0, 1], torch.zeros(2))
    with pytest.raises(ShapeError, match="same kind"):
        kl(diagonal(g, 2, 2), full(g, 2))
    for q, p in ((full(g, 2), full(g, 3)), (full(g, 2, 4), full(g, 2, 3))):
        with pytest.raises(ShapeError, match="vectors of one length"):
            kl(q, p)


def test_whole_numbers_are_refused(g):
    p, whole = diagonal(g, 3, 2), torch.ones(3, 2, dtype=torch.int64)
    for call in (
        lambda: Gaussian(whole, p.var),
        lambda: Gaussian(p.mean, whole),
        lambda: FullGaussian(whole[0], torch.eye(2)),
        lambda: p.log_prob(whole),
        lambda: p.sample(noise=whole),
    ):
        with pytest.raises(RangeError, match=r"floating-point tensors, not torch.int64: use x.float\(\)"):
            call()


def test_a_point_has_no_density(g):
    p = diagonal(g, 3, 2)
    point = Gaussian(p.mean, torch.tensor([1.0, 0.0], dtype=torch.float64))
    assert torch.equal(point.sample(generator=g)[:, 1], p.mean[:, 1])
    for call in (lambda: point.log_prob(p.mean), lambda: kl(p, point)):
        with pytest.raises(RangeError, match="variance"):
            call()


def test_a_column_is_not_matched_with_every_row_of_a_line(g):
    column, line = diagonal(g, 4, 1), diagonal(g, 4)
    calls = (
        lambda: column.log_prob(line.mean),
        lambda: column.sample(noise=line.mean),
        lambda: kl(column, line),
        lambda: product(column, line),
        lambda: column + line,
    )
    for call in calls:
        with pytest.raises(ShapeError, match="the first axis counts examples"):
            call()
    one = Gaussian(torch.zeros(()), torch.ones(()))
    assert one.log_prob(line.mean.float()).shape == (4,)
