"""A slip in a command or in the settings costs a line at once, not a traceback after a long run."""

import shutil
from pathlib import Path

import pytest

from grader import config, run
from grader.cli import main
from tests.gradebook_file import gradebook_file
from tests.graded_course import graded_course
from tests.house_files import ROOT

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own use of its database


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return graded_course(tmp_path_factory.mktemp("course"))


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["grade", "02", "--csv", "lost/x.csv"], "there is no folder lost"),
        (["export", "--to", "csv", "-o", "lost/x.csv"], "there is no folder lost"),
        (["export", "--to", "csv", "-o", "."], ". is a folder"),
        (["export", "--to", "gradescope", "-o", "nbgrader_config.py"], "nbgrader_config.py is a file"),
        (["handout", "-o", "lost/x.zip"], "there is no folder lost"),
        (["collect", "lost.zip"], "there is no file lost.zip"),
        (["collect", "lost.zip", "--roster", "lost.csv"], "there is no file lost.csv"),
    ],
)
def test_a_place_that_cannot_be_is_named(
    command: list[str], says: str, course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(course)
    assert main(command) == 1
    assert f"error: {says}" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-3", "many", "²"])
def test_workers_are_counted_from_one(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["grade", "02", f"--workers={number}"])
    assert "is no number from 1 on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("c.Judge.cell_secs = 3", "c.Judge has no setting cell_secs; it has: "),
        ("c.DailyPenalty.percent = 3", "c.DailyPenalty has no setting percent; it has: "),
        ("x =", "is no Python: invalid syntax"),
    ],
)
def test_a_slip_in_the_settings_is_named(
    line: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
    (tmp_path / "nbgrader_config.py").write_text(f"{text}\n{line}\n", encoding="utf-8")
    assert main(["grade", "02", "--root", str(tmp_path)]) == 1
    assert says in capsys.readouterr().err


def test_a_database_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
    line = 'c.CourseDirectory.db_url = "postgresql+psycopg://u:p@localhost:1/x"'
    (tmp_path / "nbgrader_config.py").write_text(f"{text}\n{line}\n", encoding="utf-8")
    monkeypatch.setattr(config, "find_spec", lambda name: None)
    assert main(["prepare", "02", "--root", str(tmp_path)]) == 1
    assert 'pip install -c constraints.txt -e ".[cluster]"' in capsys.readouterr().err


def test_a_gradebook_that_cannot_be_opened_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    (tmp_path / "gradebook.db").mkdir()
    assert main(["export", "--to", "csv", "-o", str(tmp_path / "x.csv"), "--root", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: the gradebook cannot be used (unable to open database file)")
    assert said.count("\n") == 1


def test_a_lesson_without_grades_makes_no_empty_column(course: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(course, tmp_path / "course")
    with gradebook_file(folder) as book:
        book.execute(
            "insert into assignment (id, name, course_id) values ('x', '03_likelihood_to_elbo', 'default_course')"
        )
    assert main(["export", "--to", "canvas", "-o", str(tmp_path / "x.csv"), "--root", str(folder)]) == 0
    assert "03_likelihood" not in (tmp_path / "x.csv").read_text(encoding="utf-8")


def test_a_run_that_a_person_stops_says_that_nothing_is_lost(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*args: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "grade_class", stop)
    assert main(["grade", "02", "--root", str(course)]) == 130
    assert "the same command goes on from there" in capsys.readouterr().err
