"""`python -m grader.demo`: grade a made-up class and say whether everyone got what they deserve."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from grader.commands.arguments import at_least_one
from grader.demo.classroom import course, hand_in, students
from grader.demo.student import Student
from grader.entry import Row
from grader.exercises import LESSONS
from grader.meter import SILENT, Bar
from grader.naming import NoSuchLessonError, lesson_named
from grader.report import diagnosis, table, write_csv
from grader.run import grade_class, prepare
from grader.sandbox import SandboxError

COURSE = Path(__file__).resolve().parent.parent.parent


def main(argv: list[str] | None = None) -> int:
    """Run the demo.  Returns 0 if everyone got what they deserve."""
    options = _parser().parse_args(argv)
    if options.keep and options.keep.exists() and any(options.keep.iterdir()):
        print(f"{options.keep} is not empty: name a new folder", file=sys.stderr)
        return 2
    try:
        lessons = [lesson_named(options.lesson, LESSONS)] if options.lesson else list(LESSONS)
    except NoSuchLessonError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="diffkit-demo-") as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        try:
            return max(_demo(folder / lesson, lesson, options) for lesson in lessons)
        except SandboxError as error:
            print(error, file=sys.stderr)
            return 1


def _demo(folder: Path, lesson: str, options: argparse.Namespace) -> int:
    course(COURSE, folder, lesson)
    everyone = [s for s in students(folder, lesson) if options.only in s.name]
    hand_in(folder, lesson, everyone)
    print(f"{len(everyone)} submissions to {lesson}, {options.workers} workers")
    prepare(folder, lesson)
    started = time.monotonic()
    rows = grade_class(
        folder,
        lesson,
        workers=options.workers,
        mode=options.sandbox,
        settings={"cell_seconds": 8.0},  # long enough for any cell here; the endless one ends sooner
        feedback=not options.no_feedback,
        meter=Bar() if sys.stderr.isatty() else SILENT,
    )
    seconds = time.monotonic() - started
    write_csv(folder / f"grades-{lesson}.csv", rows)
    print(table(rows))
    each = seconds / max(len(rows), 1)
    print(f"\n{seconds:.1f} s in all, {each:.2f} s per submission, gradebook and feedback included")
    return _verdict(everyone, rows)


def _verdict(everyone: list[Student], rows: list[Row]) -> int:
    by_name = {row.student: row for row in rows}
    complaints = [c for s in everyone for c in complain(s, by_name[s.name])]
    for line in complaints:
        print(f"NOT AS IT SHOULD BE  {line}")
    if not complaints:
        print("Right answers have full marks, every misconception was named, and no cheat gained a point.")
    return 1 if complaints else 0


def complain(student: Student, row: Row) -> list[str]:
    """What is wrong with a student's grade, if anything."""
    name = student.name
    if student.refused:
        return [] if row.points is None and row.problem else [f"{name} should have been refused with a reason"]
    if row.points is None or row.record is None:
        return [f"{name} was not graded: {row.problem}"]
    found = []
    if student.exactly and row.points != student.at_most:
        found.append(f"{name} has {row.points:g} points and should have {student.at_most:g}")
    if not row.points <= student.at_most:
        found.append(f"{name} has {row.points:g} points and should have at most {student.at_most:g}")
    if student.diagnosis and student.diagnosis not in diagnosis(row):
        found.append(f"{name}: the report does not say {student.diagnosis!r} but {diagnosis(row)!r}")
    if broken := [s.exercise for s in row.record.scores.values() if s.broken]:
        found.append(f"{name}: checks broke: {', '.join(broken)}")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m grader.demo", description=__doc__)
    parser.add_argument("--lesson", default="", metavar="NN", help="only this lesson, e.g. 02")
    parser.add_argument("--workers", type=at_least_one, default=2, metavar="N", help="submissions side by side (2)")
    parser.add_argument("--keep", type=Path, help="a new folder to leave the whole course in, to look at")
    parser.add_argument("--only", default="", help="only students with this in their name")
    parser.add_argument("--no-feedback", action="store_true", help="do not write feedback")
    parser.add_argument("--sandbox", choices=("bwrap", "none"), default="bwrap", help="none: without protection")
    return parser


if __name__ == "__main__":
    sys.exit(main())
