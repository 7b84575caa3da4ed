"""The explorer of the strength of guidance: its densities, its points, its words, and what it refuses."""

import nbformat
import numpy as np
import pytest
import torch
from nbconvert import HTMLExporter

from diffkit import data, plots
from diffkit.errors import RangeError, ShapeError
from diffkit.explorers import guidance_strength
from diffkit.explorers.guidance_strength import INSIDE, POINTS, REACH, SIDE
from diffkit.schedule import linear

W = (-1.0, 0.0, 3.0)
LIVE = "application/vnd.jupyter.widget-view+json"


def images():
    return torch.randn(3, 2, 5, 1, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def shared():
    return guidance_strength(images(), W)


@pytest.fixture
def explorer(shared):
    shared.chosen = shared.digit = shared.area = 0
    return shared


def table(sent, dtype, *shape):
    return torch.from_numpy(np.frombuffer(sent, dtype).astype("f8")).reshape(shape)


def by_hand(k, s):
    """p(x) p(y | x)^s on the square, rows along the second axis, written out, the largest value 1."""
    mixture, labels = data.hills()
    line = torch.linspace(-REACH, REACH, SIDE, dtype=torch.float64)
    x = torch.stack(torch.meshgrid(line, line, indexing="xy"), 2)
    var = mixture.covs[:, 0, 0]
    parts = mixture.weights / var * torch.exp(-((x.unsqueeze(2) - mixture.means) ** 2).sum(3) / (2 * var))
    density = parts.sum(2) * (parts[..., labels == k].sum(2) / parts.sum(2)) ** s
    return density / density.max()


def test_the_browser_gets_the_exact_tilted_density(explorer):
    sent = table(explorer.density, "<u2", 3, 3, SIDE, SIDE) / 65535
    for i, w in enumerate(W):
        for k in range(3):
            assert float((sent[i, k] - by_hand(k, 1 + w)).abs().max()) <= 0.5001 / 65535


def test_the_lines_enclose_half_and_nine_tenths(explorer):
    levels = table(explorer.levels, "<f4", 3, 3, 2) / 65535
    for i, w in enumerate(W):
        for k in range(3):
            density = by_hand(k, 1 + w)
            share = density / density.sum()
            for level, inside in zip(levels[i, k], INSIDE, strict=True):
                # The square is made of cells: the share is right up to those on the line itself.
                on_it = share[(density - level).abs() < 1e-6].sum()
                assert (
                    float(share[density > level + 1e-6].sum()) <= inside <= float(share[density > level].sum() + on_it)
                )


def test_points_are_those_of_the_guided_sampler_written_out(explorer):
    mixture, labels = data.hills()
    s, g = linear(100, 1e-3, 0.2), torch.Generator().manual_seed(0)
    x = torch.randn(POINTS, 2, generator=g, dtype=torch.float64)
    for t in range(100, 0, -1):
        noise = torch.randn(POINTS, 2, generator=g, dtype=torch.float64)
        y = x.clone().requires_grad_()
        var = s.alpha_bar[t] * mixture.covs[:, 0, 0] + s.noise_var[t]
        away = ((y.unsqueeze(1) - s.alpha_bar[t].sqrt() * mixture.means) ** 2).sum(2)
        parts = torch.log(mixture.weights / var) - away / (2 * var)
        whole, of_y = torch.logsumexp(parts, 1), torch.logsumexp(parts[:, labels == 1], 1)
        (score,) = torch.autograd.grad((whole + (1 + W[2]) * (of_y - whole)).sum(), y)
        x = (x + s.beta[t] * score) / s.alpha[t].sqrt() + (s.beta[t].sqrt() * noise if t > 1 else 0)
    sent = table(explorer.points, "<f4", 3, 3, POINTS, 2)
    torch.testing.assert_close(sent[2, 1], x, rtol=1e-5, atol=1e-5)


def test_without_guidance_both_spreads_agree_and_with_it_the_samples_are_narrower(explorer):
    wanted, got = table(explorer.table, "<f8", 3, 3, 2).unbind(2)
    mixture, labels = data.hills()
    means = mixture.means[labels == 0]
    exact = float(((means - means.mean(0)) ** 2).sum(1).mean() + 2 * mixture.covs[labels == 0, 0, 0].mean())
    assert float(wanted[1, 0]) == pytest.approx(exact, rel=5e-3)  # the frame cuts the tails off
    # Two modes at distance 1.6: the variance of POINTS samples has a relative standard error below 0.06; 5 of them.
    assert float(got[1, 0]) == pytest.approx(exact, rel=0.3)
    assert float(got[2, 0]) < 0.6 * float(wanted[2, 0])


def test_the_browser_gets_every_image(explorer):
    black, white = plots.GRAY_RANGE
    sent = table(explorer.frames, "u1", 3, 2, 5, 8, 8) / 255 * (white - black) + black
    exact = images().squeeze(3).clamp(black, white).double()
    assert float((sent - exact).abs().max()) <= 0.5001 * (white - black) / 255


def test_it_opens_at_the_conditional_model():
    assert guidance_strength(images(), W).chosen == 1


@pytest.mark.parametrize(("name", "value"), [("chosen", 3), ("digit", 2), ("area", -1)])
def test_what_is_not_there_is_refused_and_changes_nothing(explorer, name, value):
    with pytest.raises(RangeError, match=f"{name} = {value}: choose 0 to"):
        setattr(explorer, name, value)
    assert getattr(explorer, name) == 0


@pytest.mark.parametrize(
    ("make", "error", "advice"),
    [
        (lambda: guidance_strength(images()[0], W), ShapeError, "pass .strengths, digits"),
        (lambda: guidance_strength(images(), (0.0, 1.0)), ShapeError, "for 2 strengths"),
        (lambda: guidance_strength(images(), (0.0, 0.0, 1.0)), RangeError, "that rise"),
        (lambda: guidance_strength(images(), W, data.ring_mixture()), RangeError, "labels of its components"),
        (lambda: guidance_strength(images(), W, data.bumps(), torch.tensor([0, 1, 1])), ShapeError, "in the plane"),
        (lambda: guidance_strength(torch.zeros(3, 1, 60_000, 8, 8), W), RangeError, "fewer samples"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_advice(make, error, advice):
    with pytest.raises(error, match=advice):
        make()


def test_where_nothing_runs_a_picture_with_words_stands_in(explorer):
    explorer.chosen = 2
    data_of, metadata = explorer._repr_mimebundle_()
    assert LIVE in data_of
    assert data_of["text/plain"].startswith("Guidance with w = 3, s = 4.")
    output = nbformat.v4.new_output("display_data", data_of, metadata=metadata)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("explorer", outputs=[output])])
    html, _ = HTMLExporter().from_notebook_node(notebook)
    assert "data:image/png;base64," + data_of["image/png"] in html
