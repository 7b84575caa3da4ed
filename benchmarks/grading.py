"""Grading side by side: the judge, plain `nbgrader autograde`, `otter run`, and the bare work that nobody can avoid.

All grade the same submissions to lesson 02, no two alike (right answers in three styles),
with feedback left out.

- the judge runs the cells in the sandbox, asks on fresh inputs, and enters the points into nbgrader's gradebook;
- plain nbgrader executes each notebook in a kernel of its own, without a sandbox; its tests are the visible checks;
- the judge alone leaves out the gradebook;
- otter runs the same notebook with the same visible checks as its tests (pip install --target FOLDER otter-grader, and
  OTTER_PATH=FOLDER; else left out);
- the bare work is the same cells and the judge's own questions, in forks of a process that has loaded everything, as
  many at a time: no sandbox, no wire, no gradebook.  Once in IPython, as a notebook needs it, once by `exec`.

A run's start is told apart by grading a class of three, too.

    python benchmarks/grading.py [--copies 14] [--workers 2] [--without otter]
"""

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import grading_rivals as rivals  # noqa: E402
from benchmarks.grading_bare import bare, ipython, plain_python  # noqa: E402
from benchmarks.stopwatch import Spent, spent_by, who_is_counted  # noqa: E402
from grader.config import load_config  # noqa: E402
from grader.demo.classroom import FIRST as LESSON  # noqa: E402
from grader.demo.classroom import course, hand_in, students  # noqa: E402
from grader.demo.student import copies  # noqa: E402
from grader.intake import submissions  # noqa: E402
from grader.run import grade_class, judging, prepare  # noqa: E402
from grader.warm import warm  # noqa: E402

RIGHT = ("perfect", "perfect_with_loops", "perfect_other_formulas")


def main() -> None:
    """Grade the same class in every way and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=14, help="of each style")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--without", nargs="*", default=[], help="rivals to leave out: nbgrader, otter")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    workers = options.workers
    # What each way has to do, made ready for a class before the count begins.
    ways: dict[str, Callable[[Path], Callable[[], object]]] = {
        "plain nbgrader autograde": lambda folder: partial(rivals.plain_nbgrader, folder),
        "otter run": lambda folder: partial(rivals.otter, folder),
        "judge and gradebook": lambda folder: partial(grade_class, folder, LESSON, workers=workers, feedback=False),
        "judge alone": lambda folder: partial(judged_only, folder, workers),
        "bare work in IPython": lambda folder: bare(folder, workers, ipython),
        "bare work by exec": lambda folder: bare(folder, workers, plain_python),
    }
    if not rivals.otter_is_here():
        options.without.append("otter")
    ways = {name: way for name, way in ways.items() if not any(left_out in name for left_out in options.without)}
    n, table = graded(ways, options.copies)
    show(table, n)
    few, start = graded({name: way for name, way in ways.items() if "judge" in name}, 1)
    show_further(table, n, start, few)


def graded(ways: Mapping[str, Callable[[Path], Callable[[], object]]], number: int) -> tuple[int, dict[str, Spent]]:
    """Grade a class in each way.  Returns how many submissions it had, and what each way has spent."""
    table = {}
    for name, way in ways.items():
        with tempfile.TemporaryDirectory() as folder:
            n = made_class(Path(folder), number)
            table[name] = spent_by(way(Path(folder)))
    return n, table


def show(table: dict[str, Spent], n: int) -> None:
    """Seconds per submission, and how the judge stands beside each."""
    ours = table["judge and gradebook"]
    print(f"{n} submissions, seconds per submission, {os.cpu_count()} cores.  {who_is_counted()}.")
    print(f"{'':26}{'wall':>8}{'CPU':>8}{'wall / judge':>14}{'CPU / judge':>14}")
    for name, spent in table.items():
        print(f"{name:26}{spent.wall / n:8.3f}{spent.cpu / n:8.3f}", end="")
        print(f"{spent.wall / ours.wall:14.2f}{spent.cpu / ours.cpu:14.2f}")


def show_further(table: dict[str, Spent], n: int, start: dict[str, Spent], few: int) -> None:
    """What a submission costs beyond the start of the run, in which the sandbox loads the libraries.

    The bare work found them loaded.
    """
    print("\nCPU of a further submission, over the bare work in IPython:")
    for name, spent in start.items():
        more = (table[name].cpu - spent.cpu) / (n - few)
        print(f"{name:26}{more:16.3f}{more * n / table['bare work in IPython'].cpu:14.2f}")


def judged_only(folder: Path, workers: int) -> None:
    """All that the judge does, without nbgrader's gradebook."""
    config = load_config(folder, CourseDirectory={"root": str(folder), "assignment_id": LESSON})
    with warm():
        done = list(judging("local", folder, LESSON, submissions(folder, LESSON), config, workers))
    if any(judged.problem for judged in done):
        raise RuntimeError("a submission could not be judged: the comparison would be unfair")


def made_class(folder: Path, number: int) -> int:
    """A course with submissions, no two alike, in which each style comes in turn.  Returns how many."""
    course(ROOT, folder, LESSON)
    right = [s for s in students(folder, LESSON) if s.name in RIGHT]
    in_turn = [one for three in zip(*(copies(s, number) for s in right), strict=True) for one in three]
    everyone = [replace(one, name=f"{i:04}_{one.name}") for i, one in enumerate(in_turn)]  # graded by name
    hand_in(folder, LESSON, everyone)
    prepare(folder, LESSON)
    return len(everyone)


if __name__ == "__main__":
    main()
