"""The forward process against brute force: conditioned joint Gaussians, loops, and moments of simulated paths."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffkit import forward, schedule
from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import FullGaussian
from diffkit.schedule import Schedule
from tests import properties  # noqa: F401  no time limit


def random_schedule(seed, T):
    g = torch.Generator().manual_seed(seed)
    beta = torch.zeros(T + 1, dtype=torch.float64)
    beta[1:] = 0.01 + 0.9 * torch.rand(T, generator=g, dtype=torch.float64)
    return Schedule(beta)


def path_covariance(s, first=0.0):
    """Covariance of (x_0, .., x_T) on the line for x_0 of this variance, by pushing it through the recipe."""
    to_path = torch.zeros(s.T + 1, s.T + 1, dtype=torch.float64)
    to_path[0, 0] = first**0.5
    for t in range(1, s.T + 1):
        to_path[t] = s.alpha[t].sqrt() * to_path[t - 1]
        to_path[t, t] = s.beta[t].sqrt()
    return to_path @ to_path.T


seeds, steps = st.integers(0, 10**6), st.integers(2, 9)


@given(seeds, steps)
def test_bayes_rule_holds_for_step_marginal_and_posterior(seed, T):
    s, g = random_schedule(seed, T), torch.Generator().manual_seed(seed)
    x_0, x_p, x_t = torch.randn(3, 2, 3, generator=g, dtype=torch.float64)
    for t in range(2, T + 1):
        posterior = forward.q_posterior(s, x_0, x_t, t).log_prob(x_p)
        left = posterior + forward.q_marginal(s, x_0, t).log_prob(x_t)
        right = forward.q_step(s, x_p, t).log_prob(x_t) + forward.q_marginal(s, x_0, t - 1).log_prob(x_p)
        assert torch.allclose(left, right, rtol=1e-9)


@given(seeds, steps)
def test_marginal_and_posterior_are_those_of_the_joint(seed, T):
    s = random_schedule(seed, T)
    joint = FullGaussian(torch.zeros(T + 1, dtype=torch.float64), path_covariance(s, first=1.0))
    x_0, x_t = torch.tensor([0.7], dtype=torch.float64), torch.tensor([-1.2], dtype=torch.float64)
    given_x_0 = joint.condition([0], x_0)
    for t in range(1, T + 1):
        q = forward.q_marginal(s, x_0.unsqueeze(1), t)
        assert float(q.mean) == pytest.approx(float(given_x_0.mean[t - 1]), rel=1e-9, abs=1e-12)
        assert float(q.var) == pytest.approx(float(given_x_0.cov[t - 1, t - 1]), rel=1e-9)
    for t in range(2, T + 1):
        want = joint.marginal([0, t - 1, t]).condition([0, 2], torch.cat([x_0, x_t]))
        q = forward.q_posterior(s, x_0.unsqueeze(1), x_t.unsqueeze(1), t)
        assert float(q.mean) == pytest.approx(float(want.mean), rel=1e-8, abs=1e-10)
        assert float(q.var) == pytest.approx(float(want.cov), rel=1e-8)


@given(seeds, steps)
def test_jumps_compose(seed, T):
    s, g = random_schedule(seed, T), torch.Generator().manual_seed(seed)
    x = torch.randn(4, 2, generator=g, dtype=torch.float64)
    for u in range(T + 1):
        for t in range(u, T + 1):
            q = forward.q_between(s, x, u, t)
            ratio = s.alpha_bar[t] / s.alpha_bar[u]
            assert torch.allclose(q.mean, ratio.sqrt() * x)
            # What x_u carries, shrunk, and what is new, add up to what x_t carries.
            assert torch.allclose(ratio * s.noise_var[u] + q.var, s.noise_var[t])


def test_one_t_per_example_even_when_images_are_as_wide_as_the_batch(g):
    s = schedule.linear(20, 0.01, 0.3)
    x, noise, t = (
        torch.randn(4, 1, 4, 4, generator=g),
        torch.randn(4, 1, 4, 4, generator=g),
        torch.tensor([0, 1, 7, 20]),
    )
    together = forward.q_sample(s, x, t, noise=noise)
    one_by_one = [forward.q_sample(s, x[i : i + 1], int(t[i]), noise=noise[i : i + 1]) for i in range(4)]
    assert torch.equal(together, torch.cat(one_by_one))
    assert torch.equal(together[0], x[0])
    assert together.dtype == torch.float32


def test_at_t_1_the_posterior_is_the_data(g):
    s, x_0, x_1 = schedule.linear(5), torch.randn(3, 2, generator=g), torch.randn(3, 2, generator=g)
    q = forward.q_posterior(s, x_0, x_1, 1)
    assert torch.allclose(q.mean, x_0)
    assert (q.var == 0).all()


def test_trajectories_have_the_variance_of_the_recursion(g):
    # 10 sample variances of 40,000 draws; each off by 6 standard errors with probability 2e-9.
    s, n = schedule.linear(10, 0.05, 0.5), 40_000
    paths = list(forward.trajectory(s, torch.zeros(n, 1, dtype=torch.float64), generator=g))
    assert len(paths) == 11
    want, covariance = 0.0, path_covariance(s)
    for t in range(1, 11):
        want = float(s.alpha[t]) * want + float(s.beta[t])
        assert want == pytest.approx(float(covariance[t, t]))
        assert abs(float(paths[t].var()) - want) < 6 * want * (2 / n) ** 0.5


def test_the_divergence_from_the_prior_falls_to_zero():
    x = torch.tensor([[0.3, -1.0, 2.0]], dtype=torch.float64)
    kls = [float(forward.kl_to_prior(schedule.linear(T), x)) for T in (100, 300, 1000)]
    assert kls[0] > kls[1] > kls[2] > 0
    assert kls[2] < 1e-3
    assert float(forward.kl_to_prior(schedule.linear(1000), x, 1)) > 10


def test_bad_steps_are_refused():
    s, x = schedule.linear(5), torch.zeros(2, 3)
    for t in (0, 6):
        with pytest.raises(RangeError, match="t ="):
            forward.q_step(s, x, t)
        with pytest.raises(RangeError, match=f"t runs from {t} to {t}, but this schedule has t = 1..5"):
            forward.q_posterior(s, x, x, t)
    with pytest.raises(RangeError, match="s <= t"):
        forward.q_between(s, x, 3, 2)
    with pytest.raises(ShapeError, match="one t per example"):
        forward.q_sample(s, x, torch.tensor([1, 2, 3]))
