"""The grader's image and the commands that start it: agreement with pyproject.toml and with docs/security.md."""

import re
import shlex
import tomllib
from itertools import pairwise

import pytest
from packaging.specifiers import SpecifierSet

from tests.house_files import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TEXT = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
STEPS = [line.split(None, 1) for line in TEXT.splitlines() if line and not line.startswith("#")]
DOCS = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").split("\n## Containers\n")[1]
COMMANDS = [
    shlex.split(line)
    for block in re.findall(r"```\n(.*?)```", DOCS, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]
PROGRAMS = ["podman", "docker"]


def step(kind):
    return [rest for word, rest in STEPS if word == kind]


def command(program, verb):
    (found,) = [c for c in COMMANDS if c[:2] == [program, verb]]
    return found


def values(words, option):
    return [after for word, after in pairwise(words) if word == option]


def test_the_image_has_a_python_that_the_course_runs_on():
    base = next(text for text in step("ARG") if text.startswith("BASE="))
    version = re.search(r"/python:(3\.\d+)-slim$", base)
    assert version[1] in SpecifierSet(PROJECT["project"]["requires-python"])


def test_the_image_holds_the_code_and_what_installing_asks_for_and_nothing_else():
    copied = {name for text in step("COPY") for name in text.split()[:-1]}
    packages = {name.rstrip("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    asked = {"pyproject.toml", "constraints.txt", PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]}
    assert copied == packages | asked
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_has_bubblewrap_and_the_pinned_course():
    run = " ".join(step("RUN"))
    assert re.search(r"apt-get install [^&]*\bbubblewrap\b", run)
    assert re.search(r"pip install [^&]*-c constraints\.txt -e \.", run)
    assert any(text == "PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu" for text in step("ARG"))


def test_the_folder_that_is_mounted_is_the_one_that_was_installed():
    (folder,) = step("WORKDIR")
    for program in PROGRAMS:
        assert values(command(program, "run"), "-v") == [f"$PWD:{folder}"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_image_that_is_started_is_the_one_that_was_built(program):
    (name,) = values(command(program, "build"), "-t")
    assert command(program, "run")[-2:] == [name, "bash"]


def test_docker_is_told_the_name_of_the_file():
    assert values(command("docker", "build"), "-f") == ["Containerfile"]


@pytest.mark.parametrize(
    ("program", "opened", "user"),
    [("podman", "unmask=/proc/*", "--userns"), ("docker", "systempaths=unconfined", "--user")],
)
def test_what_bubblewrap_needs_is_opened_and_nobody_is_root(program, opened, user):
    words = command(program, "run")
    assert set(values(words, "--security-opt")) == {"seccomp=unconfined", opened, "no-new-privileges"}
    assert values(words, "--cap-drop") == ["all"]
    assert values(words, "--network") == ["none"]
    assert len(values(words, user)) == 1
    assert "--privileged" not in words
    assert "--cap-add" not in words
