"""The explorer of the gap: its numbers are the library's, its shapes the mixture's."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from nbconvert import HTMLExporter
from nbformat import v4

from diffkit import data, elbo
from diffkit.errors import RangeError, ShapeError
from diffkit.explorers import elbo_gap
from diffkit.explorers.elbo_gap import GRID_SIZE, REACH, STEPS, VARIANCES, in_steps

FEW = (1, 3, 10, 100)


@pytest.fixture(scope="module")
def explorer():
    return elbo_gap(FEW)


def table(sent, *shape):
    return torch.from_numpy(np.frombuffer(sent, "<f8").copy()).reshape(shape)


def test_the_browser_gets_the_exact_gap_of_every_number_of_steps(explorer):
    gaps = table(explorer.gaps, 3, len(FEW))
    for k, T in enumerate(FEW):
        s = in_steps(T)
        facts = elbo.levels(data.bumps(), s)
        assert explorer.entropy == pytest.approx(float(facts.entropy[0]), rel=1e-9)
        for row, name in enumerate(VARIANCES):
            exact = elbo.gap(s, facts, name)
            assert float(gaps[row, k]) == pytest.approx(float(exact.total), rel=1e-12)
            assert float(table(explorer.priors, len(FEW))[k]) == pytest.approx(float(exact.prior), abs=1e-14)


def test_one_step_loses_what_a_single_gaussian_loses(explorer):
    # x_1 tells next to nothing about x_0, so the model is one Gaussian with the data's mean 0 and variance 1.
    one_bell = 0.5 * math.log(2 * math.pi * math.e) - explorer.entropy
    assert float(table(explorer.gaps, 3, len(FEW))[2, 0]) == pytest.approx(one_bell, abs=1e-4)


def test_the_noise_is_the_same_however_it_is_cut():
    for few, many in pairwise(STEPS):
        a, b = in_steps(few).alpha_bar, in_steps(many).alpha_bar
        assert float(a[-1]) == pytest.approx(float(b[-1]), rel=1e-9)
    assert float(in_steps(100).alpha_bar[50]) == pytest.approx(float(in_steps(1000).alpha_bar[500]), rel=1e-9)


def test_shapes_are_densities_in_standard_deviations_from_the_mean(explorer):
    u = torch.linspace(-REACH, REACH, GRID_SIZE, dtype=torch.float64)
    true = table(explorer.true, len(FEW), GRID_SIZE)
    for p in true:
        assert float(torch.trapezoid(p, u)) == pytest.approx(1, abs=1e-3)
        assert float(torch.trapezoid(p * u, u)) == pytest.approx(0, abs=1e-2)
        assert float(torch.trapezoid(p * u**2, u)) == pytest.approx(1, abs=2e-2)
    model = table(explorer.model, 3, len(FEW), GRID_SIZE)
    assert float((torch.trapezoid(model, u, dim=2) - 1).abs().max()) < 0.05  # a wide one is cut off at the frame


def test_small_steps_are_nearly_gaussian_and_one_big_step_is_not(explorer):
    true = table(explorer.true, len(FEW), GRID_SIZE)
    u = torch.linspace(-REACH, REACH, GRID_SIZE, dtype=torch.float64)
    bell = torch.exp(-0.5 * u**2) / math.sqrt(2 * math.pi)
    away = (true - bell).abs().amax(1)
    assert float(away[0]) > 0.4
    assert float(away[-1]) < 0.06


def test_python_may_move_it_and_nonsense_changes_nothing(explorer):
    explorer.chosen = 1
    explorer.variance = "best"
    assert "t = 1 of T = 3" in explorer.picture().alt
    with pytest.raises(RangeError, match="entries of steps"):
        explorer.chosen = len(FEW)
    assert explorer.chosen == 1


@pytest.mark.parametrize(
    ("make", "error", "advice"),
    [
        (lambda: elbo_gap(()), RangeError, "at least one number of steps"),
        (lambda: elbo_gap((0, 2)), RangeError, "each in 1..2000"),
        (lambda: elbo_gap((5000,)), RangeError, "each in 1..2000"),
        (lambda: elbo_gap((2,), data.ring_mixture()), ShapeError, "a mixture on the line"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_advice(make, error, advice):
    with pytest.raises(error, match=advice):
        make()


def test_where_nothing_runs_a_picture_with_words_stands_in(explorer):
    shown, metadata = explorer._repr_mimebundle_()
    output = v4.new_output("display_data", shown, metadata=metadata)
    html, _ = HTMLExporter().from_notebook_node(v4.new_notebook(cells=[v4.new_code_cell("x", outputs=[output])]))
    assert "data:image/png;base64," + shown["image/png"] in html
    assert len(shown["text/plain"]) > 80
