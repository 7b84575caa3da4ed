"""Figures of the lessons: tensors in, one `Figure` with its description out.

Matplotlib's object interface draws: pyplot keeps each figure alive in a global list, this keeps none.
Colours are those of Okabe & Ito 2008, which colour-blind readers tell apart; every line also differs in its
dashes, so nothing is said by colour alone.
"""

from diffkit.plots.canvas import COLORS, DASHES, GRAY_RANGE
from diffkit.plots.graphs import Box, Drawing, concept_map, dags
from diffkit.plots.images import density_and_images, image_grid, image_row
from diffkit.plots.lines import bars, curve_panels, curves, density, path_panels, trajectories
from diffkit.plots.plane import fields, scatter, shortened

__all__ = [
    "COLORS",
    "DASHES",
    "GRAY_RANGE",
    "Box",
    "Drawing",
    "bars",
    "concept_map",
    "curve_panels",
    "curves",
    "dags",
    "density",
    "density_and_images",
    "fields",
    "image_grid",
    "image_row",
    "path_panels",
    "scatter",
    "shortened",
    "trajectories",
]
