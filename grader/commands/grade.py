"""`grader grade`: the submissions to a lesson judged, entered and given feedback."""

import argparse
from pathlib import Path
from typing import Any

from grader.commands import regrade
from grader.commands.arguments import at_least_one, file_to_write
from grader.exercises import LESSONS
from grader.naming import lesson_named


def add(commands: Any) -> None:
    """Tell the parser."""
    parser = commands.add_parser("grade", help="grade all submissions to a lesson, write feedback and a CSV file")
    parser.add_argument("lesson", help=f"its name or number, e.g. 02; there are: {', '.join(LESSONS)}")
    parser.add_argument("--workers", type=at_least_one, default=2, metavar="N", help="submissions side by side (2)")
    parser.add_argument(
        "--executor", default="local", help="where to judge: local, or dask://host:port for the workers of a cluster"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="where to write the CSV file (grades-LESSON.csv)")
    parser.add_argument(
        "--regrade", action="store_true", help="only what changed checks decided; tells who gains or loses"
    )
    parser.add_argument("--dry-run", action="store_true", help="with --regrade: tell it and enter nothing")
    parser.add_argument("--no-feedback", action="store_true", help="do not write feedback")
    parser.add_argument(
        "--sandbox",
        choices=("bwrap", "none"),
        default="bwrap",
        help="none: run student code without protection. Only for submissions that you wrote yourself.",
    )
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Grade, or grade again.  Returns 1 if a check broke or something could not be judged again."""
    import torch

    options.lesson = lesson_named(options.lesson, LESSONS)
    torch.set_num_threads(1)  # the work is shared out by submission
    return regrade.run(options) if options.regrade or options.dry_run else _grade(options)


def _grade(options: argparse.Namespace) -> int:
    from grader.graded import Graded
    from grader.handed_in import handed_in
    from grader.meter import Bar
    from grader.regrade import change_table, changed_since
    from grader.report import broken, table, waiting, write_csv
    from grader.run import grade_class

    root = options.root.resolve()
    path = file_to_write(options.csv or root / f"grades-{options.lesson}.csv")
    before = Graded(root, options.lesson).keys()
    rows = grade_class(
        root,
        options.lesson,
        workers=options.workers,
        mode=options.sandbox,
        feedback=not options.no_feedback,
        executor=options.executor,
        meter=Bar(),
    )
    write_csv(path, rows)
    if options.sandbox == "none":
        print("WARNING: graded without a sandbox. Student code could read and change everything on this machine.")
    print(table(rows))
    if later := waiting(rows):
        print(later)
    print(handed_in(root, options.lesson, [r.student for r in rows if r.points is not None]))
    if moved := changed_since(root, options.lesson, before):
        print(f"changed checks gave other marks to what was handed in before:\n{change_table(moved)}")
    print(f"written: {path.name}" + ("" if options.no_feedback else ", feedback/"))
    if failed := broken(rows):
        print(failed)
    return 1 if failed else 0
