"""Which code decides a mark.  When it changes, what it decided has to be decided again, and nothing else.

The version of an exercise is a hash over the files that its mark depends on: its own module and what that imports, the
part of diffkit that its lesson's sandbox sees, and the judge with the sandbox.  What only words a message is not among
them, nor what only shows or writes marks.
"""

import ast
import hashlib
import json
from functools import cache
from pathlib import Path
from types import ModuleType

from grader.exercises import EXERCISES, LESSONS, MODULES, PACKAGES, find, withheld
from grader.judge import Record, Score
from grader.strip import STAND_INS

ROOT = Path(__file__).resolve().parent.parent
JUDGE = ("grader.plugin", "grader.judge", "grader.workplace")
WHOLE = ("grader/sandbox", "grader/wire")  # files of these run inside the sandbox and are imported by nobody here
# Lists of everything: what is taken from them is looked at by itself.
LISTS = ("grader.exercises", "grader.message", "diffkit.equations", "diffkit.plots", "diffkit.explorers")


@cache
def exercise_version(name: str) -> str:
    """The version of an exercise's check.  Raises KeyError if there is no such exercise."""
    exercise = find(name)
    lesson = next(lesson for lesson, exercises in LESSONS.items() if exercise in exercises)
    library = tuple(f"diffkit.{m}" for m in MODULES[lesson])
    files = _closure(JUDGE) | _closure(library) | _closure((_module_of(lesson, name),)) | _whole()
    shown = json.dumps([sorted(MODULES[lesson]), sorted(STAND_INS), sorted(withheld(lesson))])
    return hashlib.sha256("\n".join([shown, *sorted(map(_hash, files))]).encode()).hexdigest()


@cache
def lesson_version(lesson: str) -> str:
    """Changes when any of a lesson's checks does."""
    return hashlib.sha256("\n".join(exercise_version(e.name) for e in LESSONS[lesson]).encode()).hexdigest()


def record_key(content: str, lesson: str) -> str:
    """Under which a record is kept: what was handed in (its fingerprint), and the checks that decided it."""
    return f"{content[:40]}-{lesson_version(lesson)[:16]}"


def versions_of(record: Record) -> dict[str, str]:
    """By name of the grade cell, the version of the check that decided it."""
    return {cell: exercise_version(s.exercise) for cell, s in record.scores.items() if s.exercise in EXERCISES}


def still_holds(record: Record | None) -> dict[str, Score]:
    """The scores of an older record whose checks are what they were.  A broken check is tried again."""
    if record is None:
        return {}
    now = versions_of(record)
    return {
        cell: score
        for cell, score in record.scores.items()
        if not score.broken and cell in now and record.versions.get(cell) == now[cell]
    }


def _module_of(lesson: str, name: str) -> str:
    """The module of a lesson's package in which an exercise stands."""
    package = PACKAGES[lesson]
    for module in vars(package).values():
        if isinstance(module, ModuleType) and any(v is find(name) for v in vars(module).values()):
            return module.__name__
    return package.__name__


@cache
def _whole() -> frozenset[Path]:
    return frozenset(path for folder in WHOLE for path in (ROOT / folder).rglob("*.py"))


@cache
def _hash(path: Path) -> str:
    return f"{path.relative_to(ROOT)} {hashlib.sha256(path.read_bytes()).hexdigest()}"


@cache
def _closure(modules: tuple[str, ...]) -> frozenset[Path]:
    """The files of the modules and of all that they import from this project."""
    waiting, found = list(modules), set[Path]()
    while waiting:
        name = waiting.pop()
        for path in _files(name):
            if path not in found:
                found.add(path)
                waiting += [n for n in _imports(path) if not _is_list(n)]
    return frozenset(found)


@cache
def _files(name: str) -> tuple[Path, ...]:
    """The file of a module, and of the packages that it lies in; nothing for what is no module of this project."""
    parts = name.split(".")
    if parts[0] not in ("diffkit", "grader"):
        return ()
    places = [ROOT.joinpath(*parts[:i]) for i in range(1, len(parts) + 1)]
    paths = (path for place in places for path in (place.with_suffix(".py"), place / "__init__.py"))
    return tuple(path for path in paths if path.is_file() and not _is_package_of_exercises(path))


def _is_list(name: str) -> bool:
    """Whether an import leads to a list of everything, and not to a module of an exercise."""
    return any(name == n or (name.startswith(f"{n}.") and n != "grader.exercises") for n in LISTS) or (
        name.startswith("grader.exercises.") and name.rpartition(".")[2].isupper()
    )


def _is_package_of_exercises(path: Path) -> bool:
    return path.name == "__init__.py" and path.is_relative_to(ROOT / "grader" / "exercises")


@cache
def _imports(path: Path) -> tuple[str, ...]:
    """The full names that a file imports; of `from a import b` also `a.b`, since b may be a module."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, path)
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(found)


def _base(node: ast.ImportFrom, path: Path) -> str:
    if node.level == 0:
        return node.module or ""
    folder = path.parent
    for _ in range(node.level - 1):
        folder = folder.parent
    return ".".join([*folder.relative_to(ROOT).parts, *((node.module,) if node.module else ())])
