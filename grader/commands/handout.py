"""`grader handout`: the students' copy of the course as a zip file."""

import argparse
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grader.commands.arguments import file_to_write
from grader.errors import CourseError
from grader.exercises import LESSONS
from grader.naming import lesson_named

# What a student needs. A list of what goes in, so that no gradebook, submission or key can slip through.
FILES = (
    "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "constraints.txt", "environment.yml", "nbgrader_config.py",
    "pyproject.toml",
)  # fmt: skip
FOLDERS = ("course", "data", "diffkit", "docs", "grader", ".binder", ".devcontainer")
RUBBISH = {"__pycache__", ".ipynb_checkpoints", ".DS_Store"}


def add(commands: Any) -> None:
    """Tell the parser."""
    parser = commands.add_parser("handout", help="write the students' copy of the course, without solutions, as a zip")
    parser.add_argument("lesson", nargs="*", help="the lessons in it, by name or number, e.g. 01 02; all without one")
    parser.add_argument("-o", "--output", type=Path, default=Path("diffkit.zip"), metavar="FILE", help="(diffkit.zip)")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> None:
    """Write the file.  Raises CourseError if a notebook to hand out is not built, or was changed by hand."""
    root, wanted = options.root.resolve(), {lesson_named(typed, LESSONS) for typed in options.lesson} or set(LESSONS)
    output = file_to_write(options.output)
    _require_built(root, wanted)
    files = sorted(handed_out(root, wanted))
    _require_clean(root, files)
    top = Path(output.stem)
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(root / file, top / file)
    size = output.stat().st_size / 1e6
    print(f"written: {output}, {len(wanted)} lessons, {len(files)} files, {size:.1f} MB")


def handed_out(root: Path, wanted: set[str]) -> Iterator[Path]:
    """The files of the students' copy, relative to the course folder."""
    from grader.build.gallery import NOTEBOOK  # jupytext takes its time; `grader --help` should not
    from grader.build.lessons import Lesson

    places = [root / name for name in (*FILES, NOTEBOOK, *(Lesson(x).student for x in wanted))]
    places += [p for name in FOLDERS for p in (root / name).rglob("*")]
    for path in places:
        file = path.relative_to(root)
        if path.is_file() and not path.is_symlink() and RUBBISH.isdisjoint(file.parts):
            yield file


def _require_built(root: Path, wanted: set[str]) -> None:
    from grader.build.lessons import Lesson

    if lost := sorted(path for x in wanted if not (root / (path := Lesson(x).student)).is_file()):
        raise CourseError(f"not built: {', '.join(lost)}. Build it first: `python -m grader.build --missing`")


def _require_clean(root: Path, files: list[Path]) -> None:
    from grader.build.seal import is_edited

    if edited := [f.as_posix() for f in files if f.suffix == ".ipynb" and is_edited(root / f)]:
        raise CourseError(
            f"changed since it was built: {', '.join(edited)}. Rename your copy, then `python -m grader.build --force`"
        )
