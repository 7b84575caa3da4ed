"""After a check was mended, only its marks are decided again, and the report says who gains or loses."""

import copy
import dataclasses
import shutil
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from grader import judge, run, versions
from grader.demo.classroom import course, notebook
from grader.demo.student import Student, handed_in
from grader.executors import Judged, judge_one
from grader.exercises import EXERCISES, LESSONS
from grader.judge import Record, Score
from grader.records import Records
from grader.regrade import Change, change_table, changes, regrade
from grader.run import grade_class, prepare
from tests.attacks.arena import ROOT, compact
from tests.attacks.attack import LESSON
from tests.sandbox_helpers import needs_bubblewrap

pytestmark = pytest.mark.filterwarnings("ignore")  # of nbgrader's libraries
Q_STEP, CELL = "forward.q_step", "forward-q_step"


def scored(**points: float) -> Record:
    return Record(scores={name: Score(name, p, 4.0, "", "") for name, p in points.items()}, key="same-1")


def test_the_table_says_who_gains_and_who_loses() -> None:
    before = {"ann": scored(a=1, b=2), "bob": scored(a=4), "cyd": scored(a=1, b=1), "dot": scored(a=1)}
    after = {"ann": scored(a=3, b=2), "bob": scored(a=0), "cyd": scored(a=0, b=2), "new": scored(a=1)}
    found = changes(before, after, {"bob": {"a"}})
    assert found[:2] == [Change("ann", "a", 1, 3), Change("bob", "a", 4, 0, by_hand=True)]
    text = change_table(found)
    assert [line.split()[:5] for line in text.splitlines()[1:3]] == [
        ["ann", "a", "1", "3", "+2"], ["bob", "a", "4", "0", "-4"],
    ]  # fmt: skip
    assert "look at it" in text.splitlines()[2]
    assert text.splitlines()[-1] == "1 gain, 1 lose, 1 come out even"
    assert change_table([]) == "no mark changes"


def test_another_submission_is_no_change_of_a_mark() -> None:
    handed_in_again = dataclasses.replace(scored(a=4), key="other-1")
    assert changes({"ann": scored(a=1)}, {"ann": handed_in_again}, {}) == []


CLEARED = ("exercise_version", "lesson_version", "_hash", "_closure", "_files", "_imports", "_whole")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the code, which `versions` looks at instead."""
    for package in ("grader", "diffkit"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.js"))
    monkeypatch.setattr(versions, "ROOT", tmp_path)
    forget()
    yield tmp_path
    forget()


def forget() -> None:
    for name in CLEARED:
        getattr(versions, name).cache_clear()


SOME = [e.name for lesson in ("01_graphical_models", LESSON) for e in LESSONS[lesson]]


def some_versions() -> dict[str, str]:
    forget()
    return {name: versions.exercise_version(name) for name in SOME}


def test_a_change_reaches_the_exercises_that_it_decides_and_no_others(project: Path) -> None:
    lesson = {e.name for e in LESSONS[LESSON]}
    cases: dict[str, set[str]] = {
        "grader/exercises/forward_process/q_step.py": {Q_STEP},
        "grader/exercises/forward_process/common.py": lesson,
        "grader/judge.py": set(SOME),
        "grader/compare.py": set(SOME),
        "grader/sandbox/evaluation.py": set(SOME),
        "diffkit/__init__.py": set(SOME),
        "grader/message.py": set(),
        "grader/cli.py": set(),
        "grader/exports/canvas.py": set(),
        "grader/exercises/forward_process/__init__.py": set(),
    }
    before = some_versions()
    for name, reached in cases.items():
        with (project / name).open("a") as file:
            file.write("\n# another line\n")
        now = some_versions()
        assert {n for n in now if now[n] != before[n]} == reached, name
        before = now


def test_a_mark_holds_until_its_check_changes_or_breaks() -> None:
    now, mark = versions.exercise_version(Q_STEP), Score(Q_STEP, 4.0, 4.0, "", "")
    scores = {CELL: mark, "broken": dataclasses.replace(mark, broken="Traceback")}
    scores["gone"] = dataclasses.replace(mark, exercise="forward.gone")
    record = Record(scores=scores, versions=dict.fromkeys(scores, now))
    assert versions.versions_of(record) == {CELL: now, "broken": now}
    assert versions.still_holds(record) == {CELL: mark}
    for older in ({}, {CELL: "before"}):
        assert versions.still_holds(dataclasses.replace(record, versions=older)) == {}
    assert versions.still_holds(None) == {}


def test_a_change_of_the_library_reaches_the_lessons_that_use_it(project: Path) -> None:
    before = some_versions()
    with (project / "diffkit" / "forward.py").open("a") as file:
        file.write("\n# another line\n")
    now = some_versions()
    changed = {n for n in now if now[n] != before[n]}
    assert {e.name for e in LESSONS[LESSON]} <= changed
    assert not {e.name for e in LESSONS["01_graphical_models"]} & changed


WRONG = "def q_step(x_prev, t, beta, noise):\n    return x_prev + beta[t].sqrt().to(x_prev) * noise"


def replaced(name: str, source: str):
    """An edit that puts a source in the place of an answer."""

    def edit(nb) -> None:
        for cell in nb.cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") == f"{name}-solution":
                cell.source = source

    return edit


def one_by_one(root, lesson, found, config, workers):
    for s in found:
        yield Judged(s, seconds=judge_one(root, lesson, s, config))


@pytest.fixture(scope="module")
def here():
    """Everything is judged in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "in_processes", one_by_one)
        yield


@pytest.fixture(scope="module")
def once(tmp_path_factory, here):
    """A course with three graded submissions."""
    folder = tmp_path_factory.mktemp("course")
    course(ROOT, folder, LESSON)
    prepare(folder, LESSON)
    solved = compact(notebook(folder, "solutions", LESSON))
    edits = {
        "ann": lambda nb: None,
        "bob": replaced(CELL, WRONG),
        "cyd": replaced("forward-q_sample", "q_sample = None"),
    }
    for name, edit in edits.items():
        place = folder / "submitted" / name / LESSON
        place.mkdir(parents=True)
        student = Student(name, edit, 0.0)
        (place / "forward_process.ipynb").write_bytes(handed_in(student, copy.deepcopy(solved)))
    grade_class(folder, LESSON, workers=1, feedback=False)
    return folder


@pytest.fixture
def graded(tmp_path, once):
    """A copy of the course."""
    return shutil.copytree(once, tmp_path / "course")


def marks(folder: Path) -> dict[str, dict[str, float]]:
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as gradebook:
        return {
            s.student_id: {g.name: g.auto_score for g in s.notebooks[0].grades}
            for s in gradebook.find_assignment(LESSON).submissions
        }


@needs_bubblewrap
def test_a_regrade_touches_what_changed_and_nothing_else(graded: Path, monkeypatch) -> None:
    before = marks(graded)
    assert (before["ann"][CELL], before["bob"][CELL]) == (4, 0)
    untouched = regrade(graded, LESSON, workers=1, feedback=False)
    assert (untouched.same, untouched.judged, untouched.changes) == (["ann", "bob", "cyd"], [], [])

    # The check is changed: now what was wrong is right. Its version changes with its file, which here stays.
    wrong = EXERCISES[Q_STEP].misconceptions[0].wrong
    monkeypatch.setitem(EXERCISES, Q_STEP, dataclasses.replace(EXERCISES[Q_STEP], reference=wrong))
    known = versions.exercise_version
    monkeypatch.setattr(versions, "exercise_version", lambda name: f"new {name}" if name == Q_STEP else known(name))
    versions.lesson_version.cache_clear()
    wanted = [Change(n, Q_STEP, b, a) for n, b, a in (("ann", 4, 0), ("bob", 0, 4), ("cyd", 4, 0))]

    asked: list[str] = []
    decide = judge._decide

    def noted(cell, *more):
        asked.append(cell.name)
        return decide(cell, *more)

    monkeypatch.setattr(judge, "_decide", noted)
    trial = regrade(graded, LESSON, dry_run=True, workers=1)
    assert asked == [CELL] * 3
    assert [(c.student, c.exercise) for c in trial.changes] == [(c.student, c.exercise) for c in wanted]
    assert trial.changes[1].after > 0
    assert marks(graded) == before

    done = regrade(graded, LESSON, workers=1, feedback=False)
    assert done.changes == trial.changes
    after = marks(graded)
    for student in before:
        others = {cell: mark for cell, mark in before[student].items() if cell != CELL}
        assert {cell: mark for cell, mark in after[student].items() if cell != CELL} == others, student
    assert after["bob"][CELL] == trial.changes[1].after
    assert asked == [CELL] * 3  # what the trial decided holds
    again = regrade(graded, LESSON, workers=1, feedback=False)
    assert (again.judged, again.changes) == ([], [])
    versions.lesson_version.cache_clear()


@needs_bubblewrap
def test_what_was_not_graded_before_is_named_and_left(graded: Path) -> None:
    (graded / "submitted" / "ann" / LESSON / "more.txt").write_text("changed")
    shutil.copytree(graded / "submitted" / "bob", graded / "submitted" / "dot")
    shutil.copytree(graded / "submitted" / "bob", graded / "submitted" / "eva")
    (graded / "submitted" / "eva" / LESSON / "forward_process.ipynb").write_text("{")
    found = regrade(graded, LESSON, workers=1, feedback=False)
    assert (found.new, found.same, found.refused) == (["ann", "dot"], ["bob", "cyd"], ["eva"])
    assert "dot" not in marks(graded)
    assert len(list(Records(graded).folder.glob("*.json"))) == 3
