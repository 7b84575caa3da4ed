"""The explorer of quality against calls: its numbers are those of the race, its shapes densities."""

import numpy as np
import pytest
import torch

from diffkit import data, quality
from diffkit.errors import RangeError
from diffkit.explorers import quality_calls
from diffkit.explorers.quality_calls import BINS, CROWDS, REACH, bin_edges

BUDGETS = (1, 5, 50)


@pytest.fixture(scope="module")
def explorer():
    return quality_calls(quality.race(data.bumps(), budgets=BUDGETS, n_points=500))


def table(sent, dtype, *shape):
    return torch.from_numpy(np.frombuffer(sent, dtype).astype("f8")).reshape(shape)


def test_the_browser_gets_the_distances_of_the_race(explorer):
    sent = table(explorer.distances, "<f8", 2, 7, 3)
    for i, method in enumerate(quality.METHODS):
        for k, calls in enumerate(BUDGETS):
            u = quality.levels("karras", quality.most_steps(method, calls))
            exact = quality.distance(data.bumps(), quality.samples(data.bumps(), method, u, 500))
            assert float(sent[1, i, k]) == pytest.approx(exact, rel=1e-12)
    assert torch.equal(table(explorer.spent, "<f8", 7, 3), explorer.run.spent.double())
    assert explorer.floors == [quality.noise_floor(data.bumps(), n, repeats=50) for n in CROWDS]


def test_bars_are_densities_and_the_truth_is_the_mixtures(explorer):
    width = 2 * REACH / BINS
    truth, made = table(explorer.truth, "<f4", BINS), table(explorer.made, "<f4", 2, 7, 3, BINS)
    assert float(truth.sum() * width) == pytest.approx(1, abs=1e-4)
    fine = torch.linspace(float(bin_edges()[40]), float(bin_edges()[41]), 101, dtype=torch.float64)
    mean = torch.trapezoid(data.bumps().log_prob(fine.unsqueeze(1)).exp(), fine) / width
    assert float(truth[40]) == pytest.approx(float(mean), rel=1e-3)
    for row, i, k in ((0, 3, 2), (1, 6, 2)):
        points = explorer.run.points[row, i, k]
        assert torch.histc(points, BINS, -REACH, REACH) / (500 * width) == pytest.approx(made[row, i, k], abs=1e-5)
    outside = (explorer.run.points.abs() > REACH).double().mean(-1)
    torch.testing.assert_close(made.sum(-1) * width, 1 - outside, rtol=0, atol=1e-5)


def test_python_may_move_it_and_nonsense_changes_nothing(explorer):
    explorer.chosen, explorer.method, explorer.beside = 1, "heun", "eta 1"
    alt = explorer.picture().alt
    assert "5 calls at most: Heun" in alt
    assert "η = 1" in alt
    with pytest.raises(RangeError, match="entries of budgets"):
        explorer.chosen = 3
    with pytest.raises(RangeError, match="was run with time, karras"):
        explorer.spacing = "log"
    assert (explorer.chosen, explorer.spacing) == (1, "time")


def test_where_nothing_runs_a_picture_with_words_stands_in(explorer):
    shown, _ = explorer._repr_mimebundle_()
    assert len(shown["text/plain"]) > 80
    assert "image/png" in shown
