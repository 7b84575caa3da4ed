"""A lesson may be named by its number or a beginning of its name, in every command that takes one."""

import shutil
from pathlib import Path

import pytest

from grader.book.__main__ import main as book
from grader.build.__main__ import main as build
from grader.cli import main as grader
from grader.demo.__main__ import main as demo
from grader.desk.cli import main as diffkit
from grader.exercises import LESSONS
from grader.naming import NoSuchLessonError, lesson_named

COURSE = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    "typed",
    ["02_forward_process", "02", "2", "02_", "02_for", "forward_process", "forw", "notebooks/02_forward_process/",
     "solutions/02_forward_process.py", "notebooks/02_forward_process/forward_process.ipynb"],
)  # fmt: skip
def test_a_lesson_has_many_names(typed: str) -> None:
    assert lesson_named(typed, LESSONS) == "02_forward_process"


def test_a_number_is_not_a_beginning_of_other_numbers() -> None:
    assert lesson_named("1", LESSONS) == "01_graphical_models"
    assert lesson_named("0", LESSONS) == "00_start_here"


def test_every_lesson_is_known_by_its_number() -> None:
    assert [lesson_named(lesson[:2], LESSONS) for lesson in LESSONS] == list(LESSONS)


def test_an_ambiguous_beginning_names_those_that_it_may_be() -> None:
    with pytest.raises(NoSuchLessonError, match="'s' may be 00_start_here or 06_score_matching or 08_"):
        lesson_named("s", LESSONS)


@pytest.mark.parametrize("typed", ["99", "", ".", "/", "forword", "²", "002", "02_forward_process_2"])
def test_another_name_is_answered_with_all_lessons(typed: str) -> None:
    with pytest.raises(NoSuchLessonError, match=r"there are: 00_start_here, 01_graphical_models, .*13_bug_hunt"):
        lesson_named(typed, LESSONS)


@pytest.mark.parametrize(
    "command",
    [["prepare", "99"], ["prepare", "02", "99"], ["grade", "99"], ["collect", "x.zip", "--lesson", "99"],
     ["export", "--to", "csv", "--lesson", "99"], ["export", "--to", "csv", "--title", "99=Heat"]],
)  # fmt: skip
def test_each_command_of_grader_lists_the_lessons(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(COURSE / "nbgrader_config.py", tmp_path)
    assert grader([*command, "--root", str(tmp_path)]) == 1
    assert "error: no lesson is called '99'; there are: 00_start_here, " in capsys.readouterr().err


def test_the_other_commands_list_the_lessons_too(capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(COURSE)]
    assert [demo(["--lesson", "99"]), build(["99", *root]), book(["99", *root]), diffkit(["solution", "99"])] == [
        2,
        1,
        1,
        1,
    ]
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if "'99'" in line and "02_forward_process" in line] == said
    assert len(said) == 4


def test_the_desk_lists_a_lessons_exercises_by_any_of_its_names(capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for typed in ("02_forward_process", "02", "2", "forw"):
        assert diffkit(["solution", typed]) == 0
        said.append(capsys.readouterr().out)
    assert said[0].startswith("forward.")
    assert set(said) == {said[0]}


@pytest.mark.parametrize(
    "command", [["prepare", "02"], ["grade", "02"], ["export", "--to", "csv"], ["collect", "x.zip"]]
)
def test_outside_of_a_course_nothing_is_written_and_the_course_above_is_named(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = tmp_path / "course" / "submitted"
    inside.mkdir(parents=True)
    (tmp_path / "course" / "nbgrader_config.py").write_text("raise SystemExit('a course above was run')")
    for place, hint in ((tmp_path, "go to the course folder first"), (inside, f"`cd {tmp_path / 'course'}` first")):
        monkeypatch.chdir(place)
        assert grader(command) == 1
        assert hint in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["course", "nbgrader_config.py", "submitted"]
