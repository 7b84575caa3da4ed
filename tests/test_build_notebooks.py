"""The lesson builder: from one text to the instructor's and the student's notebook."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbgrader.utils import compute_checksum, is_grade, is_locked, is_solution

from grader.build.lessons import Lesson, build
from grader.build.seal import digest
from tests.house_files import ROOT
from tests.small_lesson import NAME, TEXT, course

LESSON = Lesson(NAME)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return course(tmp_path_factory.mktemp("a course"))  # a path with a space


@pytest.fixture(scope="module")
def built(root: Path) -> dict[str, str]:
    return build(root, [LESSON])


@pytest.fixture(scope="module")
def student(built: dict[str, str]) -> Any:
    return nbformat.reads(built[LESSON.student], as_version=4)


@pytest.fixture(scope="module")
def cells(student: Any) -> dict[str, Any]:
    return {cell.id: cell for cell in student.cells}


def test_a_build_gives_the_same_bytes_every_time(root: Path, built: dict[str, str]) -> None:
    assert build(root, [LESSON]) == built


def test_a_build_leaves_nothing_in_the_course(root: Path, built: dict[str, str]) -> None:
    assert {p.name for p in root.rglob("*") if p.is_file()} == {"nbgrader_config.py", f"{NAME}.py"}


def test_ids_come_from_names_and_places(student: Any) -> None:
    assert [cell.id for cell in student.cells] == [
        "colab-badge", "colab-first", "start-0", "start-1", "small-twice-solution", "small-twice", "07-why", "07-why-1",
    ]  # fmt: skip


def test_a_cell_put_in_before_an_exercise_keeps_the_ids_after_it(tmp_path: Path, student: Any) -> None:
    text = TEXT.replace("# %%\nimport math", "# %%\nimport os\n\n# %%\nimport math")
    more = json.loads(build(course(tmp_path, text), [LESSON])[LESSON.student])
    assert [c["id"] for c in more["cells"]][5:] == [c.id for c in student.cells][4:]


def test_a_blank_exercise_keeps_its_docstring_and_says_whose_turn_it_is(cells: dict[str, Any]) -> None:
    source = cells["small-twice-solution"].source
    assert '"""Twice x."""' in source
    assert "secret_double" not in source
    scope: dict[str, Any] = {}
    exec(compile(ast.parse(source), "cell", "exec"), scope)  # noqa: S102  (running a blank exercise must work)
    with pytest.raises(NotImplementedError, match=r"^twice: your turn$"):
        scope["twice"](1.0)


def test_nbgrader_sees_the_cells_as_the_tags_say(cells: dict[str, Any]) -> None:
    kinds = {name: (is_solution(c), is_grade(c), is_locked(c)) for name, c in cells.items()}
    assert kinds == {
        "colab-badge": (False, False, False),
        "colab-first": (False, False, False),
        "start-0": (False, False, False),
        "start-1": (False, False, False),
        "small-twice-solution": (True, False, False),
        "small-twice": (False, True, True),
        "07-why": (True, True, False),
        "07-why-1": (False, False, False),
    }
    assert cells["small-twice"].metadata.nbgrader.points == 4
    assert cells["07-why"].metadata.nbgrader.points == 2.5


def test_nbgrader_knows_a_blank_answer_by_its_checksum(cells: dict[str, Any]) -> None:
    for name in ("small-twice-solution", "small-twice", "07-why"):
        assert cells[name].metadata.nbgrader.checksum == compute_checksum(cells[name])


def test_explore_cells_keep_their_tags_and_fold_their_code(cells: dict[str, Any]) -> None:
    metadata = cells["07-why-1"].metadata
    assert metadata.tags == ["explore", "hide-input"]
    assert metadata.jupyter.source_hidden is True


def test_the_instructors_notebook_is_valid_and_holds_the_solution(built: dict[str, str]) -> None:
    notebook = nbformat.reads(built[LESSON.instructor], as_version=4)
    nbformat.validate(notebook)
    assert "secret_double = x + x" in built[LESSON.instructor]
    assert "Because addition is repeated here." in built[LESSON.instructor]


def test_built_files_end_in_a_newline_and_are_sealed(built: dict[str, str]) -> None:
    for text in built.values():
        assert text.endswith("}\n")
        notebook = json.loads(text)
        assert notebook["metadata"]["diffkit"]["sha256"] == digest(notebook)


def test_nbgraders_own_command_writes_the_same_release(tmp_path: Path, built: dict[str, str]) -> None:
    root = course(tmp_path / "own command")
    instructor = root / LESSON.instructor
    instructor.parent.mkdir()
    instructor.write_text(built[LESSON.instructor], encoding="utf-8")
    # No activated environment on the PATH: nbgrader_config.py must find nbgrader's helper programs by itself.
    environment = os.environ | {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", NAME]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (root / LESSON.student).read_text(encoding="utf-8") == built[LESSON.student]
    assert (root / "gradebook.db").exists()
