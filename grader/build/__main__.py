"""`python -m grader.build`: build the notebooks of the lessons, and the gallery of explorers, from their text."""

import argparse
import sys
from pathlib import Path

from grader.build.gallery import NOTEBOOK, build_gallery
from grader.build.leaks import leaks
from grader.build.lessons import CONFIG, SOLUTIONS, Lesson, build, lessons, missing, stale, write
from grader.build.tags import LessonError
from grader.naming import NoSuchLessonError, lesson_named


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns 0 if all is well, 1 if something has to be done, 2 for a wrong call."""
    options = _parser().parse_args(argv)
    try:
        root = _root(options.root)
        return _check(root) if options.check else _build(root, options)
    except (LessonError, NoSuchLessonError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m grader.build", description=__doc__)
    parser.add_argument("lesson", nargs="*", help="its name or number, e.g. 02; all lessons if none is named")
    parser.add_argument("--check", action="store_true", help="change nothing; name the notebooks that are not fresh")
    parser.add_argument("--missing", action="store_true", help="build only notebooks that are not there at all")
    parser.add_argument("--force", action="store_true", help="also replace notebooks that somebody changed by hand")
    parser.add_argument("--root", type=Path, default=Path(), help="the course folder (here)")
    return parser


def _root(folder: Path) -> Path:
    root = folder.resolve()
    if not (root / CONFIG).is_file():
        raise LessonError(f"no {CONFIG} in {root}: run this in the course folder, or pass --root")
    return root


def _build(root: Path, options: argparse.Namespace) -> int:
    wanted = missing(root) if options.missing else _named(root, options.lesson)
    built = build(root, wanted)
    if not options.lesson and not (options.missing and (root / NOTEBOOK).exists()):
        built |= build_gallery(root)
    if found := _leaks(root, {x.student: built[x.student].encode() for x in wanted}):
        raise LessonError("a solution would reach students, nothing was written:\n  " + "\n  ".join(found))
    written, kept = write(root, built, force=options.force)
    for path in written:
        print(f"built {path}")
    for path in kept:
        print(
            f"kept {path}: somebody changed it. Rename your copy, or build with --force to lose it.",
            file=sys.stderr,
        )
    if not written and not kept:
        print("the notebooks are there" if options.missing else "the notebooks are fresh")
    return 1 if kept else 0


def _check(root: Path) -> int:
    every = lessons(root)
    old = stale(root, build(root, every) | build_gallery(root))
    found = _leaks(root, {x.student: (root / x.student).read_bytes() for x in every if (root / x.student).exists()})
    for path in old:
        print(f"not fresh: {path}", file=sys.stderr)
    for find in found:
        print(f"leak: {find}", file=sys.stderr)
    if old:
        print("Change the text in solutions/NN_topic.py, then run `make notebooks`.", file=sys.stderr)
    return 1 if old or found else 0


def _named(root: Path, names: list[str]) -> list[Lesson]:
    every = {lesson.name: lesson for lesson in lessons(root)}
    if not every:
        raise LessonError(f"no lesson in {root / SOLUTIONS}: write one as {SOLUTIONS}/NN_topic.py")
    return [every[lesson_named(name, every)] for name in names] or list(every.values())


def _leaks(root: Path, released: dict[str, bytes]) -> list[str]:
    sources = {x.name: (root / x.source).read_text(encoding="utf-8") for x in lessons(root)}
    return leaks(sources, released)


if __name__ == "__main__":
    sys.exit(main())
