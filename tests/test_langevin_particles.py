"""The numbers of the Langevin explorer, its errors and its words.  Its keys are tested in tests/browser."""

import math

import numpy as np
import pytest
import torch

from diffkit import data
from diffkit.errors import RangeError, ShapeError
from diffkit.explorers.langevin_particles import (
    PARTICLES,
    REACH,
    STARTS,
    STEPS,
    crossing_time,
    histogram,
    langevin_particles,
)
from diffkit.oracle import GaussianMixture


@pytest.fixture
def explorer():
    return langevin_particles()


def table(sent, *shape):
    return torch.from_numpy(np.frombuffer(sent, "<f4").astype("f8")).reshape(shape)


def test_the_browser_gets_the_density_that_the_particles_are_sent_to(explorer):
    explorer.sigma = 0.8
    x = torch.linspace(*explorer.x_range, 256, dtype=torch.float64).unsqueeze(1)
    for sent, sigma in ((explorer.clean, 0.0), (explorer.smooth, 0.8)):
        exact = explorer.mixture.noised(1.0, sigma).log_prob(x).exp()
        torch.testing.assert_close(table(sent, 256), exact, rtol=1e-6, atol=1e-7)


def test_histogram_and_share_are_those_of_the_paths(explorer):
    hist, share = table(explorer.hist, STEPS + 1, -1), table(explorer.share, STEPS + 1)
    width = 2 * REACH / hist.shape[1]
    torch.testing.assert_close(hist.sum(1) * width, torch.ones(STEPS + 1, dtype=torch.float64))
    torch.testing.assert_close(hist[:, hist.shape[1] // 2 :].sum(1) * width, share, rtol=1e-5, atol=1e-6)
    one = histogram(torch.tensor([[0.01]], dtype=torch.float64))
    assert int(one.argmax()) == one.shape[1] // 2


def test_from_the_right_answer_a_small_step_stays_there(explorer):
    """Share of the right mode: binomial, 400 particles, 5 standard errors; error rate below 1e-6 per seed."""
    explorer.eta, explorer.start = 0.005, "right answer"
    share = table(explorer.share, STEPS + 1)
    error = math.sqrt(explorer.truth * (1 - explorer.truth) / PARTICLES)
    assert float((share[[0, -1]] - explorer.truth).abs().max()) < 5 * error


def test_the_share_to_reach_is_that_of_the_smoothed_target(explorer):
    explorer.sigma = 1.2
    x = torch.linspace(0, 12, 20_001, dtype=torch.float64)
    p = explorer.mixture.noised(1.0, 1.2).log_prob(x.unsqueeze(1)).exp()
    assert explorer.truth == pytest.approx(float(torch.trapezoid(p, x)), rel=1e-6)


def test_from_the_left_mode_hardly_anyone_crosses_unless_the_target_is_smoothed(explorer):
    share = table(explorer.share, STEPS + 1)
    assert float(share[0]) == 0
    assert float(share[-1]) < 0.2
    assert "far too few" in explorer.verdict
    explorer.sigma, explorer.eta = 1.5, 0.2
    assert float(table(explorer.share, STEPS + 1)[-1]) > 0.5
    assert "cross the valley within" in explorer.verdict


def test_the_crossing_time_solves_the_equation_of_the_mean_time(explorer):
    """s tau' + tau'' = -1 with tau = 0 at the right mean and a wall far left, by finite differences of order 2."""
    mixture, n = explorer.mixture, 6000
    goal = float(mixture.means[1])
    x = torch.linspace(-5, goal, n + 1, dtype=torch.float64)
    h = float(x[1] - x[0])
    s = mixture.score(x.unsqueeze(1)).squeeze(1).numpy()
    lower, upper = 1 / h**2 - s / (2 * h), 1 / h**2 + s / (2 * h)
    upper[0] = 2 / h**2  # the wall: tau' = 0
    c, d = np.zeros(n), np.zeros(n)  # Thomas' algorithm for a tridiagonal system
    c[0], d[0] = upper[0] / (-2 / h**2), -1 / (-2 / h**2)
    for i in range(1, n):
        m = -2 / h**2 - lower[i] * c[i - 1]
        c[i], d[i] = upper[i] / m, (-1 - lower[i] * d[i - 1]) / m
    tau = 0.0
    values = np.zeros(n)
    for i in range(n - 1, -1, -1):
        tau = values[i] = d[i] - c[i] * tau
    start = float(np.interp(float(mixture.means[0]), x[:-1].numpy(), values))
    assert crossing_time(mixture, 0.0) == pytest.approx(start, rel=2e-3)


def test_crossing_is_shorter_in_a_smoother_target_and_longer_in_smaller_steps(explorer):
    times = [crossing_time(explorer.mixture, sigma) for sigma in (0.0, 0.3, 0.6, 1.0)]
    assert times == sorted(times, reverse=True)
    explorer.eta = 0.1
    assert explorer.crossing == pytest.approx(times[0] / 0.1)


def test_too_large_a_step_is_called_so_and_still_drawn(explorer):
    explorer.eta = 2.0
    assert "too large" in explorer.verdict
    assert bool(torch.isfinite(explorer.paths).all())
    assert float(explorer.paths.abs().max()) <= REACH


@pytest.mark.parametrize(("name", "value"), [("eta", 0.0), ("eta", 11.0), ("sigma", -1.0), ("start", "nowhere")])
def test_a_refused_setting_is_named_and_the_last_picture_kept(explorer, name, value):
    before = explorer.hist
    said = explorer.picture().alt
    setattr(explorer, name, value)
    assert name in explorer.error
    assert explorer.picture().alt == said
    assert explorer.hist == before
    setattr(explorer, name, {"eta": 0.1, "sigma": 0.0, "start": STARTS[1]}[name])
    assert explorer.error == ""


def test_a_step_outside_the_run_is_refused(explorer):
    with pytest.raises(RangeError, match=f"k = 0..{STEPS}"):
        explorer.k = STEPS + 1


def test_a_mixture_that_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="two components on the line"):
        langevin_particles(data.ring_mixture())
    swapped = GaussianMixture.isotropic(torch.tensor([0.5, 0.5]), torch.tensor([[1.0], [-1.0]]), 0.1)
    with pytest.raises(ShapeError, match="left one first"):
        langevin_particles(swapped)


def test_the_static_twin_says_what_it_shows(explorer):
    words = explorer.picture().alt
    assert f"{PARTICLES} particles after {STEPS} Langevin steps" in words
    assert explorer.verdict in words
