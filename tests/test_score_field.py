"""The score explorer: its arrows, its numbers, its words, and what it refuses."""

import re

import nbformat
import numpy as np
import pytest
import torch
from nbconvert import HTMLExporter

from diffkit import data, losses, plots
from diffkit.errors import RangeError, ShapeError
from diffkit.explorers import score_field
from diffkit.explorers.score_field import PIXELS, REACH, SIDE, UNIT, loss_parts, of_points
from diffkit.oracle import GaussianMixture

SIGMAS = torch.tensor([0.1, 0.5, 1.5], dtype=torch.float64)
STEP = 2 * REACH / (SIDE - 1)
LIVE = "application/vnd.jupyter.widget-view+json"
THREE = GaussianMixture.isotropic(
    torch.tensor([0.5, 0.3, 0.2]).double(),
    torch.tensor([[-1.0, 0.4], [0.9, -0.7], [0.2, 1.1]]).double(),
    torch.tensor([0.2, 0.1, 0.15]).double(),
)


def weak(x, sigma):
    """A score that is 0.8 of the true one."""
    return 0.8 * THREE.score(x, 1.0, sigma)


def nothing(x, sigma):
    """A score whose author forgot to return it."""


@pytest.fixture
def explorer():
    return score_field(weak, THREE, sigmas=SIGMAS)


def table(sent, dtype, *shape):
    return torch.from_numpy(np.frombuffer(sent, dtype).astype("f8")).reshape(shape)


def grid(side):
    line = torch.linspace(-REACH, REACH, side, dtype=torch.float64)
    return torch.cartesian_prod(line, line)


def test_the_browser_gets_the_exact_arrows_softened(explorer):
    sent = table(explorer.arrows, "<f4", 3, 3, SIDE**2, 2)
    for level, sigma in enumerate(SIGMAS.tolist()):
        true = sigma * THREE.score(grid(SIDE), 1.0, sigma)
        exact = plots.shortened(torch.stack([true, 0.8 * true, -0.2 * true]), UNIT, 0.95 * STEP)
        assert float((sent[level] - exact).abs().max()) < 1e-6


def test_the_shading_is_the_density_with_rows_from_below(explorer):
    sent = table(explorer.shades, "u1", 3, 2, PIXELS, PIXELS) / 255
    for level, sigma in enumerate(SIGMAS.tolist()):
        p = THREE.log_prob(grid(PIXELS), 1.0, sigma).exp().reshape(PIXELS, PIXELS)
        assert float((sent[level, 0] - (p / p.max()).sqrt().mT).abs().max()) <= 0.5001 / 255
    assert float(sent[0, 1].max()) > 0


def test_the_loss_is_its_floor_plus_what_the_error_adds(explorer):
    floor, error, total = table(explorer.tables, "<f8", 3, 3)
    torch.testing.assert_close(floor + error, total)
    for level, sigma in enumerate(SIGMAS.tolist()):
        x_0 = THREE.sample(40_000, generator=torch.Generator().manual_seed(1))
        each = sigma**2 * losses.denoising(
            lambda x, s=sigma: weak(x, s), x_0, sigma, generator=torch.Generator().manual_seed(2)
        )
        # 6 standard errors: wrong by chance less than once in 1e8 runs.
        assert abs(float(each.mean() - total[level])) < 6 * float(each.std()) / 200


def test_the_true_score_has_no_error_and_the_exact_floor_of_a_gaussian():
    bell = GaussianMixture.isotropic(torch.ones(1).double(), torch.zeros(1, 2).double(), 0.3)
    floor, error, total = loss_parts(bell, lambda x, sigma: bell.score(x, 1.0, sigma), 0.4).tolist()
    assert error == 0
    # The integral stops 4.5 standard deviations out.
    assert floor == total == pytest.approx(0.3 / (0.3 + 0.4**2), rel=1e-8)


def test_the_fine_grid_holds_the_integrals():
    parts = loss_parts(THREE, weak, 0.05)
    total = 0.05**2 * losses.denoising(
        lambda x: weak(x, 0.05),
        THREE.sample(60_000, generator=torch.Generator().manual_seed(3)),
        0.05,
        generator=torch.Generator().manual_seed(4),
    )
    assert abs(float(total.mean() - parts[2])) < 6 * float(total.std()) / 60_000**0.5


def test_what_is_learned_by_heart_leads_to_a_data_point():
    points = torch.tensor([[1.0, 0.0], [-1.0, 0.5]], dtype=torch.float64)
    x = torch.tensor([[0.8, 0.1], [-0.9, 0.9]], dtype=torch.float64)
    guess = x + 0.05**2 * of_points(points)(x, 0.05)
    torch.testing.assert_close(guess, points)


def test_the_default_shows_the_points_it_learned_from():
    explorer = score_field(sigmas=SIGMAS, generator=torch.Generator().manual_seed(5))
    assert len(table(explorer.dots, "<f4", -1, 2)) == 100
    again = score_field(sigmas=SIGMAS, generator=torch.Generator().manual_seed(5))
    assert again.arrows == explorer.arrows


def test_a_learned_score_in_float32_with_gradients_is_taken_too():
    scale = torch.tensor(0.5, requires_grad=True)
    explorer = score_field(lambda x, sigma: -scale * x.float(), THREE, sigmas=SIGMAS)
    assert not explorer.fields.requires_grad
    assert explorer.fields.dtype == torch.float64


def test_a_level_that_is_not_there_is_refused_and_changes_nothing(explorer):
    with pytest.raises(RangeError, match="3 noise levels"):
        explorer.level = 3
    assert explorer.level == 1


@pytest.mark.parametrize(
    ("make", "error", "advice"),
    [
        (lambda: score_field(mixture=data.bumps()), ShapeError, "a mixture in the plane"),
        (lambda: score_field(sigmas=torch.tensor([0.5])), RangeError, "noise levels that rise"),
        (lambda: score_field(sigmas=torch.tensor([0.5, 0.1])), RangeError, "noise levels that rise"),
        (lambda: score_field(sigmas=torch.tensor([0.0, 0.1])), RangeError, "positive"),
        (lambda: score_field(lambda x, sigma: x[:, :1], THREE), ShapeError, "one arrow per point"),
        (lambda: score_field(nothing, THREE), ShapeError, "returned NoneType"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_advice(make, error, advice):
    with pytest.raises(error, match=advice):
        make()


def test_where_nothing_runs_a_picture_with_words_stands_in(explorer):
    data_of, metadata = explorer._repr_mimebundle_()
    assert LIVE in data_of
    assert re.match(r"Three fields of arrows at sigma = 0\.5", data_of["text/plain"])
    output = nbformat.v4.new_output("display_data", data_of, metadata=metadata)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("explorer", outputs=[output])])
    html, _ = HTMLExporter().from_notebook_node(notebook)
    assert "data:image/png;base64," + data_of["image/png"] in html
