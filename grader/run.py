"""Grading a class: judge the submissions side by side, then let nbgrader write the gradebook, one after the other.

The judging is the expensive part and needs no gradebook writes, so it runs in worker processes and leaves a record per
submission.  nbgrader then goes over the same submissions and finds the records waiting.  A run that is killed has lost
nothing: finished records stay, and the next run uses them.
"""

import copy
import logging
import shutil
import warnings
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from nbgrader.api import Grade, Gradebook, MissingEntry, SubmittedAssignment, SubmittedNotebook
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback, NbGraderException
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import func
from sqlalchemy.exc import OperationalError, SAWarning
from traitlets.config import Config

from grader.cluster import on_cluster
from grader.config import load_config
from grader.errors import GradingError
from grader.executors import Judged, in_processes
from grader.graded import Graded
from grader.intake import Submission, submissions
from grader.judge import Record
from grader.meter import SILENT, Meter
from grader.plugin import RECORDS, REPAIRS
from grader.text import shown
from grader.warm import one_transaction, warm


@dataclass(frozen=True)
class Row:
    """One line of the report.  points is None if the submission was refused or could not be graded.

    problem: why; repairs: what had to be put right in the notebook; waits: points of what a person has yet to grade;
    penalty: points off for lateness, still in `points`; record: without the outputs of its cells, which may be 16 MiB
    each time and are in the graded notebook.
    """

    student: str
    points: float | None
    of: float
    record: Record | None
    problem: str = ""
    repairs: tuple[str, ...] = ()
    waits: float = 0.0
    penalty: float = 0.0


def prepare(root: Path, lesson: str) -> None:
    """Tell the gradebook about a lesson, with nbgrader's own `generate_assignment`."""
    config = load_config(root, CourseDirectory={"root": str(root), "assignment_id": lesson})
    _run(GenerateAssignment, config, force=True)


def grade_class(
    root: Path,
    lesson: str,
    *,
    workers: int = 2,
    mode: str = "bwrap",
    settings: dict[str, object] | None = None,
    feedback: bool = True,
    executor: str = "local",
    meter: Meter = SILENT,
    only: Container[str] | None = None,
) -> list[Row]:
    """Grade all submissions to a lesson.  Returns a row per submission.

    root: the course folder; workers: processes of the local executor; settings: traits of `grader.plugin.Judge`,
    e.g. {"cell_seconds": 10}; executor: "local" or "dask://host:port"; only: students who are graded, all if None.
    Raises GradingError or SandboxUnavailable if nobody can be graded.
    """
    judge = {"sandbox_mode": mode, **(settings or {})}
    config = load_config(root, CourseDirectory={"root": str(root), "assignment_id": lesson}, Judge=judge)
    db_url = CourseDirectory(config=config).db_url
    _require_assignment(db_url, lesson)
    found = [s for s in submissions(root, lesson) if only is None or s.student in only]
    if not found:
        raise GradingError(
            f"nothing is in submitted/*/{lesson}: put submissions there, or a download with `grader collect`"
        )
    fit = [s for s in found if not s.refused]
    rows = {s.student: _refused(s, s.refused) for s in found if s.refused}
    meter.total(len(fit))
    with warm():
        # One is entered while others are judged: nbgrader writes the gradebook in this process, one after the other.
        for judged in judging(executor, root, lesson, fit, config, workers):
            meter.line(_tell(judged))
            s, problem = judged.submission, judged.problem
            row = _refused(s, f"not graded: {problem}") if problem else _enter(root, config, lesson, s, feedback)
            rows[s.student] = row
            score = "refused" if row.points is None else f"{row.points:g} of {row.of:g}"
            meter.line(f"{shown(row.student)}: {score}")
            meter.step()
    return [rows[s.student] for s in found]


def judging(
    executor: str, root: Path, lesson: str, found: list[Submission], config: Config, workers: int
) -> Iterator[Judged]:
    """Where the judging is done: "local", or "dask://host:port"."""
    if executor == "local":
        return in_processes(root, lesson, found, config, workers)
    kind, _, address = executor.partition("://")
    if kind != "dask" or not address:
        raise GradingError(f"no executor {executor!r}: give local or dask://host:port")
    return on_cluster(root, lesson, found, config, address)


def _tell(judged: Judged) -> str:
    name = shown(judged.submission.student)
    if judged.lost:
        return f"{name}: the worker died; it will be judged again when it is entered"
    return f"judged {name}" + ("" if judged.seconds is None else f" in {judged.seconds:.2f} s")


def _refused(s: Submission, problem: str) -> Row:
    return Row(s.student, None, 0.0, None, problem)


def _enter(root: Path, config: Config, lesson: str, s: Submission, feedback: bool) -> Row:
    """Let nbgrader take one submission into the gradebook."""
    config = copy.deepcopy(config)
    config.CourseDirectory.student_id = s.student
    try:
        with one_transaction():
            _run(Autograde, config, force=True)
        if s.student in RECORDS:
            Graded(root, lesson).put(s.student, RECORDS[s.student].key)
        if feedback:
            _run(GenerateFeedback, config, force=True)
    except GradingError as error:
        shutil.rmtree(root / "autograded" / s.student / lesson, ignore_errors=True)
        return _refused(s, f"nbgrader refused it: {error}")
    except OperationalError as error:
        said = f"the gradebook could not be written ({error.orig}): is it open elsewhere, or the disk full? "
        return _refused(s, said + "It is judged; run the same command again")
    with Gradebook(CourseDirectory(config=config).db_url) as gradebook:
        points, of, penalty, waits = _entered(gradebook, lesson, s.student)
    record, repairs = RECORDS.pop(s.student, None), tuple(REPAIRS.pop(s.student, ()))
    record = record and replace(record, outputs={})
    return Row(s.student, points, of, record, repairs=repairs, waits=waits, penalty=penalty)


def _entered(gradebook: Gradebook, lesson: str, student: str) -> tuple[float, float, float, float]:
    """Points, points that there are, points off for lateness, and those of what a person has yet to grade."""
    mine, entry, db = SubmittedAssignment, gradebook.find_submission(lesson, student), gradebook.db
    sums = db.query(mine.score, mine.max_score, mine.late_submission_penalty).filter(mine.id == entry.id).one()
    waits = (
        db.query(func.sum(Grade.max_score))
        .join(SubmittedNotebook, Grade.notebook_id == SubmittedNotebook.id)
        .filter(SubmittedNotebook.assignment_id == entry.id, Grade.needs_manual_grade, Grade.manual_score.is_(None))
        .scalar()
    )
    points, of, penalty, waiting = (float(x or 0.0) for x in (*sums, waits))
    return points, of, penalty, waiting


def _run(converter: type, config: Config, *, force: bool) -> None:
    """Run one of nbgrader's converters.  Raises GradingError with nbgrader's own words."""
    worker = converter(coursedir=CourseDirectory(config=config), config=config, force=force)
    heard = _Errors()
    worker.log.handlers, worker.log.propagate = [heard], False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # nbgrader's own use of its database, nothing to act on
            worker.start()
    except NbGraderException as error:
        raise GradingError(heard.reason() or str(error)) from error


def _require_assignment(db_url: str, lesson: str) -> None:
    with Gradebook(db_url) as gradebook:
        try:
            gradebook.find_assignment(lesson)
        except MissingEntry as error:
            raise GradingError(f"the gradebook does not know {lesson}: run `grader prepare {lesson}` first") from error


class _Errors(logging.Handler):
    """Keeps what nbgrader logs as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def reason(self) -> str:
        """nbgrader first logs what it worked on, then the traceback, then advice: the reason ends the traceback."""
        for line in self.lines:
            if line.startswith("Traceback"):
                lines = reversed(line.strip().split("\n"))
                return next(x for x in lines if not x.startswith(("(Background on", " ", "\t")))
        return self.lines[0] if self.lines else ""
