"""Submissions with Colab's two cells, from before there were any, and as Colab saves them: all are graded alike."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from grader.build.colab import TAG
from grader.demo.classroom import course
from grader.entry import Row
from grader.restored import COLAB, rebuilt
from grader.run import grade_class, prepare
from tests.house_files import ROOT
from tests.test_lessons import filled_in

pytestmark = pytest.mark.filterwarnings("ignore")  # of nbgrader's libraries
LESSON = "00_start_here"
FULL = 13


def solved() -> dict[str, Any]:
    return json.loads(nbformat.writes(filled_in(LESSON)))


def from_before() -> dict[str, Any]:
    """Begun before the lesson had the two cells."""
    notebook = solved()
    del notebook["cells"][:2]
    return notebook


def saved_by_colab(*, tags: bool) -> dict[str, Any]:
    """Colab writes format 4.0, where a cell's id is in its metadata, and notes of its own."""
    notebook = solved()
    notebook["nbformat_minor"] = 0
    notebook["metadata"]["colab"] = {"provenance": [], "gpuType": "T4"}
    for cell in notebook["cells"]:
        cell["metadata"]["id"] = cell.pop("id")
        if not tags:
            cell["metadata"].pop("tags", None)
    notebook["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["Saving diffkit.zip\n"]}]
    return notebook


HANDED_IN = {
    "before": from_before(),
    "colab": saved_by_colab(tags=True),
    "colab_without_tags": saved_by_colab(tags=False),
    "here": solved(),
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory, bubblewrap: None) -> tuple[Path, dict[str, Row]]:
    """(folder, rows by name)."""
    folder = tmp_path_factory.mktemp("course")
    course(ROOT, folder, LESSON)
    for name, notebook in HANDED_IN.items():
        place = folder / "submitted" / name / LESSON
        place.mkdir(parents=True)
        (place / f"{LESSON[3:]}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    prepare(folder, LESSON)
    return folder, {row.student: row for row in grade_class(folder, LESSON, workers=2)}


@pytest.mark.parametrize("name", HANDED_IN)
def test_right_answers_earn_all_points_and_nothing_had_to_be_put_right(
    graded: tuple[Path, dict[str, Row]], name: str
) -> None:
    row = graded[1][name]
    assert (row.points, row.problem, row.repairs) == (FULL, "", ())


@pytest.mark.parametrize("name", ["before", "colab", "here"])
def test_the_graded_notebook_and_its_feedback_begin_with_the_lesson(
    graded: tuple[Path, dict[str, Row]], name: str
) -> None:
    path = graded[0] / "{}" / name / LESSON / LESSON[3:]
    first, *_ = nbformat.read(f"{str(path).format('autograded')}.ipynb", as_version=4).cells
    assert first.source.startswith("# 00 Start here")
    assert "Open in Colab" not in Path(f"{str(path).format('feedback')}.html").read_text(encoding="utf-8")


def test_the_first_cell_does_nothing_while_grading_even_if_its_tag_is_lost(graded: tuple[Path, dict[str, Row]]) -> None:
    notebook = nbformat.read(
        graded[0] / "autograded" / "colab_without_tags" / LESSON / f"{LESSON[3:]}.ipynb", as_version=4
    )
    assert "google.colab" in notebook.cells[1].source
    assert notebook.cells[1].outputs == []


def test_an_exercise_stays_whatever_its_tags_say() -> None:
    lesson = filled_in(LESSON).cells
    known = {c.metadata.nbgrader.grade_id: c for c in lesson if "nbgrader" in c.metadata}
    for cell in lesson:
        cell.metadata["tags"] = [TAG]
    assert [c.metadata.nbgrader.grade_id for c in rebuilt(lesson, known)] == list(known)


def test_both_sides_of_the_trust_border_have_the_same_tag() -> None:
    assert COLAB == TAG
