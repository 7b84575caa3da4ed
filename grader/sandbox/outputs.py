"""Which outputs of a cell are kept.  They are hostile data that an instructor will open in a browser."""

import base64
import binascii
import struct
from typing import Any

MAX_OUTPUTS = 1000
MAX_SIDE, MAX_PIXELS = 10_000, 25_000_000  # a browser takes 4 bytes for each
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_END = b"IEND\xaeB`\x82"
# Everything below space except tab, newline, return, and the escape of colours.
CONTROLS = dict.fromkeys([*range(9), 11, 12, *range(14, 27), *range(28, 32), *range(127, 160)])

Output = dict[str, Any]


def keep_safe(outputs: Any) -> list[Output]:
    """The outputs of known shape: streams, plain text, PNG images, errors.  The rest is dropped."""
    if type(outputs) is not list:
        return []
    kept = (_safe(item) for item in outputs[:MAX_OUTPUTS] if type(item) is dict)
    return [item for item in kept if item is not None]


class Kept:
    """The outputs of all cells of a submission, as long as they are smaller than their limit together."""

    def __init__(self, limit: int) -> None:
        self.limit = self.room = limit

    def keep(self, outputs: Any) -> list[Output]:
        """The harmless ones of a cell, or a note that there is no more room."""
        kept = keep_safe(outputs)
        self.room -= sum(map(_size, kept))
        return kept if self.room >= 0 else [note(f"not kept: the outputs of all cells exceed {self.limit} bytes")]


def note(text: str) -> Output:
    """A remark of ours in the place of a cell's outputs."""
    return {"output_type": "error", "ename": "Stopped", "evalue": text, "traceback": [text]}


def _size(item: Output) -> int:
    texts = [
        *(item.get(name, "") for name in ("text", "ename", "evalue")),
        *item.get("data", {}).values(),
        *item.get("traceback", ()),
    ]
    return sum(map(len, texts))


def _safe(item: Output) -> Output | None:
    kind = item.get("output_type")
    if kind == "stream" and item.get("name") in ("stdout", "stderr"):
        text = plain_text(item.get("text"))
        return None if text is None else {"output_type": "stream", "name": item["name"], "text": text}
    if kind in ("display_data", "execute_result"):
        return _safe_data(str(kind), item.get("data"))
    if kind == "error":
        return _safe_error(item)
    return None


def _safe_data(kind: str, data: Any) -> Output | None:
    if type(data) is not dict:
        return None
    kept = {}
    text, image = plain_text(data.get("text/plain")), data.get("image/png")
    if text is not None:
        kept["text/plain"] = text
    if type(image) is str and is_png(image):
        kept["image/png"] = image
    result: Output = {"output_type": kind, "data": kept, "metadata": {}}
    if kind == "execute_result":
        result["execution_count"] = None
    return result if kept else None


def _safe_error(item: Output) -> Output | None:
    name, value, lines = plain_text(item.get("ename")), plain_text(item.get("evalue")), item.get("traceback")
    if name is None or value is None or type(lines) is not list:
        return None
    traceback = [text for line in lines if (text := plain_text(line)) is not None]
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": traceback}


def plain_text(value: Any) -> str | None:
    """Text without control characters; None if it is no text."""
    return value.translate(CONTROLS) if type(value) is str else None


def is_png(text: str) -> bool:
    """Whether base64 text holds a PNG of sane size: signature and header first, the end mark last."""
    try:
        data = base64.b64decode(text.replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        return False
    if len(data) < 57 or not data.startswith(PNG_SIGNATURE) or data[12:16] != b"IHDR":
        return False
    width, height = struct.unpack(">II", data[16:24])
    return 0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS and data.endswith(PNG_END)
