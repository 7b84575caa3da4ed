"""What a student is told when a cell above was not run, could not be read, or never ends."""

import signal
import sys

import IPython
import pytest
from IPython.core.interactiveshell import InteractiveShell

import grader
from grader.learner import cells
from grader.learner.stopped import Stopped
from tests.house_files import ROOT

NAME = "start.rescale"
RIGHT = "def rescale(pixels):\n    return pixels / 8 - 1\n"
BROKEN = "def rescale(pixels)\n    return pixels / 8 - 1\n"


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """An IPython that this test alone uses and that the course listens to."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setattr(cells, "_unread", set())
    ours = InteractiveShell()
    ours.history_manager.enabled = False
    ours.colors = "nocolor"
    monkeypatch.setattr(IPython, "get_ipython", lambda: ours)
    cells.watch()
    ours.run_cell("from grader import check", silent=True)
    return ours


def test_a_name_that_is_not_known_sends_to_the_cells_above(shell, capsys):
    shell.run_cell(f"check('{NAME}', rescale)")
    said = capsys.readouterr().out
    assert "NameError" in said
    assert "rescale is not known yet" in said
    assert "Run All Above" in said


def test_a_name_whose_cell_could_not_be_read_sends_to_that_cell(shell, capsys):
    shell.run_cell(BROKEN)
    shell.run_cell(f"check('{NAME}', rescale)")
    assert "Python could not read the cell that defines rescale" in capsys.readouterr().out


def test_other_errors_and_good_cells_get_no_word(shell, capsys):
    shell.run_cell("x = 1")
    shell.run_cell("1 / 0")
    assert "known" not in capsys.readouterr().out


def test_a_check_says_that_it_is_about_an_older_function_until_the_cell_is_mended(shell):
    shell.run_cell(RIGHT)
    assert "Mind:" not in _checked(shell)
    shell.run_cell(BROKEN)
    assert _checked(shell).startswith("**Mind:** Python could not read the cell of `rescale`")
    shell.run_cell(RIGHT)
    assert "Mind:" not in _checked(shell)


def _checked(shell):
    outcome = shell.run_cell(f"check('{NAME}', rescale)").result
    assert outcome.points == 2
    return outcome._repr_mimebundle_()["text/markdown"]


def test_a_kernel_that_has_just_begun_sends_to_the_cells_above_until_the_grader_is_there(shell, capsys, monkeypatch):
    shell.events.unregister("post_run_cell", cells.after_cell)
    shell.run_cell((ROOT / "course" / "first_words.py").read_text(encoding="utf-8"), silent=True)
    assert {"Any", "_first_words"}.isdisjoint(shell.user_ns)
    shell.run_cell("hint('start.rescale')")
    assert "first run the cells above" not in capsys.readouterr().out
    monkeypatch.delitem(sys.modules, "grader")
    shell.run_cell("hint('start.rescale')")
    assert "first run the cells above" in capsys.readouterr().out


def test_it_listens_once(shell):
    cells.watch()
    assert shell.events.callbacks["post_run_cell"].count(cells.after_cell) == 1


def endless(pixels):
    signal.raise_signal(signal.SIGINT)  # the stop button, while the function is at work
    return pixels


def test_a_check_that_is_stopped_shows_the_students_line_and_none_of_ours(shell, capsys):
    shell.push({"endless": endless})
    result = shell.run_cell(f"check('{NAME}', endless)")
    assert isinstance(result.error_in_exec, KeyboardInterrupt)  # so that Run All ends here, too
    said = capsys.readouterr().out
    assert "was stopped while endless was at work, in the line: signal.raise_signal(signal.SIGINT)" in said
    assert "verdict.py" not in said


@pytest.mark.parametrize(
    "call", ["solution('start.rescal')", "progress.merge('nowhere.json')", "progress.export('no/x')"]
)
def test_what_cannot_be_done_is_said_without_a_traceback(shell, capsys, call):
    shell.run_cell("from grader import progress, solution", silent=True)
    result = shell.run_cell(call)
    said = capsys.readouterr().out
    assert str(result.error_in_exec) in said
    assert "Traceback" not in said


@pytest.mark.parametrize(("typed", "meant"), [("start.rescal", "start.rescale"), ("forward.q_steps", "forward.q_step")])
def test_a_name_with_a_slip_is_answered_with_what_was_meant_and_not_with_all_names(typed, meant):
    for said in (str(grader.check(typed, endless)), str(grader.hint(typed))):
        assert f"did you mean {meant}" in said
        assert len(said) < 200


def test_stopped_is_an_interrupt_in_plain_python_too():
    with pytest.raises(Stopped, match=r"start\.rescale was stopped"):
        grader.check(NAME, endless)
