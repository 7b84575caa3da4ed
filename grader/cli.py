"""The command `grader`, for instructors.  Run it in the course folder."""

import argparse
import sys
from pathlib import Path

from grader.commands import collect, export, grade, handout, prepare
from grader.errors import CourseError, GradingError
from grader.naming import NoSuchLessonError

COURSE_MARK = "nbgrader_config.py"


def main(argv: list[str] | None = None) -> int:
    """Run a command.  Returns 0 if all went well, 1 if something needs attention, 130 if a person stopped it."""
    options = _parser().parse_args(argv)
    try:
        if options.command is not _doctor:  # which tells by itself what is missing
            _require_course(options.root.resolve())
        return _run(options)
    except (CourseError, NoSuchLessonError) as error:
        return _say(str(error))
    except PermissionError as error:
        return _say(f"{error.filename or 'a file of the course'} may not be read or written by this account")
    except KeyboardInterrupt:
        print("\nstopped. What was finished is kept: the same command goes on from there", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    # These take seconds to import; `grader --help` should not.
    from sqlalchemy.exc import OperationalError

    from grader.sandbox import SandboxError

    try:
        return int(options.command(options) or 0)
    except (GradingError, SandboxError) as error:
        return _say(str(error))
    except OperationalError as error:
        reason = " ".join(str(error.orig).split())
        return _say(f"the gradebook cannot be used ({reason}): is it open elsewhere, or not yours to write?")


def _say(problem: str) -> int:
    print(f"error: {problem}", file=sys.stderr)
    return 1


def _require_course(root: Path) -> None:
    """Raises CourseError outside of a course.  One further up is named, not taken: its settings are code that runs."""
    if (root / COURSE_MARK).is_file():
        return
    above = next((folder for folder in root.parents if (folder / COURSE_MARK).is_file()), None)
    hint = f": `cd {above}` first" if above else ": go to the course folder first, or name it with --root"
    raise CourseError(f"there is no {COURSE_MARK} in {root}{hint}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="grader", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    doctor = commands.add_parser("doctor", help="tell what protects this machine, and what is missing")
    doctor.set_defaults(command=_doctor)
    for more in (prepare, handout, collect, grade, export):
        more.add(commands)
    for command in commands.choices.values():
        command.add_argument("--root", type=Path, default=Path(), help="the course folder (here)")
    return parser


def _doctor(options: argparse.Namespace) -> int:
    from grader.doctor import report

    return report(options.root.resolve())


if __name__ == "__main__":
    sys.exit(main())
