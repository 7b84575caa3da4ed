"""`grader export`: results for a spreadsheet, Canvas, Moodle, Gradescope or GitHub Classroom."""

import argparse
from pathlib import Path
from typing import Any

from grader.commands.arguments import file_to_write, folder_to_write
from grader.errors import CourseError
from grader.exercises import LESSONS
from grader.naming import lesson_named

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
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Write the file or files."""
    from grader.exports import EACH, SHEETS
    from grader.people import read_roster, remember
    from grader.records import write_atomically

    root = options.root.resolve()
    if options.roster:
        remember(root, read_roster(options.roster))
    sheet = options.to in SHEETS
    target = (
        file_to_write(options.output or Path(f"grades-{options.to}.csv"))
        if sheet
        else folder_to_write(options.output or Path(f"results-{options.to}"))
    )
    titles, wanted = _titles(options.title), _lessons(options.lesson)
    found = _results(root, wanted, all_of_them=not options.lesson)
    if sheet:
        write_atomically(target, SHEETS[options.to](found, titles))
    else:
        for r in (r for r in found if r.score is not None):
            (target / r.lesson).mkdir(parents=True, exist_ok=True)
            write_atomically(target / r.lesson / f"{r.person.id}.json", EACH[options.to](r))
    print(f"written: {target}")
    if waiting := sum(r.waits for r in found):
        print(f"{waiting} results still wait for grading by hand; what waits counts as 0 in them")
    return 0


def _results(root: Path, wanted: list[str], *, all_of_them: bool) -> list[Any]:
    """The results of lessons; all_of_them: of those with a result.

    Raises CourseError if there are none, or if a lesson that was asked for is not known.
    """
    from nbgrader.coursedir import CourseDirectory

    from grader.config import load_config
    from grader.exports.results import Result, results

    config = load_config(root, CourseDirectory={"root": str(root)})
    found: list[Result] = []
    for lesson in wanted:
        try:
            new = results(root, CourseDirectory(config=config).db_url, lesson)
            if not all_of_them or any(r.score is not None for r in new):  # an empty column would be a new assignment
                found += new
        except KeyError:
            if not all_of_them:
                raise CourseError(f"the gradebook does not know {lesson}: run `grader prepare {lesson}`") from None
    if not any(r.score is not None for r in found):
        raise CourseError("nothing has been graded: run `grader grade` first")
    return found


def _lessons(wanted: list[str]) -> list[str]:
    """The wanted lessons in the order of the course, or all.  Raises NoSuchLessonError."""
    named = {lesson_named(w, LESSONS) for w in wanted}
    return [lesson for lesson in LESSONS if not wanted or lesson in named]


def _titles(given: list[str]) -> dict[str, str]:
    pairs = [g.partition("=") for g in given]
    if bad := [g for g, (_, equals, title) in zip(given, pairs, strict=True) if not equals or not title]:
        raise CourseError(f"--title wants NN=TITLE, not {bad[0]!r}")
    return {lesson_named(typed, LESSONS): title for typed, _, title in pairs}
