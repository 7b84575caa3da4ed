"""Grading one notebook: its cells run in a sandbox, its grade cells are decided here.

Everything that comes from the student's process is a value or a text.  Points follow from values alone, compared in
this process with references that the sandbox does not have, on inputs that the student has not seen.
"""

import ast
import hashlib
import hmac
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from grader import message
from grader.definitions import only_adds, words_of
from grader.exercises import find
from grader.remote import Asker
from grader.sandbox import Evaluation, Kernel
from grader.verdict import CheckBroken, Verdict, judge

SKIP = "explore"  # cells for the eye: explorers, figures, equations


@dataclass(frozen=True)
class GradeCell:
    """A locked test cell as the gradebook has it; what the submission says about it does not count."""

    name: str
    source: str
    points: float


@dataclass(frozen=True)
class Cell:
    """A code cell to run.  grade: the test cell that stands in its place, if it is one."""

    index: int
    source: str
    tags: tuple[str, ...] = ()
    grade: GradeCell | None = None


@dataclass(frozen=True)
class Score:
    """The outcome of one test cell.  broken: the check itself failed, so staff must look; worth no points till then."""

    exercise: str
    points: float
    of: float
    diagnosis: str
    markdown: str
    broken: str = ""


@dataclass
class Record:
    """All that grading a notebook gives.  Plain data, so that it can be kept as JSON.

    outputs: by cell index; scores: by name of the grade cell; notes: what was out of the ordinary, for the report;
    key: the name under which it is kept; versions: by name of the grade cell, that of the check.
    """

    outputs: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    scores: dict[str, Score] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    key: str = ""
    versions: dict[str, str] = field(default_factory=dict)


def submission_key(secret: bytes, submission: str) -> bytes:
    """The key under which a submission's inputs are drawn: HMAC-SHA256 under the course's secret."""
    return hmac.new(secret, submission.encode(), hashlib.sha256).digest()


def seed_for(key: bytes, exercise: str) -> int:
    """A seed that a regrade finds again and nobody outside can guess.  key: the submission's."""
    digest = hmac.new(key, exercise.encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def grade(cells: Sequence[Cell], kernel: Kernel, key: bytes, kept: Mapping[str, Score] | None = None) -> Record:
    """Run a notebook's cells in order and decide its grade cells on the state where they stand.

    key: the submission's, see `submission_key`; kept: scores by name of the grade cell that were decided before and
    still hold: these are not asked again.
    """
    held = dict(kept or {})
    record, started = Record(), time.monotonic()
    waiting: list[GradeCell] = []
    known: set[str] = set()

    def decide(last: bool = False) -> None:
        if waiting:
            record.scores |= _decide_all(waiting, kernel, key, last)
            waiting.clear()

    for cell in cells:
        if cell.grade:
            if cell.grade.name not in held:
                waiting.append(cell.grade)
        elif SKIP not in cell.tags:
            if not only_adds(cell.source, known):
                decide()
            known |= words_of(cell.source)
            result = kernel.run(cell.source)
            record.outputs[cell.index] = result.outputs
            if result.status in ("stopped", "died"):
                record.notes.append(f"cell {cell.index + 1} {result.status}")
    decide(last=True)
    found = held | record.scores
    record.scores = {c.grade.name: found[c.grade.name] for c in cells if c.grade}  # in the order of the lesson
    record.notes += [f"the check {s.exercise} is broken" for s in record.scores.values() if s.broken]
    record.seconds = time.monotonic() - started
    return record


@lru_cache(maxsize=1000)  # a class has the same test cells
def call_in(source: str) -> tuple[str, str]:
    """The exercise and the student's name in a test cell `check("exercise", name)`.

    Raises CheckBroken for any other source: it comes from the gradebook, so the course has a mistake.
    """
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        raise CheckBroken(f"no Python: {source!r}") from error
    match body:
        case [ast.Expr(ast.Call(ast.Name("check"), [ast.Constant(str() as exercise), ast.Name(name)], []))]:
            return exercise, name
    raise CheckBroken(f"not of the form check('exercise', name): {source!r}")


def _decide_all(waiting: Sequence[GradeCell], kernel: Kernel, key: bytes, last: bool) -> dict[str, Score]:
    """The scores of test cells on one copy of the state as it is now, by name.  last: nothing is run afterwards."""
    scores: dict[str, Score] = {}
    try:
        with kernel.evaluation(last) as evaluation:
            for cell in waiting:
                scores[cell.name] = _decide(cell, evaluation, key)
    except Exception:
        scores |= {cell.name: _broken(cell, cell.name) for cell in waiting if cell.name not in scores}
    return scores


def _decide(cell: GradeCell, evaluation: Evaluation, key: bytes) -> Score:
    exercise_name = cell.name
    try:
        exercise_name, name = call_in(cell.source)
        exercise = find(exercise_name)
        if abs(exercise.points - cell.points) > 1e-9:
            raise CheckBroken(f"the cell is worth {cell.points:g} points, the exercise {exercise.points:g}")
        cases = exercise.cases(seed_for(key, exercise_name))
        ask = Asker(evaluation, name)
        ask.announce(cases)
        verdict = judge(exercise, cases, ask)
    except Exception:
        return _broken(cell, exercise_name)
    return _score(verdict)


def _broken(cell: GradeCell, exercise: str) -> Score:
    """Fails closed: whatever goes wrong on our side gives no points and is named for staff."""
    said = "This check failed by itself. It is not your mistake; the course staff has been told."
    return Score(exercise, 0.0, cell.points, "check broken", said, traceback.format_exc())


def _score(verdict: Verdict) -> Score:
    text = message.markdown(verdict, numbers=False, hint=False)
    e = verdict.exercise
    return Score(e.name, verdict.points, e.points, message.short(verdict), text)


def cells_of(cells: Sequence[Mapping[str, Any]], key: Mapping[str, GradeCell]) -> list[Cell]:
    """The code cells of a sanitized notebook, with its grade cells taken from the gradebook's key."""
    found = []
    for index, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            continue
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        tags = tuple(t for t in cell["metadata"].get("tags", []) if isinstance(t, str))
        found.append(Cell(index, cell["source"], tags, key.get(grade_id)))
    return found
