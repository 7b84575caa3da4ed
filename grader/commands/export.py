"""`grader export`: results for a spreadsheet, Canvas, Moodle, Gradescope or GitHub Classroom."""

import argparse
from pathlib import Path
from typing import Any

from grader.errors import CourseError
from grader.exercises import LESSONS

FORMATS = ("csv", "canvas", "moodle", "moodle-worksheet", "gradescope", "github")


def add(commands: Any) -> None:
    """Tell the parser."""
    parser = commands.add_parser("export", help="write results for a spreadsheet or a learning platform")
    parser.add_argument("--to", choices=FORMATS, required=True, help="the format")
    parser.add_argument(
        "--lesson", action="append", default=[], metavar="NN", help="only this lesson, e.g. 02; may be repeated"
    )
    parser.add_argument(
        "--title", action="append", default=[], metavar="NN=TITLE", help="what the platform calls a lesson"
    )
    parser.add_argument(
        "--roster", type=Path, help="a CSV file of the platform's with its names and numbers of students"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the file, or the folder for one file each")
    parser.add_argument("--root", type=Path, default=Path(), help="the course folder (here)")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Write the file or files."""
    from grader.exports import EACH, SHEETS
    from grader.people import read_roster, remember
    from grader.records import write_atomically

    root = options.root.resolve()
    if options.roster:
        remember(root, read_roster(options.roster))
    found = _results(root, options.lesson)
    if options.to in SHEETS:
        target = options.output or Path(f"grades-{options.to}.csv")
        write_atomically(target, SHEETS[options.to](found, _titles(options.title)))
    else:
        target = options.output or Path(f"results-{options.to}")
        for r in (r for r in found if r.score is not None):
            (target / r.lesson).mkdir(parents=True, exist_ok=True)
            write_atomically(target / r.lesson / f"{r.person.id}.json", EACH[options.to](r))
    print(f"written: {target}")
    if waiting := sum(r.waits for r in found):
        print(f"{waiting} results still wait for grading by hand; what waits counts as 0 in them")
    return 0


def _results(root: Path, wanted: list[str]) -> list[Any]:
    """The results of the wanted lessons, or of all that the gradebook knows.  Raises CourseError if there are none."""
    from nbgrader.coursedir import CourseDirectory

    from grader.exports.results import Result, results
    from grader.run import load_config

    config = load_config(root, CourseDirectory={"root": str(root)})
    found: list[Result] = []
    for lesson in _lessons(wanted):
        try:
            found += results(root, CourseDirectory(config=config).db_url, lesson)
        except KeyError:
            if wanted:
                raise CourseError(f"the gradebook does not know {lesson}: run `grader prepare {lesson}`") from None
    if not any(r.score is not None for r in found):
        raise CourseError("nothing has been graded: run `grader grade` first")
    return found


def _lessons(wanted: list[str]) -> list[str]:
    """The lessons whose names begin so.  Raises CourseError for a name of none."""
    for w in wanted:
        if not any(lesson.startswith(w) for lesson in LESSONS):
            raise CourseError(f"no lesson begins with {w!r}; there are: {', '.join(LESSONS)}")
    return [lesson for lesson in LESSONS if not wanted or any(lesson.startswith(w) for w in wanted)]


def _titles(given: list[str]) -> dict[str, str]:
    pairs = [g.partition("=") for g in given]
    if bad := [g for g, (_, equals, title) in zip(given, pairs, strict=True) if not equals or not title]:
        raise CourseError(f"--title wants NN=TITLE, not {bad[0]!r}")
    return {lesson: title for start, _, title in pairs for lesson in _lessons([start])}
