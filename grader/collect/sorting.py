"""From the files of a download to submissions: whose, to which lesson, and which of several attempts."""

import datetime
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from grader.collect.archive import Entry, UnreadableError, content
from grader.collect.lessons import by_cells, by_name, most_named
from grader.collect.names import Label, label, plain_stem, titles
from grader.collect.received import STAMP
from grader.collect.register import Register
from grader.errors import CourseError
from grader.exercises import LESSONS
from grader.intake import LARGEST_TOGETHER, MOST_FILES
from grader.people import Person

MOST = 3 * LARGEST_TOGETHER  # bytes of a student in a download, several attempts together
ARCHIVES = (".zip", ".gz", ".tar", ".tgz", ".7z", ".rar", ".xz", ".bz2")


@dataclass
class Found:
    """A submission in a download.  files: by the path they get; order: larger is newer; remarks: for the report."""

    person: Person
    lesson: str
    platform: str
    late: bool = False
    time: str = ""
    order: tuple[int, ...] = ()
    files: dict[str, Entry] = field(default_factory=dict)
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
    files = _files(archive, entries, cells, result)
    notebooks = [f for f in files if f.entry.path.endswith(".ipynb")]
    common = lesson or most_named(f.lesson for f in notebooks)
    if notebooks and not common and any(f.label.platform != "nbgrader" for f in notebooks):
        raise CourseError("the download does not show which lesson it is for: name it with --lesson")
    register = Register(people, (f.label for f in files))
    for where, mine in _grouped(files, common):
        if lesson and where != lesson:
            result.left += [(f.entry.path, f"it is for {where}") for f in mine]
        elif found := _submission(mine, where, register, zone, result):
            result.found.append(found)
    return result


def _grouped(files: Iterable[_File], lesson: str) -> list[tuple[str, list[_File]]]:
    """Lesson and files of each submission.  lesson: of files whose place in the archive does not say it."""
    groups: dict[tuple[str, str, str], list[_File]] = {}
    for f in files:
        groups.setdefault((f.label.platform, f.label.user, f.label.lesson or lesson), []).append(f)
    return [(where, mine) for (_, _, where), mine in groups.items()]


def _files(archive: zipfile.ZipFile, entries: Iterable[Entry], cells: Mapping[str, str], result: Sorted) -> list[_File]:
    """The files that belong to somebody; the others are listed as left."""
    found, room, entries = [], Room(), list(entries)
    shared = titles(e.parts[-1] for e in entries if e.parts)
    for e in entries:
        known = label(e.parts, LESSONS, shared) if not e.problem else None
        if known is None:
            result.left.append((e.path, e.problem or "no platform names files so, and it is in nobody's folder"))
        elif why := _unwanted(known) or room.refuses(known, e):
            result.left.append((e.path, why))
        else:
            found.append(_File(e, known, known.lesson or _lesson_of(archive, e, known, cells)))
    return found


class Room:
    """How much each student has handed in."""

    def __init__(self) -> None:
        self.taken: dict[tuple[str, str], tuple[int, int]] = {}

    def refuses(self, who: Label, entry: Entry) -> str:
        """Why a file is too much, or "" after counting it."""
        files, size = self.taken.get((who.platform, who.user), (0, 0))
        self.taken[who.platform, who.user] = files + 1, size + entry.size
        if files >= MOST_FILES or size + entry.size > MOST:
            return f"its owner handed in more than {MOST_FILES} files or {MOST >> 20} MiB"
        return ""


def _unwanted(who: Label) -> str:
    if who.path[-1] == STAMP:
        return "the time of handing in is not the student's to write"
    if who.path[-1].lower().endswith(ARCHIVES):
        return "an archive in the archive: unpack it yourself if it is needed"
    return ""


def _lesson_of(archive: zipfile.ZipFile, e: Entry, who: Label, cells: Mapping[str, str]) -> str:
    if not e.path.endswith(".ipynb"):
        return ""
    try:
        return by_name(who.path[-1]) or by_cells(content(archive, e), cells)
    except UnreadableError:
        return ""


def _submission(
    mine: list[_File], lesson: str, register: Register, zone: ZoneInfo | None, result: Sorted
) -> Found | None:
    """One student's files for a lesson: the newest notebook under the name that nbgrader wants, and what is beside."""
    notebooks = [f for f in mine if f.entry.path.endswith(".ipynb")]
    fitting = [f for f in notebooks if f.lesson in (lesson, "")] if lesson else []
    if not lesson or (notebooks and not fitting):
        why = f"it is a notebook of {notebooks[0].lesson}, this is {lesson}" if lesson else "it is for no lesson"
        result.left += [(f.entry.path, why) for f in mine]
        return None
    certain = [f for f in fitting if f.lesson] or fitting
    newest = max(certain or mine, key=lambda f: f.order)
    found = Found(register.person(newest.label), lesson, newest.label.platform, any(f.label.late for f in mine))
    found.time, found.order = _utc(newest.label.when, zone), newest.order
    if certain:
        found.files[f"{lesson[3:]}.ipynb"] = newest.entry
    else:
        found.remarks.append("there is no notebook in it")
    rest = sorted((f for f in mine if f is not newest or not certain), key=lambda f: f.order, reverse=True)
    for f in rest:
        if f in notebooks:
            said = f"{'an older attempt' if f in certain else 'another notebook'} of {found.person.id}"
            result.left.append((f.entry.path, said))
        elif not _add(found.files, _beside(f.label.path, newest.label.path[:-1]), f.entry):
            result.left.append((f.entry.path, "a newer file has its name"))
    return found


def _beside(path: tuple[str, ...], folder: tuple[str, ...]) -> str:
    """The path as seen from the folder that the notebook is in."""
    return "/".join(path[len(folder) :] if path[: len(folder)] == folder else path)


def _add(files: dict[str, Entry], name: str, entry: Entry) -> bool:
    """Add a file, unless there is one of this name, or one where it needs a folder, or the other way round."""
    if any(name == other or name.startswith(f"{other}/") or other.startswith(f"{name}/") for other in files):
        return False
    files[name] = entry
    return True


def _utc(when: str, zone: ZoneInfo | None) -> str:
    """The time in a name, in the platform's zone, as nbgrader writes times."""
    if not when:
        return ""
    try:
        local = datetime.datetime.strptime(when, "%Y-%m-%d-%H-%M-%S").replace(tzinfo=zone)
        return f"{local.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError):  # no time at all, or one of the year 1 that in UTC is none
        return ""
