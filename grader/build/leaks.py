"""A scan that proves that no line of a solution is in what students get."""

import json
from collections.abc import Iterator, Mapping

MARKERS = tuple(f"{edge} {what}" for what in ("SOLUTION", "HIDDEN TESTS", "MARK SCHEME") for edge in ("BEGIN", "END"))
TRIVIAL = 10  # letters, without spaces: shorter lines, such as `return x`, tell nothing


def leaks(sources: Mapping[str, str], released: Mapping[str, bytes]) -> list[str]:
    """What of the solutions is in the released files: one line of text for each find, none if all is well.

    sources: the lessons' texts by name; released: the students' files by name, notebooks and any other.
    Looks at every string of a notebook (sources, metadata, outputs, attachments), whatever the spacing.
    """
    secrets = secret_lines(sources)
    finds = []
    for name, content in released.items():
        text = "\n".join(_squeeze(line) for part in _strings(name, content) for line in part.splitlines())
        finds += [f"{name} holds the marker {m!r}" for m in MARKERS if _squeeze(m) in text]
        finds += [f"{name} holds the solution line {line!r}" for s, line in secrets.items() if s in text]
    return finds


def secret_lines(sources: Mapping[str, str]) -> dict[str, str]:
    """The lines that only solutions hold, {without spaces: as written}.

    A line that is also part of the open text, such as a signature that is shown, is no secret.
    """
    inside: dict[str, str] = {}
    outside: list[str] = []
    for text in sources.values():
        for line, is_secret in _regions(text):
            if is_secret:
                inside |= {_squeeze(form): line.strip() for form in _forms(line)}
            else:
                outside.append(_squeeze(line))
    known = "\n".join(outside)
    return {s: line for s, line in inside.items() if len(s) >= TRIVIAL and s not in known}


def _regions(text: str) -> Iterator[tuple[str, bool]]:
    """Each line of a text source except the markers, with whether it lies between two of them."""
    is_secret = False
    for line in text.splitlines():
        if marker := next((m for m in MARKERS if m in line), None):
            is_secret = marker.startswith("BEGIN")
        else:
            yield line, is_secret


def _forms(line: str) -> list[str]:
    """The line without the comment sign of markdown cells, and without a comment after the code."""
    bare = line.strip().lstrip("# ")
    return [bare, bare.split("  #")[0]]


def _squeeze(line: str) -> str:
    return "".join(line.split())


def _strings(name: str, content: bytes) -> Iterator[str]:
    text = content.decode("utf-8", errors="replace")
    if name.endswith(".ipynb"):
        yield from _values(json.loads(text))
    else:
        yield text


def _values(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield str(key)
            yield from _values(value)
    elif isinstance(node, list):
        for value in node:
            yield from _values(value)
