"""Figures of the lessons: tensors in, one `Figure` with its description out.

Matplotlib's object interface draws: pyplot keeps each figure alive in a global list, this keeps none.
Colours are those of Okabe & Ito 2008, which colour-blind readers tell apart; every line also differs in its
dashes, so nothing is said by colour alone.
"""

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from torch import Tensor

from diffkit.errors import ShapeError
from diffkit.figure import PIXELS_PER_DOT, Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#000000", "#CC79A7", "#E69F00")  # the palest last
DASHES = ((), (6, 2), (1.5, 1.5), (7, 2, 1.5, 2), (3, 1, 1, 1, 1, 1), (10, 3))  # ink and gap lengths
HATCHES = ("", "////", "....", "xxxx", "||||", "----")
INK, GRID = "#1a1a1a", "#d9d9d9"
DOTS_PER_INCH = 80  # of a page on screen
GRAY_RANGE = (-1.5, 1.5)  # black .. white: clean digits lie in [-1, 1], noise reaches further


def image_row(images: Tensor, titles: Sequence[str], alt: str) -> Figure:
    """Gray images side by side.  images: (n, 1, H, W) or (n, H, W); one title each."""
    return image_grid(images.unsqueeze(0), titles, [""], alt)


def image_grid(images: Tensor, column_titles: Sequence[str], row_titles: Sequence[str], alt: str) -> Figure:
    """Rows and columns of gray images.  images: (rows, columns, 1, H, W) or (rows, columns, H, W).

    One gray scale for all of them: black is -1.5, white +1.5.
    """
    if images.ndim == 5 and images.shape[2] == 1:
        images = images.squeeze(2)
    if images.ndim != 4 or images.shape[:2] != (len(row_titles), len(column_titles)):
        raise ShapeError(
            f"images {tuple(images.shape)} for {len(row_titles)} row titles and {len(column_titles)} column "
            "titles: pass one title per row and per column, and one gray channel"
        )
    rows, columns = images.shape[:2]
    canvas, axes = _panels(rows, columns, 1.25 * columns + 0.3, 1.25 * rows + 0.35)
    for i in range(rows):
        for j in range(columns):
            _image(axes[i, j], images[i, j], column_titles[j] if i == 0 else "")
        axes[i, 0].set_ylabel(row_titles[i])
    return _figure(canvas, alt)


def curves(
    x: Tensor,
    lines: Mapping[str, Tensor],
    alt: str,
    *,
    x_label: str = "t",
    y_label: str = "",
    y_scale: str = "linear",
) -> Figure:
    """Lines over one axis.  x: (n,); each line (n,), under its label, which may hold $maths$."""
    canvas, axes = _panels(1, 1, 6, 3.4)
    _lines(axes[0, 0], {label: (x, y) for label, y in lines.items()})
    axes[0, 0].legend(frameon=False)
    axes[0, 0].set(xlabel=x_label, ylabel=y_label, yscale=y_scale)
    return _figure(canvas, alt)


def curve_panels(
    panels: Mapping[str, Mapping[str, tuple[Tensor, Tensor]]], alt: str, *, x_label: str | Sequence[str] = "t"
) -> Figure:
    """Panels of lines beside each other: {title: {label: (x, y)}}.  One legend per set of labels.

    x_label: one for all panels, or one for each.
    """
    canvas, axes = _panels(1, len(panels), 3.1 * len(panels), 2.9)
    x_labels = [x_label] * len(panels) if isinstance(x_label, str) else x_label
    explained: list[list[str]] = []
    for ax, (title, lines), label in zip(axes[0], panels.items(), x_labels, strict=True):
        _lines(ax, lines)
        ax.set(xlabel=label, title=title)
        if list(lines) not in explained:  # lines that have the same names look the same everywhere
            ax.legend(frameon=False)
            explained.append(list(lines))
    return _figure(canvas, alt)


def bars(x: Tensor, heights: Mapping[str, Tensor], alt: str, *, x_label: str = "t", y_label: str = "") -> Figure:
    """Bars, stacked if there is more than one kind.  x: (n,); each height (n,), under its label, with its hatching."""
    canvas, axes = _panels(1, 1, 7, 3.2)
    width, base = 0.8 * float(x.diff().abs().min()) if len(x) > 1 else 0.8, np.zeros(len(x))
    for (label, height), color, hatch in zip(heights.items(), COLORS, HATCHES, strict=False):
        top = _array(height)
        axes[0, 0].bar(_array(x), top, width, base, color=color, hatch=hatch, edgecolor="white", lw=0.3, label=label)
        base = base + top
    axes[0, 0].legend(frameon=False)
    axes[0, 0].set(xlabel=x_label, ylabel=y_label)
    return _figure(canvas, alt)


def density(x: Tensor, densities: Mapping[str, Tensor], alt: str, *, x_label: str = "x") -> Figure:
    """Densities over one axis, the first one filled.  x: (n,); each density (n,)."""
    canvas, axes = _panels(1, 1, 6, 3.2)
    _densities(axes[0, 0], x, densities, x_label)
    return _figure(canvas, alt)


def density_and_images(
    x: Tensor, densities: Mapping[str, Tensor], images: Tensor, titles: Sequence[str], alt: str
) -> Figure:
    """A density panel and, beside it, gray images: (n, 1, H, W) or (n, H, W)."""
    ratios = [2.2] + [1.0] * len(images)
    canvas, axes = _panels(1, 1 + len(images), 2 * sum(ratios), 2.9, width_ratios=ratios)
    _densities(axes[0, 0], x, densities, "x")
    for ax, image, title in zip(axes[0, 1:], images, titles, strict=True):
        _image(ax, image.squeeze(), title)
    return _figure(canvas, alt)


def trajectories(paths: Tensor, x: Tensor, p: Tensor, alt: str, *, at: Sequence[int], letter: str = "t") -> Figure:
    """Paths of a 1-D process over its density, and that density at the steps in `at`.

    paths: (n, T+1), one row per path; x: (G,) grid; p: (T+1, G), density at every step; at: steps in 0..T;
    letter: what the lesson calls a step.  The heat map shows the square root of p, so that thin tails stay visible.
    """
    T = len(p) - 1
    if paths.ndim != 2 or paths.shape[1] != T + 1 or p.shape != (T + 1, len(x)):
        raise ShapeError(
            f"paths {tuple(paths.shape)}, x {tuple(x.shape)}, p {tuple(p.shape)}: pass (n, T+1), (G,) and (T+1, G)"
        )
    canvas, axes = _panels(1, 2, 9, 3.8, width_ratios=[2.6, 1], sharey=True)
    flow, side = axes[0]
    lo, hi = float(x[0]), float(x[-1])
    heat = _array(p).clip(0).T ** 0.5
    box = (0, T, lo, hi)
    flow.imshow(heat, extent=box, origin="lower", aspect="auto", cmap="Blues", vmax=1.3 * heat.max())
    flow.plot(np.arange(T + 1), _array(paths).T, color=INK, lw=0.6, alpha=0.55)
    for t, (color, dash) in zip(at, _styles(), strict=False):
        flow.axvline(t, color=color, dashes=dash, lw=1.4)
        side.plot(_array(p[t]), _array(x), color=color, dashes=dash, lw=1.8, label=f"{letter} = {t}")
    flow.set(xlabel=letter, ylabel=f"$x_{letter}$", xlim=(0, T), ylim=(lo, hi), title="paths, and their density behind")
    side.set(xlabel=f"density of $x_{letter}$", xlim=(0, None), title=f"density at the marked {letter}")
    side.legend(frameon=False)
    return _figure(canvas, alt)


def scatter(points: Tensor, titles: Sequence[str], alt: str) -> Figure:
    """Panels of 2-D points on one common scale.  points: (panels, n, 2), one title each."""
    if points.ndim != 3 or points.shape[2] != 2 or len(points) != len(titles):
        raise ShapeError(f"points {tuple(points.shape)} for {len(titles)} titles: pass (panels, n, 2)")
    canvas, axes = _panels(1, len(points), 2.1 * len(points) + 0.4, 2.5, sharey=True)
    reach = 1.05 * float(points.abs().max())
    for ax, cloud, title in zip(axes[0], _array(points), titles, strict=True):
        ax.scatter(*cloud.T, s=4, color=COLORS[0], alpha=0.5, linewidths=0)
        ax.set(title=title, xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    return _figure(canvas, alt)


def fields(
    points: Tensor, arrows: Tensor, titles: Sequence[str], alt: str, *, unit: float = 1.5, shade: Tensor | None = None
) -> Figure:
    """Panels of arrows in the plane.  points: (n^2, 2), a square grid; arrows: (panels, n^2, 2), one title each.

    Lengths are softened (`shortened`): an arrow of length `unit` takes three quarters of the grid's step.
    shade: (panels, m, m), values behind the arrows, rows along y from below; one scale for all, 0 is white.
    """
    if arrows.ndim != 3 or arrows.shape[1:] != points.shape or len(arrows) != len(titles):
        raise ShapeError(f"points {tuple(points.shape)}, arrows {tuple(arrows.shape)}: pass (n, 2) and (panels, n, 2)")
    canvas, axes = _panels(1, len(arrows), 2.9 * len(arrows) + 0.3, 3.4, sharey=True)
    low, high = float(points.min()), float(points.max())
    step = (high - low) / (len(points) ** 0.5 - 1)
    for k, (ax, title) in enumerate(zip(axes[0], titles, strict=True)):
        if shade is not None:
            box, top = (low, high, low, high), 1.6 * float(shade.max())
            ax.imshow(_array(shade[k]), extent=box, origin="lower", cmap="Blues", vmin=0, vmax=top)
        u, v = _array(shortened(arrows[k], unit, 0.95 * step)).T
        x, y = _array(points).T
        ax.quiver(x, y, u, v, angles="xy", scale_units="xy", scale=1, color=INK, width=0.006, headwidth=4)
        ax.set(title=title, xlim=(low - step, high + step), ylim=(low - step, high + step), aspect="equal")
    return _figure(canvas, alt)


def shortened(arrows: Tensor, unit: float, longest: float) -> Tensor:
    """Arrows (*, 2) in their directions, none longer than `longest`: longest * tanh(length / unit)."""
    length = arrows.norm(dim=-1, keepdim=True)
    return arrows * (longest * torch.tanh(length / unit) / length.clamp(min=1e-12))


class Drawing(NamedTuple):
    """A graph to draw.  places: {node: (right, up)}, about 1 apart; arrows: pairs of nodes; observed nodes are filled,
    marked arrows are drawn thick."""

    places: Mapping[str, tuple[float, float]]
    arrows: Collection[tuple[str, str]]
    observed: Collection[str] = ()
    marked: Collection[tuple[str, str]] = ()


def dags(drawings: Mapping[str, Drawing], alt: str) -> Figure:
    """Graphs side by side, circles and arrows, one title each."""
    spans = [max(x for x, _ in d.places.values()) - min(x for x, _ in d.places.values()) for d in drawings.values()]
    rise = max(y for d in drawings.values() for _, y in d.places.values())
    widths = [span + 1.2 for span in spans]
    canvas, axes = _panels(1, len(drawings), sum(widths) + 0.2, rise + 1.5, width_ratios=widths)
    for ax, (title, drawing) in zip(axes[0], drawings.items(), strict=True):
        left = min(x for x, _ in drawing.places.values())
        span = max(x for x, _ in drawing.places.values()) - left
        ax.set(xlim=(left - 0.6, left + span + 0.6), ylim=(-0.5, rise + 0.5), aspect="equal", title=title)
        ax.axis("off")
        for arrow in drawing.arrows:
            _arrow(ax, drawing, arrow)
        for node, place in drawing.places.items():
            _node(ax, node, place, node in drawing.observed)
    return _figure(canvas, alt)


def _arrow(ax: Axes, drawing: Drawing, arrow: tuple[str, str]) -> None:
    marked = arrow in drawing.marked
    style = {"color": COLORS[1] if marked else INK, "lw": 3 if marked else 1.4, "mutation_scale": 14}
    tail, head = (drawing.places[node] for node in arrow)
    level = tail[1] == head[1] and abs(head[0] - tail[0]) > 1.5  # it would run through the nodes between
    bend = "arc3,rad=-0.4" if level else "arc3"
    shape = {"arrowstyle": "-|>", "shrinkA": 17, "shrinkB": 18, "connectionstyle": bend, **style}
    ax.annotate("", head, tail, arrowprops=shape)


def _node(ax: Axes, node: str, place: tuple[float, float], observed: bool) -> None:
    ax.scatter(*place, s=900, facecolors=COLORS[0] if observed else "white", edgecolors=INK, linewidths=1.4, zorder=2)
    name = f"${node[0]}_{{{node[1:]}}}$" if node[1:].isdigit() else f"${node}$"
    ax.text(*place, name, color="white" if observed else INK, ha="center", va="center", fontsize=13, zorder=3)


def _panels(rows: int, columns: int, width: float, height: float, **layout: Any) -> tuple[Canvas, np.ndarray]:
    """An empty figure of width x height inches and its axes, (rows, columns)."""
    canvas = Canvas(figsize=(width, height), layout="constrained", facecolor="white")
    axes: np.ndarray = canvas.subplots(rows, columns, squeeze=False, **layout)
    for ax in axes.flat:
        ax.grid(color=GRID, lw=0.6)
        ax.set_axisbelow(True)
        ax.title.set_size(11)
        ax.spines[["top", "right"]].set_visible(False)
    return canvas, axes


def _figure(canvas: Canvas, alt: str) -> Figure:
    buffer = io.BytesIO()
    FigureCanvasAgg(canvas).print_figure(buffer, dpi=PIXELS_PER_DOT * DOTS_PER_INCH, format="png")
    return Figure(buffer.getvalue(), alt)


def _lines(ax: Axes, lines: Mapping[str, tuple[Tensor, Tensor]]) -> None:
    for (label, (x, y)), (color, dash) in zip(lines.items(), _styles(), strict=False):
        ax.plot(_array(x), _array(y), color=color, dashes=dash, lw=1.8, label=label)


def _densities(ax: Axes, x: Tensor, densities: Mapping[str, Tensor], x_label: str) -> None:
    _lines(ax, {label: (x, p) for label, p in densities.items()})
    ax.legend(frameon=False)
    ax.fill_between(_array(x), _array(next(iter(densities.values()))), color=COLORS[0], alpha=0.15, lw=0)
    ax.set(xlabel=x_label, ylabel="density", ylim=(0, None), xlim=(float(x[0]), float(x[-1])))


def _image(ax: Axes, image: Tensor, title: str) -> None:
    ax.imshow(_array(image), cmap="gray", vmin=GRAY_RANGE[0], vmax=GRAY_RANGE[1], interpolation="nearest")
    ax.set(xticks=[], yticks=[], title=title)
    ax.spines[:].set_visible(False)


def _styles() -> Iterator[tuple[str, Any]]:
    """A colour and a dash pattern per line; no pair comes twice in the first 36."""
    for k in count():
        yield COLORS[k % len(COLORS)], DASHES[(k + k // len(COLORS)) % len(DASHES)]


def _array(x: Tensor) -> np.ndarray:
    return x.detach().cpu().double().numpy()
