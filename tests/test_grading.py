"""Grading for real: nbgrader with our plugin, in the sandbox, on a small made-up class."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from grader.demo.__main__ import complain
from grader.demo.classroom import FIRST as LESSON
from grader.demo.classroom import course, hand_in, students
from grader.errors import GradingError
from grader.report import diagnosis, table, write_csv
from grader.run import grade_class, prepare
from grader.sandbox import SandboxUnavailable

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.filterwarnings("ignore")  # of nbgrader's libraries
NAMES = (
    "perfect", "perfect_but_noisy", "blank", "endless_function", "exits", "deletes_a_test_by_mistake",
    "duplicates_a_cell", "broken_json", "wrong_q_sample_7", "wrong_smallest_T_3",
    "cheat_forwards_to_diffkit", "cheat_overrides_allclose", "cheat_strips_asserts", "cheat_equal_to_everything",
    "cheat_forged_outputs", "cheat_more_points", "cheat_rewrites_tests", "cheat_retypes_tests",
)  # fmt: skip


@pytest.fixture(scope="module")
def graded(tmp_path_factory, bubblewrap):
    """(folder, students by name, rows by name) of a class that was graded with two workers."""
    folder = tmp_path_factory.mktemp("course")
    course(ROOT, folder, LESSON)
    everyone = {s.name: s for s in students(folder, LESSON) if s.name in NAMES}
    assert set(everyone) == set(NAMES)
    hand_in(folder, LESSON, list(everyone.values()))
    prepare(folder, LESSON)
    rows = grade_class(folder, LESSON, workers=2, settings={"cell_seconds": 20.0})
    return folder, everyone, {row.student: row for row in rows}


@pytest.mark.parametrize("name", NAMES)
def test_everyone_gets_what_they_deserve(graded, name):
    _, everyone, rows = graded
    assert complain(everyone[name], rows[name]) == []


def test_the_gradebook_holds_the_judges_scores(graded):
    folder, _, rows = graded
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as gradebook:
        for name, row in rows.items():
            if row.points is not None:
                submission = gradebook.find_submission(LESSON, name)
                auto = {g.name: g.auto_score for g in submission.notebooks[0].grades if g.auto_score is not None}
                for grade_id, score in row.record.scores.items():
                    assert auto[grade_id] == score.points


def test_the_written_answer_waits_for_a_person(graded):
    folder, _, _ = graded
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as gradebook:
        grades = {g.name: g for g in gradebook.find_submission(LESSON, "perfect").notebooks[0].grades}
        assert grades["forward-why_shrink"].needs_manual_grade
        assert not grades["forward-q_step"].needs_manual_grade


def test_feedback_names_the_mistake_and_shows_no_hidden_number(graded):
    folder, _, _ = graded
    page = (folder / "feedback" / "wrong_q_sample_7" / LESSON / "forward_process.html").read_text()
    assert "line up with the last axis" in page
    assert "expected" not in page.split("forward.q_sample</strong>")[1].split("Exercise 2.5")[0].replace(
        "are expected", ""
    )


def test_a_second_run_judges_nothing_again(graded, monkeypatch):
    folder, _, rows = graded
    before = {p.name: p.stat().st_mtime_ns for p in (folder / ".course/grader/records").iterdir()}
    again = grade_class(folder, LESSON, workers=2, settings={"cell_seconds": 20.0}, feedback=False)
    assert {r.student: r.points for r in again} == {n: r.points for n, r in rows.items()}
    assert {p.name: p.stat().st_mtime_ns for p in (folder / ".course/grader/records").iterdir()} == before


def test_outputs_are_in_the_graded_notebook_and_not_held_until_the_end_of_the_run(graded):
    folder, _, rows = graded
    notebook = json.loads((folder / "autograded/perfect_but_noisy" / LESSON / "forward_process.ipynb").read_text())
    assert sum(len(cell.get("outputs", [])) for cell in notebook["cells"]) > 12  # more than the verdicts
    assert [name for name, row in rows.items() if row.record and row.record.outputs] == []


def test_what_had_to_be_put_right_is_said(graded):
    _, _, rows = graded
    assert "forward-q_step was missing" in diagnosis(rows["deletes_a_test_by_mistake"])
    assert "stood there 2 times" in diagnosis(rows["duplicates_a_cell"])
    assert rows["perfect"].repairs == ()


def test_the_report_has_a_line_for_everyone_and_the_csv_is_quoted(graded, tmp_path):
    _, _, rows = graded
    text = table(list(rows.values()))
    assert all(name in text for name in NAMES)
    write_csv(tmp_path / "grades.csv", list(rows.values()))
    with (tmp_path / "grades.csv").open(newline="") as file:
        read = {r["student"]: r for r in csv.DictReader(file)}
    assert (read["perfect"]["points"], read["perfect"]["waits"]) == ("44", "6")
    assert read["perfect"]["forward.q_sample"] == "5"
    assert read["broken_json"]["points"] == ""


def test_plain_nbgrader_autograde_gives_the_same_scores(graded):
    folder, _, rows = graded
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    command = [sys.executable, "-m", "nbgrader", "autograde", LESSON, "--student", "blank", "--force"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as gradebook:
        assert gradebook.find_submission(LESSON, "blank").score == rows["blank"].points


def test_without_bubblewrap_nothing_is_graded(tmp_path, monkeypatch):
    course(ROOT, tmp_path, LESSON)
    hand_in(tmp_path, LESSON, [s for s in students(tmp_path, LESSON) if s.name == "perfect"])
    prepare(tmp_path, LESSON)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match="bubblewrap"):
        grade_class(tmp_path, LESSON, workers=1)
    assert not (tmp_path / "autograded").exists()


def test_an_unprepared_course_says_what_to_do(tmp_path):
    with pytest.raises(GradingError, match=r"nbgrader_config\.py"):
        grade_class(tmp_path, LESSON)
    course(ROOT, tmp_path, LESSON)
    with pytest.raises(GradingError, match="grader prepare"):
        grade_class(tmp_path, LESSON)
    prepare(tmp_path, LESSON)
    with pytest.raises(GradingError, match="grader collect"):
        grade_class(tmp_path, LESSON)
