"""The zip for students holds the course without solutions, grades, keys or other lessons, and works by itself."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from grader.cli import main
from grader.commands.handout import FILES, FOLDERS
from tests.house_files import ROOT

SECRETS = (
    "notebooks/02_forward_process/mine.py",
    "notebooks/answers.ipynb",
    "gradebook.db",
    ".course/grader/secret",
    "submitted/ada/02_forward_process/forward_process.ipynb",
)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the course with secrets in it."""
    folder = tmp_path_factory.mktemp("here") / "course"
    folder.mkdir()
    for name in (*FILES, *FOLDERS, "notebooks", "solutions"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder)
    for name in (*SECRETS, "notebooks/.ipynb_checkpoints/x.ipynb", "grader/__pycache__/x.pyc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("secret")
    (folder / "data" / "link.txt").symlink_to(folder / "gradebook.db")
    return folder


def test_a_handout_has_the_wanted_lessons_and_no_secret(course: Path, tmp_path: Path) -> None:
    assert main(["handout", "1", "forw", "-o", str(tmp_path / "week1.zip"), "--root", str(course)]) == 0
    with zipfile.ZipFile(tmp_path / "week1.zip") as archive:
        names = archive.namelist()
        assert not [n for n in names if archive.read(n) == b"secret"]
    assert {n.split("/")[0] for n in names} == {"week1"}
    assert {n.split("/")[1] for n in names} <= {*FILES, *FOLDERS, "notebooks"}
    lessons = {n.split("/")[2] for n in names if n.startswith("week1/notebooks/")}
    assert lessons == {"01_graphical_models", "02_forward_process", "explorers.ipynb"}


def test_a_handout_works_without_the_rest(course: Path, tmp_path: Path) -> None:
    assert main(["handout", "02", "-o", str(tmp_path / "x.zip"), "--root", str(course)]) == 0
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        archive.extractall(tmp_path)
    for command, says in (
        (["grader.build", "--missing"], "the notebooks are there"),
        (["grader.desk.cli", "progress"], "02"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path / "x", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert says in done.stdout


def test_a_lesson_without_its_notebook_is_not_handed_out(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = course / "notebooks" / "03_likelihood_to_elbo" / "likelihood_to_elbo.ipynb"
    before = notebook.read_bytes()
    notebook.unlink()
    assert main(["handout", "03", "-o", str(tmp_path / "x.zip"), "--root", str(course)]) == 1
    assert "not built: notebooks/03_likelihood_to_elbo/likelihood_to_elbo.ipynb" in capsys.readouterr().err
    assert not (tmp_path / "x.zip").exists()
    notebook.write_bytes(before)


def test_a_notebook_with_traces_of_work_is_not_handed_out(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = course / "notebooks" / "03_likelihood_to_elbo" / "likelihood_to_elbo.ipynb"
    before = notebook.read_text(encoding="utf-8")
    notebook.write_text(before.replace('"source": [', '"source": [\n    "my answer",', 1), encoding="utf-8")
    assert main(["handout", "-o", str(tmp_path / "x.zip"), "--root", str(course)]) == 1
    assert "changed since it was built: notebooks/03_likelihood_to_elbo/" in capsys.readouterr().err
    assert not (tmp_path / "x.zip").exists()
    assert main(["handout", "02", "-o", str(tmp_path / "x.zip"), "--root", str(course)]) == 0
    notebook.write_text(before, encoding="utf-8")
