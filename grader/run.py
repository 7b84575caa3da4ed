"""Grading a class: judge the submissions side by side, then let nbgrader write the gradebook, one after the other.

The judging is the expensive part and needs no gradebook writes, so it runs in worker processes and leaves a record per
submission.  nbgrader then goes over the same submissions and finds the records waiting.  A run that is killed has lost
nothing: finished records stay, and the next run uses them.
"""

from collections.abc import Container, Iterator
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from grader.cluster import on_cluster
from grader.config import load_config
from grader.converting import run
from grader.entry import Row, enter, refused
from grader.errors import GradingError
from grader.executors import Judged, in_processes
from grader.intake import Submission, submissions
from grader.meter import SILENT, Meter
from grader.text import shown
from grader.warm import warm
from grader.warm.indexes import add_indexes


def prepare(root: Path, lesson: str) -> None:
    """Tell the gradebook about a lesson, with nbgrader's own `generate_assignment`."""
    config = load_config(root, CourseDirectory={"root": str(root), "assignment_id": lesson})
    run(GenerateAssignment(coursedir=CourseDirectory(config=config), config=config, force=True))


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
    ready_gradebook(db_url, lesson)
    found = [s for s in submissions(root, lesson) if only is None or s.student in only]
    if not found:
        raise GradingError(
            f"nothing is in submitted/*/{lesson}: put submissions there, or a download with `grader collect`"
        )
    fit = [s for s in found if not s.refused]
    rows = {s.student: refused(s, s.refused) for s in found if s.refused}
    meter.total(len(fit))
    with warm():
        # One is entered while others are judged: nbgrader writes the gradebook in this process, one after the other.
        for judged in judging(executor, root, lesson, fit, config, workers):
            meter.line(_tell(judged))
            s, problem = judged.submission, judged.problem
            row = refused(s, f"not graded: {problem}") if problem else enter(root, config, lesson, s, feedback)
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


def ready_gradebook(db_url: str, lesson: str) -> None:
    """Make the gradebook ready for grading a lesson.  Raises GradingError if it does not know it."""
    with Gradebook(db_url) as gradebook:
        try:
            gradebook.find_assignment(lesson)
        except MissingEntry as error:
            raise GradingError(f"the gradebook does not know {lesson}: run `grader prepare {lesson}` first") from error
        add_indexes(gradebook.engine)
