"""The work that nobody who grades can avoid; see grading.py.

The cells, and the judge's own questions, in forks of a process that has loaded everything, as many at a time as the
judge has workers.  Without sandbox, wire and gradebook; the notebooks have been read.
"""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.answer import ask_here
from grader.config import load_config
from grader.demo.classroom import FIRST as LESSON
from grader.executors import cells_as_judged
from grader.exercises import find
from grader.intake import submissions
from grader.judge import SKIP, Cell, call_in, seed_for
from grader.sandbox.inside.shell import OUTPUTS, make_shell
from grader.verdict import judge


@dataclass(frozen=True)
class Session:
    """Where cells run.  names: what is defined there."""

    names: Mapping[str, object]
    run: Callable[[str], object]


def plain_python() -> Session:
    """`exec`, the least that there can be."""
    names: dict[str, object] = {"__name__": "__main__"}
    return Session(names, lambda source: exec(compile(source, "<cell>", "exec"), names))  # noqa: S102  our own answers


def ipython() -> Session:
    """IPython, which a notebook needs: magics, display, `await`."""
    streams = sys.stdout, sys.stderr
    shell = make_shell()
    sys.stdout, sys.stderr = streams
    shell.reset(new_session=True)
    OUTPUTS.start(2**20)
    return Session(shell.user_ns, lambda source: shell.run_cell(source, store_history=True))


def bare(folder: Path, workers: int, session: Callable[[], Session]) -> Callable[[], None]:
    """The work, ready to be done in the forks.  Raises RuntimeError if a right answer is refused."""
    config = load_config(folder, CourseDirectory={"root": str(folder), "assignment_id": LESSON})
    prepared = [cells_as_judged(LESSON, s, config) for s in submissions(folder, LESSON)]
    good = _judged(prepared[0], session())  # so that the forks find everything loaded
    clean = session()

    def work() -> None:
        if not good or not all(_in_forks(prepared, workers, clean)):
            raise RuntimeError("a right answer was not accepted: the comparison would be unfair")

    return work


def _in_forks(prepared: Sequence[Sequence[Cell]], workers: int, session: Session) -> list[bool]:
    good, running = [], 0
    for cells in prepared:
        if running == workers:
            good.append(os.wait()[1] == 0)
            running -= 1
        if os.fork() == 0:
            os._exit(0 if _judged(cells, session) else 1)
        running += 1
    return good + [os.wait()[1] == 0 for _ in range(running)]


def _judged(cells: Sequence[Cell], session: Session) -> bool:
    passed = True
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for cell in cells:
            if cell.grade:
                exercise_name, name = call_in(cell.grade.source)
                exercise = find(exercise_name)
                cases = exercise.cases(seed_for(b"bare", exercise_name))
                function = session.names[name]
                passed &= judge(exercise, cases, lambda case, function=function: ask_here(function, case)).passed  # type: ignore[misc]
            elif SKIP not in cell.tags:
                session.run(cell.source)
    return passed
