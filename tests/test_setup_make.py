"""The commands: what `make` offers, which Python it takes, and when it makes the environment again."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.house_files import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def make(*words: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "PYTHON"))}
    environment |= {"PATH": path} if path else {}
    command = [shutil.which("make") or "make", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def python(folder: Path, name: str, version: tuple[int, int]) -> None:
    """A program that takes `-c code` as Python does, and says that it is of that version."""
    pretend = f"import sys; sys.version_info = ({version[0]}, {version[1]}, 0); exec(sys.argv[1])"
    file = folder / name
    file.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{pretend}" "$2"\n', encoding="utf-8")
    file.chmod(0o755)


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, list[list[str]]]:
    """course/environment.py as if it lay in another folder, and the list of commands that it would run."""
    monkeypatch.syspath_prepend(ROOT / "course")
    sys.modules.pop("environment", None)
    import environment  # type: ignore[import-not-found,unused-ignore]

    commands: list[list[str]] = []

    def run(command: list[str]) -> None:
        commands.append(command)
        environment.PYTHON.parent.mkdir(parents=True, exist_ok=True)

    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text("first", encoding="utf-8")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "ENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(environment, "_run", run)
    monkeypatch.setattr(environment, "_works", environment.PYTHON.parent.exists)
    return environment, commands


@needs_make
def test_help_lists_every_command_with_what_it_does() -> None:
    shown = make("help").stdout
    for name in ("start", "app", "book", "test", "notebooks", "demo", "bench", "clean"):
        assert re.search(rf"^make {name} +\w", shown, re.MULTILINE), shown


@needs_make
def test_make_alone_is_help() -> None:
    assert make().stdout == make("help").stdout


@needs_make
def test_without_a_new_python_the_message_says_what_to_do(tmp_path: Path) -> None:
    for name in ("python", "python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        python(tmp_path, name, (3, 10))
    done = make("start", path=f"{tmp_path}:/bin")
    assert done.returncode != 0
    assert "No Python 3.11 or later found" in done.stderr
    assert "PYTHON=" in done.stderr


@needs_make
def test_a_later_python_is_found_behind_an_old_one(tmp_path: Path) -> None:
    for name in ("python3", "python3.14", "python3.13"):
        python(tmp_path, name, (3, 9))
    python(tmp_path, "python3.12", (3, 12))
    assert '"python3.12" course/environment.py' in make("-n", "start", path=f"{tmp_path}:/bin").stdout


@needs_make
def test_tests_are_style_types_and_pytest_and_stop_at_the_first_failure() -> None:
    steps = re.findall(r"python -m (\w+)", make("-n", "test").stdout)
    assert steps == ["ruff", "ruff", "mypy", "pytest"]
    assert "|| true" not in MAKEFILE
    assert not re.search(r"^\t@?-", MAKEFILE, re.MULTILINE)  # the sign that lets make go on after a failure


def test_an_environment_is_made_once(setup: tuple[ModuleType, list[list[str]]]) -> None:
    environment, commands = setup
    assert environment.main([]) == 0
    assert [c[1:3] for c in commands] == [["-m", "venv"], ["-m", "pip"]]
    commands.clear()
    assert environment.main([]) == 0
    assert commands == []


def test_the_test_tools_are_added_and_then_stay(setup: tuple[ModuleType, list[list[str]]]) -> None:
    environment, commands = setup
    environment.main([])
    environment.main(["test"])
    assert commands[-1][-1].endswith("[test]")
    commands.clear()
    environment.main([])
    environment.main(["test"])
    assert commands == []


def test_the_words_of_several_extras_are_installed_at_once_and_stay(
    setup: tuple[ModuleType, list[list[str]]],
) -> None:
    environment, commands = setup
    environment.main(["app", "book"])
    assert commands[-1][-1].endswith("[app,book]")
    commands.clear()
    for words in ([], ["app"], ["book"]):
        environment.main(words)
    assert commands == []
    environment.main(["test"])
    assert commands[-1][-1].endswith("[test]")


@needs_make
@pytest.mark.parametrize(("command", "extra"), [("app", "app"), ("book", "book"), ("test", "test")])
def test_a_command_brings_the_packages_that_it_needs(command: str, extra: str) -> None:
    assert f"course/environment.py {extra}\n" in make("-n", command).stdout


def test_a_changed_pin_installs_again_in_the_same_environment(
    setup: tuple[ModuleType, list[list[str]]],
) -> None:
    environment, commands = setup
    environment.main(["test"])
    commands.clear()
    (environment.ROOT / "constraints.txt").write_text("second", encoding="utf-8")
    environment.main([])
    assert [c[1:3] for c in commands] == [["-m", "pip"]]
    commands.clear()
    environment.main(["test"])  # the test tools may have other pins now
    assert [c[1:3] for c in commands] == [["-m", "pip"]]


def test_a_moved_folder_gets_a_new_environment(setup: tuple[ModuleType, list[list[str]]]) -> None:
    environment, commands = setup
    environment.main([])
    stamp = environment.ENV / "diffkit.json"
    stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {"place": "elsewhere"}), encoding="utf-8")
    commands.clear()
    environment.main([])
    assert commands[0][1:4] == ["-m", "venv", "--clear"]


def test_after_an_interrupted_installation_the_next_call_installs(
    setup: tuple[ModuleType, list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, commands = setup
    environment.main([])
    whole = environment._run
    monkeypatch.setattr(environment, "_run", lambda command: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        environment.main(["test"])
    monkeypatch.setattr(environment, "_run", whole)
    commands.clear()
    environment.main([])  # pip may have been between taking a package away and putting the new one in
    assert [c[1:3] for c in commands] == [["-m", "pip"]]


def test_an_old_python_is_refused_with_its_version(
    setup: tuple[ModuleType, list[list[str]]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    environment, commands = setup
    monkeypatch.setattr(environment.sys, "version_info", (3, 10, 2, "final", 0))
    assert environment.main([]) == 1
    assert "this is 3.10" in capsys.readouterr().err
    assert commands == []
