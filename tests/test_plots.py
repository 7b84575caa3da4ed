"""Figures: they carry their words, leave nothing behind, and show what they were given."""

import base64
import gc
import io
from html.parser import HTMLParser
from itertools import islice
from weakref import WeakSet

import nbformat
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.image import imread
from nbconvert import HTMLExporter

from diffkit import plots
from diffkit.errors import DiffkitError, ShapeError
from diffkit.schedule import linear

X = torch.linspace(-3, 3, 50)
BELL = torch.exp(-(X**2) / 2)
IMAGES = torch.zeros(3, 1, 8, 8)
GRID = torch.cartesian_prod(torch.linspace(-2, 2, 5), torch.linspace(-2, 2, 5))
PAIR = plots.Drawing({"a": (0, 0), "b1": (2, 1)}, [("a", "b1")])
PATHS = {"one": (torch.linspace(0, 1, 6), torch.zeros(2, 6)), "two": (torch.linspace(0, 1, 9), torch.ones(3, 9))}
EVERY_PLOT = {
    "image_row": lambda alt: plots.image_row(IMAGES, ["a", "b", "c"], alt),
    "image_grid": lambda alt: plots.image_grid(IMAGES.unsqueeze(0), ["a", "b", "c"], ["row"], alt),
    "curves": lambda alt: plots.curves(X, {"bell": BELL}, alt),
    "bars": lambda alt: plots.bars(torch.arange(4), {"a": torch.ones(4), "b": torch.arange(4)}, alt),
    "curve_panels": lambda alt: plots.curve_panels({"left": {"bell": (X, BELL)}, "right": {"x": (X, X)}}, alt),
    "density": lambda alt: plots.density(X, {"bell": BELL}, alt),
    "density_and_images": lambda alt: plots.density_and_images(X, {"bell": BELL}, IMAGES[:2], ["a", "b"], alt),
    "trajectories": lambda alt: plots.trajectories(torch.zeros(2, 11), X, BELL.expand(11, 50), alt, at=[0, 5, 10]),
    "path_panels": lambda alt: plots.path_panels(PATHS, X, BELL.expand(11, 50), alt),
    "fields": lambda alt: plots.fields(GRID, torch.stack([-GRID, GRID.flip(1)]), ["a", "b"], alt),
    "dags": lambda alt: plots.dags({"pair": PAIR, "seen": PAIR._replace(observed=["a"])}, alt),
    "scatter": lambda alt: plots.scatter(torch.randn(2, 30, 2), ["a", "b"], alt),
}


class ImageReader(HTMLParser):
    """The attributes of the one <img> of a text."""

    def handle_starttag(self, tag, attrs):
        assert tag == "img"
        self.image = dict(attrs)


def image_of(html):
    reader = ImageReader()
    reader.feed(html)
    return reader.image


def pixels(figure):
    return torch.from_numpy(imread(io.BytesIO(figure.png))[..., :3].copy())


@pytest.mark.parametrize("name", EVERY_PLOT)
def test_a_figure_without_words_is_refused(name):
    with pytest.raises(DiffkitError, match="alt is empty: say"):
        EVERY_PLOT[name](" ")


@pytest.mark.parametrize("name", EVERY_PLOT)
def test_a_figure_shows_its_png_and_its_words_to_a_notebook(name):
    words = """alpha_bar < 1 & "noise" > 0, it's <b>bold</b>"""
    figure = EVERY_PLOT[name](words)
    bundle = figure._repr_mimebundle_()
    image = image_of(bundle["text/html"])
    assert image["alt"] == bundle["text/plain"] == words
    assert base64.b64decode(image["src"].removeprefix("data:image/png;base64,")) == figure.png
    assert pixels(figure).shape[1] == 2 * int(image["width"])  # two pixels per dot of the page


@pytest.mark.parametrize("name", EVERY_PLOT)
def test_the_ground_is_light_so_that_dark_text_is_readable_in_every_theme(name):
    corner = pixels(EVERY_PLOT[name]("words"))[:3, :3]
    assert bool((corner == 1).all())


@pytest.fixture
def no_other_collector():
    """While a thread of the test runner collects garbage by itself, gc.collect() does nothing; so it may not start."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_other_collector")
def test_no_figure_stays_in_memory(monkeypatch):
    alive: WeakSet[MatplotlibFigure] = WeakSet()
    made = []

    def canvas(**options):
        figure = MatplotlibFigure(**options)
        alive.add(figure)
        made.append(id(figure))
        return figure

    monkeypatch.setattr(plots.canvas, "Canvas", canvas)
    for draw in EVERY_PLOT.values():
        draw("words")
    while gc.collect():  # a finalizer may free what only the next pass can find
        pass
    assert len(made) == len(EVERY_PLOT)
    assert len(alive) == 0


def test_the_words_survive_the_way_to_html():
    output = nbformat.v4.new_output("display_data", EVERY_PLOT["density"]("a bell, seen from afar")._repr_mimebundle_())
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("figure", outputs=[output])])
    html, _ = HTMLExporter().from_notebook_node(notebook)
    assert 'alt="a bell, seen from afar"' in html


def test_all_images_of_a_figure_share_one_gray_scale():
    black, white = plots.GRAY_RANGE
    levels = torch.tensor([black, (black + white) / 2, white])
    picture = pixels(plots.image_row(levels.reshape(3, 1, 1, 1).expand(3, 1, 8, 8), ["", "", ""], "three grays"))
    row = picture[picture.shape[0] // 2, :, 0]
    shades = [float(row[int(len(row) * at)]) for at in (1 / 6, 1 / 2, 5 / 6)]
    assert shades == pytest.approx([0, 0.5, 1], abs=0.01)  # an 8-bit image rounds to 1/255


def test_no_two_lines_look_alike_and_none_differs_by_colour_alone():
    styles = list(islice(plots.canvas.styles(), 36))
    assert len(set(styles)) == 36
    first = styles[: len(plots.COLORS)]
    assert len({dash for _, dash in first}) == len(first)


def test_the_first_lines_stand_out_from_the_ground():
    def luminance(color):
        linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in to_rgb(color)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    contrast = [1.05 / (luminance(color) + 0.05) for color in plots.COLORS[:4]]
    assert min(contrast) > 3  # WCAG 2.1, graphical objects


def test_paths_bear_the_letter_that_the_lesson_gives_its_steps():
    def draw(letter):
        return plots.trajectories(torch.zeros(2, 11), X, BELL.expand(11, 50), "words", at=[5], letter=letter)

    assert draw("t").png == plots.trajectories(torch.zeros(2, 11), X, BELL.expand(11, 50), "words", at=[5]).png
    assert draw("k").png != draw("t").png


def test_an_infinite_ratio_at_t_0_is_left_out_of_the_curve():
    snr = linear(100).snr.abs()
    assert torch.isinf(snr[0])
    plots.curves(torch.arange(101), {"SNR": snr}, "signal-to-noise ratio, falling", y_scale="log")


@pytest.mark.parametrize(
    ("draw", "advice"),
    [
        (lambda: plots.image_row(IMAGES, ["a"], "words"), "one title per row and per column"),
        (lambda: plots.image_row(IMAGES.expand(3, 3, 8, 8), ["a", "b", "c"], "words"), "one gray channel"),
        (lambda: plots.scatter(torch.zeros(2, 5, 3), ["a", "b"], "words"), r"pass \(panels, n, 2\)"),
        (lambda: plots.path_panels(PATHS, X, BELL, "words"), r"pass \(G,\), \(k, G\)"),
        (lambda: plots.bars(X, {str(k): X for k in range(7)}, "words"), "no more than 6"),
        (
            lambda: plots.trajectories(torch.zeros(2, 10), X, BELL.expand(11, 50), "words", at=[0]),
            r"\(n, T\+1\)",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_named_with_the_shapes_that_would(draw, advice):
    with pytest.raises(ShapeError, match=advice):
        draw()


def test_shortened_arrows_keep_direction_order_and_limit():
    arrows = torch.tensor([[0.0, 0.0], [0.1, 0.0], [3.0, 4.0], [300.0, 400.0]], dtype=torch.float64)
    short = plots.shortened(arrows, 5.0, 0.2)
    length = short.norm(dim=1)
    assert bool((length.diff() > 0).all())
    assert float(length[2]) == pytest.approx(0.2 * torch.tanh(torch.tensor(1.0)).item(), rel=1e-6)
    assert float(length[3]) <= 0.2
    torch.testing.assert_close(short[2] / length[2], arrows[2] / 5)
    assert short[0].tolist() == [0, 0]


def test_fields_show_arrows_and_shading():
    shade = torch.zeros(1, 4, 4)
    shade[0, 0, 0] = 1.0  # lowest row, first column: the corner below on the left
    arrows = torch.zeros(1, 25, 2)
    image = pixels(plots.fields(GRID, arrows, ["a"], "words", shade=shade))
    blue = (image[..., 2] - image[..., 0]) > 0.2
    row, column = blue.nonzero().double().mean(0)
    assert row > 0.5 * len(image)
    assert column < 0.5 * image.shape[1]
    assert not (
        pixels(plots.fields(GRID, GRID.unsqueeze(0), ["a"], "w")) == pixels(plots.fields(GRID, arrows, ["a"], "w"))
    ).all()


@pytest.mark.parametrize("arrows", [GRID, torch.zeros(2, 25, 2), torch.zeros(1, 24, 2)])
def test_fields_refuse_arrows_that_do_not_fit(arrows):
    with pytest.raises(ShapeError, match="pass"):
        plots.fields(GRID, arrows, ["a"], "words")


def test_an_observed_node_is_filled_and_a_marked_arrow_is_coloured():
    def share(color, drawing):
        near = (pixels(plots.dags({"": drawing}, "two nodes")) - torch.tensor(to_rgb(color))).abs().amax(-1) < 0.05
        return float(near.float().mean())

    blue, orange = plots.COLORS[:2]
    assert share(blue, PAIR) == share(orange, PAIR) == 0
    assert share(blue, PAIR._replace(observed=["a"])) > 0.01
    assert share(orange, PAIR._replace(marked=[("a", "b1")])) > 0.001


def test_a_legend_beside_the_frame_stands_in_room_of_its_own():
    inside, beside = (plots.curves(X, {"bell": BELL}, "bell", legend_beside=b) for b in (False, True))
    blue = torch.tensor(to_rgb(plots.COLORS[0]))
    seen = [((pixels(f) - blue).abs().amax(-1) < 0.05).any(0) for f in (inside, beside)]
    assert len(seen[1]) > len(seen[0])
    columns = torch.nonzero(seen[1]).flatten()
    gap = columns.diff().max()  # between the curve and the line of the legend
    assert float(columns[-1]) / len(seen[1]) > 0.85
    assert gap > 0.03 * len(seen[1])
