"""The explorers of the way back: the trajectory and the gallery of bugs.  What they look like is tested elsewhere."""

import numpy as np
import pytest
import torch

from diffkit import data, plots
from diffkit.errors import RangeError, ShapeError
from diffkit.explorers import bug_gallery, trajectory
from diffkit.oracle import GaussianMixture
from diffkit.schedule import linear

T = 6


def frames(n=3, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(T + 1, n, 1, 4, 5, generator=g), torch.randn(T + 1, 9, 2, generator=g, dtype=torch.float64)


@pytest.fixture(scope="module")
def gallery():
    return bug_gallery()


def test_the_browser_gets_every_frame_of_both_rows():
    images, points = frames()
    guesses = frames(seed=1)[0]
    explorer = trajectory(images, guesses, points, linear(T))
    black, white = plots.GRAY_RANGE
    sent = torch.from_numpy(np.frombuffer(explorer.frames, "u1").copy()).reshape(T + 1, 2, 3, 4, 5).double()
    exact = torch.stack([images, guesses], 1).squeeze(3).clamp(black, white).double()
    assert float((sent / 255 * (white - black) + black - exact).abs().max()) <= 0.5001 * (white - black) / 255
    cloud = np.frombuffer(explorer.points, "<f4").reshape(T + 1, 9, 2)
    assert np.array_equal(cloud, points.numpy().astype("f4"))
    assert (points.abs() < explorer.reach).double().mean() > 0.98
    bars, snr = np.frombuffer(explorer.tables, "<f8").reshape(2, T + 1)
    assert np.array_equal(bars, linear(T).alpha_bar.numpy())
    assert np.array_equal(snr, linear(T).snr.numpy())


def test_its_picture_tells_the_present_step():
    images, points = frames()
    explorer = trajectory(images, images, points, linear(T))
    explorer.taken = 4
    assert explorer.picture().alt.startswith(f"The way from noise to images in {T} steps, at t = 2,")
    with pytest.raises(RangeError, match=f"to {T}"):
        explorer.taken = T + 1
    assert explorer.taken == 4


@pytest.mark.parametrize(
    ("make", "error", "advice"),
    [
        (lambda x, p: trajectory(x, x[:, :2], p, linear(T)), ShapeError, "pass gray images"),
        (lambda x, p: trajectory(x, x, p[..., :1], linear(T)), ShapeError, r"pass \(T\+1, m, 2\)"),
        (lambda x, p: trajectory(x, x, p, linear(T + 1)), ShapeError, r"pass T \+ 1 of each"),
        (lambda x, p: trajectory(x, x, p.repeat(1, 400_000, 1), linear(T)), RangeError, "pass fewer"),
        (lambda x, p: bug_gallery(mixture=data.bumps()), ShapeError, "a mixture in the plane"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_advice(make, error, advice):
    with pytest.raises(error, match=advice):
        make(*frames())


def test_in_the_gallery_nothing_of_the_right_sampler_differs(gallery):
    assert not any(row.differs for row in gallery.rows[0])


def test_in_the_gallery_single_steps_show_every_bug_and_samples_do_not(gallery):
    of_samples = {n for n, rows in zip(gallery.names, gallery.rows, strict=True) if any(r.differs for r in rows[:2])}
    of_steps = {n for n, rows in zip(gallery.names, gallery.rows, strict=True) if any(r.differs for r in rows[2:])}
    assert of_steps == set(gallery.names[1:])
    far = [n for n, rows in zip(gallery.names, gallery.rows, strict=True) if rows[0].differs]
    assert set(gallery.names[1:]) - of_samples == {
        "noise at t = 1", "mean as on a slide", "alpha_bar[0] is not 1", "start from rand",
    }  # fmt: skip
    assert len(far) == 4  # the lesson says that eight of twelve keep within the floor


def test_the_browser_gets_the_samples_and_can_skip_what_diverged(gallery):
    drawn = np.frombuffer(gallery.drawn, "<f4").reshape(len(gallery.names), gallery.count, 2)
    assert np.isfinite(drawn).all()
    assert np.array_equal(drawn[0], gallery.samples[0].numpy())
    assert (np.abs(drawn[gallery.names.index("sign of eps")]) > gallery.reach).any()
    assert np.array_equal(np.frombuffer(gallery.truth, "<f4"), gallery.data.float().flatten().numpy())


@pytest.mark.parametrize("make", [bug_gallery, lambda: trajectory(frames()[0], frames()[0], frames()[1], linear(T))])
def test_where_nothing_runs_a_picture_with_words_stands_in(make):
    shown, _ = make()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert len(shown["text/plain"]) > 80
    assert shown["image/png"]
    assert f'alt="{shown["text/plain"][:30]}' in shown["text/html"]


def test_a_choice_changes_the_picture_and_a_wrong_one_is_refused(gallery):
    gallery.choice = 5
    assert "“no noise”" in gallery.picture().alt
    with pytest.raises(RangeError, match=r"0\.\.12"):
        gallery.choice = 13
    assert gallery.choice == 5


def test_the_exact_predictor_of_the_gallery_is_the_mixtures():
    mixture = GaussianMixture.isotropic(torch.ones(1).double(), torch.zeros(1, 2).double(), 1.0)
    gallery = bug_gallery(linear(5, 0.1, 0.5), mixture)
    x = torch.randn(4, 2, dtype=torch.float64)
    t = torch.full((4,), 3)
    expected = linear(5, 0.1, 0.5).noise_var[3].sqrt() * x  # of standard normal data
    torch.testing.assert_close(gallery.eps(x, t), expected)
