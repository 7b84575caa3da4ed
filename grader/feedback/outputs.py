"""A cell's outputs as HTML: text and PNG pictures, whatever else a notebook may hold."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # for terminals
MOST = 200_000  # letters; a browser draws no more in good time
PNG = b"\x89PNG\r\n\x1a\n"


def outputs_html(outputs: Sequence[Mapping[str, Any]]) -> str:
    """All outputs of a cell."""
    return "".join(_output(o) for o in outputs)


def _output(output: Mapping[str, Any]) -> str:
    kind = output.get("output_type")
    if kind == "stream":
        return _text(output.get("text"), "error" if output.get("name") == "stderr" else "")
    if kind == "error":
        return _text("\n".join(output.get("traceback") or [str(output.get("evalue", ""))]), "error")
    data = output.get("data", {})
    return _picture(data["image/png"]) if "image/png" in data else _text(data.get("text/plain"))


def _text(text: Any, kind: str = "") -> str:
    plain = COLOURS.sub("", text if isinstance(text, str) else "".join(text or ()))
    if not plain:
        return ""
    more = f"\n... {len(plain) - MOST} more letters" if len(plain) > MOST else ""
    return f'<pre class="output {kind}">{escape(plain[:MOST] + more)}</pre>\n'


def _picture(image: Any) -> str:
    """A PNG inside of the page; what is none is not shown."""
    try:
        data = base64.b64decode("".join(image).replace("\n", ""), validate=True)
    except (binascii.Error, ValueError, TypeError):
        return ""
    if not data.startswith(PNG):
        return ""
    return f'<img class="output" alt="a figure" src="data:image/png;base64,{base64.b64encode(data).decode()}">\n'
