"""Graphs of circles and arrows."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from matplotlib.axes import Axes

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
