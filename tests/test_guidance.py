"""Guidance against Bayes' rule on exact mixtures, and linear inverse problems against exact posteriors."""

import pytest
import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import FullGaussian
from diffkit.guidance import (
    classifier_free,
    classifier_guided,
    classifier_guided_score,
    combine_scale,
    combine_w,
    gradient,
    linear_inverse,
)
from diffkit.oracle import GaussianMixture
from diffkit.samplers import ancestral, ddim, last, probability_flow, rk4, time_grid
from diffkit.schedule import linear
from diffkit.sde import VP
from tests.sampler_checks import (
    assert_moments,
    eps_model,
    generator,
    mixture,
    randn,
    score_model,
)

S, SDE = linear(100, 1e-3, 0.1), VP()
ALPHA, SIGMA = S.alpha_bar.sqrt(), S.noise_var.sqrt()


def component(k: int) -> GaussianMixture:
    """The mixture's k-th component alone: p(x | y = k)."""
    m = mixture()
    return GaussianMixture(torch.ones(1).double(), m.means[k : k + 1], m.covs[k : k + 1])


def log_class(k: int):
    """log p(y = k | x_t), exactly."""
    return lambda x, t: mixture().responsibilities(x, ALPHA[t], SIGMA[t])[:, k].log()


def conditional_eps(x: Tensor, t: Tensor, y: Tensor) -> Tensor:
    """The exact conditional predictor; y = 3 is the null label."""
    answers = [eps_model(component(k), S)(x, t) for k in range(3)] + [eps_model(mixture(), S)(x, t)]
    return torch.stack(answers)[y, torch.arange(len(x))]


def test_an_exact_classifier_at_scale_one_gives_the_conditional_predictor():
    x, t = 1.5 * randn(60, 2), torch.randint(1, 101, (60,), generator=generator(1))
    for k in range(3):
        guided = classifier_guided(eps_model(mixture(), S), log_class(k), S)(x, t)
        torch.testing.assert_close(guided, eps_model(component(k), S)(x, t), rtol=1e-8, atol=1e-8)


def test_score_and_noise_guidance_are_the_same():
    x, t = 1.5 * randn(60, 2), 0.4
    alpha, sigma = SDE.marginal(t)

    def log_prob(x: Tensor, t: float) -> Tensor:
        return mixture().responsibilities(x, alpha, sigma)[:, 1].log()

    by_eps = classifier_guided(eps_model(mixture(), SDE), log_prob, SDE, 2.5)(x, t)
    by_score = classifier_guided_score(score_model(mixture(), SDE), log_prob, 2.5)(x, t)
    torch.testing.assert_close(by_eps, -sigma * by_score, rtol=1e-9, atol=1e-9)


def test_classifier_guided_samples_are_the_class():
    """Point by point: the same start and the same noise as the class's own sampler."""
    x_T = randn(500, 2)
    guided = classifier_guided(eps_model(mixture(), S), log_class(2), S)
    x = last(ddim(guided, S, x_T, times=[100, 50, 10, 0]))
    own = last(ddim(eps_model(component(2), S), S, x_T, times=[100, 50, 10, 0]))
    torch.testing.assert_close(x, own, rtol=1e-6, atol=1e-6)
    full = last(ancestral(guided, S, x_T, generator=generator(2)))
    own = last(ancestral(eps_model(component(2), S), S, x_T, generator=generator(2)))
    torch.testing.assert_close(full, own, rtol=1e-6, atol=1e-6)


def labels(*ks: int) -> Tensor:
    return torch.tensor(ks)


@pytest.mark.parametrize("w", [-1.0, 0.0, 0.5, 3.0])
def test_classifier_free_guidance_is_classifier_guidance_with_the_implied_classifier(w: float):
    """(1 + w) eps(x|y) - w eps(x) = eps(x) - (1 + w) sigma grad log p(y|x)."""
    x, t, y = 1.5 * randn(30, 2), torch.randint(1, 101, (30,), generator=generator(3)), torch.full((30,), 1)
    free = classifier_free(conditional_eps, y, torch.full_like(y, 3), w=w)(x, t)
    classifier = classifier_guided(eps_model(mixture(), S), log_class(1), S, 1 + w)(x, t)
    torch.testing.assert_close(free, classifier, rtol=1e-8, atol=1e-8)


def test_both_conventions_are_named_and_differ_by_one():
    x, t, y = randn(4, 2), torch.full((4,), 20), labels(0, 1, 2, 0)
    null = torch.full_like(y, 3)
    for w in (0.0, 2.0):
        by_w = classifier_free(conditional_eps, y, null, w=w)(x, t)
        torch.testing.assert_close(by_w, classifier_free(conditional_eps, y, null, scale=1 + w)(x, t))
    conditional, unconditional = conditional_eps(x, t, y), conditional_eps(x, t, null)
    torch.testing.assert_close(classifier_free(conditional_eps, y, null, w=0.0)(x, t), conditional)
    torch.testing.assert_close(classifier_free(conditional_eps, y, null, scale=0.0)(x, t), unconditional)
    torch.testing.assert_close(combine_w(conditional, unconditional, 0.7), 1.7 * conditional - 0.7 * unconditional)
    torch.testing.assert_close(
        combine_scale(conditional, unconditional, 1.7), combine_w(conditional, unconditional, 0.7)
    )


def test_classifier_free_guidance_calls_the_network_once():
    calls = []

    def net(x: Tensor, t: Tensor | float, y: Tensor) -> Tensor:
        calls.append((x.shape, t if isinstance(t, float) else t.shape, y.shape))
        return x

    y = labels(0, 1)
    f = classifier_free(net, y, torch.full_like(y, 3), scale=2.0)
    f(randn(2, 3), torch.tensor([5, 5]))
    f(randn(2, 3), 0.5)
    assert calls == [((4, 3), (4,), (4,)), ((4, 3), 0.5, (4,))]


def test_guided_gaussian_samples_follow_the_guided_flow_and_not_the_tempered_density():
    """One axis; p(x) = N(0, 1), p(x|y) = N(m, v).  Every score is linear, so both ends are known.

    The flow is affine, so its mean and scale obey ODEs of their own, solved here by Euler's method with
    20,000 steps.
    """
    m, v, w = 0.8, 0.36, 2.0
    one = torch.ones(1, dtype=torch.float64)
    cond = GaussianMixture(one, m * one[:, None], v * one[:, None, None])
    free = GaussianMixture(one, 0 * one[:, None], one[:, None, None])

    def score(x: Tensor, t: float) -> Tensor:
        return combine_w(score_model(cond, SDE)(x, t), score_model(free, SDE)(x, t), w)

    x = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    low, high = last(probability_flow(score, SDE, x, time_grid(400, 1.0, 0.0), step=rk4)).flatten().tolist()
    mean, std = low, high - low  # the flow is affine: of N(0, 1) it makes N(mean, std^2)

    n, ode_mean, ode_std = 20_000, 0.0, 1.0
    t = torch.linspace(1, 0, 2 * n + 1, dtype=torch.float64)[1::2]  # midpoints, from noise to data
    alpha, sigma = SDE.marginal(t)
    precision = 1 / (alpha**2 * v + sigma**2)  # of x_t given y; that of p(x_t) is 1
    rate = -0.5 * SDE.beta(t) * (1 - ((1 + w) * precision - w))
    push = -0.5 * SDE.beta(t) * (1 + w) * precision * alpha * m
    for r, p in zip(rate.tolist(), push.tolist(), strict=True):
        ode_mean, ode_std = ode_mean - (r * ode_mean + p) / n, ode_std - r * ode_std / n
    assert abs(mean - ode_mean) < 1e-3
    assert abs(std - ode_std) < 1e-3

    tempered_precision = (1 + w) / v - w
    tempered_mean, tempered_std = (1 + w) * m / v / tempered_precision, tempered_precision**-0.5
    assert abs(mean - tempered_mean) > 0.05
    assert abs(std - tempered_std) > 0.02


DATA = FullGaussian(
    torch.tensor([0.3, -0.5, 0.8], dtype=torch.float64),
    torch.tensor([[1.0, 0.6, 0.2], [0.6, 0.9, 0.4], [0.2, 0.4, 0.7]], dtype=torch.float64),
)
AS_MIXTURE = GaussianMixture(torch.ones(1).double(), DATA.mean[None], DATA.cov[None])
INPAINT = torch.tensor([[1.0, 0, 0], [0, 0, 1.0]], dtype=torch.float64)
BLUR = torch.tensor([[0.5, 0.5, 0.0]], dtype=torch.float64)


def posterior_cov(t: Tensor) -> Tensor:
    """Cov[x_0 | x_t] of the Gaussian data: (C^-1 + alpha^2/sigma^2 I)^-1."""
    eye = torch.eye(3, dtype=torch.float64)
    return torch.linalg.inv(torch.linalg.inv(DATA.cov) + S.snr[t[0]] * eye)


def exact_posterior(A: Tensor, y: Tensor, noise_std: float) -> FullGaussian:
    """p(x_0 | y), by conditioning the joint Gaussian of (x_0, y)."""
    m = len(A)
    joint = DATA.affine(
        torch.cat([torch.eye(3).double(), A]),
        noise=torch.diag(torch.tensor([1e-12] * 3 + [noise_std**2 + 1e-12] * m).double()),
    )
    return joint.condition(list(range(3, 3 + m)), y)


@pytest.mark.parametrize(("A", "y"), [(INPAINT, [1.0, 0.2]), (BLUR, [0.9])], ids=["inpainting", "blur"])
@pytest.mark.parametrize("noise_std", [0.0, 0.3])
def test_with_the_true_covariance_the_guided_predictor_is_that_of_the_posterior(A, y, noise_std: float):
    """p(x_0 | y) is Gaussian; its own exact predictor is the truth."""
    y = torch.tensor(y, dtype=torch.float64)
    truth = exact_posterior(A, y, noise_std)
    posterior = GaussianMixture(torch.ones(1).double(), truth.mean[None], (truth.cov + truth.cov.T)[None] / 2)
    guided = linear_inverse(eps_model(AS_MIXTURE, S), S, A, y, noise_std, posterior_cov=posterior_cov)
    x = randn(30, 3)
    for t in (1, 30, 100):
        index = torch.full((30,), t)
        torch.testing.assert_close(guided(x, index), eps_model(posterior, S)(x, index), rtol=1e-5, atol=1e-6)


def test_samples_of_a_linear_inverse_problem_have_the_exact_posterior_s_moments():
    """The bias of 400 steps is below the resolution of 4,000 draws.  CLT, error rate below 1e-9."""
    s = linear(400, 1e-4, 0.05)
    y, noise_std = torch.tensor([1.0, 0.2], dtype=torch.float64), 0.3
    truth = exact_posterior(INPAINT, y, noise_std)

    def cov(t: Tensor) -> Tensor:
        eye = torch.eye(3, dtype=torch.float64)
        return torch.linalg.inv(torch.linalg.inv(DATA.cov) + s.snr[t[0]] * eye)

    guided = linear_inverse(eps_model(AS_MIXTURE, s), s, INPAINT, y, noise_std, posterior_cov=cov)
    x = last(ancestral(guided, s, randn(4000, 3), variance=s.beta_tilde, generator=generator(4)))
    assert_moments(x, truth.mean, truth.cov)


def test_the_default_covariance_is_exact_for_data_of_unit_variance():
    unit = GaussianMixture(torch.ones(1).double(), torch.zeros(1, 3).double(), torch.eye(3).double()[None])
    y = torch.tensor([1.0, 0.2], dtype=torch.float64)
    x, t = randn(10, 3), torch.full((10,), 40)
    eye = torch.eye(3, dtype=torch.float64)
    true_cov = linear_inverse(eps_model(unit, S), S, INPAINT, y, 0.1, posterior_cov=lambda t: S.noise_var[t[0]] * eye)(
        x, t
    )
    torch.testing.assert_close(linear_inverse(eps_model(unit, S), S, INPAINT, y, 0.1)(x, t), true_cov)
    on_images = linear_inverse(lambda x, t: eps_model(unit, S)(x.flatten(1), t).reshape(x.shape), S, INPAINT, y, 0.1)
    torch.testing.assert_close(on_images(x.reshape(10, 1, 3), t).flatten(1), true_cov)


def test_one_observation_per_example_is_possible():
    y = randn(10, 2)
    x, t = randn(10, 3), torch.full((10,), 40)
    eps = eps_model(AS_MIXTURE, S)
    together = linear_inverse(eps, S, INPAINT, y, 0.1)(x, t)
    for i in range(10):
        alone = linear_inverse(eps, S, INPAINT, y[i], 0.1)(x[i : i + 1], t[:1])
        torch.testing.assert_close(together[i : i + 1], alone)


def test_guidance_runs_inside_a_sampler_without_gradients():
    guided = classifier_guided(eps_model(mixture(), S), log_class(0), S, 2.0)
    x = last(ddim(guided, S, randn(10, 2)))
    assert bool(torch.isfinite(x).all())
    assert not x.requires_grad


def test_bad_input_is_refused():
    eps, y, x, t = eps_model(mixture(), S), labels(0, 1), randn(2, 2), labels(5, 5)
    null = torch.full_like(y, 3)
    for strengths in ({}, {"w": 1.0, "scale": 2.0}):
        with pytest.raises(RangeError, match="either w"):
            classifier_free(conditional_eps, y, null, **strengths)
    with pytest.raises(RangeError, match="finite"):
        classifier_free(conditional_eps, y, null, w=float("nan"))
    with pytest.raises(ShapeError, match="one null"):
        classifier_free(conditional_eps, y, labels(3), w=1.0)
    with pytest.raises(ShapeError, match="one y per example"):
        classifier_free(conditional_eps, y, null, w=1.0)(randn(3, 2), labels(5, 5, 5))
    with pytest.raises(ShapeError, match="wanted class"):
        classifier_guided(eps, lambda x, t: x, S)(x, t)
    with pytest.raises(RangeError, match="no gradient"):
        gradient(lambda x: torch.zeros(len(x)), x)
    with pytest.raises(RangeError, match="scale"):
        classifier_guided(eps, log_class(0), S, float("inf"))
    with pytest.raises(ShapeError, match="y"):
        linear_inverse(eps, S, INPAINT, torch.ones(3), 0.1)
    with pytest.raises(ShapeError, match="columns"):
        linear_inverse(eps, S, INPAINT, torch.ones(2), 0.1)(x, t)
    with pytest.raises(ShapeError, match="one observation for each"):
        linear_inverse(eps, S, torch.ones(1, 2), torch.ones(3, 1), 0.1)(x, t)
    with pytest.raises(RangeError, match="depend on each other"):
        linear_inverse(eps, S, torch.ones(2, 3), torch.ones(2), 0.0)
    with pytest.raises(RangeError, match="noise_std"):
        linear_inverse(eps, S, INPAINT, torch.ones(2), -0.1)
