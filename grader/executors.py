"""Judging a class side by side: in processes of this machine, or on a cluster (see `cluster`).

An executor yields each submission when it is judged and its record is kept.  It enters nothing into the gradebook.
"""

import logging
import multiprocessing
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import nbformat
import torch
from nbgrader.coursedir import CourseDirectory
from traitlets.config.loader import Config
from traitlets.utils.importstring import import_item

from grader.intake import Submission, beside
from grader.job import Job
from grader.judge import Cell, cells_of
from grader.key import key_of
from grader.plugin import Judge
from grader.sandbox import Mode, SandboxUnavailable
from grader.versions import lesson_version
from grader.warm import warm
from grader.workplace import sandbox_to_inherit

_kept = ExitStack()  # what a worker process keeps until it ends


@dataclass(frozen=True)
class Judged:
    """A submission that was judged.  problem: why it could not be; seconds: what it took, if that is known.

    lost: its worker died, so it will be judged again when it is entered.
    """

    submission: Submission
    problem: str = ""
    seconds: float | None = None
    lost: bool = False


def in_processes(
    root: Path, lesson: str, found: Sequence[Submission], config: Config, workers: int
) -> Iterator[Judged]:
    """Judge in worker processes of this machine.  Raises SandboxUnavailable if it cannot protect itself."""
    with _workers(min(workers, max(len(found), 1)), lesson, config) as pool:
        jobs = {pool.submit(judge_one, root, lesson, s, config): s for s in found}
        for job in as_completed(jobs):
            try:
                yield Judged(jobs[job], seconds=job.result())
            except BrokenProcessPool:
                yield Judged(jobs[job], lost=True)
            except SandboxUnavailable:
                raise  # nobody can be graded on this machine
            except Exception as error:  # one bad submission must not stop the others
                yield Judged(jobs[job], f"{type(error).__name__}: {error}")


def judge_one(root: Path, lesson: str, s: Submission, config: Config) -> float:
    """Judge one submission and keep the record.  Runs in a worker.  Returns seconds."""
    started = time.monotonic()
    Judge(config=config, root=str(root)).record(job_of(root, lesson, s, config))
    return time.monotonic() - started


def job_of(root: Path, lesson: str, s: Submission, config: Config) -> Job:
    """A submission as a piece of work.

    The notebook is taken through the same steps as in nbgrader, so that the record fits when nbgrader comes.
    """
    cells = cells_as_judged(lesson, s, config)
    return Judge(config=config, root=str(root)).job(cells, files_beside(lesson, s, config), lesson)


def files_beside(lesson: str, s: Submission, config: Config) -> dict[str, bytes]:
    """The files that will lie beside the notebook: nbgrader puts the course's own over what was handed in."""
    course = CourseDirectory(config=config)
    own = Path(course.format_path(course.source_directory, ".", lesson))
    kept = config.Autograde.get("exclude_overwriting", {}).get(lesson, [])
    ours = {name: data for name, data in beside(own).items() if name not in kept} if own.is_dir() else {}
    return beside(s.notebook.parent) | ours


def cells_as_judged(lesson: str, s: Submission, config: Config) -> list[Cell]:
    """The cells of a submission after nbgrader's steps for it."""
    db_url = CourseDirectory(config=config).db_url
    where = {"student": s.student, "assignment": lesson, "notebook": s.notebook.stem, "db_url": db_url}
    resources: dict[str, object] = {"nbgrader": where}
    nb = nbformat.read(s.notebook, as_version=4)
    for step in config.Autograde.sanitize_preprocessors:
        nb, resources = import_item(step)(config=config).preprocess(nb, resources)
    return cells_of(nb.cells, key_of(where).grades)


@contextmanager
def _workers(number: int, lesson: str, config: Config) -> Iterator[ProcessPoolExecutor]:
    """Processes that judge.  Forked ones have all libraries, and share one sandbox, from the start.

    A fork copies this process as it is, locks included; so with threads about, each worker is started afresh.
    """
    alone = threading.active_count() == 1 and torch.get_num_threads() == 1
    with ExitStack() as stack:
        if alone:
            lesson_version(lesson)  # reads a hundred files, and is then known to the forks
            judge = Judge(config=config)
            stack.enter_context(sandbox_to_inherit(lesson, cast(Mode, judge.sandbox_mode), judge.limits()))
        context = multiprocessing.get_context("fork" if alone else "spawn")
        yield stack.enter_context(ProcessPoolExecutor(number, context, _begin_worker))


def _begin_worker() -> None:
    torch.set_num_threads(1)  # as many submissions as workers run at a time already
    logging.disable(logging.INFO)
    _kept.enter_context(warm())
