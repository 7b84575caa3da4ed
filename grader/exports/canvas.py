"""A gradebook for Canvas's *Import*.

Format: "How do I import grades in the Gradebook?" in Canvas's guides, and what reads the file, `GradebookImporter` in
instructure/canvas-lms (lib/gradebook_importer.rb).  The first line has `Student`, `ID`, `SIS User ID`, `SIS Login ID`,
`Section`, then the assignments; a line whose first cell holds `Points Possible` gives their points.  Canvas looks for a
student by ID, then SIS User ID, then SIS Login ID, then name.  An empty score changes nothing.
"""

from collections.abc import Mapping, Sequence

from grader.exports.results import Result
from grader.exports.sheet import Cell, sheet

WHO = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")


def gradebook(results: Sequence[Result], titles: Mapping[str, str]) -> bytes:
    """CSV.  titles: what Canvas calls a lesson, best with its number, `Forward process (4711)`."""
    of = {r.lesson: r.of for r in results}
    people = {r.person.id: r.person for r in results}
    scores = {(r.person.id, r.lesson): r.score for r in results}
    rows: list[Sequence[Cell]] = [
        (*WHO, *(titles.get(lesson, lesson) for lesson in of)),
        ("    Points Possible", None, None, None, None, *of.values()),
    ]
    for i, p in sorted(people.items(), key=lambda item: item[1].sorted_name):
        login = p.login or ("" if p.canvas or p.sis_id else p.id)
        points = [_rounded(scores.get((i, lesson))) for lesson in of]
        rows.append((p.sorted_name, p.canvas, p.sis_id, login, p.section, *points))
    return sheet(rows)


def _rounded(score: float | None) -> float | None:
    """Canvas shows, exports and compares two decimals."""
    return None if score is None else round(score, 2)
