"""Images in gray, in rows and grids, all on one scale."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from diffkit.errors import ShapeError
from diffkit.figure import Figure
from diffkit.plots.canvas import axes_grid, draw_densities, draw_image, finished


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
    canvas, axes = axes_grid(rows, columns, 1.25 * columns + 0.3, 1.25 * rows + 0.35)
    for i in range(rows):
        for j in range(columns):
            draw_image(axes[i, j], images[i, j], column_titles[j] if i == 0 else "")
        axes[i, 0].set_ylabel(row_titles[i])
    return finished(canvas, alt)


def density_and_images(
    x: Tensor, densities: Mapping[str, Tensor], images: Tensor, titles: Sequence[str], alt: str
) -> Figure:
    """A density panel and, beside it, gray images: (n, 1, H, W) or (n, H, W)."""
    ratios = [2.2] + [1.0] * len(images)
    canvas, axes = axes_grid(1, 1 + len(images), 2 * sum(ratios), 2.9, width_ratios=ratios)
    draw_densities(axes[0, 0], x, densities, "x")
    for ax, image, title in zip(axes[0, 1:], images, titles, strict=True):
        draw_image(ax, image.squeeze(), title)
    return finished(canvas, alt)
