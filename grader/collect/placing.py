"""Putting a collected submission under submitted/, where the newest attempt wins and nothing is lost."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from grader.collect.received import STAMP, Received, received, remember
from grader.collect.sorting import Found
from grader.intake import RefusedError, inspect
from grader.records import course_folder


def place(root: Path, found: Found, archive: str, *, force: bool = False) -> str:
    """Put a submission where it belongs.  Returns what was done, in words for the report.

    An older attempt that was collected before goes to `.course/grader/replaced/`.  A folder that this command did not
    make is left alone unless force is given.
    """
    student, lesson = found.person.id, found.lesson
    target, before = root / "submitted" / student / lesson, received(root, lesson, student)
    files = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(found.files.items())}
    now = Received(found.platform, archive, found.time, found.late, found.order, files)
    if target.exists() and before is None and not force:
        return "NOT TAKEN: there is a folder already that was not collected; --force replaces it"
    if before is not None and target.exists() and not force:
        if before.files == files:
            remember(root, lesson, student, now)
            return "the same as before"
        if _key(before) > _key(now):
            return f"NOT TAKEN: it is older than what was collected from {before.archive}"
    try:
        fresh = _written(root, found)
    except OSError as error:
        return f"NOT TAKEN: its files cannot be written ({error.strerror})"
    kept = _set_aside(root, target, lesson, student) if target.exists() else ""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh.rename(target)
    remember(root, lesson, student, now)
    said = f"replaces an attempt that is now in {kept}" if kept else "new"
    try:
        inspect(target, target / f"{lesson[3:]}.ipynb")
    except RefusedError as error:
        said += f"; it will be refused: {error}"
    return said


def _key(what: Received) -> tuple[str, tuple[int, ...]]:
    return what.time, what.order


def _set_aside(root: Path, target: Path, lesson: str, student: str) -> str:
    place = course_folder(root) / "replaced" / lesson / student
    place.mkdir(parents=True, exist_ok=True)
    number = 1 + max((int(p.name) for p in place.iterdir() if p.name.isdecimal()), default=0)
    target.rename(place / str(number))
    return (place / str(number)).relative_to(root).as_posix()


def _written(root: Path, found: Found) -> Path:
    """All files or none, in a folder that is not yet where it belongs."""
    temporary = Path(tempfile.mkdtemp(prefix="collecting-", dir=course_folder(root)))
    try:
        for name, data in found.files.items():
            path = temporary.joinpath(*name.split("/"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if found.time:
            (temporary / STAMP).write_text(f"{found.time}\n")
        temporary.chmod(0o755)
        return temporary
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
