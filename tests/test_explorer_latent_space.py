"""The numbers of the explorer of pixels and codes, its errors and its words.  Its keys are tested in tests/browser."""

import numpy as np
import pytest
import torch

from diffkit import plots
from diffkit.errors import RangeError, ShapeError
from diffkit.explorers import latent_space
from diffkit.explorers.latent_space import BLENDS, LEVELS
from diffkit.schedule import linear

S = linear(50, 1e-3, 0.3)


def encode(x):
    """Every second pixel, in two channels of which the second is turned round."""
    return torch.cat([x, -x], 1)[:, :, ::2, ::2]


def decode(u):
    return u[:, :1].repeat_interleave(2, 2).repeat_interleave(2, 3)


def pictures(n=4, seed=0):
    return torch.randn(n, 1, 6, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) / 2


def made():
    return latent_space(pictures(), encode, decode, S, pictures(9, 1), generator=torch.Generator().manual_seed(2))


def sent(data, dtype, *shape):
    return torch.from_numpy(np.frombuffer(data, dtype).astype("f8")).reshape(shape)


def expected():
    """Pixels and codes at every pair, blend and level, by loops."""
    g, x = torch.Generator().manual_seed(2), pictures()
    out = []
    for y in (x, encode(x)):
        noise = torch.randn(y[0::2].shape, generator=g, dtype=torch.float64)
        shown = torch.zeros(2, BLENDS, LEVELS, *y.shape[1:], dtype=torch.float64)
        for p in range(2):
            for b in range(BLENDS):
                for n in range(LEVELS):
                    bar = S.alpha_bar[round(n * S.T / (LEVELS - 1))]
                    mixed = y[2 * p] + b / (BLENDS - 1) * (y[2 * p + 1] - y[2 * p])
                    shown[p, b, n] = bar.sqrt() * mixed + (1 - bar).sqrt() * noise[p]
        out.append(shown)
    return out


def test_the_browser_gets_both_pictures_and_the_code_at_every_place():
    explorer, (pixels, codes) = made(), expected()
    black, white = plots.GRAY_RANGE
    images = sent(explorer.images, "u1", 2, BLENDS, LEVELS, 2, 6, 8) / 255 * (white - black) + black
    unit = (white - black) / 255
    decoded = decode(codes.flatten(0, 2)).reshape(2, BLENDS, LEVELS, 6, 8)
    assert float((images[:, :, :, 0] - pixels[:, :, :, 0].clamp(black, white)).abs().max()) <= 0.5001 * unit
    assert float((images[:, :, :, 1] - decoded.clamp(black, white)).abs().max()) <= 0.5001 * unit
    shown = sent(explorer.codes, "u1", 2, BLENDS, LEVELS, 3, 8) / 255 * 5 - 2.5
    wide = torch.cat([codes[:, :, :, 0], codes[:, :, :, 1]], -1)
    assert float((shown - wide.clamp(-2.5, 2.5)).abs().max()) <= 0.5001 * 5 / 255


def test_the_distance_is_that_to_the_nearest_real_image():
    explorer, (pixels, codes) = made(), expected()
    far = sent(explorer.far, "<f4", 2, BLENDS, LEVELS, 2)
    real = pictures(9, 1)
    for p, b, n in ((0, 0, 0), (1, 13, 7), (1, 24, 24)):
        decoded = decode(codes[p, b, n : n + 1])[0]
        for k, picture in enumerate((pixels[p, b, n], decoded)):
            nearest = min(float(((picture - r) ** 2).mean().sqrt()) for r in real)
            assert float(far[p, b, n, k]) == pytest.approx(nearest, rel=1e-5)


def test_its_table_has_t_and_alpha_bar_from_clean_to_the_end():
    t, bar = sent(made().tables, "<f8", 2, LEVELS)
    assert (t[0], t[-1], bar[0]) == (0, S.T, 1)
    assert torch.equal(bar, S.alpha_bar[t.long()])


def test_a_move_changes_the_picture_and_a_wrong_one_is_refused():
    explorer = made()
    before = explorer.picture().png
    explorer.pair, explorer.blend, explorer.level = 1, 6, 12
    assert explorer.picture().png != before
    assert explorer.picture().alt.startswith("pair 2, at t = 25:")
    assert "at 25 % of the way" in explorer.picture().alt
    for name, most in (("pair", 1), ("blend", BLENDS - 1), ("level", LEVELS - 1)):
        with pytest.raises(RangeError, match=f"{name} = {most + 1}: from 0 to {most}"):
            setattr(explorer, name, most + 1)
    assert (explorer.pair, explorer.blend, explorer.level) == (1, 6, 12)


def test_where_nothing_runs_a_picture_with_words_stands_in():
    shown, _ = made()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert len(shown["text/plain"]) > 80
    assert f'alt="{shown["text/plain"][:30]}' in shown["text/html"]


@pytest.mark.parametrize(
    ("images", "names", "advice"),
    [
        (pictures(3), None, "an even number"),
        (pictures(4)[..., :4], None, "of one size"),
        (pictures(4), ["one"], "one each"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_advice(images, names, advice):
    with pytest.raises(ShapeError, match=advice):
        latent_space(images, encode, decode, S, pictures(9, 1), names)
