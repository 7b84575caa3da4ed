"""`python -m grader.build`: what it writes, what it keeps, and what it reports."""

import json
from pathlib import Path

import pytest

from grader.build.__main__ import main
from grader.build.lessons import Lesson
from tests.small_lesson import NAME, TEXT, course

LESSON = Lesson(NAME)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A course whose lesson is built."""
    root = course(tmp_path / "course")
    assert main(["--root", str(root)]) == 0
    return root


def run(root: Path, *words: str) -> int:
    return main(["--root", str(root), *words])


def answer(path: Path) -> str:
    """Do what a student does: write an answer into the notebook.  Returns the file's new text."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"][2]["source"] = ["def twice(x):\n", "    return 2 * x"]
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path.read_text(encoding="utf-8")


def test_both_notebooks_are_written_and_are_then_fresh(root: Path) -> None:
    assert (root / LESSON.student).exists()
    assert (root / LESSON.instructor).exists()
    assert run(root, "--check") == 0


def test_a_changed_text_makes_both_notebooks_stale(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / LESSON.source).write_text(TEXT.replace("Twice a number", "Double a number"), encoding="utf-8")
    assert run(root, "--check") == 1
    shown = capsys.readouterr().err
    assert LESSON.student in shown
    assert LESSON.instructor in shown


def test_check_changes_nothing(root: Path) -> None:
    (root / LESSON.student).unlink()
    assert run(root, "--check") == 1
    assert not (root / LESSON.student).exists()


@pytest.mark.parametrize("words", [[], ["--missing"], [NAME]])
def test_a_students_answer_is_never_overwritten(root: Path, words: list[str]) -> None:
    mine = answer(root / LESSON.student)
    (root / LESSON.source).write_text(TEXT.replace("Small", "Larger"), encoding="utf-8")
    (root / LESSON.instructor).unlink()
    assert run(root, *words) == 1
    assert (root / LESSON.student).read_text(encoding="utf-8") == mine
    assert (root / LESSON.instructor).exists()


def test_force_replaces_a_changed_notebook(root: Path) -> None:
    answer(root / LESSON.student)
    assert run(root, "--force") == 0
    assert run(root, "--check") == 0


def test_a_notebook_that_was_only_run_is_replaced(root: Path) -> None:
    path = root / LESSON.student
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"][1]["execution_count"] = 3
    path.write_text(json.dumps(notebook), encoding="utf-8")
    assert run(root) == 0
    assert run(root, "--check") == 0


@pytest.mark.parametrize("content", ["not json", "[]", "{}", '{"cells": 3, "metadata": {}}'])
def test_a_file_that_is_no_built_notebook_is_kept(root: Path, content: str) -> None:
    (root / LESSON.student).write_text(content, encoding="utf-8")
    assert run(root) == 1
    assert (root / LESSON.student).read_text(encoding="utf-8") == content


def test_a_file_that_no_build_makes_is_reported(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # nbgrader would hand it to students: this is how a text with solutions once leaked.
    (root / "solutions" / NAME / "draft.py").write_text("x = 1", encoding="utf-8")
    assert run(root, "--check") == 1
    assert "draft.py" in capsys.readouterr().err


def test_a_lesson_that_is_not_there_is_an_error_that_lists_those_that_are(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(root, "08_other") == 1
    assert NAME in capsys.readouterr().err


def test_a_text_with_a_wrong_name_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "solutions" / "notes.py").write_text("", encoding="utf-8")
    assert run(root) == 1
    assert "name it like" in capsys.readouterr().err


def test_outside_a_course_the_command_says_where_to_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path) == 1
    assert "nbgrader_config.py" in capsys.readouterr().err
