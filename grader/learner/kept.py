"""The file that keeps a student's progress: read, improve, write, merge.

A crash at any moment leaves either the old file or the new one.  A file that cannot be read is never overwritten: it
is set aside under another name, and the student is told.  To merge is to take the better of two results for every
exercise, so it does not matter in which order, or how often, files are merged.
"""

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from grader.learner.plainly import Plainly

FORMAT = "diffkit progress"
VERSION = 1
MOST_BYTES = 2_000_000  # a course has some two hundred exercises, a hundred bytes each
LOCK_SECONDS = 2.0


class ProgressError(Plainly, ValueError):
    """A progress file cannot be used.  The message says what to do."""


class TooNew(ProgressError):
    """The file is of a later version of the course: it is left as it is."""


@dataclass(frozen=True)
class Entry:
    """The best result of an exercise.  when: ISO 8601, the first time that it was reached."""

    points: float
    of: float
    when: str

    @property
    def passed(self) -> bool:
        """All points there were at that time.  It stays passed if the exercise later gets more."""
        return self.points >= self.of


Entries = Mapping[str, Entry]


def better(a: Entry, b: Entry) -> Entry:
    """The larger share of the points; of equal ones the earlier."""
    return min(a, b, key=lambda e: (-e.points / e.of, e.when, -e.of))


def union(a: Entries, b: Entries) -> dict[str, Entry]:
    """Every exercise of both, the better result kept."""
    return {**a, **{name: better(a[name], entry) if name in a else entry for name, entry in b.items()}}


def to_text(entries: Entries) -> str:
    """The file's content: JSON, one exercise per line, sorted, so that two files can be compared by eye."""
    lines = [f"    {json.dumps(name)}: {json.dumps(asdict(entries[name]))}" for name in sorted(entries)]
    body = ",\n".join(lines)
    return f'{{\n  "{FORMAT}": {VERSION},\n  "exercises": {{\n{body}\n  }}\n}}\n'


def from_text(text: str) -> dict[str, Entry]:
    """The entries of a file's content.  Raises TooNew, or ProgressError if it is no progress file."""
    try:
        whole = json.loads(text)
        version = whole[FORMAT]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ProgressError("this is no progress file: export one with progress.export()") from error
    if version != VERSION:
        raise TooNew(f"this progress file has version {version!r}; update diffkit, which knows version {VERSION}")
    exercises = whole.get("exercises")
    if not isinstance(exercises, dict):
        raise ProgressError("this progress file holds no exercises: export it again with progress.export()")
    return {name: _entry(name, value) for name, value in exercises.items()}


def _entry(name: str, value: Any) -> Entry:
    try:
        entry = Entry(float(value["points"]), float(value["of"]), str(value["when"]))
        datetime.fromisoformat(entry.when)
    except (LookupError, TypeError, ValueError, OverflowError) as error:  # OverflowError: a number of 400 digits
        raise ProgressError(f"the entry of {name!r} cannot be read") from error
    if not (0 <= entry.points <= entry.of and 0 < entry.of < math.inf):
        raise ProgressError(f"the entry of {name!r} has {entry.points} of {entry.of} points")
    return entry


def read(path: Path) -> dict[str, Entry]:
    """The entries of a file; empty if there is none.  Raises ProgressError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ProgressError(f"{path.name} is too large for a progress file")
        return from_text(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise ProgressError(f"{path.name} is no text: it is damaged") from error


def write(path: Path, entries: Entries) -> None:
    """Replace the file in one step: the new content is safely on disk before it takes the old one's place.

    One writer at a time, please: `change` sees to it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(to_text(entries))
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """On Unix a new name is safe on disk only when its folder is."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def change(path: Path, improve: Callable[[Entries], Entries]) -> str:
    """Read, improve, write if that changed anything; returns what the student must know, mostly nothing.

    Kernels that do this at the same time wait for one another.  A damaged file is set aside first.
    Raises TooNew, and OSError if the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path.with_name(f"{path.name}.lock"), timeout=LOCK_SECONDS):
            before, said = _read_or_set_aside(path)
            after = improve(before)
            if after != before:
                write(path, after)
            return said
    except Timeout as error:
        raise OSError(f"another program holds {path.name}") from error


def _read_or_set_aside(path: Path) -> tuple[dict[str, Entry], str]:
    try:
        return read(path), ""
    except TooNew:
        raise
    except ProgressError as error:
        aside = next(p for n in range(1, 10_000) if not (p := path.with_name(f"{path.stem}.damaged-{n}.json")).exists())
        path.replace(aside)
        return {}, f"The file with your progress was damaged ({error}). It was set aside as `{aside}`."
