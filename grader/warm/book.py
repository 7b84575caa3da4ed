"""nbgrader's gradebook, while nbgrader is warm: asked with statements that are written once.  The rows are the same.

nbgrader puts each question together anew, and makes an object for each cell of a new submission.  Everything here
stands in the place of a method of `nbgrader.api.Gradebook` while `grader.warm.warm` is open.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from nbgrader import api
from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    InvalidEntry,
    MissingEntry,
    Notebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
    new_uuid,
)
from nbgrader.utils import parse_utc
from sqlalchemy import Select, bindparam, insert, select
from sqlalchemy.exc import IntegrityError, NoResultFound, StatementError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import FlushError


def _finding(what: str, statement: Select[Any]) -> Callable[..., Any]:
    """One of the gradebook's `find_*`, with a statement that has its arguments as parameters 0, 1, ..."""

    def find(gradebook: Any, *names: str) -> Any:
        found = gradebook.db.execute(statement, {str(place): name for place, name in enumerate(names)})
        try:
            return found.scalars().one()
        except NoResultFound:
            raise MissingEntry(f"No such {what}: {', '.join(names)}") from None

    return find


_SUBMISSION = (
    select(SubmittedAssignment)
    .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
    .where(Assignment.name == bindparam("0"), SubmittedAssignment.student_id == bindparam("1"))
)
_NOTEBOOK = (
    select(SubmittedNotebook)
    .join(Notebook, Notebook.id == SubmittedNotebook.notebook_id)
    .join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
    .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
    .where(Notebook.name == bindparam("0"), Assignment.name == bindparam("1"))
    .where(SubmittedAssignment.student_id == bindparam("2"))
)
_STATEMENTS: dict[str, Select[Any]] = {
    "student": select(Student).where(Student.id == bindparam("0")),
    "assignment": select(Assignment).where(Assignment.name == bindparam("0")),
    "notebook": select(Notebook)
    .join(Assignment, Assignment.id == Notebook.assignment_id)
    .where(Notebook.name == bindparam("0"), Assignment.name == bindparam("1")),
    "submission": _SUBMISSION,
    "submission notebook": _NOTEBOOK,
}
FINDS = {f"find_{name.replace(' ', '_')}": _finding(name, statement) for name, statement in _STATEMENTS.items()}

# The notebooks and cells of a lesson, asked for as nbgrader does, so that they come in the same order.
_NOTEBOOKS = select(Notebook.id).where(Notebook.assignment_id == bindparam("lesson")).order_by(Notebook.name)
_CELLS = select(BaseCell.id, BaseCell.name, BaseCell.type).where(BaseCell.notebook_id == bindparam("notebook"))
_COUNTED = {"GradeCell": (Grade,), "SolutionCell": (Comment,), "TaskCell": (Comment, Grade)}


def update_or_create_student(gradebook: Any, student_id: str, **more: Any) -> Student:
    """`Gradebook.update_or_create_student`, with less ado for one of whom no more is known than the id."""
    if more or gradebook.authenticator:
        return _update_or_create_student(gradebook, student_id, **more)
    try:
        return gradebook.find_student(student_id)
    except MissingEntry:
        with _refusing(gradebook.db):
            gradebook.db.execute(insert(Student.__table__), {"id": student_id})
            gradebook.db.commit()
    return gradebook.find_student(student_id)


_update_or_create_student = api.Gradebook.update_or_create_student


def add_submission(gradebook: Any, assignment: str, student: str, **more: Any) -> SubmittedAssignment:
    """`Gradebook.add_submission`, with one statement for each table instead of an object for each row."""
    if "timestamp" in more:
        more["timestamp"] = parse_utc(more["timestamp"])
    lesson, db = gradebook.find_assignment(assignment).id, gradebook.db
    mine = {"id": new_uuid(), "assignment_id": lesson, "student_id": gradebook.find_student(student).id, **more}
    cells = {
        notebook: db.execute(_CELLS, {"notebook": notebook}).all()
        for notebook in db.execute(_NOTEBOOKS, {"lesson": lesson}).scalars().all()
    }
    with _refusing(db):
        for table, rows in {SubmittedAssignment: [mine], **_mirrored(mine["id"], cells)}.items():
            if rows:
                db.execute(insert(table.__table__), rows)
        db.commit()
    return gradebook.find_submission(assignment, student)


@contextmanager
def _refusing(db: Session) -> Iterator[None]:
    """What the database does not take is said as nbgrader says it."""
    try:
        yield
    except (IntegrityError, FlushError, StatementError) as error:
        db.rollback()
        raise InvalidEntry(*error.args) from error


def _mirrored(submission: str, cells: Mapping[str, Sequence[Any]]) -> dict[Any, list[dict[str, str]]]:
    """The rows of a submission by table: its notebooks, and a place for each of their cells."""
    rows: dict[Any, list[dict[str, str]]] = {SubmittedNotebook: [], Comment: [], Grade: []}
    for notebook, found in cells.items():
        mine = new_uuid()
        rows[SubmittedNotebook].append({"id": mine, "notebook_id": notebook, "assignment_id": submission})
        for kind, tables in _COUNTED.items():
            for table in tables:
                rows[table] += [{"notebook_id": mine, "cell_id": cell.id} for cell in found if cell.type == kind]
    return rows
