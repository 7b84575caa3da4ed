"""`grader doctor` tells what there is, what is missing, and what to do about it."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from grader import doctor
from grader.cli import main
from grader.sandbox import cgroups
from tests.house_files import ROOT
from tests.sandbox_helpers import needs_bubblewrap


def told(root: Path) -> tuple[int, str]:
    lines: list[str] = []
    return doctor.report(root, lines.append), "\n".join(lines)


@needs_bubblewrap
def test_a_machine_with_all_walls_is_ready(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--root", str(ROOT)]) == 0
    said = capsys.readouterr().out
    assert "Ready to grade: 0 missing" in said
    for wall in ("bubblewrap", "no network", "no capabilities", "read-only", "leaves the grading to the judge"):
        assert f"ok  {wall}" in said or f"ok  a {wall}" in said or f"ok  nbgrader {wall}" in said, said


@needs_bubblewrap
def test_a_look_around_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PROBE", "raise OSError('no /proc')")
    code, said = told(ROOT)
    assert code == 1
    assert "MISSING  it cannot be told what a submission could do\n         -> no /proc" in said


def test_without_bubblewrap_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    code, said = told(ROOT)
    assert code == 1
    assert "MISSING  there is no sandbox" in said
    assert "apt install bubblewrap" in said
    assert "docs/security.md" in said


def test_elsewhere_than_on_linux_it_points_to_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    code, said = told(ROOT)
    assert code == 1
    assert "container" in said


@needs_bubblewrap
def test_without_control_groups_it_says_what_is_weak(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cgroups, "find_places", list)
    monkeypatch.setattr(doctor, "counts_processes_per_namespace", lambda release: False)
    code, said = told(tmp_path)
    assert code == 0
    assert "weak  memory is limited for each process" in said
    assert "systemd-run" in said
    assert "use Linux 5.14" in said
    assert "no course folder" in said


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        ({"interfaces": ["lo", "eth0"]}, "MISSING  no network"),
        ({"capabilities": True}, "MISSING  no capabilities"),
        ({"new_privileges": True}, "MISSING  no capabilities"),
        ({"user": 0}, "MISSING  student code is not root"),
        ({"writable": ["/"]}, "MISSING  a read-only system"),
        ({"processes_seen": 50}, "MISSING  no sight"),
        ({"filter": False}, "weak  no filter of system calls"),
    ],
)
def test_what_a_submission_could_do_is_told(seen: dict[str, object], line: str) -> None:
    usual = {"interfaces": ["lo"], "capabilities": False, "new_privileges": False, "user": 65534, "writable": []}
    lines = [str(f) for f in doctor.look_inside({**usual, "processes_seen": 0, "filter": True, **seen})]
    assert any(line in text for text in lines)
    assert not any("MISSING" in str(f) for f in doctor.look_inside({**usual, "processes_seen": 0, "filter": True}))


def test_a_config_that_runs_tests_in_the_students_kernel_is_found(tmp_path: Path) -> None:
    text = (ROOT / "nbgrader_config.py").read_text()
    (tmp_path / "nbgrader_config.py").write_text(text.replace("grader.plugin.Judge", "nbgrader.preprocessors.Execute"))
    assert any("MISSING  nbgrader leaves" in str(f) for f in doctor.look_at_course(tmp_path))
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    assert not any("MISSING" in str(f) for f in doctor.look_at_course(tmp_path))


def test_a_key_that_others_can_read_is_found(tmp_path: Path) -> None:
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    folder = tmp_path / ".course" / "grader"
    folder.mkdir(parents=True)
    os.chmod(folder, 0o755)  # noqa: PTH101
    assert any("chmod 700" in str(f) for f in doctor.look_at_course(tmp_path))
