"""Collects what a cell prints, shows and raises, as plain dicts in the manner of nbformat, up to a limit."""

import base64
import io
import threading
from typing import Any, Literal

SHOWN = ("text/plain", "image/png")  # the host would drop every other kind
MOST_PIECES = 990  # the host takes 1000, with an error and the note on what was cut; far more would not cross the wire


class Outputs:
    """The outputs of the running cell.  Threads of the student may write at the same time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.start(0)

    def start(self, limit: int) -> None:
        self.limit, self.room, self.cut = limit, limit, 0
        self.items: list[dict[str, Any]] = []

    def write(self, name: str, text: str) -> None:
        text = whole(text)
        with self.lock:
            size = size_of(text)
            if size > self.room:
                kept = text[: self.room // (1 if text.isascii() else 4)]
                self.cut += size - len(kept)
                text, size = kept, self.room
            self.room -= size
            if text and self.items and self.items[-1].get("name") == name:
                self.items[-1]["parts"].append(text)
            elif len(self.items) >= MOST_PIECES:
                self.cut += size
            elif text:
                self.items.append({"output_type": "stream", "name": name, "parts": [text]})

    def show(self, kind: str, data: dict[str, Any]) -> None:
        kept = {}
        for mime in SHOWN:
            value = data.get(mime)
            if isinstance(value, bytes):
                value = base64.b64encode(value).decode()
            if isinstance(value, str):
                kept[mime] = whole(value)
        size = sum(map(size_of, kept.values()))
        with self.lock:
            if size > self.room or len(self.items) >= MOST_PIECES:
                self.cut += size
            elif kept:
                self.room -= size
                self.items.append({"output_type": kind, "data": kept, "metadata": {}})

    def error(self, name: str, value: str, traceback: list[str]) -> None:
        text = "\n".join(traceback)
        with self.lock:  # always kept: it says why the cell ended
            self.items.append(
                {
                    "output_type": "error",
                    "ename": whole(name[:200]),
                    "evalue": whole(value[:10_000]),
                    "traceback": whole(text[-20_000:]).split("\n"),
                }
            )

    def clear(self) -> None:
        with self.lock:
            self.start(self.limit)

    def finish(self) -> list[dict[str, Any]]:
        with self.lock:
            for item in self.items:
                if item["output_type"] == "stream" and "parts" in item:
                    item["text"] = "".join(item.pop("parts"))
            if self.cut:
                most = f"{self.limit} bytes, in {MOST_PIECES} pieces"
                note = f"\n[{self.cut} bytes of output were cut here: a cell may show {most}]\n"
                self.items.append({"output_type": "stream", "name": "stderr", "text": note})
            return self.items


def whole(text: str) -> str:
    """Halves of characters cannot be sent: without them."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def size_of(text: str) -> int:
    """Bytes, which are what the wire has limits for."""
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


class Stream(io.TextIOBase):
    """Stands for sys.stdout and sys.stderr."""

    def __init__(self, outputs: Outputs, name: Literal["stdout", "stderr"]) -> None:
        super().__init__()
        self.outputs, self.stream_name = outputs, name

    encoding = "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.outputs.write(self.stream_name, text)
        return len(text)
