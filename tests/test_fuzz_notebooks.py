"""A damaged notebook is refused with a line, or rebuilt into one that can be graded.  Nothing else happens."""

import json
from pathlib import Path

import nbformat
import pytest

from grader.demo.classroom import notebook
from grader.intake import inspect
from grader.judge import cells_of
from grader.notebook_file import RefusedError
from grader.restored import rebuilt
from tests.attacks.arena import ROOT, compact
from tests.attacks.attack import LESSON
from tests.damaged_notebooks import damaged

SOLVED = compact(notebook(ROOT, "solutions", LESSON))
GOOD = nbformat.writes(SOLVED).encode()
KNOWN = {c.metadata.nbgrader.grade_id: c for c in SOLVED.cells if "nbgrader" in c.metadata}


def fate(folder: Path, data: bytes) -> str:
    """What becomes of a notebook: why it is refused, or "" if it can be graded.  Raises what must not happen."""
    path = folder / f"{LESSON[3:]}.ipynb"
    path.write_bytes(data)
    try:
        inspect(folder, path)
    except RefusedError as error:
        return str(error)
    cells = rebuilt(nbformat.read(path, as_version=4).cells, KNOWN)
    whole = nbformat.v4.new_notebook(cells=cells)
    nbformat.validate(whole)
    nbformat.writes(whole).encode()
    assert {c.metadata.nbgrader.grade_id for c in cells if "nbgrader" in c.metadata} == set(KNOWN)
    assert len(cells_of(whole.cells, {})) > 0
    return ""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "submitted" / "anna" / LESSON
    folder.mkdir(parents=True)
    return folder


@pytest.mark.filterwarnings("ignore")  # of nbformat, about what it repairs
def test_damaged_notebooks_are_refused_or_rebuilt(place: Path) -> None:
    fates = [fate(place, data) for data in damaged(GOOD, 300)]
    assert all(said.isprintable() and len(said) < 400 for said in fates)
    assert 50 < sum(map(bool, fates)) < 290, "damage of either kind is wanted"


def test_a_good_notebook_is_rebuilt_as_it_was(place: Path) -> None:
    assert fate(place, GOOD) == ""
    cells = rebuilt(nbformat.reads(GOOD.decode(), as_version=4).cells, KNOWN)
    code = [(c.cell_type, c.source) for c in cells if c.cell_type == "code"]
    assert code == [(c.cell_type, c.source) for c in SOLVED.cells if c.cell_type == "code"]


def test_the_damage_repeats() -> None:
    assert list(damaged(GOOD, 20)) == list(damaged(GOOD, 20))
    assert json.loads(GOOD)["nbformat"] == 4
