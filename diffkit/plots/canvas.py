"""What all figures share: canvas, colours, lines, images, and the way to a PNG with its words."""

import io
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from torch import Tensor

from diffkit.figure import PIXELS_PER_DOT, Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#000000", "#CC79A7", "#E69F00")  # the palest last
DASHES = ((), (6, 2), (1.5, 1.5), (7, 2, 1.5, 2), (3, 1, 1, 1, 1, 1), (10, 3))  # ink and gap lengths
HATCHES = ("", "////", "....", "xxxx", "||||", "----")
INK, GRID = "#1a1a1a", "#d9d9d9"
DOTS_PER_INCH = 80  # of a page on screen
GRAY_RANGE = (-1.5, 1.5)  # black .. white: clean digits lie in [-1, 1], noise reaches further


def axes_grid(rows: int, columns: int, width: float, height: float, **layout: Any) -> tuple[Canvas, np.ndarray]:
    """An empty figure of width x height inches and its axes, (rows, columns)."""
    canvas = Canvas(figsize=(width, height), layout="constrained", facecolor="white")
    axes: np.ndarray = canvas.subplots(rows, columns, squeeze=False, **layout)
    for ax in axes.flat:
        ax.grid(color=GRID, lw=0.6)
        ax.set_axisbelow(True)
        ax.title.set_size(11)
        ax.spines[["top", "right"]].set_visible(False)
    return canvas, axes


def finished(canvas: Canvas, alt: str) -> Figure:
    buffer = io.BytesIO()
    FigureCanvasAgg(canvas).print_figure(buffer, dpi=PIXELS_PER_DOT * DOTS_PER_INCH, format="png")
    return Figure(buffer.getvalue(), alt)


def draw_lines(ax: Axes, lines: Mapping[str, tuple[Tensor, Tensor]]) -> None:
    for (label, (x, y)), (color, dash) in zip(lines.items(), styles(), strict=False):
        ax.plot(array(x), array(y), color=color, dashes=dash, lw=1.8, label=label)


def draw_densities(ax: Axes, x: Tensor, densities: Mapping[str, Tensor], x_label: str) -> None:
    draw_lines(ax, {label: (x, p) for label, p in densities.items()})
    ax.legend(frameon=False)
    ax.fill_between(array(x), array(next(iter(densities.values()))), color=COLORS[0], alpha=0.15, lw=0)
    ax.set(xlabel=x_label, ylabel="density", ylim=(0, None), xlim=(float(x[0]), float(x[-1])))


def draw_image(ax: Axes, image: Tensor, title: str) -> None:
    ax.imshow(array(image), cmap="gray", vmin=GRAY_RANGE[0], vmax=GRAY_RANGE[1], interpolation="nearest")
    ax.set(xticks=[], yticks=[], title=title)
    ax.spines[:].set_visible(False)


def styles() -> Iterator[tuple[str, Any]]:
    """A colour and a dash pattern per line; no pair comes twice in the first 36."""
    for k in count():
        yield COLORS[k % len(COLORS)], DASHES[(k + k // len(COLORS)) % len(DASHES)]


def array(x: Tensor) -> np.ndarray:
    return x.detach().cpu().double().numpy()
