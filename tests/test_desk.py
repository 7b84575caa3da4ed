"""The command `diffkit`: its doctor says what is missing and what to do, and solutions are one command away."""

import importlib.metadata
import shutil
import sys
import webbrowser

import pytest
import torch

from grader import solution
from grader.desk import machine, packages
from grader.desk.cli import main
from grader.exercises import EXERCISES, LESSONS
from grader.learner.place import VARIABLE
from grader.learner.solution import NoSolution
from tests.house_files import ROOT


def said(lines):
    return "\n".join(map(str, lines))


@pytest.fixture
def quick(monkeypatch):
    """Without the sandbox, which has its own tests and takes a second to look at."""
    monkeypatch.setattr(machine, "sandbox", lambda root: iter(()))


@pytest.mark.usefixtures("quick")
def test_a_machine_that_is_ready_says_so(capsys):
    assert main(["doctor", "--root", str(ROOT)]) == 0
    text = capsys.readouterr().out
    assert "Ready for the lessons: 0 missing" in text
    assert f"ok  torch {torch.__version__.split('+')[0]}" in text
    assert f"ok  {len(LESSONS)} lessons" in text
    for title in ("Packages:", "Machine:", "Browsers:", "Course:", "Grading:"):
        assert title in text


def test_every_requirement_is_looked_at():
    text = said(packages.look(ROOT))
    for name in ("torch", "nbgrader", "anywidget", "voila", "latex2mathml", "pytest"):
        assert name in text


@pytest.mark.usefixtures("quick")
def test_a_lost_package_is_missing_with_the_command_that_brings_it(capsys, monkeypatch):
    real = importlib.metadata.version

    def lose(name):
        if name in ("anywidget", "voila"):
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.1" if name == "tqdm" else real(name)

    monkeypatch.setattr(importlib.metadata, "version", lose)
    assert main(["doctor", "--root", str(ROOT)]) == 1
    text = capsys.readouterr().out
    assert "MISSING  anywidget\n          -> pip install -c constraints.txt" in text
    assert "not here  [app]: voila" in text
    assert '-e ".[app]"' in text
    assert f"look  tqdm 0.1; tested with {packages.pinned(ROOT)['tqdm']}" in text
    assert "The lessons will not work yet: 1 missing" in text


def test_an_old_python_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    assert "MISSING  Python 3.10.1" in said(packages.look(ROOT))


def test_outside_of_a_course_it_says_so(tmp_path):
    assert "run this in the course folder" in said(packages.look(tmp_path))


def test_more_threads_than_one_are_told_with_the_remedy(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/nvidia-smi")
    text = said(machine.torch_and_threads())
    assert "OMP_NUM_THREADS=1" in text
    assert "an NVIDIA card that torch does not use" in text


def test_a_gpu_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    assert "ok  GPU: a card" in said(machine.torch_and_threads())


def test_without_browsers_nothing_is_lost(monkeypatch):
    def none(using=None):
        raise webbrowser.Error("none")

    monkeypatch.setattr(webbrowser, "get", none)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    lines = list(machine.browsers())
    assert {line.state for line in lines} == {"extra"}
    assert "JupyterLab prints an address" in said(lines)


def test_lost_notebooks_and_damaged_data_are_found(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "progress.json"))
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "00_start_here.py").touch()
    assert "the data of the course" in said(machine.course_files(tmp_path))
    shutil.copytree(ROOT / "data", tmp_path / "data")
    (tmp_path / "data" / "digits.npz").write_bytes(b"no digits")
    (tmp_path / "progress.json").write_text("{")
    text = said(machine.course_files(tmp_path))
    assert "MISSING  notebooks of 00_start_here" in text
    assert "grader.build --missing" in text
    assert "MISSING  data/digits.npz is lost or damaged" in text
    assert "look  your progress cannot be read" in text


def test_a_missing_sandbox_is_no_obstacle_to_learning(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    (line,) = machine.sandbox(ROOT)
    assert line.state == "extra"
    assert "apt install bubblewrap" in line.advice


def test_the_walls_are_counted_by_the_graders_own_doctor(monkeypatch):
    from grader import doctor

    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/bwrap")
    monkeypatch.setattr(sys, "platform", "linux")
    for states, expected in ((["good", "good"], "good"), (["good", "weak"], "weak"), (["bad"], "extra")):
        monkeypatch.setattr(doctor, "examine", lambda root, s=states: [doctor.Finding(x, "a wall") for x in s])
        (line,) = machine.sandbox(ROOT)
        assert line.state == expected
        assert expected == "good" or "grader doctor" in line.advice


@pytest.mark.parametrize("name", EXERCISES)
def test_every_exercise_has_a_solution_one_call_away(name):
    code = solution(name).code
    compile(code, name, "exec")
    assert "SOLUTION" not in code
    assert "NotImplementedError" not in code
    assert "%%" not in code


def test_the_command_shows_a_solution_and_lists_a_lesson(capsys):
    assert main(["solution", "start.rescale"]) == 0
    assert "return pixels / 8 - 1" in capsys.readouterr().out
    assert main(["solution", "00"]) == 0
    assert capsys.readouterr().out.split() == [e.name for e in LESSONS["00_start_here"]]


def test_what_cannot_be_shown_is_said(capsys, tmp_path):
    assert main(["solution", "start.nope"]) == 1
    assert "there is no exercise 'start.nope'" in capsys.readouterr().err
    with pytest.raises(NoSolution, match="solutions/ of the course"):
        solution("start.rescale", tmp_path)


def test_the_command_tells_exports_and_merges_progress(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine" / "progress.json"))
    copy = tmp_path / "copy.json"
    assert main(["progress", "--export", str(copy)]) == 0
    assert main(["progress", "--merge", str(copy)]) == 0
    text = capsys.readouterr().out
    assert "0 more exercises are passed" in text
    assert "Next: Exercise 0.1" in text
    copy.write_text("[]")
    assert main(["progress", "--merge", str(copy)]) == 1
    assert "no progress file" in capsys.readouterr().err


def test_a_solution_is_code_in_a_notebook():
    bundle = solution("start.rescale")._repr_mimebundle_()
    assert "```python" in bundle["text/markdown"]
    assert "### " not in bundle["text/plain"]
