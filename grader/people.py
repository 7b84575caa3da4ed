"""Who is in the course: the names and numbers by which the platforms know a student.

nbgrader knows a student by one id, the name of a folder.  Canvas and Moodle have their own numbers, names and logins; a
roster (a CSV file that the platform writes) ties them together.
"""

import csv
import dataclasses
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path

import dateutil.parser

from grader.errors import CourseError
from grader.intake import NAME
from grader.records import course_folder, write_atomically

LARGEST_ROSTER = 16 * 2**20
# What the platforms and people call the columns.  Compared in lower case, without spaces and underscores.
COLUMNS = {
    "id": ("studentid", "nbgraderid"),
    "name": ("student", "fullname", "name"),
    "first": ("firstname", "givenname"),
    "last": ("lastname", "surname", "familyname"),
    "email": ("emailaddress", "email", "mail"),
    "sis_id": ("sisuserid", "idnumber"),
    "login": ("sisloginid", "username", "login"),
    "section": ("section", "groups"),
    "moodle": ("identifier", "participant"),
    "time": ("lastmodified(submission)",),
}


NUMBERS = ("canvas", "moodle")  # the columns by which a platform knows a person for certain


class RosterError(CourseError):
    """The roster cannot be used; the message says why."""


@dataclass(frozen=True)
class Person:
    """A student.  id: nbgrader's; canvas: Canvas's user number; moodle: the number of Moodle's "Participant"."""

    id: str
    first: str = ""
    last: str = ""
    email: str = ""
    sis_id: str = ""
    login: str = ""
    section: str = ""
    canvas: str = ""
    moodle: str = ""

    @property
    def name(self) -> str:
        """First and last name, or the id if no name is known."""
        return f"{self.first} {self.last}".strip() or self.id

    @property
    def sorted_name(self) -> str:
        """Last name first, as registers have it."""
        return f"{self.last}, {self.first}" if self.first and self.last else self.name


def known_people(root: Path) -> dict[str, Person]:
    """The people that earlier rosters and downloads named, by id."""
    try:
        data = json.loads((course_folder(root) / "people.json").read_text(encoding="utf-8"))
        return {p["id"]: Person(**p) for p in data}
    except FileNotFoundError:
        return {}


def remember(root: Path, people: Iterable[Person]) -> dict[str, Person]:
    """Add to the known people; what is new about somebody wins over what was known.  Returns all.

    Who was collected before there was a roster has an id made of the platform's name and number: it is kept, since
    folders and grades are called so.
    """
    known = known_people(root)
    numbers = {(key, n): p.id for p in known.values() for key in NUMBERS if (n := getattr(p, key))}
    for p in people:
        before = next((i for key in NUMBERS if (i := numbers.get((key, getattr(p, key))))), p.id)
        p = dataclasses.replace(p, id=p.id if p.id in known else before)
        old = dataclasses.asdict(known.get(p.id, Person(p.id)))
        known[p.id] = Person(**{k: v or old[k] for k, v in dataclasses.asdict(p).items()})
    rows = [dataclasses.asdict(known[i]) for i in sorted(known)]
    write_atomically(course_folder(root) / "people.json", json.dumps(rows, indent=1).encode())
    return known


def read_roster(path: Path) -> list[Person]:
    """The people of a CSV file: a gradebook export of Canvas, a grading worksheet or list of participants of Moodle,
    or any table with a column `student_id`.  Raises RosterError if it has no column to know people by."""
    found = [p for row in _rows(path) if (p := _person(row)) is not None]
    if not found:
        known = (
            "student_id, or Canvas's ID and SIS Login ID, or Moodle's Identifier, Username, ID number, Email address"
        )
        raise RosterError(f"{path.name} names nobody: its first line must name columns, one of them {known}")
    return found


def read_times(path: Path, zone: tzinfo | None = None) -> dict[str, str]:
    """From a grading worksheet of Moodle's: by number of the participant, when they handed in, in UTC.

    zone: Moodle's; this machine's if it is None.  Times that cannot be read (in another language, say) are left out.
    """
    found = {}
    for row in _rows(path):
        number = re.search(r"(\d+)$", row.get("moodle", ""))
        if number and any(c.isdigit() for c in row.get("time", "")):
            try:
                local = dateutil.parser.parse(row["time"])
                there = local.replace(tzinfo=zone) if local.tzinfo is None else local
                found[number.group(1)] = f"{there.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
            except (ValueError, OverflowError):
                continue
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV file, by what their columns mean."""
    if not path.is_file():
        raise RosterError(f"there is no file {path}")
    if path.stat().st_size > LARGEST_ROSTER:
        raise RosterError(f"{path.name} is too large for a roster")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RosterError(f"{path.name} is not UTF-8: save it as CSV with UTF-8") from error
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    places = _places(next(lines, []))
    return [{key: line[i].strip() for key, i in places.items() if i < len(line)} for line in lines]


def _delimiter(text: str) -> str:
    first = text.split("\n", 1)[0]
    return max(",;\t", key=first.count)


def _places(header: list[str]) -> dict[str, int]:
    plain = [re.sub(r"[\s_]+", "", h).lower() for h in header]
    places = {key: plain.index(n) for key, names in COLUMNS.items() for n in reversed(names) if n in plain}
    if "id" in plain:  # Canvas's own number in a gradebook export; nbgrader's id in a table that somebody wrote
        canvas = bool({"sisuserid", "sisloginid", "section"} & set(plain))
        places["canvas" if canvas else "id"] = plain.index("id")
    return places


def _person(row: Mapping[str, str]) -> Person | None:
    """A row, or None for one that is about nobody (Canvas's "Points Possible", its test student, empty lines)."""
    row = {k: v for k, v in row.items() if v and v != "-"}
    moodle = re.search(r"(\d+)$", row.get("moodle", ""))
    first, last = _names(row)
    known = row.get("id") or row.get("login") or row.get("sis_id") or row.get("email", "").split("@")[0]
    numbers = row.get("canvas") or (moodle.group(1) if moodle else "")
    student = tidy_id(known or numbers)
    if not student or "points possible" in row.get("name", "").lower():
        return None
    plain = {k: row.get(k, "") for k in ("email", "sis_id", "login", "section", "canvas")}
    return Person(student, first, last, moodle=moodle.group(1) if moodle else "", **plain)


def _names(row: Mapping[str, str]) -> tuple[str, str]:
    if "first" in row or "last" in row:
        return row.get("first", ""), row.get("last", "")
    name = row.get("name", "")
    if "," in name:
        last, first = name.split(",", 1)
        return first.strip(), last.strip()
    first, _, last = name.rpartition(" ")
    return first, last


def tidy_id(text: str) -> str:
    """The text as a student id of nbgrader, or "" if nothing of it can be used."""
    text = re.sub(r"[^A-Za-z0-9_.@-]+", "-", text.strip()).lstrip("_.@-")[:100]
    return text if NAME.fullmatch(text) else ""
