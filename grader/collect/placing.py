"""Putting a collected submission under submitted/, where the newest attempt wins and nothing is lost."""

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from grader.collect.archive import UnreadableError, content
from grader.collect.received import STAMP, Received, received, remember
from grader.collect.sorting import Found, Sorted
from grader.intake import inspect
from grader.notebook_file import RefusedError
from grader.records import course_folder


def read(archive: zipfile.ZipFile, found: Found, result: Sorted) -> dict[str, bytes]:
    """The content of a submission's files; those that cannot be read are listed as left."""
    files: dict[str, bytes] = {}
    for name, entry in found.files.items():
        try:
            files[name] = content(archive, entry)
        except UnreadableError as error:
            result.left.append((entry.path, str(error)))
    return files


def place(root: Path, found: Found, files: Mapping[str, bytes], archive: str, *, force: bool = False) -> str:
    """Put a submission where it belongs.  Returns what was done, in words for the report.

    An older attempt that was collected before goes to `.course/grader/replaced/`.  A folder that this command did not
    make is left alone unless force is given.
    """
    student, lesson = found.person.id, found.lesson
    target, before = root / "submitted" / student / lesson, received(root, lesson, student)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    now = Received(found.platform, archive, found.time, found.late, found.order, hashes)
    if target.exists() and not force and (why := _stays(before, now)):
        return why
    try:
        fresh = _written(root, files, found.time)
    except OSError as error:
        return f"NOT TAKEN: its files cannot be written ({error.strerror})"
    kept = _set_aside(root, target, lesson, student) if target.exists() else ""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh.rename(target)
    remember(root, lesson, student, now)
    said = f"replaces an attempt that is now in {kept}" if kept else "new"
    return f"{said}{_refusal(target, lesson)}"


def _stays(before: Received | None, now: Received) -> str:
    """Why what is there already stays, or "" if it is an older attempt."""
    if before is None:
        return "NOT TAKEN: there is a folder already that was not collected; --force replaces it"
    if before.files == now.files and before.time == now.time:
        return "the same as before"
    timed = bool(before.time and now.time)
    if (before.time if timed else "", before.order) > (now.time if timed else "", now.order):
        return f"NOT TAKEN: it is older than what was collected from {before.archive}"
    return ""


def _refusal(target: Path, lesson: str) -> str:
    try:
        inspect(target, target / f"{lesson[3:]}.ipynb")
    except RefusedError as error:
        return f"; it will be refused: {error}"
    return ""


def _set_aside(root: Path, target: Path, lesson: str, student: str) -> str:
    place = course_folder(root) / "replaced" / lesson / student
    place.mkdir(parents=True, exist_ok=True)
    number = 1 + max((int(p.name) for p in place.iterdir() if p.name.isdecimal()), default=0)
    target.rename(place / str(number))
    return (place / str(number)).relative_to(root).as_posix()


def _written(root: Path, files: Mapping[str, bytes], time: str) -> Path:
    """All files or none, in a folder that is not yet where it belongs."""
    temporary = Path(tempfile.mkdtemp(prefix="collecting-", dir=course_folder(root)))
    try:
        for name, data in files.items():
            path = temporary.joinpath(*name.split("/"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if time:
            (temporary / STAMP).write_text(f"{time}\n")
        temporary.chmod(0o755)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return temporary
