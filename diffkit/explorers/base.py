"""What every explorer shares: its script, its style and its static twin.

A notebook is also read where nothing runs: on a code host, in print, before it is trusted.  There the
explorer shows a picture of its present state, drawn by `diffkit.plots`, with words for who cannot see it.
"""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import torch
from torch import Tensor

from diffkit.errors import ShapeError
from diffkit.figure import Figure
from diffkit.oracle import GaussianMixture

FOLDER = Path(__file__).parent


def script(*names: str) -> str:
    """The browser code of one explorer: the shared helpers, then its own files."""
    return "\n".join((FOLDER / file).read_text(encoding="utf-8") for file in ("base.js", *names))


class Explorer(anywidget.AnyWidget):
    """Base class.  A subclass sets `_esm = script("its_name.js")`, its synced traits, and `picture`."""

    _css = FOLDER / "base.css"

    def picture(self) -> Figure:
        """The present state as a figure."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live widget, which notebooks prefer, and the picture for wherever it cannot live."""
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})  # None: the widget is closed
        twin = self.picture()
        png = base64.b64encode(twin.png).decode()
        return {**data, **twin._repr_mimebundle_(), "image/png": png}, metadata


def on_the_line(mixture: GaussianMixture | None, default: Callable[[], GaussianMixture]) -> GaussianMixture:
    """The mixture to show, on the CPU in float64.  Raises ShapeError unless it has one dimension."""
    return _shown(mixture, default, 1, "a mixture on the line")


def in_the_plane(mixture: GaussianMixture | None, default: Callable[[], GaussianMixture]) -> GaussianMixture:
    """The mixture to show, on the CPU in float64.  Raises ShapeError unless it has two dimensions."""
    return _shown(mixture, default, 2, "a mixture in the plane")


def packed(values: Tensor, dtype: str) -> bytes:
    """The values as the bytes of a browser's typed array.  dtype: "<f8", "<u2" or "u1" (little-endian)."""
    return values.detach().cpu().numpy().astype(dtype).tobytes()


def _shown(
    mixture: GaussianMixture | None, default: Callable[[], GaussianMixture], dims: int, wanted: str
) -> GaussianMixture:
    chosen = default() if mixture is None else mixture.to("cpu", torch.float64)
    if chosen.means.shape[1] != dims:
        raise ShapeError(
            f"the mixture has {chosen.means.shape[1]} dimensions: this explorer shows {wanted}, means (K, {dims})"
        )
    return chosen
