"""Entering a judged submission into the gradebook: nbgrader's own autograding, for one student."""

import shutil
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from sys import intern

from nbgrader.api import Assignment, Grade, Gradebook, SubmittedAssignment, SubmittedNotebook
from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import OperationalError
from traitlets.config import Config

from grader.converting import Entry, run
from grader.errors import GradingError
from grader.graded import Graded
from grader.intake import Submission
from grader.judge import Record, Score
from grader.plugin import RECORDS, REPAIRS
from grader.warm import kept, one_transaction


@dataclass(frozen=True)
class Row:
    """One line of the report.  points is None if the submission was refused or could not be graded.

    problem: why; repairs: what had to be put right in the notebook; waits: points of what a person has yet to grade;
    penalty: points off for lateness, still in `points`; record: what the report needs of it, see `in_short`.
    """

    student: str
    points: float | None
    of: float
    record: Record | None
    problem: str = ""
    repairs: tuple[str, ...] = ()
    waits: float = 0.0
    penalty: float = 0.0


def refused(s: Submission, problem: str) -> Row:
    """The line of a submission that has no points."""
    return Row(s.student, None, 0.0, None, problem)


def enter(root: Path, config: Config, lesson: str, s: Submission, feedback: bool) -> Row:
    """Let nbgrader take one submission into the gradebook.  Needs `warm`."""
    try:
        return _enter(root, config, lesson, s, feedback)
    except GradingError as error:
        shutil.rmtree(root / "autograded" / s.student / lesson, ignore_errors=True)
        return refused(s, f"nbgrader refused it: {error}")
    except OperationalError as error:
        said = f"the gradebook could not be written ({error.orig}): is it open elsewhere, or the disk full? "
        return refused(s, said + "It is judged; run the same command again")
    finally:
        RECORDS.pop(s.student, None)
        REPAIRS.pop(s.student, None)


def _enter(root: Path, config: Config, lesson: str, s: Submission, feedback: bool) -> Row:
    autograde = kept(("autograde", id(config)), lambda: (config, Entry(config)))[1]
    with one_transaction():
        run(autograde, s.student)
        with Gradebook(autograde.coursedir.db_url) as gradebook:
            points, of, penalty, waits = _entered(gradebook, lesson, s.student)
    record, repairs = RECORDS.get(s.student), tuple(REPAIRS.get(s.student, ()))
    if record:
        Graded(root, lesson).put(s.student, record.key)
    if feedback:
        run(GenerateFeedback(coursedir=CourseDirectory(config=config), config=config, force=True), s.student)
    return Row(s.student, points, of, record and in_short(record), repairs=repairs, waits=waits, penalty=penalty)


def in_short(record: Record) -> Record:
    """Without the outputs of its cells, which may be 16 MiB each time, and the verdicts in full.

    Both are in the graded notebook.  What is left of a class of thousands is small: students with equal scores share
    them, and those that differ share what is equal.
    """
    scores = tuple((intern(name), _one(replace(score, markdown=""))) for name, score in record.scores.items())
    return replace(record, outputs={}, scores=_together(scores), versions={})


@lru_cache(maxsize=10_000)
def _one(score: Score) -> Score:
    return score


@lru_cache(maxsize=10_000)
def _together(scores: tuple[tuple[str, Score], ...]) -> dict[str, Score]:
    return dict(scores)


_MINE = SubmittedAssignment
_SUMS = (
    select(_MINE.id, _MINE.score, _MINE.max_score, _MINE.late_submission_penalty)
    .join(Assignment, Assignment.id == _MINE.assignment_id)
    .where(Assignment.name == bindparam("lesson"), _MINE.student_id == bindparam("student"))
)
_WAITS = (
    select(func.sum(Grade.max_score))
    .join(SubmittedNotebook, Grade.notebook_id == SubmittedNotebook.id)
    .where(SubmittedNotebook.assignment_id == bindparam("submission"))
    .where(Grade.needs_manual_grade, Grade.manual_score.is_(None))
)


def _entered(gradebook: Gradebook, lesson: str, student: str) -> tuple[float, float, float, float]:
    """Points, points that there are, points off for lateness, and those of what a person has yet to grade."""
    mine, *sums = gradebook.db.execute(_SUMS, {"lesson": lesson, "student": student}).one()
    waits = gradebook.db.execute(_WAITS, {"submission": mine}).scalar()
    points, of, penalty, waiting = (float(x or 0.0) for x in (*sums, waits))
    return points, of, penalty, waiting
