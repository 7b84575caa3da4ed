"""Lines, bars, densities and paths."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from diffkit.errors import ShapeError
from diffkit.figure import Figure
from diffkit.plots.canvas import (
    COLORS,
    HATCHES,
    INK,
    array,
    axes_grid,
    draw_densities,
    draw_lines,
    finished,
    styles,
)


def curves(
    x: Tensor,
    lines: Mapping[str, Tensor],
    alt: str,
    *,
    x_label: str = "t",
    y_label: str = "",
    y_scale: str = "linear",
    legend_beside: bool = False,
) -> Figure:
    """Lines over one axis.  x: (n,); each line (n,), under its label, which may hold $maths$.

    legend_beside: puts the legend to the right of the frame, for lines that leave no room in it.
    """
    canvas, axes = axes_grid(1, 1, 8 if legend_beside else 6, 3.4)
    draw_lines(axes[0, 0], {label: (x, y) for label, y in lines.items()})
    place = {"loc": "center left", "bbox_to_anchor": (1, 0.5)} if legend_beside else {}
    axes[0, 0].legend(frameon=False, **place)
    _whole_ticks(axes[0, 0], x)
    axes[0, 0].set(xlabel=x_label, ylabel=y_label, yscale=y_scale)
    return finished(canvas, alt)


def _whole_ticks(ax: Axes, x: Tensor) -> None:
    """Where x counts something, as steps do, no tick stands between two of them."""
    if not x.is_floating_point():
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))


def curve_panels(
    panels: Mapping[str, Mapping[str, tuple[Tensor, Tensor]]],
    alt: str,
    *,
    x_label: str | Sequence[str] = "t",
    room: float = 0.0,
) -> Figure:
    """Panels of lines beside each other: {title: {label: (x, y)}}.  One legend per set of labels.

    x_label: one for all panels, or one for each; room: left free above the lines for the legends, in heights of the
    lines.
    """
    canvas, axes = axes_grid(1, len(panels), 3.1 * len(panels), 2.9)
    x_labels = [x_label] * len(panels) if isinstance(x_label, str) else x_label
    explained: list[list[str]] = []
    for ax, (title, lines), label in zip(axes[0], panels.items(), x_labels, strict=True):
        draw_lines(ax, lines)
        ax.set(xlabel=label, title=title)
        low, high = ax.get_ylim()
        ax.set_ylim(low, high + room * (high - low))
        if list(lines) not in explained:  # lines that have the same names look the same everywhere
            ax.legend(frameon=False, loc="upper right" if room else "best")
            explained.append(list(lines))
    return finished(canvas, alt)


def bars(x: Tensor, heights: Mapping[str, Tensor], alt: str, *, x_label: str = "t", y_label: str = "") -> Figure:
    """Bars, stacked if there is more than one kind.  x: (n,); each height (n,), under its label, with its hatching.

    Raises ShapeError for more kinds than there are hatchings.
    """
    if len(heights) > len(HATCHES):
        raise ShapeError(f"{len(heights)} kinds of bars: no more than {len(HATCHES)} can be told apart")
    canvas, axes = axes_grid(1, 1, 7, 3.2)
    width, base = 0.8 * float(x.diff().abs().min()) if len(x) > 1 else 0.8, np.zeros(len(x))
    for (label, height), color, hatch in zip(heights.items(), COLORS, HATCHES, strict=False):
        top = array(height)
        axes[0, 0].bar(array(x), top, width, base, color=color, hatch=hatch, edgecolor="white", lw=0.3, label=label)
        base = base + top
    _whole_ticks(axes[0, 0], x)
    if all(bool((height >= 0).all()) for height in heights.values()):
        axes[0, 0].set_ylim(bottom=0)
    axes[0, 0].legend(frameon=False)
    axes[0, 0].set(xlabel=x_label, ylabel=y_label)
    return finished(canvas, alt)


def density(x: Tensor, densities: Mapping[str, Tensor], alt: str, *, x_label: str = "x") -> Figure:
    """Densities over one axis, the first one filled.  x: (n,); each density (n,)."""
    canvas, axes = axes_grid(1, 1, 6, 3.2)
    draw_densities(axes[0, 0], x, densities, x_label)
    return finished(canvas, alt)


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
    canvas, axes = axes_grid(1, 2, 9, 3.8, width_ratios=[2.6, 1], sharey=True)
    flow, side = axes[0]
    lo, hi = float(x[0]), float(x[-1])
    heat = array(p).clip(0).T ** 0.5
    box = (0, T, lo, hi)
    flow.imshow(heat, extent=box, origin="lower", aspect="auto", cmap="Blues", vmax=1.3 * heat.max())
    flow.plot(np.arange(T + 1), array(paths).T, color=INK, lw=0.6, alpha=0.55)
    for t, (color, dash) in zip(at, styles(), strict=False):
        flow.axvline(t, color=color, dashes=dash, lw=1.4)
        side.plot(array(p[t]), array(x), color=color, dashes=dash, lw=1.8, label=f"{letter} = {t}")
    flow.set(xlabel=letter, ylabel=f"$x_{letter}$", xlim=(0, T), ylim=(lo, hi), title="paths, and their density behind")
    side.set(xlabel=f"density of $x_{letter}$", xlim=(0, None), title=f"density at the marked {letter}")
    side.legend(frameon=False)
    return finished(canvas, alt)


def path_panels(
    panels: Mapping[str, tuple[Tensor, Tensor]], x: Tensor, p: Tensor, alt: str, *, t_label: str = "t"
) -> Figure:
    """Bundles of paths side by side over one density, for processes that differ in their paths only.

    panels: {title: (times (m,), paths (n, m))}, times in 0..1; x: (G,) grid; p: (k, G), density at k even times in
    0..1.  The heat map shows the square root of p, so that thin tails stay visible.
    """
    if p.ndim != 2 or p.shape[1:] != x.shape or any(t.shape != y.shape[1:] for t, y in panels.values()):
        raise ShapeError(f"x {tuple(x.shape)}, p {tuple(p.shape)}: pass (G,), (k, G) and panels of (m,), (n, m)")
    canvas, axes = axes_grid(1, len(panels), 4.6 * len(panels), 3.6, sharey=True)
    lo, hi = float(x[0]), float(x[-1])
    heat = array(p).clip(0).T ** 0.5
    for ax, (title, (times, paths)) in zip(axes[0], panels.items(), strict=True):
        ax.imshow(heat, extent=(0, 1, lo, hi), origin="lower", aspect="auto", cmap="Blues", vmax=1.3 * heat.max())
        ax.plot(array(times), array(paths).T, color=INK, lw=0.6, alpha=0.55)
        ax.set(xlabel=t_label, xlim=(0, 1), ylim=(lo, hi), title=title)
    axes[0, 0].set_ylabel("x")
    return finished(canvas, alt)
