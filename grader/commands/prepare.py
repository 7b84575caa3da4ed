"""`grader prepare`: lessons entered in the gradebook."""

import argparse
from typing import Any

from grader.exercises import LESSONS
from grader.naming import lesson_named


def add(commands: Any) -> None:
    """Tell the parser."""
    parser = commands.add_parser("prepare", help="enter lessons in the gradebook, once before they are graded")
    parser.add_argument("lesson", nargs="+", help=f"its name or number, e.g. 02; there are: {', '.join(LESSONS)}")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> None:
    """Enter each."""
    wanted = [lesson_named(typed, LESSONS) for typed in options.lesson]
    from grader.run import prepare  # after the names are known to be right: nbgrader takes seconds to import

    for lesson in wanted:
        prepare(options.root.resolve(), lesson)
        print(f"the gradebook knows {lesson}; the students' notebook is notebooks/{lesson}/{lesson[3:]}.ipynb")
