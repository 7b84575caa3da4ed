"""A student's progress: kept when a check passes, merged without harm, and where to go on."""

import json

import pytest

from grader import check, progress
from grader.exercises import EXERCISES, LESSONS
from grader.learner import place, summary
from grader.learner.kept import Entry, ProgressError, read, write
from grader.learner.place import VARIABLE, progress_file
from tests.house_files import ROOT
from tests.progress_entries import SNR, STEP, WHEN, passed

pytest_plugins = ["tests.progress_fixtures"]


def test_a_passed_check_is_kept_and_told(file):
    assert progress.done()["02"] == 0
    check(STEP.name, STEP.reference)
    assert read(file)[STEP.name].passed
    assert progress.done()["02"] == pytest.approx(1 / len(LESSONS["02_forward_process"]))
    assert set(progress.done()) == {lesson[:2] for lesson in LESSONS}
    assert f"1 of {len(LESSONS['02_forward_process'])}" in str(progress())


def test_a_worse_result_later_takes_nothing_away(file):
    check(STEP.name, STEP.reference)
    before = file.read_bytes()
    check(STEP.name, STEP.misconceptions[0].wrong)
    check(STEP.name, STEP.reference)
    assert file.read_bytes() == before


def test_part_of_the_points_is_begun_and_not_passed(file):
    check(STEP.name, lambda *args: STEP.reference(*args).detach())
    assert "0 of 12, 1 begun" in str(progress())
    assert progress.done()["02"] == 0


def test_an_answer_in_the_solutions_folder_is_not_the_students(file, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/course/solutions/02_forward_process/forward_process.ipynb")
    check(STEP.name, STEP.reference)
    assert not file.exists()


def test_the_file_is_in_the_course_around_the_notebook(file, tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE)
    course = tmp_path / "my course"
    (course / "notebooks" / "02").mkdir(parents=True)
    (course / "nbgrader_config.py").touch()
    monkeypatch.chdir(course / "notebooks" / "02")
    assert progress_file() == course / ".course" / "progress.json"
    monkeypatch.chdir(tmp_path)
    assert progress_file() == ROOT / ".course" / "progress.json"  # installed from here with `pip -e`
    monkeypatch.setattr(place, "INSTALLED_FROM", tmp_path)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    assert progress_file() == tmp_path / "data" / "diffkit" / "progress.json"


def test_a_course_that_nobody_may_write_to_is_left_alone(file, tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(place.os, "access", lambda path, mode: False)
    assert progress_file() == tmp_path / "data" / "diffkit" / "progress.json"


def test_export_and_merge_bring_progress_to_another_machine(file, tmp_path, monkeypatch):
    check(STEP.name, STEP.reference)
    copy = tmp_path / "copy.json"
    assert "copy.json" in str(progress.export(copy))
    json.loads(copy.read_text(encoding="utf-8"))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "other" / "progress.json"))
    check(SNR.name, SNR.reference)
    assert "1 more exercise is passed" in str(progress.merge(copy))
    assert set(read(progress.file)) == {STEP.name, SNR.name}
    assert "0 more exercises are" in str(progress.merge(copy))


def test_merging_what_is_no_progress_file_changes_nothing_and_says_so(file, tmp_path):
    check(STEP.name, STEP.reference)
    before = file.read_bytes()
    (tmp_path / "other.json").write_text('{"cells": []}')
    with pytest.raises(ProgressError, match=r"progress\.export"):
        progress.merge(tmp_path / "other.json")
    with pytest.raises(ProgressError, match="there is no file"):
        progress.merge(tmp_path / "nowhere.json")
    assert file.read_bytes() == before


def test_exercises_that_this_course_does_not_know_stay_in_the_file(file):
    file.parent.mkdir()
    write(file, {"gone.old": Entry(3, 3, WHEN)})
    check(STEP.name, STEP.reference)
    assert set(read(file)) == {"gone.old", STEP.name}
    assert "gone.old" not in str(progress())


def test_next_begins_at_the_beginning_and_goes_on_where_you_were(file):
    assert "Next: Exercise 0.1" in str(progress.next())
    check(STEP.name, STEP.reference)
    said = progress.next()
    first_open = next(e for e in LESSONS["02_forward_process"] if e.level == "core" and e is not STEP)
    assert summary.next_exercise(read(file)) == ("02_forward_process", first_open)
    assert "Last passed: Exercise 2." in str(said)
    assert 'href="../02_forward_process/forward_process.ipynb"' in said.html


def test_next_comes_back_to_what_was_left_out_and_ends(file):
    file.parent.mkdir()
    everything = passed(*EXERCISES)
    last = {**everything, "start.rescale": Entry(2, 2, "2027-01-01")}
    left_out = next(e for lesson in LESSONS.values() for e in lesson if e.level != "core")
    first = {name: e for name, e in last.items() if name not in (left_out.name, "forward.q_step")}
    assert summary.next_exercise(first)[1] is STEP
    assert summary.next_exercise({**first, STEP.name: last[STEP.name]})[1] is left_out
    write(file, everything)
    assert "All exercises are passed" in str(progress.next())
    assert set(progress.done().values()) == {1.0}
    assert "left" not in [row.left for row in summary.rows(everything) if row.left]
    assert all(row.left == 0 for row in summary.rows(everything))
