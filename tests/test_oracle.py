"""The oracle against torch.distributions, automatic differentiation, quadrature and Bayes' rule."""

import math

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from diffkit import data
from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import FullGaussian
from diffkit.oracle import GaussianMixture

LEVELS = [(1.0, 0.0), (0.8, 0.6), (1.0, 2.5), (0.1, 0.995)]


def mixture(g, K=3, d=2):
    root = torch.randn(K, d, d, generator=g, dtype=torch.float64)
    covs = root @ root.mT + 0.05 * torch.eye(d, dtype=torch.float64)
    weights = torch.softmax(torch.randn(K, generator=g, dtype=torch.float64), 0)
    return GaussianMixture(weights, 2 * torch.randn(K, d, generator=g, dtype=torch.float64), covs)


def points(g, n=7, d=2):
    return 2 * torch.randn(n, d, generator=g, dtype=torch.float64)


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("level", LEVELS)
def test_density_agrees_with_torch_distributions(g, d, level):
    m, x, (a, s) = mixture(g, d=d), points(g, d=d), level
    eye = torch.eye(d, dtype=torch.float64)
    parts = MultivariateNormal(a * m.means, a**2 * m.covs + s**2 * eye)
    want = MixtureSameFamily(Categorical(m.weights), parts).log_prob(x)
    assert torch.allclose(m.log_prob(x, a, s), want, rtol=1e-10)
    assert torch.allclose(m.noised(a, s).log_prob(x), want, rtol=1e-10)


@pytest.mark.parametrize("level", LEVELS)
def test_score_and_jacobian_are_the_derivatives_of_the_log_density(g, level):
    m, x = mixture(g), points(g)
    score = torch.autograd.functional.jacobian(lambda y: m.log_prob(y, *level).sum(), x)
    assert torch.allclose(m.score(x, *level), score, rtol=1e-9, atol=1e-12)
    for i in range(len(x)):
        hessian = torch.autograd.functional.hessian(lambda y: m.log_prob(y.unsqueeze(0), *level).sum(), x[i])
        assert torch.allclose(m.score_jacobian(x, *level)[i], hessian, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("level", LEVELS[1:])
def test_tweedie_ties_denoiser_score_and_noise_together(g, level):
    m, x, (a, s) = mixture(g), points(g), level
    denoised = m.denoiser(x, a, s)
    assert torch.allclose(a * denoised, x + s**2 * m.score(x, a, s), rtol=1e-9, atol=1e-10)
    assert torch.allclose(a * denoised + s * m.eps(x, a, s), x, rtol=1e-9, atol=1e-10)
    assert torch.allclose(m.posterior(x, a, s).mean, denoised, rtol=1e-10)


@pytest.mark.parametrize("level", LEVELS[1:])
def test_posterior_is_bayes_rule(g, level):
    m, x, x_0, (a, s) = mixture(g), points(g), points(g), level
    noise = s**2 * torch.eye(2, dtype=torch.float64)
    likelihood = FullGaussian(a * x_0, noise).log_prob(x)
    want = m.log_prob(x_0) + likelihood - m.log_prob(x, a, s)
    assert torch.allclose(m.posterior(x, a, s).log_prob(x_0), want, rtol=1e-9)


def test_reverse_kernel_is_bayes_rule(g):
    m, x_t, x_s = mixture(g), points(g), points(g)
    (a_s, s_s), (a_t, s_t) = (0.9, math.sqrt(0.19)), (0.5, math.sqrt(0.75))
    ratio = a_t / a_s
    extra = (s_t**2 - (ratio * s_s) ** 2) * torch.eye(2, dtype=torch.float64)
    step = FullGaussian(ratio * x_s, extra).log_prob(x_t)
    want = m.log_prob(x_s, a_s, s_s) + step - m.log_prob(x_t, a_t, s_t)
    assert torch.allclose(m.reverse(x_t, (a_s, s_s), (a_t, s_t)).log_prob(x_s), want, rtol=1e-9)


def test_each_row_may_have_its_own_level(g):
    m, x = mixture(g), points(g, n=4)
    a, s = torch.tensor([1.0, 0.8, 0.5, 0.1]).double(), torch.tensor([0.1, 0.6, 0.9, 1.0]).double()
    for f in (m.log_prob, m.score, m.denoiser, m.eps, m.score_jacobian):
        rows = [f(x[i : i + 1], float(a[i]), float(s[i])) for i in range(4)]
        assert torch.allclose(f(x, a, s), torch.cat(rows), rtol=1e-12)


def test_a_flat_component_works_once_noise_is_on_it(g):
    flat = GaussianMixture(
        torch.ones(1).double(),
        torch.zeros(1, 2).double(),
        torch.diag(torch.tensor([1.0, 0.0]))[None].double(),
    )
    x = points(g)
    assert torch.isfinite(flat.score(x, 0.8, 0.6)).all()
    assert (flat.sample(100, generator=g)[:, 1] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_a_component_on_a_line_in_space_is_no_negative_covariance(g, dtype, scale):
    along = scale * torch.randn(50, 3, 1, generator=g, dtype=dtype)
    weights = torch.full((50,), 1 / 50, dtype=dtype)
    on_lines = GaussianMixture(weights, torch.zeros(50, 3, dtype=dtype), along @ along.mT)  # eigenvalues 0 and 0
    assert torch.isfinite(on_lines.score(torch.ones(4, 3, dtype=dtype), 0.8, 0.6)).all()
    with pytest.raises(RangeError, match="positive semi-definite"):
        GaussianMixture(weights, on_lines.means, on_lines.covs - 1e-3 * scale**2 * torch.eye(3, dtype=dtype))


def test_samples_have_the_moments_of_the_mixture(g):
    # 2 means and 3 covariances, each off by more than 6 standard errors with probability about 2e-9.
    m, n = mixture(g), 200_000
    x = m.sample(n, generator=g)
    mean = m.weights @ m.means
    centred = m.means - mean
    cov = (m.weights[:, None, None] * (m.covs + centred.unsqueeze(2) * centred.unsqueeze(1))).sum(0)
    assert ((x.mean(0) - mean).abs() < 6 * cov.diagonal().sqrt() / math.sqrt(n)).all()
    products = (x - mean).unsqueeze(2) * (x - mean).unsqueeze(1)
    assert ((products.mean(0) - cov).abs() < 6 * products.std(0) / math.sqrt(n)).all()


def test_posterior_samples_follow_the_posterior(g):
    # mean of 100,000 draws, 2 coordinates, 6 standard errors: 4e-9.
    m, n = mixture(g), 100_000
    p = m.posterior(points(g, n=1).expand(n, 2), 0.8, 0.6)
    x_0 = p.sample(generator=g)
    assert ((x_0.mean(0) - p.mean[0]).abs() < 6 * x_0.std(0) / math.sqrt(n)).all()


def test_the_running_example_has_mean_0_and_variance_1():
    m = data.bumps()
    mean = m.weights @ m.means[:, 0]
    assert float(mean) == pytest.approx(0, abs=1e-15)
    assert float(m.weights @ (m.covs[:, 0, 0] + m.means[:, 0] ** 2)) == pytest.approx(1)


def test_bad_mixtures_and_points_are_refused(g):
    w, mu, S = torch.tensor([0.5, 0.5]), torch.zeros(2, 2), torch.eye(2).expand(2, 2, 2)
    with pytest.raises(RangeError, match="sum to 1"):
        GaussianMixture(w * 2, mu, S)
    with pytest.raises(ShapeError, match=r"\(K, d, d\)"):
        GaussianMixture(w, mu, torch.eye(2))
    with pytest.raises(RangeError, match="positive semi-definite"):
        GaussianMixture(w, mu, -S)
    with pytest.raises(RangeError, match="finite"):
        GaussianMixture(w, mu, S * torch.inf)
    with pytest.raises(ShapeError, match="needs"):
        GaussianMixture(w, mu, S).score(torch.zeros(3))
    with pytest.raises(ShapeError, match="per row"):
        GaussianMixture(w, mu, S).score(torch.zeros(3, 2), torch.ones(2), 0.5)
    with pytest.raises(RangeError, match="noisier"):
        GaussianMixture(w, mu, S).reverse(torch.zeros(3, 2), (0.5, 0.8), (0.9, 0.4))
