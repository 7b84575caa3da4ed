"""CSV that a spreadsheet shows and does not run."""

import csv
import io
from collections.abc import Iterable, Sequence

# What a cell may begin with to be taken for a formula or a command: https://owasp.org/www-community/attacks/CSV_Injection
ACTIVE = tuple("=+-@\t\r\n＝＋－＠")
NOTHING = "-"  # Moodle's sign for an empty cell; no spreadsheet takes it for a formula

Cell = str | float | None


def sheet(rows: Iterable[Sequence[Cell]]) -> bytes:
    """The rows as CSV in UTF-8, quoted where needed.

    A number is written as it is, None as an empty cell, and a text that begins like a formula gets an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out)  # RFC 4180: lines end in CR LF, and a text that holds either is quoted
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


def harmless(text: str) -> str:
    """The text with an apostrophe before it if a spreadsheet would act on it."""
    return f"'{text}" if text.lstrip(" ").startswith(ACTIVE) and text != NOTHING else text


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    return harmless(value) if isinstance(value, str) else number(value)


def number(value: float) -> str:
    """Points as a person writes them, to a thousandth."""
    return f"{round(value, 3):.10g}"
