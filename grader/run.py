"""Grading a class: judge the submissions side by side, then let nbgrader write the gradebook, one after the other.

The judging is the expensive part and needs no gradebook writes, so it runs in worker processes and leaves a record per
submission.  nbgrader then goes over the same submissions and finds the records waiting.  A run that is killed has lost
nothing: finished records stay, and the next run uses them.
"""

import copy
import logging
import multiprocessing
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import nbformat
import torch
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback, NbGraderException
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SAWarning
from traitlets.config.loader import Config, PyFileConfigLoader
from traitlets.utils.importstring import import_item

from grader.intake import Submission, beside, submissions
from grader.judge import Cell, Record, cells_of
from grader.key import key_of
from grader.plugin import RECORDS, Judge, sandbox_to_inherit
from grader.sandbox import Mode, SandboxUnavailable
from grader.warm import one_transaction, warm

CONFIG = "nbgrader_config.py"
_kept = ExitStack()  # what a worker process keeps until it ends


class GradingError(RuntimeError):
    """The run cannot go on; the message says what to do."""


@dataclass(frozen=True)
class Row:
    """One line of the report.  points is None if the submission was refused or could not be graded."""

    student: str
    points: float | None
    of: float
    record: Record | None
    problem: str = ""


def load_config(root: Path, **overrides: dict[str, object]) -> Config:
    """The course's nbgrader settings.  Raises GradingError if the folder is no course."""
    path = root / CONFIG
    if not path.is_file():
        raise GradingError(f"there is no {CONFIG} in {root}: run this in the course folder")
    config = PyFileConfigLoader(str(path)).load_config()
    config.merge(Config(overrides))
    return config


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
    progress: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """Grade all submissions to a lesson.  Returns a row per submission.

    root: the course folder; settings: traits of `grader.plugin.Judge`, e.g. {"cell_seconds": 10}.
    """
    judge = {"sandbox_mode": mode, **(settings or {})}
    config = load_config(root, CourseDirectory={"root": str(root), "assignment_id": lesson}, Judge=judge)
    db_url = CourseDirectory(config=config).db_url
    _require_assignment(db_url, lesson)
    found = submissions(root, lesson)
    if not found:
        raise GradingError(f"nothing is in submitted/*/{lesson}: collect the submissions first")
    fit = [s for s in found if not s.refused]
    rows = {s.student: _refused(s, s.refused) for s in found if s.refused}
    with warm():
        # One is entered while others are judged: nbgrader writes the gradebook in this process, one after the other.
        for s, problem in _judge_all(root, lesson, fit, workers, config, progress):
            row = _refused(s, f"not graded: {problem}") if problem else _enter(root, config, lesson, s, feedback)
            rows[s.student] = row
            progress(
                f"{ascii(row.student)[1:-1]}: {'refused' if row.points is None else f'{row.points:g} of {row.of:g}'}"
            )
    return [rows[s.student] for s in found]


def judge_one(root: Path, lesson: str, s: Submission, config: Config) -> float:
    """Judge one submission and keep the record.  Runs in a worker.  Returns seconds.

    The notebook is taken through the same steps as in nbgrader, so that the record fits when nbgrader comes.
    """
    started = time.monotonic()
    record_of(root, lesson, s, config)
    return time.monotonic() - started


def record_of(root: Path, lesson: str, s: Submission, config: Config) -> Record:
    """The record of a submission, kept or new."""
    cells = cells_as_judged(lesson, s, config)
    return Judge(config=config, root=str(root)).record(cells, beside(s.notebook.parent), lesson)


def cells_as_judged(lesson: str, s: Submission, config: Config) -> list[Cell]:
    """The cells of a submission after nbgrader's steps for it."""
    db_url = CourseDirectory(config=config).db_url
    where = {"student": s.student, "assignment": lesson, "notebook": s.notebook.stem, "db_url": db_url}
    resources: dict[str, object] = {"nbgrader": where}
    nb = nbformat.read(s.notebook, as_version=4)
    for step in config.Autograde.sanitize_preprocessors:
        nb, resources = import_item(step)(config=config).preprocess(nb, resources)
    return cells_of(nb.cells, key_of(where).grades)


def _judge_all(
    root: Path,
    lesson: str,
    found: list[Submission],
    workers: int,
    config: Config,
    progress: Callable[[str], None],
) -> Iterator[tuple[Submission, str]]:
    """Judge in worker processes.  Yields each submission when it is done, and why it could not be judged, if so."""
    with _workers(min(workers, max(len(found), 1)), lesson, config) as pool:
        jobs = {pool.submit(judge_one, root, lesson, s, config): s for s in found}
        for number, job in enumerate(as_completed(jobs), start=1):
            s, problem = jobs[job], ""
            try:
                seconds = job.result()
                progress(f"[{number}/{len(jobs)}] judged {s.student} in {seconds:.2f} s")
            except BrokenProcessPool:
                progress(f"[{number}/{len(jobs)}] {s.student}: the worker died; it will be judged again below")
            except SandboxUnavailable:
                raise  # nobody can be graded on this machine
            except Exception as error:  # one bad submission must not stop the others
                problem = f"{type(error).__name__}: {error}"
            yield s, problem


@contextmanager
def _workers(number: int, lesson: str, config: Config) -> Iterator[ProcessPoolExecutor]:
    """Processes that judge.  Forked ones have all libraries, and share one sandbox, from the start.

    A fork copies this process as it is, locks included; so with threads about, each worker is started afresh.
    """
    alone = threading.active_count() == 1 and torch.get_num_threads() == 1
    with ExitStack() as stack:
        if alone:
            judge = Judge(config=config)
            stack.enter_context(sandbox_to_inherit(lesson, cast(Mode, judge.sandbox_mode), judge.limits()))
        context = multiprocessing.get_context("fork" if alone else "spawn")
        yield stack.enter_context(ProcessPoolExecutor(number, context, _begin_worker))


def _refused(s: Submission, problem: str) -> Row:
    return Row(s.student, None, 0.0, None, problem)


def _enter(root: Path, config: Config, lesson: str, s: Submission, feedback: bool) -> Row:
    """Let nbgrader take one submission into the gradebook."""
    config = copy.deepcopy(config)
    config.CourseDirectory.student_id = s.student
    try:
        with one_transaction():
            _run(Autograde, config, force=True)
        if feedback:
            _run(GenerateFeedback, config, force=True)
    except GradingError as error:
        shutil.rmtree(root / "autograded" / s.student / lesson, ignore_errors=True)
        return _refused(s, f"nbgrader refused it: {error}")
    with Gradebook(CourseDirectory(config=config).db_url) as gradebook:
        entry = gradebook.find_submission(lesson, s.student)
        return Row(s.student, float(entry.score), float(entry.max_score), RECORDS.pop(s.student, None))


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


def _begin_worker() -> None:
    torch.set_num_threads(1)  # as many submissions as workers run at a time already
    logging.disable(logging.INFO)
    _kept.enter_context(warm())


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
                return line.strip().split("\n")[-1]
        return self.lines[0] if self.lines else ""
