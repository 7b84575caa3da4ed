"""The command `grader`, for instructors.  Run it in the course folder."""

import argparse
import sys
from pathlib import Path

from grader.commands import collect, export, regrade
from grader.errors import CourseError
from grader.exercises import LESSONS


def main(argv: list[str] | None = None) -> int:
    """Run a command.  Returns 0 if all went well, 1 if something needs attention."""
    options = _parser().parse_args(argv)
    from grader.run import GradingError  # nbgrader takes seconds to import; `grader --help` should not
    from grader.sandbox import SandboxError

    try:
        return int(options.command(options) or 0)
    except (CourseError, GradingError, SandboxError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="grader", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    prepare = commands.add_parser("prepare", help="tell the gradebook about a lesson")
    grade = commands.add_parser("grade", help="grade all submissions to a lesson, write feedback and a CSV file")
    doctor = commands.add_parser("doctor", help="tell what protects this machine, and what is missing")
    doctor.add_argument("--root", type=Path, default=Path(), help="the course folder (here)")
    doctor.set_defaults(command=_doctor)
    for more in (collect, export):
        more.add(commands)
    for command, function in ((prepare, _prepare), (grade, _grade)):
        command.add_argument("lesson", choices=list(LESSONS), metavar="lesson", help=", ".join(LESSONS))
        command.add_argument("--root", type=Path, default=Path(), help="the course folder (here)")
        command.set_defaults(command=function)
    grade.add_argument("--workers", type=int, default=2, help="submissions side by side (2)")
    grade.add_argument(
        "--executor", default="local", help="where to judge: local, or dask://host:port for the workers of a cluster"
    )
    grade.add_argument("--csv", type=Path, help="where to write the CSV file (grades-LESSON.csv)")
    grade.add_argument(
        "--regrade", action="store_true", help="only what changed checks decided; tells who gains or loses"
    )
    grade.add_argument("--dry-run", action="store_true", help="with --regrade: tell it and enter nothing")
    grade.add_argument("--no-feedback", action="store_true", help="do not write feedback")
    grade.add_argument(
        "--sandbox",
        choices=("bwrap", "none"),
        default="bwrap",
        help="none: run student code without protection. Only for submissions that you wrote yourself.",
    )
    return parser


def _prepare(options: argparse.Namespace) -> None:
    from grader.run import prepare

    prepare(options.root.resolve(), options.lesson)
    print(f"the gradebook knows {options.lesson}")


def _doctor(options: argparse.Namespace) -> int:
    from grader.doctor import report

    return report(options.root.resolve())


def _grade(options: argparse.Namespace) -> int:
    import torch

    from grader.graded import Graded
    from grader.handed_in import handed_in
    from grader.meter import Bar
    from grader.regrade import change_table, changed_since
    from grader.report import table, write_csv
    from grader.run import grade_class

    torch.set_num_threads(1)  # the work is shared out by submission
    if options.regrade or options.dry_run:
        return regrade.run(options)
    root = options.root.resolve()
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
    path = options.csv or root / f"grades-{options.lesson}.csv"
    write_csv(path, rows)
    if options.sandbox == "none":
        print("WARNING: graded without a sandbox. Student code could read and change everything on this machine.")
    print(table(rows))
    print(handed_in(root, options.lesson, [r.student for r in rows if r.points is not None]))
    if moved := changed_since(root, options.lesson, before):
        print(f"changed checks gave other marks to what was handed in before:\n{change_table(moved)}")
    print(f"written: {path.name}" + ("" if options.no_feedback else ", feedback/"))
    broken = [r.student for r in rows if r.record and any(s.broken for s in r.record.scores.values())]
    if broken:
        print(f"checks broke by themselves for: {', '.join(broken)}. Look at these; they have no points for it yet.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
