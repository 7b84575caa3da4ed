"""What was collected for whom, and when the platform says that it was handed in.

Kept with the grader's own files, where no student's file comes, so that it can be believed.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

from grader.records import course_folder, write_atomically

STAMP = "timestamp.txt"  # where nbgrader looks for the time of handing in


@dataclass(frozen=True)
class Received:
    """A collected submission.  time: in UTC, as nbgrader writes it, or "" if the platform did not say; order: newer
    attempts have larger ones; files: hashes by path; archive: the download's name."""

    platform: str
    archive: str
    time: str = ""
    late: bool = False
    order: tuple[int, ...] = ()
    files: dict[str, str] = field(default_factory=dict)


def received(root: Path, lesson: str, student: str) -> Received | None:
    """What was collected last for a student, or None."""
    try:
        data = json.loads(_path(root, lesson, student).read_text(encoding="utf-8"))
        return Received(**(data | {"order": tuple(data["order"])}))
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def remember(root: Path, lesson: str, student: str, what: Received) -> None:
    """Keep it."""
    path = _path(root, lesson, student)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(path, json.dumps(dataclasses.asdict(what), indent=1).encode())


def _path(root: Path, lesson: str, student: str) -> Path:
    return course_folder(root) / "received" / lesson / f"{student}.json"
