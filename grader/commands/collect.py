"""`grader collect`: a platform's download, put under submitted/."""

import argparse
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from grader.errors import CourseError
from grader.exercises import LESSONS
from grader.naming import lesson_named


def add(commands: Any) -> None:
    """Tell the parser."""
    parser = commands.add_parser("collect", help="put a download of Canvas, Moodle or others under submitted/")
    parser.add_argument("archive", type=Path, nargs="+", metavar="FILE.zip", help="what the platform gave you")
    parser.add_argument("--lesson", default="", metavar="NN", help="the lesson, if the files do not show it")
    parser.add_argument("--roster", type=Path, help="a CSV file with the platform's names, numbers and times")
    parser.add_argument("--timezone", default="", metavar="ZONE", help="of times in file names (this machine's)")
    parser.add_argument("--force", action="store_true", help="replace what is there, also if it is newer")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Collect, and say of each submission and each file that was left what became of it.  Returns 1 if some were."""
    from grader.people import known_people, read_roster, read_times, remember

    root = options.root.resolve()
    options.lesson = lesson_named(options.lesson, LESSONS) if options.lesson else ""
    times: dict[str, str] = {}
    if options.roster:
        remember(root, read_roster(options.roster))
        times = read_times(options.roster, _zone(options.timezone))
    people = known_people(root)
    return max(_collect(root, path, options, people, times) for path in options.archive)


def _collect(root: Path, path: Path, options: argparse.Namespace, people: dict[str, Any], times: dict[str, str]) -> int:
    """One archive.  times: by Moodle's number of a student."""
    from grader.collect.archive import entries, opened
    from grader.collect.lessons import by_name, known_cells
    from grader.collect.placing import place, read
    from grader.collect.sorting import sort
    from grader.people import remember

    roster, problems = set(people), 0
    with opened(path) as archive:
        lesson = options.lesson or by_name(path.stem)
        found = sort(archive, entries(archive), people, known_cells(root), lesson, _zone(options.timezone))
        for f in sorted(found.found, key=lambda f: (f.lesson, f.person.id)):
            f.time = f.time or times.get(f.person.moodle, "")
            if files := read(archive, f, found):
                done = place(root, f, files, path.name, force=options.force)
                problems += "NOT TAKEN" in done
                print(_line(f, done, stranger=bool(roster) and f.person.id not in roster))
    people.update(remember(root, [f.person for f in found.found]))
    for name, why in found.left:
        print(f"left in the archive: {name}: {why}")
    print(f"{path.name}: {len(found.found)} submissions, {len(found.left)} files left")
    return int(bool(problems or found.left))


def _line(f: Any, done: str, *, stranger: bool) -> str:
    """What became of a submission."""
    late = ["late, says the platform"] if f.late else []
    unknown = ["not in the roster"] if stranger else []
    when = [f"handed in {f.time}"] if f.time else []
    return "; ".join([f"{f.lesson}  {f.person.id}  ({f.platform}) {done}", *when, *late, *unknown, *f.remarks])


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CourseError(f"no time zone is called {name!r}; try one like Europe/Berlin") from error
