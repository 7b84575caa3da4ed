"""The numbers of the explorer of SDE paths, its errors and its words.  Its keys are tested in tests/browser."""

import math

import numpy as np
import pytest
import torch

from diffkit import data
from diffkit.errors import RangeError, ShapeError
from diffkit.explorers.sde_paths import (
    BINS,
    DIRECTIONS,
    DRAWN,
    FRAMES,
    GRID,
    KINDS,
    PARTICLES,
    STEPS,
    histogram,
    sde_paths,
)
from diffkit.oracle import GaussianMixture

FORWARD, BACK, BLIND = DIRECTIONS
CHANCE = math.sqrt(-0.5 * math.log(0.5e-6) / PARTICLES)  # a right sample is above it once in a million (Massart 1990)


@pytest.fixture
def explorer():
    return sde_paths()


def table(sent, *shape):
    return torch.from_numpy(np.frombuffer(sent, "<f4").astype("f8")).reshape(shape)


@pytest.mark.parametrize("kind", KINDS)
def test_the_browser_gets_the_exact_density_at_every_moment(explorer, kind):
    explorer.kind = kind
    sent = table(explorer.density, FRAMES + 1, GRID)
    x = torch.linspace(-explorer.reach, explorer.reach, GRID, dtype=torch.float64).unsqueeze(1)
    for frame in (0, 50, FRAMES):
        level = (float(c) for c in KINDS[kind].marginal(frame / FRAMES))
        exact = data.bumps().noised(*level).log_prob(x).exp()
        torch.testing.assert_close(sent[frame], exact, rtol=1e-6, atol=1e-7)
    assert float(sent.max()) < explorer.top


@pytest.mark.parametrize("direction", [FORWARD, BACK])
@pytest.mark.parametrize("kind", KINDS)
def test_small_steps_keep_the_particles_on_the_exact_density(explorer, kind, direction):
    explorer.kind, explorer.direction, explorer.n = kind, direction, 256
    gap = table(explorer.gap, 257)
    assert float(gap[0]) < CHANCE
    assert float(gap[-1]) < CHANCE + 0.02  # what the step of 1/256 adds
    std, exact = table(explorer.spread, 2, 257)
    assert float((std / exact - 1).abs().max()) < 0.15


def test_long_steps_miss_it_and_the_words_say_why(explorer):
    explorer.direction, explorer.n = BACK, 4
    assert float(explorer.gaps[-1]) > 2 * CHANCE
    assert "length of the step" in explorer.verdict
    explorer.n = 256
    assert "small enough" in explorer.verdict


def test_without_the_score_no_step_is_small_enough(explorer):
    explorer.direction, explorer.n = BLIND, 256
    assert float(explorer.gaps[-1]) > 0.3
    assert "noise does not undo noise" in explorer.verdict


def test_the_gap_is_the_largest_difference_of_shares(explorer):
    """Counted at 4000 places instead of computed from the sorted particles."""
    x, t = explorer.run[-1], 1.0
    places = torch.linspace(-4, 4, 4001, dtype=torch.float64)
    alpha, sigma = (float(c) for c in KINDS["VP"].marginal(t))
    noisy = data.bumps().noised(alpha, sigma)
    exact = torch.special.ndtr((places.unsqueeze(1) - noisy.means[:, 0]) / noisy.covs[:, 0, 0].sqrt()) @ noisy.weights
    counted = (x.unsqueeze(0) <= places.unsqueeze(1)).double().mean(1)
    assert float(explorer.gaps[-1]) == pytest.approx(float((counted - exact).abs().max()), abs=2e-3)


def test_the_gap_of_one_particle_is_the_larger_side(explorer):
    level = (float(c) for c in KINDS["VP"].marginal(0.5))
    noisy = data.bumps().noised(*level)
    for place in (-40.0, -0.7, 0.4, 40.0):
        below = float(torch.special.ndtr((place - noisy.means[:, 0]) / noisy.covs[:, 0, 0].sqrt()) @ noisy.weights)
        gap = explorer._gap(torch.tensor([place], dtype=torch.float64), 0.5)
        assert float(gap) == pytest.approx(max(below, 1 - below))


def test_histogram_and_paths_are_those_of_the_run(explorer):
    hist, paths = table(explorer.hist, 65, BINS), table(explorer.paths, 65, DRAWN)
    width = 2 * explorer.reach / BINS
    inside = (explorer.run.abs() < explorer.reach).double().mean(1)
    torch.testing.assert_close(hist.sum(1) * width, inside, rtol=1e-5, atol=1e-6)
    held = explorer.run[:, :DRAWN].clamp(-explorer.reach, explorer.reach)
    torch.testing.assert_close(paths, held, rtol=1e-6, atol=1e-6)
    one = histogram(torch.tensor([[0.01, 99.0]], dtype=torch.float64), 2.0)
    assert int(one.argmax()) == BINS // 2
    assert float(one.sum()) * 4.0 / BINS == pytest.approx(0.5)  # the particle outside is in no bin


def test_new_noise_moves_the_paths_and_the_same_seed_draws_them_again(explorer):
    before = explorer.paths
    explorer.draws = 1
    assert explorer.paths != before
    assert sde_paths(seed=1).paths == explorer.paths


@pytest.mark.parametrize(("name", "value"), [("kind", "EDM"), ("direction", "sideways"), ("n", 7)])
def test_a_refused_setting_is_named_and_the_last_picture_kept(explorer, name, value):
    before = explorer.paths
    said = explorer.picture().alt
    setattr(explorer, name, value)
    assert name in explorer.error
    assert explorer.picture().alt == said
    assert explorer.paths == before
    setattr(explorer, name, {"kind": "VE", "direction": BACK, "n": 16}[name])
    assert explorer.error == ""


def test_a_moment_outside_the_run_is_refused(explorer):
    with pytest.raises(RangeError, match=f"frames 0..{FRAMES}"):
        explorer.frame = FRAMES + 1


def test_every_number_of_steps_divides_the_moments():
    assert all(FRAMES % n == 0 for n in STEPS)


def test_a_mixture_that_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="mixture on the line"):
        sde_paths(data.ring_mixture())


def test_another_mixture_is_shown():
    one = GaussianMixture.isotropic(torch.ones(1), torch.tensor([[0.5]]), 0.04)
    assert float(sde_paths(one).gaps[0]) < CHANCE


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_static_twin_says_what_it_shows(explorer, direction):
    explorer.direction, explorer.n, explorer.frame = direction, 8, 96
    words = explorer.picture().alt
    assert f"{direction}, in 8 steps" in words
    assert f"step 3 of the run, t = {3 / 8 if direction == FORWARD else 5 / 8:.2f}" in words
    assert explorer.verdict in words
