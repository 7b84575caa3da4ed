"""A graded notebook as one HTML page that stands for itself."""

from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from nbformat.notebooknode import NotebookNode

from grader.feedback.colours import coloured, rules
from grader.feedback.outputs import outputs_html
from grader.feedback.prose import html

# Even if something active got into a page: a browser would run and load nothing.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: 'self' file:; base-uri 'none'; form-action 'none'"
)


def page(nb: NotebookNode, where: Mapping[str, Any]) -> str:
    """The page.  where: nbgrader's resources, with the scores that `Marks` put there."""
    title = f"{where['assignment']}: {where['student']}"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{escape(title)}</title>\n'
        f"<style>\n{style()}\n</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{_summary(nb, where)}<main>\n{''.join(_cells(nb))}</main>\n</body>\n</html>\n"
    )


@cache
def style() -> str:
    """The page's CSS."""
    return files("grader.feedback").joinpath("page.css").read_text(encoding="utf-8") + rules()


def _summary(nb: NotebookNode, where: Mapping[str, Any]) -> str:
    """The score, and a table of what it is made of, with links."""
    score, of, penalty = (float(where.get(k) or 0) for k in ("score", "max_score", "late_penalty"))
    graded = [_grading(c) for c in nb.cells if _grading(c).get("grade")]
    rows, waits = [_row(g) for g in graded], sum(float(g.get("points") or 0) for g in graded if g.get("waits"))
    later = f"; {waits:g} more are not graded yet" if waits else ""
    if penalty:
        rows.append(f'<tr class="lost"><td>handed in late</td><td>-{penalty:g}</td><td></td></tr>\n')
    return (
        f"<p class='score'>{score:g} of {of - waits:g} points{later}</p>\n<table>\n"
        f"<tr><th>exercise</th><th>points</th><th>of</th></tr>\n{''.join(rows)}</table>\n"
    )


def _row(grading: Mapping[str, Any]) -> str:
    name, of = grading["grade_id"], float(grading.get("points") or 0)
    points = "not yet" if grading.get("waits") else f"{float(grading.get('score') or 0):g}"
    kind = "" if _full(grading) else ' class="lost"'
    link = f'<a href="#{escape(name)}">{escape(name)}</a>'
    return f"<tr{kind}><td>{link}</td><td>{points}</td><td>{of:g}</td></tr>\n"


def _cells(nb: NotebookNode) -> Iterator[str]:
    for cell in nb.cells:
        grading = _grading(cell)
        if grading.get("grade") and grading.get("locked") and cell.cell_type == "code":
            yield _verdict(cell, grading)
        elif grading.get("grade") or grading.get("solution"):
            yield _answer(cell, grading)
        else:
            yield _plain(cell)


def _plain(cell: NotebookNode) -> str:
    if cell.cell_type == "markdown":
        return f"<section>{html(cell.source)}</section>\n"
    if cell.cell_type == "code":
        folded = "hide-input" in cell.metadata.get("tags", [])
        code = f"<details><summary>code</summary>{coloured(cell.source)}</details>" if folded else coloured(cell.source)
        return f'<section class="code">{code}{outputs_html(cell.get("outputs", []))}</section>\n'
    return f"<section><pre>{escape(cell.source)}</pre></section>\n"


def _verdict(cell: NotebookNode, grading: Mapping[str, Any]) -> str:
    """A locked test cell: nbgrader's score, and in the place of outputs the judge's words."""
    said = [o.get("data", {}) for o in cell.get("outputs", [])]
    words = "".join(html("".join(d["text/markdown"])) for d in said if "text/markdown" in d)
    kind = "verdict" if _full(grading) else "verdict short"
    return f'<section class="{kind}" id="{escape(grading["grade_id"])}">{_points(grading)}{words}</section>\n'


def _answer(cell: NotebookNode, grading: Mapping[str, Any]) -> str:
    anchor = f' id="{escape(grading["grade_id"])}"' if grading.get("grade") else ""
    points = _points(grading) if grading.get("grade") else ""
    comment = grading.get("comment")
    said = f'<div class="comment"><strong>Comment.</strong> {html(comment)}</div>' if comment else ""
    return f'<section class="answer"{anchor}>{points}{_plain(cell)}{said}</section>\n'


def _points(grading: Mapping[str, Any]) -> str:
    points, of = float(grading.get("score") or 0), float(grading.get("points") or 0)
    said = f"not graded yet, {of:g} points" if grading.get("waits") else f"{points:g} of {of:g}"
    return f'<p class="points">{said} <a href="#">top</a></p>'


def _full(grading: Mapping[str, Any]) -> bool:
    """Whether nothing is lost: what waits for a person is not."""
    return bool(grading.get("waits")) or float(grading.get("score") or 0) >= float(grading.get("points") or 0)


def _grading(cell: NotebookNode) -> Mapping[str, Any]:
    found: Mapping[str, Any] = cell.metadata.get("nbgrader", {})
    return found
