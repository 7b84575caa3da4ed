"""What an instructor reads after a run: a table on the terminal, and a CSV file."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from grader.entry import Row
from grader.exports.sheet import harmless
from grader.records import write_atomically
from grader.text import printable, shown


def table(rows: Sequence[Row], *, width: int = 120) -> str:
    """Who, score, what was diagnosed, seconds in the sandbox."""
    name = max([len(shown(r.student)) for r in rows] + [7])
    lines = [f"{'student':<{name}}  {'score':>9}  {'seconds':>7}  diagnosis"]
    for row in rows:
        score = "refused" if row.points is None else f"{row.points:g}/{row.of:g}"
        seconds = f"{row.record.seconds:.2f}" if row.record else "-"
        said = diagnosis(row)
        room = max(width - name - 22, 30)
        said = said if len(said) <= room else said[: room - 3] + "..."
        lines.append(f"{shown(row.student):<{name}}  {score:>9}  {seconds:>7}  {said}")
    return "\n".join(lines)


def diagnosis(row: Row) -> str:
    """What was wrong, in one line: out of the ordinary first, then the test cells that were not right."""
    if row.record is None:
        return printable(row.problem)
    wrong = [f"{s.exercise}: {s.diagnosis}" for s in row.record.scores.values() if s.points < s.of or s.broken]
    late = [f"late: {row.penalty:g} points off"] if row.penalty else []
    notes = [*late, *row.repairs, *row.record.notes]
    if not wrong and not notes:
        return "all right"
    if len(wrong) > 3:
        wrong = [*wrong[:2], f"and {len(wrong) - 2} more"]
    if len(notes) > 3:
        notes = [*notes[:2], f"{len(notes) - 2} more like these"]
    return printable("; ".join([*notes, *wrong]))


def waiting(rows: Sequence[Row]) -> str:
    """A line on what a person has yet to grade, or ""."""
    found = [r.waits for r in rows if r.waits]
    each = " or ".join(f"{w:g}" for w in sorted(set(found)))
    return f"to grade by hand, in the formgrader: {len(found)} submissions, {each} points each" if found else ""


def broken(rows: Sequence[Row]) -> str:
    """The checks that failed by themselves, each with its reason and for whom, or ""."""
    whom: dict[str, list[str]] = {}
    for r in rows:
        for s in r.record.scores.values() if r.record else ():
            if s.broken:
                reason = printable(s.broken.strip().splitlines()[-1]).partition(": ")[2]
                whom.setdefault(f"{s.exercise} ({reason or 'see .course/grader/records/'})", []).append(
                    shown(r.student)
                )
    return "\n".join(
        f"this check broke by itself: {what}: no points yet for {', '.join(w)}" for what, w in whom.items()
    )


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """One line per student and one column per exercise, quoted where needed.  Written whole or not at all.

    waits: points of what a person has yet to grade; penalty: points off for lateness, still in points.
    """
    exercises = sorted({s.exercise for r in rows if r.record for s in r.record.scores.values()})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["student", "points", "of", "waits", "penalty", *exercises, "diagnosis"])
    for r in rows:
        by_name = {s.exercise: s.points for s in r.record.scores.values()} if r.record else {}
        points = "" if r.points is None else f"{r.points:g}"
        of = f"{r.of:g}" if r.record else ""
        more = [f"{x:g}" if r.record else "" for x in (r.waits, r.penalty)]
        cells = [f"{by_name[e]:g}" if e in by_name else "" for e in exercises]
        writer.writerow([harmless(shown(r.student)), points, of, *more, *cells, harmless(diagnosis(r))])
    write_atomically(path, out.getvalue().encode("utf-8"))
