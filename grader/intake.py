"""The gate: what was handed in, looked at before nbgrader opens it.

A folder that cannot be graded is refused with one clear line, so that it stops nobody else.  Nothing is changed.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import dateutil.parser
import dateutil.tz

from grader.notebook_file import RefusedError, inspect_notebook

LARGEST_FILE = 16 * 2**20
LARGEST_TOGETHER = 32 * 2**20  # as much as the sandbox takes
DEEPEST = 8
MOST_FILES = 200
LONGEST_TIME, LONGEST_PATH = 100, 400  # bytes
LEFT_BEHIND = {".ipynb_checkpoints", "__pycache__", "feedback"}  # by nbgrader when it copies a submission
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}")  # nbgrader uses names in glob and regular expressions


@dataclass(frozen=True)
class Submission:
    """One student's folder for a lesson.  refused: why it is not graded, else empty."""

    student: str
    notebook: Path
    refused: str = ""


def submissions(root: Path, lesson: str) -> list[Submission]:
    """All submissions to a lesson, in the students' order.  root: the course folder."""
    found = []
    for folder in sorted((root / "submitted").glob(f"*/{lesson}")):
        notebook = folder / f"{lesson[3:]}.ipynb"
        try:
            inspect(folder, notebook)
            found.append(Submission(folder.parent.name, notebook))
        except RefusedError as error:
            found.append(Submission(folder.parent.name, notebook, str(error)))
    return found


def inspect(folder: Path, notebook: Path) -> None:
    """Raise RefusedError if the folder cannot be graded."""
    if not NAME.fullmatch(folder.parent.name):
        raise RefusedError(f"the folder name {folder.parent.name!r} is no student id: use letters, digits, . _ @ -")
    if folder.is_symlink() or folder.parent.is_symlink() or not folder.is_dir():
        raise RefusedError("the submission is not a plain folder")
    try:
        room = LARGEST_TOGETHER
        for number, entry in enumerate(_walk(folder), start=1):
            if number > MOST_FILES:
                raise RefusedError(f"it contains more than {MOST_FILES} files and folders")
            room -= _size(entry)
            if len(os.fsencode(os.path.relpath(entry.path, folder))) > LONGEST_PATH:
                raise RefusedError(f"the path of {entry.name[:40]!r} is longer than {LONGEST_PATH} bytes: shorten it")
            if room < 0:
                raise RefusedError(
                    f"the files beside the notebook are larger than {LARGEST_TOGETHER >> 20} MiB together"
                )
        if not notebook.is_file():
            raise RefusedError(f"there is no {notebook.name} in it")
        inspect_notebook(notebook)
        _inspect_time(folder / "timestamp.txt")
    except OSError as error:
        raise RefusedError(f"it cannot be read ({error.strerror}): look at the rights of its files") from error


def beside(folder: Path) -> dict[str, bytes]:
    """Files that lie beside the notebook, for the sandbox's working folder: those that nbgrader would copy too."""
    entries = sorted(_walk(folder), key=lambda entry: entry.path)
    paths = [Path(entry.path).relative_to(folder) for entry in entries if entry.is_file(follow_symlinks=False)]
    plain = [p for p in paths if p.suffix not in (".ipynb", ".pyc") and LEFT_BEHIND.isdisjoint(p.parts)]
    return {p.as_posix(): (folder / p).read_bytes() for p in plain}


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Everything below a folder; no link is followed, and no deep nest of folders leads anywhere."""
    waiting = [(folder, 1)]
    while waiting:
        here, depth = waiting.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    if depth >= DEEPEST:
                        raise RefusedError(f"its folders are nested more than {DEEPEST} deep")
                    waiting.append((Path(entry.path), depth + 1))


def _size(entry: os.DirEntry[str]) -> int:
    """Bytes of a file or folder that may be there."""
    if entry.is_symlink():
        raise RefusedError(f"it contains a symbolic link ({entry.name!r}): hand in files")
    if not entry.name.isprintable():
        raise RefusedError(f"the name {entry.name!r} holds signs that cannot be shown: rename that file")
    if entry.is_dir():
        if entry.name == "timestamp.txt":
            raise RefusedError("'timestamp.txt' is a folder: remove it")
        return 0
    if not entry.is_file():
        raise RefusedError(f"it contains {entry.name!r}, which is neither file nor folder")
    size = entry.stat().st_size
    if entry.name.endswith(".ipynb"):  # has limits of its own, and stays out of the sandbox
        return 0
    if size > LARGEST_FILE:
        raise RefusedError(f"{entry.name!r} is larger than {LARGEST_FILE >> 20} MiB")
    return size


def _inspect_time(path: Path) -> None:
    """nbgrader takes the time of handing in from this file, and stops if it cannot: so all of it is read."""
    try:
        if path.exists():
            content = path.read_bytes()
            _time(content.decode().strip() if len(content) <= LONGEST_TIME else "")
    except (ValueError, OverflowError) as error:
        raise RefusedError("timestamp.txt holds no time: remove it") from error


def _time(text: str) -> datetime:
    """In UTC, as nbgrader's `parse_utc` reads it: of three words, the last one is a zone or its seconds."""
    day, *more = text.split(" ")
    zones: dict[str, tzinfo | int | None] = {}
    if len(more) == 2:
        text = f"{day} {more[0]} TZ"
        zones["TZ"] = int(more[1]) if more[1].lstrip("+-").isdecimal() else dateutil.tz.gettz(more[1])
    moment = dateutil.parser.parse(text, tzinfos=zones)
    return moment - (moment.utcoffset() or timedelta())
