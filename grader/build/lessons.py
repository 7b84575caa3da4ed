"""The lessons of a course folder: build them, compare them with what is on disk, write them."""

import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.build.seal import is_edited
from grader.build.tags import LessonError

SOLUTIONS, NOTEBOOKS = "solutions", "notebooks"
CONFIG = "nbgrader_config.py"


@dataclass(frozen=True)
class Lesson:
    """A lesson's name, NN_topic, and the places of its three files, relative to the course folder."""

    name: str

    @property
    def source(self) -> str:
        return f"{SOLUTIONS}/{self.name}.py"

    @property
    def instructor(self) -> str:
        return f"{SOLUTIONS}/{self.name}/{self.name[3:]}.ipynb"

    @property
    def student(self) -> str:
        return f"{NOTEBOOKS}/{self.name}/{self.name[3:]}.ipynb"


def lessons(root: Path) -> list[Lesson]:
    """All lessons of the course, in order.  Raises LessonError for a text with another kind of name."""
    names = sorted(path.stem for path in (root / SOLUTIONS).glob("*.py"))
    for name in names:
        if not re.fullmatch(r"\d\d_[a-z][a-z0-9_]*", name):
            raise LessonError(f"{SOLUTIONS}/{name}.py: name it like 02_forward_process.py, number first")
    return [Lesson(name) for name in names]


def build(root: Path, wanted: Iterable[Lesson]) -> dict[str, str]:
    """Build lessons from their text, and return {path relative to root: content}; nothing in root changes."""
    todo = list(wanted)
    if not todo:
        return {}
    # nbgrader and jupytext take two seconds to import, and `--missing` mostly has nothing to build.
    import nbformat

    from grader.build.colab import repository, with_colab
    from grader.build.release import generate
    from grader.build.source import instructor_notebook

    address = repository(root)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder).resolve()
        for lesson in todo:
            text = (root / lesson.source).read_text(encoding="utf-8")
            path = work / lesson.instructor
            path.parent.mkdir(parents=True)
            content = nbformat.writes(with_colab(instructor_notebook(text, lesson.name), lesson.student, address))
            path.write_text(content.rstrip("\n") + "\n", encoding="utf-8", newline="\n")
        generate(work, root / CONFIG)
        paths = [path for lesson in todo for path in (lesson.instructor, lesson.student)]
        return {path: (work / path).read_text(encoding="utf-8") for path in paths}


def stale(root: Path, built: Mapping[str, str]) -> list[str]:
    """The files on disk that differ from a fresh build, and files that no build makes."""
    old = [path for path, text in built.items() if _read(root / path) != text]
    return sorted([*old, *_strays(root)])


def write(root: Path, built: Mapping[str, str], *, force: bool) -> tuple[list[str], list[str]]:
    """Write the built files that differ from those on disk; returns (written, kept).

    A notebook that a person changed since it was built is kept, unless `force` is given.
    """
    written, kept = [], []
    for name, text in built.items():
        path = root / name
        if _read(path) == text:
            continue
        if path.exists() and is_edited(path) and not force:
            kept.append(name)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        written.append(name)
    return written, kept


def missing(root: Path) -> list[Lesson]:
    """The lessons of which a notebook is not there."""
    return [x for x in lessons(root) if not ((root / x.instructor).exists() and (root / x.student).exists())]


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def _strays(root: Path) -> list[str]:
    # nbgrader hands every file of an assignment folder to students, so nothing else may lie there.
    known = {path for lesson in lessons(root) for path in (lesson.instructor, lesson.student)}
    found = [p for top in (SOLUTIONS, NOTEBOOKS) for p in (root / top).glob("*/**/*") if p.is_file()]
    names = {p.relative_to(root).as_posix() for p in found if ".ipynb_checkpoints" not in p.parts}
    return sorted(names - known)
