"""Indexes for nbgrader's gradebook, which has none on what leads from a submission to its grades.

Without them each entry reads the grades of all students: with a thousand of them that is most of its time.  They hold
nothing of their own, and nbgrader, its migrations and its formgrader work with them as without.
"""

from nbgrader.api import Comment, Grade, SubmittedAssignment, SubmittedNotebook
from sqlalchemy import Column, Engine, Index, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex

INDEXES = {
    "grader_student": SubmittedAssignment.__table__.c.student_id,
    "grader_assignment": SubmittedNotebook.__table__.c.assignment_id,
    "grader_grade_notebook": Grade.__table__.c.notebook_id,
    "grader_comment_notebook": Comment.__table__.c.notebook_id,
}


def add_indexes(engine: Engine) -> bool:
    """Make those that are missing.  Returns whether all are there then.

    A database that others are writing at the moment, or that lets nobody make indexes, is left as it is: it is slower.
    """
    there = inspect(engine)
    missing = [
        (name, column)
        for name, column in INDEXES.items()
        if name not in {index["name"] for index in there.get_indexes(column.table.name)}
    ]
    try:
        with engine.begin() as connection:
            if missing and engine.dialect.name == "postgresql":
                connection.execute(text("SET LOCAL lock_timeout = '5s'"))  # else it waits for as long as others write
            for name, column in missing:
                connection.execute(CreateIndex(_index(name, column), if_not_exists=True))
    except DBAPIError:
        return False
    return True


def _index(name: str, column: "Column[object]") -> Index:
    """An index that nbgrader's own tables do not know, so that nbgrader makes none where it makes a gradebook."""
    index = Index(name, column)
    column.table.indexes.discard(index)
    return index
