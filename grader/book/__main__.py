"""`python -m grader.book`: the lessons with outputs, pictures and formulas as a book to read offline."""

import argparse
import hashlib
import html
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat

from grader.book.font import font_for
from grader.book.formulas import FormulaError
from grader.book.page import Page, front, page_of, style, whole
from grader.book.run import RunError, executed, for_readers
from grader.build.gallery import NOTEBOOK
from grader.build.leaks import leaks
from grader.build.lessons import CONFIG, Lesson, lessons
from grader.build.tags import LessonError
from grader.learner.place import INSTALLED_FROM
from grader.naming import NoSuchLessonError, lesson_named


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns 0 if the book is written."""
    options = _parser().parse_args(argv)
    root = options.root.resolve()
    try:
        if not (root / CONFIG).is_file():
            raise RunError(f"no {CONFIG} in {root}: run this in the course folder, or pass --root")
        pages = _pages(root, options)
        write(options.out or root / "build" / "book", pages, root, options.solutions)
    except (RunError, FormulaError, LessonError, NoSuchLessonError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m grader.book", description=__doc__)
    parser.add_argument("lesson", nargs="*", help="its name or number, e.g. 02, or `explorers`; all if none is named")
    parser.add_argument("--out", type=Path, help="the folder to write (build/book)")
    parser.add_argument("--cache", type=Path, help="keeps notebooks that were run (build/book-cache)")
    parser.add_argument("--solutions", action="store_true", help="show the solutions, too: not for students")
    parser.add_argument("--root", type=Path, default=Path(), help="the course folder (here)")
    return parser


def _pages(root: Path, options: argparse.Namespace) -> list[Page]:
    every = {lesson.name: lesson for lesson in lessons(root)}
    names = [*every, *(["explorers"] if (root / NOTEBOOK).is_file() else [])]
    wanted = {lesson_named(typed, names) for typed in options.lesson} or set(names)
    cache = options.cache or root / "build" / "book-cache"
    code = _library()
    pages = []
    for name in [name for name in names if name in wanted]:
        print(f"{name} ...", flush=True)
        pages.append(_page(root, every.get(name), name, cache, code, options.solutions))
    return pages


def _page(root: Path, lesson: Lesson | None, name: str, cache: Path, code: str, solutions: bool) -> Page:
    for path in (lesson.instructor, lesson.student) if lesson else ():
        if not (root / path).is_file():
            raise RunError(f"{path} is not built: `python -m grader.build --missing` builds it")
    solved = executed(root / (lesson.instructor if lesson else NOTEBOOK), cache, code)
    student = nbformat.read(root / lesson.student, as_version=4) if lesson and not solutions else None
    return page_of(name, for_readers(solved, student))


def _library() -> str:
    """A checksum of all code that a lesson may use: pictures are drawn anew when it changes."""
    paths = sorted(p for top in ("diffkit", "grader/exercises") for p in (INSTALLED_FROM / top).rglob("*.py"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()


def write(out: Path, pages: Sequence[Page], root: Path, solutions: bool = False) -> None:
    """Write the files of the book into the folder `out`.  Raises RunError if a solution would be told."""
    texts = {page.file: whole(page, pages) for page in pages} | {"index.html": front(pages)}
    if not solutions and (found := told(root, texts)):
        raise RunError("a solution would be in the book, nothing was written:\n  " + "\n  ".join(found))
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")
    (out / "book.css").write_text(style(Path(__file__).parent, font_for(texts.values())), encoding="utf-8")
    size = sum(file.stat().st_size for file in out.iterdir()) / 1e6
    print(f"written: {out / 'index.html'}, {len(pages)} pages, {size:.1f} MB")


def told(root: Path, texts: dict[str, str]) -> list[str]:
    """Lines of solutions that a reader of these pages would see."""
    sources = {x.name: (root / x.source).read_text(encoding="utf-8") for x in lessons(root)}
    plain = {name: html.unescape(re.sub(r"<[^>]*>", "", text)).encode() for name, text in texts.items()}
    return leaks(sources, plain)


if __name__ == "__main__":
    sys.exit(main())
