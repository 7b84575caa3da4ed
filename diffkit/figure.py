"""A picture and the words that stand for it when it cannot be seen.

The words travel as the `alt` of an HTML image: notebook tools drop the alt text of plain image outputs.
"""

import base64
import html
from dataclasses import dataclass
from typing import Any

from diffkit.errors import DiffkitError

PIXELS_PER_DOT = 2  # the PNG has twice the pixels of its place on the page: sharp on dense screens too


@dataclass(frozen=True)
class Figure:
    """png: the bytes of a PNG file; alt: one or two sentences.  Raises DiffkitError when alt is empty."""

    png: bytes
    alt: str

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise DiffkitError("alt is empty: say in one or two sentences what the picture shows")

    @property
    def html(self) -> str:
        """The picture as one self-contained `<img>`."""
        width = int.from_bytes(self.png[16:20]) // PIXELS_PER_DOT  # the PNG header holds its width at byte 16
        return (
            f'<img alt="{html.escape(self.alt)}" width="{width}" style="max-width:100%;height:auto" '
            f'src="data:image/png;base64,{base64.b64encode(self.png).decode()}">'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.alt}

    def __repr__(self) -> str:
        return f"Figure({self.alt!r}, {len(self.png)} bytes)"
