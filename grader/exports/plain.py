"""A table for people: a line for each student and lesson, a column for each graded cell."""

from collections.abc import Mapping, Sequence

from grader.exports.results import Result
from grader.exports.sheet import Cell, sheet
from grader.text import printable

HEAD = ("student", "last_name", "first_name", "email", "lesson", "submitted", "score", "of", "penalty", "waits")


def grades(results: Sequence[Result], titles: Mapping[str, str]) -> bytes:
    """CSV.  score: less the penalty for lateness; waits: "yes" if a person has yet to grade something."""
    names = list(dict.fromkeys(p.name for r in results for p in r.parts))
    rows: list[Sequence[Cell]] = [(*HEAD, *names, "diagnosis")]
    rows += [_row(r, names, titles.get(r.lesson, r.lesson)) for r in results]
    return sheet(rows)


def _row(r: Result, names: list[str], title: str) -> Sequence[Cell]:
    points = {p.name: p.points for p in r.parts if not p.waits}
    said = "; ".join(f"{p.name}: {p.said}" for p in r.parts if p.said and p.said != "right")
    who = (r.person.id, r.person.last, r.person.first, r.person.email)
    return (
        *who, title, r.submitted, r.score, r.of, r.penalty, "yes" if r.waits else "",
        *(points.get(n) for n in names), printable(said),
    )  # fmt: skip
