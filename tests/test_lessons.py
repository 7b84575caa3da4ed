"""Each lesson runs from top to bottom: solved, every check passes; blank, every check says kindly what to do."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from grader.exercises import LESSONS

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.filterwarnings("ignore")  # of the Jupyter client, not of the lessons


def notebook(part, lesson):
    return nbformat.read(ROOT / part / lesson / f"{lesson[3:]}.ipynb", as_version=4)


def solution_cells(nb):
    return {
        c.metadata.nbgrader.grade_id: c
        for c in nb.cells
        if c.cell_type == "code" and c.metadata.get("nbgrader", {}).get("solution")
    }


def filled_in(lesson):
    """The student's notebook with the solutions typed in."""
    nb, solved = notebook("notebooks", lesson), solution_cells(notebook("solutions", lesson))
    for name, cell in solution_cells(nb).items():
        assert "NotImplementedError" in cell.source
        cell.source = solved[name].source
    return nb


def run(nb):
    NotebookClient(nb, timeout=180, resources={"metadata": {"path": str(ROOT)}}, allow_errors=True).execute()
    return nb


def outputs(nb):
    return [(c, o) for c in nb.cells if c.cell_type == "code" for o in c.outputs]


def failures(nb):
    return [(c.source[:80], o.ename, o.evalue) for c, o in outputs(nb) if o.output_type == "error"]


def stderr(nb):
    return [(c.source[:80], o.text) for c, o in outputs(nb) if o.output_type == "stream" and o.name == "stderr"]


def checks(nb):
    """{exercise: (points, words)} of the lesson's test cells."""
    found = {}
    for c, o in outputs(nb):
        if called := re.match(r'check\("([^"]+)"', c.source):
            found[called[1]] = float(o.data["text/plain"]), o.data["text/markdown"]
    return found


@pytest.mark.parametrize("lesson", LESSONS)
def test_solved_every_check_passes_and_every_equation_holds(lesson):
    nb = run(filled_in(lesson))
    assert not failures(nb)
    assert not stderr(nb)
    assert {name: points for name, (points, _) in checks(nb).items()} == {e.name: e.points for e in LESSONS[lesson]}
    shown = [o.data["text/plain"] for c, o in outputs(nb) if c.source.startswith("equation(")]
    assert shown
    assert all("holds: " in text for text in shown)


@pytest.mark.parametrize("lesson", LESSONS)
def test_blank_every_check_says_kindly_what_to_do(lesson):
    nb = run(notebook("notebooks", lesson))
    assert not failures(nb)
    assert not stderr(nb)
    said = checks(nb)
    assert set(said) == {e.name for e in LESSONS[lesson]}
    for e in LESSONS[lesson]:
        points, words = said[e.name]
        assert points == 0
        assert "is waiting for you" in words
        assert e.prompt in words
        assert f'hint("{e.name}")' in words


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_picture_has_an_alternative_text(lesson):
    source = (ROOT / "solutions" / f"{lesson}.py").read_text(encoding="utf-8")
    calls = len(re.findall(r"plots\.\w+\(", source))
    texts = re.findall(r'alt="', source)
    assert calls == len(texts) > 0


@pytest.mark.parametrize("lesson", LESSONS)
def test_built_notebooks_carry_no_outputs(lesson):
    for part in ("solutions", "notebooks"):
        nb = notebook(part, lesson)
        assert not outputs(nb)
        assert all(c.execution_count is None for c in nb.cells if c.cell_type == "code")
