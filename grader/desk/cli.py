"""The command `diffkit`, for students and for everybody who learns alone.  Run it in the course folder."""

import argparse
import sys
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """Run a command.  Returns 0 if all went well, 1 if something needs attention."""
    options = _parser().parse_args(argv)
    return int(options.command(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="diffkit", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    doctor = commands.add_parser("doctor", help="tell what is installed, what is missing, and what to do about it")
    doctor.add_argument("--root", type=Path, help="the course folder (the one around here)")
    doctor.set_defaults(command=_doctor)
    progress = commands.add_parser("progress", help="tell how far you are, and where to go on")
    progress.add_argument("--export", metavar="FILE", help="write a copy of your progress")
    progress.add_argument("--merge", metavar="FILE", help="take in a copy: the better result of each exercise is kept")
    progress.set_defaults(command=_progress)
    solution = commands.add_parser("solution", help="show the course's own answer to an exercise")
    solution.add_argument(
        "name", help="of the exercise, e.g. start.rescale; or of a lesson, e.g. 00: lists its exercises"
    )
    solution.set_defaults(command=_solution)
    return parser


# The imports below take seconds together, and `diffkit --help` should not.


def _doctor(options: argparse.Namespace) -> int:
    from grader.desk.doctor import report
    from grader.learner.place import course_folder

    return report(options.root.resolve() if options.root else course_folder() or Path.cwd())


def _progress(options: argparse.Namespace) -> int:
    from grader.learner.kept import ProgressError
    from grader.learner.progress import progress

    try:
        for file, act in ((options.merge, progress.merge), (options.export, progress.export)):
            if file:
                print(act(file))
    except (ProgressError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(progress())
    print(progress.next())
    return 0


def _solution(options: argparse.Namespace) -> int:
    from grader.exercises import LESSONS
    from grader.learner.solution import NoSolution, solution
    from grader.naming import NoSuchLessonError, lesson_named

    try:
        if "." in options.name:
            print(solution(options.name))
        else:
            print("\n".join(e.name for e in LESSONS[lesson_named(options.name, LESSONS)]))
    except (NoSolution, NoSuchLessonError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
