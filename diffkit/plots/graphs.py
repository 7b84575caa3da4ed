"""Graphs of circles and arrows."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from diffkit.figure import Figure
from diffkit.plots.canvas import COLORS, INK, axes_grid, finished


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
    canvas, axes = axes_grid(1, len(drawings), sum(widths) + 0.2, rise + 1.5, width_ratios=widths)
    for ax, (title, drawing) in zip(axes[0], drawings.items(), strict=True):
        left = min(x for x, _ in drawing.places.values())
        span = max(x for x, _ in drawing.places.values()) - left
        ax.set(xlim=(left - 0.6, left + span + 0.6), ylim=(-0.5, rise + 0.5), aspect="equal", title=title)
        ax.axis("off")
        for arrow in drawing.arrows:
            _arrow(ax, drawing, arrow)
        for node, place in drawing.places.items():
            _node(ax, node, place, node in drawing.observed)
    return finished(canvas, alt)


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


class Box(NamedTuple):
    """A concept on a map: two lines of text, its place (right, up), and the share of its bar that is full."""

    name: str
    below: str
    place: tuple[float, float]
    share: float


def concept_map(
    boxes: Mapping[str, Box], joined: Collection[tuple[tuple[str, str], str]], chosen: str, alt: str
) -> Figure:
    """Boxes on a grid, joined by lines that carry the number of an equation; the chosen box has a thick border."""
    canvas, axes = axes_grid(1, 1, 8.6, 4.6)
    ax = axes[0, 0]
    ax.axis("off")
    ax.set(xlim=(-0.48, 3.48), ylim=(-0.4, 3.4))
    for (a, b), tag in joined:
        ends = boxes[a].place, boxes[b].place
        near = chosen in (a, b)
        ax.plot(*zip(*ends, strict=True), color=COLORS[1] if near else INK, lw=3 if near else 1.2, zorder=1)
        middle = [(p + q) / 2 for p, q in zip(*ends, strict=True)]
        ax.text(*middle, tag, fontsize=8, color=INK, ha="center", va="center", zorder=2, bbox=PAPER)
    for key, box in boxes.items():
        _box(ax, box, key == chosen)
    return finished(canvas, alt)


PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 1.2}
HALF, TALL = 0.38, 0.21  # half the width and half the height of a box


def _box(ax: Axes, box: Box, chosen: bool) -> None:
    x, y = box.place
    dashes: Any = "-" if box.share else (0, (4, 3))  # nothing done yet: dashed
    edge: dict[str, Any] = {
        "edgecolor": COLORS[1] if chosen else INK,
        "linewidth": 3 if chosen else 1.2,
        "linestyle": dashes,
    }
    ax.add_patch(Rectangle((x - HALF, y - TALL), 2 * HALF, 2 * TALL, facecolor="white", zorder=3, **edge))
    ax.add_patch(
        Rectangle((x - HALF, y - TALL), 2 * HALF * box.share, 0.05, facecolor=COLORS[0], edgecolor="none", zorder=4)
    )
    ax.text(x, y + 0.06, box.name, fontsize=9.5, color=INK, ha="center", va="center", zorder=5)
    ax.text(x, y - 0.08, box.below, fontsize=7.5, color=INK, ha="center", va="center", zorder=5)
