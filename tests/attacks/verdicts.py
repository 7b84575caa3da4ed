"""What an attack achieved, if anything: points, secrets, harm, or a report that is not clear."""

import dataclasses
import json
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry

from grader.demo.cheats import own_work
from grader.exercises import LESSONS
from grader.judge import Record
from grader.records import Records
from grader.report import diagnosis, table
from tests.attacks.arena import NEIGHBOURS, Arena, Batch
from tests.attacks.attack import LESSON, Attack
from tests.attacks.page import active
from tests.attacks.secrets import CANARIES, left_behind

OWN = own_work(LESSON)
FULL = sum(e.points for e in LESSONS[LESSON])


def gained(batch: Batch, attack: Attack) -> list[str]:
    """Points above those of honest work."""
    row = batch.rows[attack.name]
    found = [] if (row.points or 0.0) <= OWN else [f"{row.points:g} points instead of {OWN:g}"]
    with Gradebook(f"sqlite:///{batch.folder}/gradebook.db") as gradebook:
        try:
            entry = gradebook.find_submission(LESSON, attack.name)
        except MissingEntry:
            return found if row.points is None else [*found, "not in the gradebook"]
        kept = float(entry.score)
    if row.points is not None and (kept != row.points or kept > OWN):
        found.append(f"the gradebook says {kept:g}, the report {row.points:g}")
    if row.record and sum(s.points for s in row.record.scores.values()) != row.points:
        found.append("the record and the gradebook differ")
    return found


def leaked(batch: Batch, attack: Attack) -> list[str]:
    """Secrets in anything that the submission can emit."""
    row, record = batch.rows[attack.name], _record(batch, attack.name)
    texts = [json.dumps(dataclasses.asdict(record)) if record else "", table([row]), diagnosis(row)]
    for part in ("autograded", "feedback"):
        files = (p for p in (batch.folder / part / attack.name).rglob("*") if p.is_file())
        texts += [p.read_bytes().decode(errors="replace") for p in files]
    found = [f"shows {what}" for what, canary in CANARIES.items() if any(canary in text for text in texts)]
    outputs = [o for each in record.outputs.values() for o in each] if record else []
    told = [o for o in outputs if o["output_type"] != "error"]  # a traceback quotes the source
    return found + (["its cell has found something"] if "FOUND" in json.dumps(told) else [])


def harmed(batch: Batch, attack: Attack) -> list[str]:
    """Active content on a page that an instructor opens."""
    page, usual = _page(batch, attack.name), _page(batch, NEIGHBOURS[0])
    if page is None or usual is None:
        return []
    return [f"active: {what}" for what in active(page) - active(usual)]


def unclear(batch: Batch, attack: Attack) -> list[str]:
    """What is wrong with its line in the report."""
    row = batch.rows[attack.name]
    lines, said = table([row]).split("\n"), diagnosis(row)
    found = [] if len(lines) == 2 and lines[1].isprintable() and said.isprintable() else ["not one printable line"]
    if not said or "Traceback" in said or said.startswith(("not graded", "nbgrader refused")):
        found.append(f"not a clear line: {said[:200]}")
    if attack.refused != (row.points is None):
        found.append(f"refused: {row.points is None}, {said[:100]}")
    if row.points is not None and (batch.folder / "feedback").exists() and _page(batch, attack.name) is None:
        found.append("no feedback")
    if row.record and any(s.broken for s in row.record.scores.values()):
        broken = next(s.broken for s in row.record.scores.values() if s.broken)
        found.append(f"made a check look broken: {broken.strip().splitlines()[-1]}")
    return found


def complaints(batch: Batch, attack: Attack) -> dict[str, list[str]]:
    """All of it, by kind."""
    return {
        "gained": gained(batch, attack),
        "leaked": leaked(batch, attack),
        "harmed": harmed(batch, attack),
        "unclear": unclear(batch, attack),
    }


def disappointed(batch: Batch, control: Attack) -> list[str]:
    """What is wrong with the grade of honest work."""
    row = batch.rows[control.name]
    return [] if row.points == FULL else [f"{row.points} of {FULL:g} points: {diagnosis(row)}"]


def disturbed(arena: Arena) -> list[str]:
    """What the attacks did to others and to the machine."""
    found = [f"left behind: {what}" for what in left_behind()]
    for batch in arena.batches:
        changed = set(batch.before.items()) ^ set(batch.after.items())
        found += [f"changed: {name}" for name, _ in sorted(changed)]
        found += batch.called
        found += [
            f"without a line: {p.name}" for p in (batch.folder / "submitted").iterdir() if p.name not in batch.rows
        ]
    for name in NEIGHBOURS:
        if len({repr(_essence(batch, name)) for batch in arena.batches}) > 1:
            found.append(f"the grade of {name} depends on who is graded beside")
    return found


def _record(batch: Batch, name: str) -> Record | None:
    """All that was recorded, outputs included."""
    row = batch.rows[name]
    return row.record and (Records(batch.folder).get(row.record.key) or row.record)


def _essence(batch: Batch, name: str) -> tuple[object, ...]:
    """All of a row that has to be equal bit for bit: not the seconds."""
    row, record = batch.rows[name], _record(batch, name)
    return row.student, row.points, row.of, record and dataclasses.replace(record, seconds=0.0), row.problem


def _page(batch: Batch, name: str) -> str | None:
    path: Path = batch.folder / "feedback" / name / LESSON / f"{LESSON[3:]}.html"
    return path.read_text(encoding="utf-8") if path.is_file() else None
