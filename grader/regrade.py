"""Grading again after a check was mended: only what it decided, and who gains or loses.

What was handed in is known by its content, and a check by its version, so it is known beforehand which marks still
hold.  These are not asked again, and a submission of which all hold is not touched at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from grader.config import load_config
from grader.entry import Row
from grader.executors import cells_as_judged, files_beside
from grader.graded import Graded
from grader.intake import Submission, submissions
from grader.judge import Record
from grader.meter import SILENT, Meter
from grader.records import Records, fingerprint
from grader.run import grade_class, judging
from grader.versions import record_key
from grader.warm import warm


@dataclass(frozen=True)
class Change:
    """A mark that is another one now.  by_hand: a person gave a mark, which stays and should be looked at."""

    student: str
    exercise: str
    before: float
    after: float
    by_hand: bool = False


@dataclass
class Regraded:
    """What a regrade did, or would do.  judged: students that were asked again; same: students that were not touched;
    new: students whose present submission was never graded; refused: those whose submission cannot be; rows: what was
    entered, empty for a trial."""

    changes: list[Change] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)


def regrade(
    root: Path,
    lesson: str,
    *,
    dry_run: bool = False,
    workers: int = 2,
    mode: str = "bwrap",
    feedback: bool = True,
    executor: str = "local",
    meter: Meter = SILENT,
) -> Regraded:
    """Grade again what a changed check decided.  dry_run: judge, and enter nothing; a regrade afterwards is quick."""
    config = load_config(
        root, CourseDirectory={"root": str(root), "assignment_id": lesson}, Judge={"sandbox_mode": mode}
    )
    with warm():
        done, stale = _plan(root, lesson, config)
        if dry_run:
            meter.total(len(stale))
            for judged in judging(executor, root, lesson, stale, config, workers):
                done.problems |= {judged.submission.student: judged.problem} if judged.problem else {}
                meter.step()
    before = {student: r for student, r in entered(root, lesson).items() if student in done.judged}
    if stale and not dry_run:
        done.rows = grade_class(
            root, lesson, workers=workers, mode=mode, feedback=feedback, executor=executor, meter=meter,
            only=set(before),
        )  # fmt: skip
        done.problems = {r.student: r.problem for r in done.rows if r.problem}
    after = {s.student: r for s in stale if (r := Records(root).get(_present(lesson, s, config)))}
    done.changes = changes(before, after, _by_hand(CourseDirectory(config=config).db_url, lesson))
    return done


def _plan(root: Path, lesson: str, config: Config) -> tuple[Regraded, list[Submission]]:
    """Who is asked again, and who is not."""
    done, stale, before = Regraded(), [], entered(root, lesson)
    for s in submissions(root, lesson):
        was = before[s.student].key if s.student in before else ""
        if s.refused:
            done.refused.append(s.student)
            continue
        now = _present(lesson, s, config)
        if not was or was.split("-")[0] != now.split("-")[0]:
            done.new.append(s.student)
        elif was == now:
            done.same.append(s.student)
        else:
            done.judged.append(s.student)
            stale.append(s)
    return done, stale


def changes(before: Mapping[str, Record], after: Mapping[str, Record], by_hand: Mapping[str, set[str]]) -> list[Change]:
    """Whose marks in which exercises are others now, for what was handed in before too."""
    return [
        Change(student, new.exercise, old.points, new.points, cell in by_hand.get(student, set()))
        for student in sorted(after)
        if student in before and before[student].key.split("-")[0] == after[student].key.split("-")[0]
        for cell, new in after[student].scores.items()
        if (old := before[student].scores.get(cell)) is not None and old.points != new.points
    ]


def entered(root: Path, lesson: str) -> dict[str, Record]:
    """By student, the record that was entered last."""
    graded, records = Graded(root, lesson), Records(root)
    found = {student: records.get(key) for student, key in graded.keys().items()}
    return {student: record for student, record in found.items() if record}


def changed_since(root: Path, lesson: str, before: Mapping[str, str]) -> list[Change]:
    """The marks that are others than when the grades with these keys (by student) were entered."""
    graded, records = Graded(root, lesson), Records(root)
    keys = {student: (key, graded.key(student)) for student, key in before.items()}
    other = {student: pair for student, pair in keys.items() if pair[0] != pair[1]}
    old, new = ({s: r for s, pair in other.items() if (r := records.get(pair[i]))} for i in (0, 1))
    return changes(old, new, {})


def change_table(found: Sequence[Change]) -> str:
    """Who gains and who loses, a line for each mark, then how many."""
    if not found:
        return "no mark changes"
    wide, long = (max(len(x) for x in column) for column in zip(*((c.student, c.exercise) for c in found), strict=True))
    wide, long = max(wide, 7), max(long, 8)
    lines = [f"{'student':<{wide}}  {'exercise':<{long}}  {'before':>6}  {'after':>6}  {'change':>6}"]
    for c in found:
        note = "  a person gave a mark here, which stays: look at it" if c.by_hand else ""
        change = f"{c.after - c.before:+g}"
        lines.append(f"{c.student:<{wide}}  {c.exercise:<{long}}  {c.before:>6g}  {c.after:>6g}  {change:>6}{note}")
    sums: dict[str, float] = {}
    for c in found:
        sums[c.student] = sums.get(c.student, 0.0) + c.after - c.before
    gain, lose = (sum(v > 0 for v in sums.values()), sum(v < 0 for v in sums.values()))
    return "\n".join([*lines, f"{gain} gain, {lose} lose, {len(sums) - gain - lose} come out even"])


def _present(lesson: str, s: Submission, config: Config) -> str:
    """The key of the record that a submission would have now."""
    return record_key(fingerprint(cells_as_judged(lesson, s, config), files_beside(lesson, s, config)), lesson)


def _by_hand(db_url: str, lesson: str) -> dict[str, set[str]]:
    """By student, the cells to which a person gave a mark."""
    with Gradebook(db_url) as gradebook:
        return {
            s.student_id: {g.name for n in s.notebooks for g in n.grades if g.manual_score is not None}
            for s in gradebook.find_assignment(lesson).submissions
        }
