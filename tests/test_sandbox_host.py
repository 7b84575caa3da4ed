"""The trusted side: what it refuses, what it says when there are no walls, what it shows of this machine."""

import json
import sys
import sysconfig
from pathlib import Path

import pytest
from matplotlib.font_manager import FontManager, fontManager, json_dump

from grader.sandbox import Limits, Sandbox, SandboxError, SandboxUnavailable
from grader.sandbox import bubblewrap as bubblewrap_module
from grader.sandbox.inside.isolate import (
    MANY_PROCESSES,
    OWN_PROCESSES,
    counts_processes_per_namespace,
    most_processes,
)
from grader.sandbox.mounts import check_mounts, hidden_options, python_paths
from grader.sandbox.stage import stage_code
from tests import properties  # noqa: F401  # no time limit
from tests.sandbox_helpers import needs_bubblewrap, run_all, shown

# ---------------------------------------------------------------- walls or none


def test_without_bubblewrap_it_refuses_and_says_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SandboxUnavailable, match="install bubblewrap"), Sandbox():
        pass


def test_when_bubblewrap_cannot_start_its_complaint_is_told(monkeypatch, tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(bubblewrap_module, "find_bubblewrap", lambda: str(broken))
    with pytest.raises(SandboxUnavailable, match=r"(?s)uid map: Permission denied.*user namespaces"), Sandbox():
        pass


def test_a_library_that_the_sandbox_does_not_see_is_not_blamed_on_bubblewrap(monkeypatch, tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'numpy'\" >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(bubblewrap_module, "find_bubblewrap", lambda: str(broken))
    with pytest.raises(SandboxUnavailable, match=r"(?s)numpy.*environment of its own") as caught, Sandbox():
        pass
    assert "apt install" not in str(caught.value)


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="'bwrap' or 'none'"):
        Sandbox(mode="docker")  # type: ignore[arg-type]


def test_mode_none_works_and_says_that_it_protects_nothing(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "shown.py").write_text("answer = 42\n")
    mounts = {"/course/lib": tmp_path / "lib"}
    with Sandbox(mounts, ["shown"], mode="none", python_path=["/course/lib"]) as sandbox:
        assert "none" in sandbox.protection
        assert "all your rights" in sandbox.protection
        with sandbox.kernel({"a.txt": b"abc"}) as kernel:
            run_all(kernel, "def f(x): return x + 1")
            assert shown(kernel.run("import shown\nopen('a.txt').read(), shown.answer")) == "('abc', 42)"
            with kernel.evaluation() as evaluation:
                assert evaluation.call("f", [1]).value == 2


@needs_bubblewrap
def test_a_module_that_does_not_load_is_an_error_of_ours():
    with pytest.raises(SandboxError, match="no_such_module"), Sandbox(modules=["no_such_module"]):
        pass


def test_the_stage_holds_the_inner_files_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "no fonts here"))
    stage_code(tmp_path)
    root = Path(__file__).parent.parent / "grader"
    inner = {f"wire/{p.name}" for p in (root / "wire").glob("*.py")}
    inner |= {f"sandbox/inside/{p.name}" for p in (root / "sandbox" / "inside").glob("*.py")}
    inner |= {"__init__.py", "sandbox/__init__.py", "sandbox/limits.py"}
    assert {str(p.relative_to(tmp_path / "cage")) for p in tmp_path.rglob("*") if p.is_file()} == inner


def list_fonts(folder, *paths):
    """A list as Matplotlib keeps it, with more fonts at these places."""
    name = folder / f"fontlist-v{FontManager.__version__}.json"
    json_dump(fontManager, name)
    fonts = json.loads(name.read_text())
    fonts["ttflist"] += [fonts["ttflist"][0] | {"name": Path(path).stem, "fname": path} for path in paths]
    name.write_text(json.dumps(fonts))


@needs_bubblewrap
def test_matplotlib_inside_takes_the_list_of_fonts_but_not_a_users_own(tmp_path, monkeypatch):
    list_fonts(tmp_path, "fonts/Shipped.ttf", "/usr/share/fonts/System.ttf", "/opt/ada/fonts/Own.ttf")
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    with Sandbox() as sandbox, sandbox.kernel() as kernel:
        kernel.run("import matplotlib.font_manager as f\nnames = {t.name for t in f.fontManager.ttflist}")
        assert shown(kernel.run("sorted(names & {'Shipped', 'System', 'Own'})")) == "['Shipped', 'System']"


def test_a_user_without_a_home_has_no_list_of_fonts(tmp_path, monkeypatch):
    for name in ("HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    stage_code(tmp_path)
    assert not list((tmp_path / "fonts").iterdir())


DAMAGED = ["", "[]", "{}", '{"ttflist": [1], "afmlist": []}', '{"ttflist": [], "afmlist": []}']


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_list_of_fonts_is_left_out(tmp_path, monkeypatch, content):
    (tmp_path / "fontlist-v1.json").write_text(content)
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    stage_code(tmp_path / "stage")
    assert not list((tmp_path / "stage" / "fonts").iterdir())


# ---------------------------------------------------------------- mounts


@pytest.mark.parametrize("place", ["/tmp/x", "/proc", "/dev/x", "/sandbox/code", "relative", "/a/../tmp"])
def test_a_mount_at_a_place_of_ours_is_refused(tmp_path, place):
    with pytest.raises(ValueError, match="cannot mount"):
        check_mounts({place: tmp_path}, everybody=False)


def test_a_mount_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        check_mounts({"/course": tmp_path / "missing"}, everybody=False)


def test_a_mount_that_nobody_may_read_is_refused_with_the_command_that_helps(tmp_path):
    tmp_path.chmod(0o755)
    private = tmp_path / "private.py"
    private.touch(mode=0o600)
    with pytest.raises(SandboxUnavailable, match="chmod -R o"):
        check_mounts({"/course": tmp_path}, everybody=True)
    private.chmod(0o644)
    assert check_mounts({"/course": tmp_path}, everybody=True) == {"/course": tmp_path}


def test_installed_packages_with_answers_are_covered(monkeypatch, tmp_path):
    (tmp_path / "diffkit").mkdir()
    monkeypatch.setattr(sysconfig, "get_path", lambda kind: str(tmp_path))
    options = hidden_options(("diffkit", "absent"))
    assert options == ["--tmpfs", f"{tmp_path}/diffkit", "--remount-ro", f"{tmp_path}/diffkit"]


def test_of_a_python_only_the_parts_with_libraries_are_shown():
    assert {Path(path).name for path in python_paths()} <= {"bin", "lib", "lib64", "pyvenv.cfg"}
    assert sys.prefix not in python_paths()


def test_the_kernels_way_of_counting_processes_is_known():
    assert counts_processes_per_namespace("6.1.0-18-amd64")
    assert counts_processes_per_namespace("5.14.0-rc1")
    assert not counts_processes_per_namespace("5.10.0-28-amd64")
    assert not counts_processes_per_namespace("4.18.0")


def test_an_old_kernel_has_a_limit_on_processes_with_room_for_other_programs(tmp_path):
    load = tmp_path / "loadavg"
    load.write_text("0.12 0.70 1.08 2/345 6789\n")
    limits = Limits(processes=10)
    assert most_processes(limits, "6.1.0", load) == 10 + OWN_PROCESSES
    assert most_processes(limits, "5.10.0", load) == 345 + 160
    assert most_processes(limits, "5.10.0", tmp_path / "absent") == MANY_PROCESSES + 160
