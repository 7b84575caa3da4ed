"""From the files of a download to submissions: whose, to which lesson, and which of several attempts."""

import datetime
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from grader.collect.archive import Entry, UnreadableError, content
from grader.collect.lessons import by_cells, by_name, most_named
from grader.collect.names import Label, label, plain_stem
from grader.collect.received import STAMP
from grader.collect.register import Register
from grader.errors import CourseError
from grader.exercises import LESSONS
from grader.intake import LARGEST_TOGETHER, MOST_FILES
from grader.people import Person

ARCHIVES = (".zip", ".gz", ".tar", ".tgz", ".7z", ".rar", ".xz", ".bz2")


@dataclass
class Found:
    """A submission in a download.  files: content by path; order: larger is newer; remarks: for the report."""

    person: Person
    lesson: str
    platform: str
    late: bool = False
    time: str = ""
    order: tuple[int, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


@dataclass
class Sorted:
    """All that a download holds.  left: (path, why) of what was not taken."""

    found: list[Found] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _File:
    entry: Entry
    label: Label
    lesson: str
    data: bytes

    @property
    def order(self) -> tuple[int, ...]:
        """By the platform's time, its number of the file, the file's date, and the number added to its name."""
        _, again = plain_stem(self.label.path[-1].removesuffix(".ipynb"))
        digits = tuple(int(d) for d in self.label.when.split("-")) if self.label.when else (0,)
        return (*digits, self.label.attempt, *self.entry.when, again)


def sort(
    archive: zipfile.ZipFile,
    entries: Iterable[Entry],
    people: Mapping[str, Person],
    cells: Mapping[str, str],
    lesson: str = "",
    zone: ZoneInfo | None = None,
) -> Sorted:
    """Sort the files of a download.  lesson: the one that it is for, or "" to find out; cells: lessons by name of a
    cell; zone: the platform's, for times in names.  Raises CourseError if the lesson cannot be told."""
    result = Sorted()
    files = list(_files(archive, entries, dict(cells), result))
    notebooks = [f for f in files if f.entry.path.endswith(".ipynb")]
    common = lesson or most_named(f.lesson for f in notebooks)
    if notebooks and not common and any(f.label.platform != "nbgrader" for f in notebooks):
        raise CourseError("the download does not show which lesson it is for: name it with --lesson")
    register = Register(people, (f.label for f in files))
    groups: dict[tuple[str, str, str], list[_File]] = {}
    for f in files:
        where = f.label.lesson or common
        groups.setdefault((f.label.platform, f.label.user, where), []).append(f)
    for (_, _, where), mine in groups.items():
        if lesson and where != lesson:
            result.left += [(f.entry.path, f"it is for {where}") for f in mine]
        elif found := _submission(mine, where, register, zone, result):
            result.found.append(found)
    return result


def _files(
    archive: zipfile.ZipFile, entries: Iterable[Entry], cells: dict[str, str], result: Sorted
) -> Iterable[_File]:
    """Each file that can be read and belongs to somebody; the others are listed as left."""
    room: dict[str, int] = {}
    count: dict[str, int] = {}
    for e in entries:
        known = label(e.parts, LESSONS) if not e.problem else None
        why = e.problem or ("" if known else "no platform names files so, and it is in nobody's folder")
        if known and not why:
            who = f"{known.platform} {known.user}"
            count[who] = count.get(who, 0) + 1
            room[who] = room.get(who, 0) + e.size
            if count[who] > MOST_FILES or room[who] > 3 * LARGEST_TOGETHER:
                why = f"its owner handed in more than {MOST_FILES} files or {3 * LARGEST_TOGETHER >> 20} MiB"
            elif known.path[-1] == STAMP:
                why = "the time of handing in is not the student's to write"
            elif known.path[-1].lower().endswith(ARCHIVES):
                why = "an archive in the archive: unpack it yourself if it is needed"
        try:
            data = content(archive, e) if known and not why else b""
        except UnreadableError as error:
            why = str(error)
        if why or known is None:
            result.left.append((e.path, why))
            continue
        named = by_name(known.path[-1]) or by_cells(data, cells) if e.path.endswith(".ipynb") else ""
        yield _File(e, known, known.lesson or named, data)


def _submission(
    mine: list[_File], lesson: str, register: Register, zone: ZoneInfo | None, result: Sorted
) -> Found | None:
    """One student's files for a lesson: the newest notebook under the name that nbgrader wants, and what is beside."""
    notebooks = [f for f in mine if f.entry.path.endswith(".ipynb")]
    fitting = [f for f in notebooks if f.lesson in (lesson, "")] if lesson else []
    if not lesson or (notebooks and not fitting):
        why = f"it is a notebook of {notebooks[0].lesson}, this is {lesson}" if lesson and notebooks else "no lesson"
        result.left += [(f.entry.path, why) for f in mine]
        return None
    certain = [f for f in fitting if f.lesson] or fitting
    newest = max(certain, key=lambda f: f.order) if certain else max(mine, key=lambda f: f.order)
    found = Found(register.person(newest.label), lesson, newest.label.platform)
    found.late, found.order = any(f.label.late for f in mine), newest.order
    found.time = _utc(newest.label.when, zone)
    if certain:
        found.files[f"{lesson[3:]}.ipynb"] = newest.data
    for f in sorted(mine, key=lambda f: f.order, reverse=True):
        if f is newest and certain:
            continue
        if f in notebooks:
            said = "an older attempt" if f in certain else "another notebook"
            found.remarks.append(f"{said}, {f.entry.path}, was left out")
            result.left.append((f.entry.path, f"{said} of {found.person.id}"))
        elif not _add(found.files, _beside(f.label.path, newest.label.path[:-1]), f.data):
            result.left.append((f.entry.path, "a newer file has its name"))
    if not certain:
        found.remarks.append("there is no notebook in it")
    return found


def _beside(path: tuple[str, ...], folder: tuple[str, ...]) -> str:
    """The path as seen from the folder that the notebook is in."""
    return "/".join(path[len(folder) :] if path[: len(folder)] == folder else path)


def _add(files: dict[str, bytes], name: str, data: bytes) -> bool:
    """Add a file, unless there is one of this name, or one where it needs a folder, or the other way round."""
    if any(name == other or name.startswith(f"{other}/") or other.startswith(f"{name}/") for other in files):
        return False
    files[name] = data
    return True


def _utc(when: str, zone: ZoneInfo | None) -> str:
    """The time in a name, in the platform's zone, as nbgrader writes times."""
    if not when:
        return ""
    try:
        local = datetime.datetime.strptime(when, "%Y-%m-%d-%H-%M-%S").replace(tzinfo=zone)
    except ValueError:
        return ""
    return f"{local.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
