"""A submission is rebuilt from what was asked for: no claim of the file survives, and what is missing comes back."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook

from grader.demo.classroom import course, hand_in, students
from grader.restored import rebuilt, repairs
from grader.run import prepare
from tests.attacks.arena import ROOT
from tests.attacks.attack import LESSON
from tests.sandbox_helpers import needs_bubblewrap


def released(name: str, source: str, kind: str = "code") -> NotebookNode:
    metadata = {"nbgrader": {"grade_id": name, "points": 3}}
    return nbformat.from_dict({"cell_type": kind, "source": source, "metadata": metadata})


KNOWN = {name: released(name, f"released {name}") for name in ("a", "a-test", "b", "b-test")}


def handed_in(name: str | None, source: str = "mine", kind: str = "code", **more: object) -> NotebookNode:
    metadata = {} if name is None else {"nbgrader": {"grade_id": name, "points": 99}}
    cell = {"cell_type": kind, "source": source, "metadata": metadata, **more}
    return nbformat.from_dict(cell)


def names(cells: list[NotebookNode]) -> list[str]:
    return [c.metadata.get("nbgrader", {}).get("grade_id", c.source) for c in cells]


def test_what_is_missing_comes_back_after_what_it_follows() -> None:
    cells = rebuilt([handed_in(None, "free"), handed_in("a"), handed_in(None, "end")], KNOWN)
    assert names(cells) == ["free", "a", "a-test", "b", "b-test", "end"]
    assert cells[1].source == "mine"
    assert cells[2].source == "released a-test"
    assert names(rebuilt([handed_in(None, "free")], KNOWN)) == [*KNOWN, "free"]
    assert names(rebuilt([handed_in("b-test")], KNOWN)) == ["a", "a-test", "b", "b-test"]


def test_points_and_locks_are_those_of_the_gradebook() -> None:
    assert {c.metadata.nbgrader.points for c in rebuilt([handed_in("a"), handed_in("b")], KNOWN)} == {3}


def test_of_duplicates_the_last_counts_and_the_others_stay_as_free_cells() -> None:
    cells = rebuilt([handed_in("a", "first"), handed_in("a", "second")], KNOWN)
    assert [c.source for c in cells if c.metadata.get("nbgrader", {}).get("grade_id") == "a"] == ["second"]
    assert cells[0].source == "first"
    assert "nbgrader" not in cells[0].metadata


def test_a_retyped_cell_gets_its_type_back() -> None:
    cell = rebuilt([handed_in("a", "x < y and <b>", kind="markdown")], KNOWN)[0]
    assert (cell.cell_type, cell.source, cell.outputs) == ("code", "x < y and <b>", [])


def test_what_was_put_right_is_said() -> None:
    lock = released("c", "def f(): ...")
    lock.metadata.nbgrader["locked"] = True
    known = {**KNOWN, "c": lock}
    cells = [handed_in("a"), handed_in("a"), handed_in("a-test", kind="markdown"), handed_in("b"), handed_in("c", "1")]
    assert repairs(cells, known) == [
        "cell a stood there 2 times: the last one counts",
        "cell a-test was no code cell: it is one again",
        "cell b-test was missing and is put back",
        "cell c was changed: it says again what it said",
    ]
    untouched = [handed_in(name) for name in KNOWN] + [handed_in("c", "def f(): ...\n"), handed_in(None)]
    assert repairs(untouched, known) == []
    changed = rebuilt(cells, known)[-1]
    assert (changed.source, changed.cell_type) == ("def f(): ...", "code")


def test_nothing_else_of_a_cell_stays() -> None:
    hostile = handed_in(None, "1", id='"><script>', outputs=[{"x": 1}], execution_count=7, attachments={"a": 1}, more=1)
    hostile.metadata.update(tags=["explore", "skip-execution", 5], slideshow="x")
    cell = rebuilt([hostile], {})[0]
    assert cell == {
        "cell_type": "code", "id": "cell-0", "source": "1", "outputs": [], "execution_count": None,
        "metadata": {"tags": ["explore"]},
    }  # fmt: skip


def test_markdown_and_raw_text_are_made_harmless() -> None:
    for kind in ("markdown", "raw"):
        assert "<script>" not in rebuilt([handed_in(None, "<script>", kind=kind)], {})[0].source


@pytest.mark.parametrize("claim", [["a"], 5, None, {"a": 1}])
def test_a_name_that_is_no_text_is_no_name(claim: object) -> None:
    cell = handed_in(None)
    cell.metadata["nbgrader"] = {"grade_id": claim}
    assert names(rebuilt([cell], KNOWN)) == [*KNOWN, "mine"]


@needs_bubblewrap
def test_plain_nbgrader_refuses_what_the_gate_refuses(tmp_path: Path) -> None:
    """A link to the solution is full marks to nbgrader, and a link to the key is copied and read."""
    course(ROOT, tmp_path, LESSON)
    everyone = [s for s in students(tmp_path, LESSON) if s.name in ("blank", "half_filled", "perfect")]
    hand_in(tmp_path, LESSON, everyone)
    prepare(tmp_path, LESSON)
    notebook = tmp_path / "submitted" / "blank" / LESSON / "forward_process.ipynb"
    notebook.unlink()
    notebook.symlink_to(f"../../../solutions/{LESSON}/forward_process.ipynb")
    (tmp_path / "submitted" / "half_filled" / LESSON / "key.txt").symlink_to("../../../nbgrader_config.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "nbgrader", "autograde", LESSON]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.count("RefusedError: it contains a symbolic link") == 2
    assert [p.name for p in (tmp_path / "autograded").iterdir() if (p / LESSON).exists()] == ["perfect"]
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        scores = {s.student.id: s.score for s in gradebook.find_assignment(LESSON).submissions}
    assert scores["perfect"] == 44
    assert scores["blank"] == scores["half_filled"] == 0
