"""Progress as a notebook shows it: a table in HTML, the same in Markdown for print, and in plain text."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from grader.learner.summary import Row

BAR = 10  # signs


@dataclass(frozen=True)
class Shown:
    """HTML in a notebook and on pages made from it, Markdown for `nbconvert --to latex`, plain text elsewhere."""

    html: str
    plain: str
    markdown: str = ""  # where it is empty, the plain text does

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        forms = {"text/html": self.html, "text/markdown": self.markdown, "text/plain": self.plain}
        return {kind: text for kind, text in forms.items() if text}

    def __repr__(self) -> str:
        return self.plain


def duration(minutes: int) -> str:
    """45 min, 3 h, 3 h 30 min."""
    hours, rest = divmod(minutes, 60)
    return " ".join(([f"{hours} h"] if hours else []) + ([f"{rest} min"] if rest or not hours else []))


def bar(share: float) -> str:
    """A bar of signs; full only when everything is done, empty only when nothing is."""
    full = min(max(round(share * BAR), share > 0), BAR - (share < 1))
    return "█" * full + "░" * (BAR - full)


def table(rows: Sequence[Row], notes: Iterable[str]) -> Shown:
    """The table of all lessons, its sum, and notes below."""
    lines = [_cells(row) for row in rows]
    passed, count, left = (sum(getattr(row, name) for row in rows) for name in ("passed", "count", "left"))
    total = ["", "all lessons", bar(passed / count if count else 0), f"{passed} of {count}", duration(left)]
    notes = [note for note in notes if note]
    every = [*lines, total]
    return Shown(_html(lines, total, notes), _plain(every, notes), _markdown(every, notes))


def _cells(row: Row) -> list[str]:
    passed = f"{row.passed} of {row.count}" + (f", {row.begun} begun" if row.begun else "")
    return [row.number, row.title, bar(row.share), passed, duration(row.left) if row.left else "done"]


HEADS = ["", "lesson", "", "exercises passed", "left, about"]
TITLE_COLUMN, BAR_COLUMN = 1, 2


def _html(lines: Sequence[Sequence[str]], total: Sequence[str], notes: Iterable[str]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        more = {TITLE_COLUMN: ' style="text-align: left"'}  # notebooks set cells to the right: good for numbers
        if _is_bar(cells[BAR_COLUMN]):
            more[BAR_COLUMN] = " aria-hidden=true"
        shown = [f"<{tag}{more.get(i, '')}>{escape(c)}</{tag}>" for i, c in enumerate(cells)]
        return f"<tr>{''.join(shown)}</tr>"

    body = "".join(line(cells, "td") for cells in lines)
    below = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return (
        f"<table><caption>Your progress</caption><thead>{line(HEADS, 'th')}</thead><tbody>{body}</tbody>"
        f"<tfoot>{line(total, 'th')}</tfoot></table>{below}"
    )


def _markdown(lines: Sequence[Sequence[str]], notes: Iterable[str]) -> str:
    """Without the bars: fonts of print often lack their signs, and the numbers say the same."""
    rows = [[_escaped(c) for i, c in enumerate(cells) if i != BAR_COLUMN] for cells in [HEADS, *lines]]
    rows.insert(1, ["---"] * len(rows[0]))
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    return "\n\n".join(["**Your progress**", table, *map(_escaped, notes)])


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_|<>$\[\]])", r"\\\1", text)


def _is_bar(cell: str) -> bool:
    return "░" in cell or "█" in cell


def _plain(lines: Sequence[Sequence[str]], notes: Iterable[str]) -> str:
    widths = [max(len(cells[i]) for cells in [HEADS, *lines]) for i in range(len(HEADS))]
    out = ["  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip() for cells in [HEADS, *lines]]
    return "\n".join([*out, *notes])
