"""Points and arrows in the plane."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffkit.errors import ShapeError
from diffkit.figure import Figure
from diffkit.plots.canvas import COLORS, INK, array, axes_grid, finished


def scatter(points: Tensor, titles: Sequence[str], alt: str) -> Figure:
    """Panels of 2-D points on one common scale.  points: (panels, n, 2), one title each; nan: not drawn."""
    if points.ndim != 3 or points.shape[2] != 2 or len(points) != len(titles):
        raise ShapeError(f"points {tuple(points.shape)} for {len(titles)} titles: pass (panels, n, 2)")
    canvas, axes = axes_grid(1, len(points), 2.1 * len(points) + 0.4, 2.5, sharey=True)
    reach = 1.05 * float(points.nan_to_num().abs().max())
    for ax, cloud, title in zip(axes[0], array(points), titles, strict=True):
        ax.scatter(*cloud.T, s=4, color=COLORS[0], alpha=0.5, linewidths=0)
        ax.set(title=title, xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    return finished(canvas, alt)


def fields(
    points: Tensor, arrows: Tensor, titles: Sequence[str], alt: str, *, unit: float = 1.5, shade: Tensor | None = None
) -> Figure:
    """Panels of arrows in the plane.  points: (n^2, 2), a square grid; arrows: (panels, n^2, 2), one title each.

    Lengths are softened (`shortened`): an arrow of length `unit` takes three quarters of the grid's step.
    shade: (panels, m, m), values behind the arrows, rows along y from below; one scale for all, 0 is white.
    """
    if arrows.ndim != 3 or arrows.shape[1:] != points.shape or len(arrows) != len(titles):
        raise ShapeError(f"points {tuple(points.shape)}, arrows {tuple(arrows.shape)}: pass (n, 2) and (panels, n, 2)")
    canvas, axes = axes_grid(1, len(arrows), 2.9 * len(arrows) + 0.3, 3.4, sharey=True)
    low, high = float(points.min()), float(points.max())
    step = (high - low) / (len(points) ** 0.5 - 1)
    for k, (ax, title) in enumerate(zip(axes[0], titles, strict=True)):
        if shade is not None:
            box, top = (low, high, low, high), 1.6 * float(shade.max())
            ax.imshow(array(shade[k]), extent=box, origin="lower", cmap="Blues", vmin=0, vmax=top)
        u, v = array(shortened(arrows[k], unit, 0.95 * step)).T
        x, y = array(points).T
        ax.quiver(x, y, u, v, angles="xy", scale_units="xy", scale=1, color=INK, width=0.006, headwidth=4)
        ax.set(title=title, xlim=(low - step, high + step), ylim=(low - step, high + step), aspect="equal")
    return finished(canvas, alt)


def shortened(arrows: Tensor, unit: float, longest: float) -> Tensor:
    """Arrows (*, 2) in their directions, none longer than `longest`: longest * tanh(length / unit)."""
    length = arrows.norm(dim=-1, keepdim=True)
    return arrows * (longest * torch.tanh(length / unit) / length.clamp(min=1e-12))
