"""Grades for Moodle: for the gradebook's *Import, CSV file*, or for an assignment's *Upload grading worksheet*.

Formats: docs.moodle.org "Grade import" (columns are matched to fields on a page that Moodle shows; `Email address` or
`ID number` to the user), and mod/assign/feedback/offline/importgradeslib.php in moodle/moodle for the worksheet, which
needs the columns `Identifier` ("Participant 4711"), `Grade` and `Last modified (grade)`.
"""

from collections.abc import Mapping, Sequence

from grader.errors import CourseError
from grader.exports.results import Result
from grader.exports.sheet import Cell, sheet
from grader.text import printable

WHO = ("First name", "Last name", "Username", "ID number", "Email address")
WORKSHEET = (
    "Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade", "Grade can be changed",
    "Last modified (submission)", "Last modified (grade)", "Feedback comments",
)  # fmt: skip


def gradebook(results: Sequence[Result], titles: Mapping[str, str]) -> bytes:
    """CSV with a column of grades and one of feedback for each lesson, named as Moodle's own export names them."""
    lessons = list(dict.fromkeys(r.lesson for r in results))
    people = {r.person.id: r.person for r in results}
    found = {(r.person.id, r.lesson): r for r in results}
    named = [titles.get(lesson, lesson) for lesson in lessons]
    columns = [c for t in named for c in (f"Assignment: {t} (Real)", f"Assignment: {t} (Feedback)")]
    rows: list[Sequence[Cell]] = [(*WHO, *columns)]
    for i in sorted(people):
        p = people[i]
        cells = [cell for lesson in lessons for cell in _cells(found.get((i, lesson)))]
        rows.append((p.first, p.last, p.login or p.id, p.sis_id, p.email, *cells))
    return sheet(rows)


def worksheet(results: Sequence[Result], titles: Mapping[str, str]) -> bytes:
    """CSV for one lesson.  Raises CourseError for several, and if Moodle's numbers of the students are not known."""
    if len({r.lesson for r in results}) > 1:
        raise CourseError("a grading worksheet is for one lesson: name it with --lesson")
    rows: list[Sequence[Cell]] = [WORKSHEET]
    for r in results:
        if r.score is not None and r.person.moodle:
            grade, said = _cells(r)
            who = (f"Participant {r.person.moodle}", r.person.name, r.person.email)
            rows.append((*who, "Submitted for grading", grade, r.of, "Yes", "-", "-", said))
    if len(rows) == 1:
        raise CourseError(
            "no student has a number of Moodle's: collect Moodle's download with `grader collect`, "
            "or name its worksheet as --roster"
        )
    return sheet(rows)


def _cells(r: Result | None) -> tuple[Cell, Cell]:
    if r is None or r.score is None:
        return None, None
    said = "; ".join(f"{p.name} {p.points:g}/{p.of:g}" + (f" ({p.said})" if p.said else "") for p in r.parts)
    return r.score, printable(said)
