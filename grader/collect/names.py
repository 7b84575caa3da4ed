"""What the name of a file in a download says: who handed it in, and which of several attempts it is.

Canvas (lib/content_zipper.rb in instructure/canvas-lms) writes `lovelaceada_LATE_101_4711_forward_process-1.ipynb`: the
name last name first in small letters, LATE if it was, the numbers of student and file, the student's own file name.
Moodle (mod/assign/classes/downloader.php in moodle/moodle) writes a folder `Ada Lovelace_9001_assignsubmission_file_`,
or all in one folder with that before each file name.  Blackboard, and the example in nbgrader's documentation of
zip_collect, write `Essay_ada_attempt_2026-03-01-12-00-00_forward_process.ipynb`.  nbgrader itself has
`submitted/ada/02_forward_process/forward_process.ipynb`.

Only the outermost part that fits counts: what lies below it was named by the student.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

Platform = Literal["Canvas", "Moodle", "Blackboard", "nbgrader"]

CANVAS = re.compile(r"(?P<name>\w+?)_(?P<late>LATE_)?(?P<user>\d+)_(?P<file>\d+)_(?P<rest>.+)", re.DOTALL)
ANONYMOUS = re.compile(r"(?P<late>LATE_)?anon_(?P<user>[A-Za-z0-9]+)_(?P<file>\d+)_(?P<rest>.+)", re.DOTALL)
MOODLE = re.compile(r"(?P<name>[^_]+)_(?P<user>\d+)_assignsubmission_(?P<kind>[a-z]+)(?:_(?P<rest>.*))?", re.DOTALL)
ATTEMPT = re.compile(  # the first attempt in the name: a second one would be the student's own
    r"(?P<title>(?:.*?_)?)(?P<user>[^_]+)_attempt_(?P<when>\d{4}(?:-\d\d){5})(?:_(?P<rest>.+))?(?:\.txt)?", re.DOTALL
)
AGAIN = re.compile(r"(?: ?\((\d+)\)|-(\d+)|[ _-]copy(\d*))$", re.IGNORECASE)  # what is added to a name that was taken


@dataclass(frozen=True)
class Label:
    """Who and what.  user: the platform's number or login; when: its time, as it wrote it; path: the student's own."""

    platform: Platform
    user: str
    path: tuple[str, ...]
    name: str = ""
    late: bool = False
    attempt: int = 0
    when: str = ""
    lesson: str = ""


def titles(names: Iterable[str]) -> set[str]:
    """What Blackboard writes before the login in several names: the title of the assignment."""
    counts = Counter(m["title"] for m in map(ATTEMPT.fullmatch, names) if m)
    return {title for title, count in counts.items() if count > 1}


def label(parts: tuple[str, ...], lessons: Collection[str], shared: Collection[str] = ()) -> Label | None:
    """What a path in an archive says, or None if it fits no platform's manner.

    shared: the titles in the archive, see `titles`.  A name from Canvas in which a student wrote `bob_attempt_..` looks
    like Blackboard's too, but no two names from Canvas begin alike: each has the number of its file.
    """
    for i, part in enumerate(parts):
        below = parts[i + 1 :]
        if m := MOODLE.fullmatch(part):
            path = (*((m["rest"],) if m["rest"] else ()), *below)
            return Label("Moodle", m["user"], path, m["name"]) if path else None
        if below and below[0] in lessons and len(below) > 1:
            return Label("nbgrader", part, below[1:], lesson=below[0])
        if below:
            continue
        if m := ANONYMOUS.fullmatch(part):
            return Label("Canvas", f"anon-{m['user']}", (m["rest"],), "", bool(m["late"]), int(m["file"]))
        of_canvas = CANVAS.fullmatch(part)
        if (m := ATTEMPT.fullmatch(part)) and (m["title"] in shared or not of_canvas):
            return Label("Blackboard", m["user"], (m["rest"],), when=m["when"]) if m["rest"] else None
        if m := of_canvas:
            return Label("Canvas", m["user"], (m["rest"],), m["name"], bool(m["late"]), int(m["file"]))
    return None


def plain_stem(stem: str) -> tuple[str, int]:
    """A file's name without what browsers and platforms add to one that was taken, and the number that they added."""
    m = AGAIN.search(stem)
    return (stem[: m.start()], int(next((g for g in m.groups() if g), 1))) if m else (stem, 0)
