"""The first cell in Colab: it fetches the course once, says what to do if it cannot, and leaves nothing half done."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from grader.build.colab import WANTED, with_colab
from grader.cli import main
from tests.colab_stand_in import Colab, errors, said
from tests.house_files import ROOT
from tests.test_lessons import notebook

pytestmark = pytest.mark.filterwarnings("ignore")  # of the Jupyter client, not of the cell
LESSON = [cell.source for cell in notebook("notebooks", "00_start_here").cells if cell.cell_type == "code"]
FIRST = LESSON[0]
WHERE = "import os, diffkit\nprint(diffkit.__file__, os.getcwd(), sys.path.count('/content/course'))"
EXPLORER = "from diffkit import explorers\nexplorers.dag_editor()"
ASKED, INSTALLED, READY = "asked for files", f"pip install --quiet {' '.join(WANTED)}", "custom widgets enabled"
TO_DO = "UsageError: The course is not here yet. Run this cell again and choose one zip file, diffkit.zip or so"


@pytest.fixture
def colab(tmp_path: Path) -> Colab:
    return Colab(tmp_path)


def zip_of(path: Path, *names: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return zip_of(tmp_path / "diffkit.zip", "diffkit/diffkit/__init__.py", "diffkit/notebooks/explorers.ipynb")


def all_well(colab: Colab) -> str:
    """What WHERE prints then."""
    course = colab.content / "course"
    return f"{course / 'diffkit' / '__init__.py'} {course / 'notebooks'} 1\n"


def test_the_zip_of_a_handout_is_all_that_a_lesson_needs(colab: Colab, tmp_path: Path) -> None:
    assert main(["handout", "00", "-o", str(tmp_path / "week 1.zip"), "--root", str(ROOT)]) == 0
    colab.chooses([tmp_path / "week 1.zip"])
    learner = ('check("start.rescale", len)', 'hint("start.rescale")', "progress()", EXPLORER)
    first, where, *lesson = colab.run(FIRST, WHERE, *LESSON[1:4], *learner)
    check = lesson[3]
    assert errors(first, where, *lesson) == []
    assert said(first, "stderr") == ""
    assert said(first).splitlines()[1:] == [ASKED, INSTALLED, READY]
    assert said(where) == all_well(colab)
    assert colab.files() == {"course", "week 1.zip"}
    assert "data:image/png" in lesson[2].outputs[0].data["text/html"]  # the digits, out of data/
    assert "0 of 2" in check.outputs[0].data["text/markdown"]


def test_a_second_run_does_nothing_twice(colab: Colab, good: Path) -> None:
    colab.chooses([good])
    _, second, where = colab.run(FIRST, FIRST, WHERE)
    assert said(second).splitlines() == [READY]
    assert said(where) == all_well(colab)


def test_a_new_kernel_on_the_same_machine_does_not_ask_again(colab: Colab, good: Path) -> None:
    colab.chooses([good])
    colab.run(FIRST)
    first, where = colab.run(FIRST, WHERE)
    assert said(first).splitlines() == [INSTALLED, READY]
    assert said(where) == all_well(colab)


def test_a_new_machine_asks_again(colab: Colab, good: Path) -> None:
    colab.chooses([good], [good])
    colab.run(FIRST)
    shutil.rmtree(colab.content)
    colab.content.mkdir()
    first, where = colab.run(FIRST, WHERE)
    assert ASKED in said(first)
    assert said(where) == all_well(colab)


def test_whoever_cancels_or_chooses_something_else_is_told_what_to_do_and_can_do_it(colab: Colab, good: Path) -> None:
    other = [
        good.with_name("start_here.ipynb"),
        zip_of(good.with_name("holiday.zip"), "pictures/beach.jpg"),
        zip_of(good.with_name("half.zip"), "course/notebooks/explorers.ipynb"),
    ]
    other[0].write_text("{}")
    colab.chooses([], *([path] for path in other), [good])
    cells = colab.run(*[FIRST] * 5, WHERE)
    for cell in cells[:4]:
        assert said(cell, "stderr").startswith(TO_DO)
        assert said(cell, "stderr").count("\n") == 1
        assert INSTALLED not in said(cell)
    assert said(cells[-1]) == all_well(colab)
    assert colab.files() == {"course", "diffkit.zip", *(path.name for path in other)}


def test_what_could_not_be_fetched_stops_the_cells_below(colab: Colab) -> None:
    colab.chooses([])
    assert colab.run(FIRST, "1", stop=True)[1].execution_count is None


def test_nothing_of_a_zip_lands_outside_of_the_course(colab: Colab, good: Path, tmp_path: Path) -> None:
    names = ("../evil", "../../../evil", "diffkit/../../../../evil", str(tmp_path / "evil"), "diffkit/diffkit/graph.py")
    with zipfile.ZipFile(good, "a") as archive:
        for name in names:
            archive.writestr(name, "")
    colab.chooses([good])
    assert said(colab.run(FIRST, WHERE)[1]) == all_well(colab)
    assert {path.parent for path in tmp_path.rglob("evil")} <= {colab.content / "course"}
    assert colab.files() == {"course", "diffkit.zip"}
    assert (colab.content / "course" / "diffkit" / "graph.py").exists()


def test_a_zip_that_a_mac_packed_again_is_taken(colab: Colab, good: Path) -> None:
    with zipfile.ZipFile(good, "a") as archive:
        for name in ("__MACOSX/._diffkit", "__MACOSX/diffkit/._diffkit", "__MACOSX/diffkit/notebooks/._x"):
            archive.writestr(name, "")
    colab.chooses([good])
    assert said(colab.run(FIRST, WHERE)[1]) == all_well(colab)


def test_a_public_course_is_cloned_once(colab: Colab, good: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(good) as archive:
        archive.extractall(tmp_path)
    public = tmp_path / "diffkit"
    author = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    for command in (("init", "-q"), ("add", "."), (*author, "commit", "-qm", "x")):
        subprocess.run(["git", *command], cwd=public, check=True)
    empty = notebook("notebooks", "00_start_here")
    built = with_colab(empty, "notebooks/explorers.ipynb", f"file://{public}").cells[1].source
    first, second, where = colab.run(built, built, WHERE)
    assert (said(first).splitlines(), said(second).splitlines()) == ([INSTALLED, READY], [READY])
    assert said(where) == all_well(colab)
