"""The course in other places: Colab, Binder, a development container.  Syntax, and agreement with pyproject.toml."""

import ast
import json
import os
import re
import shutil
import subprocess
import tomllib

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from grader.build.colab import BADGE, UPLOAD, WANTED, repository
from grader.build.gallery import NOTEBOOK, build_gallery
from grader.build.lessons import build, lessons
from grader.build.tags import LessonError
from tests.house_files import ROOT
from tests.small_lesson import NAME, course

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEPENDENCIES = {Requirement(text).name for text in PROJECT["dependencies"]}
EXTRAS = set(PROJECT["optional-dependencies"])
ADDRESS = "https://github.com/some-school/diffusion"
CONTAINER = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))


def lies_in(address, folder):
    (folder / "pyproject.toml").write_text(f'[project]\nname = "x"\n[project.urls]\nRepository = "{address}"\n')


@pytest.fixture
def public(tmp_path):
    """A small course that has an address."""
    root = course(tmp_path)
    lies_in(ADDRESS, root)
    return root


def cells(root, part):
    (lesson,) = lessons(root)
    return nbformat.reads(build(root, [lesson])[getattr(lesson, part)], as_version=4).cells


@pytest.mark.parametrize("part", ["instructor", "student"])
def test_a_public_course_has_a_badge_and_a_first_cell(public, part):
    badge, first, title, *_ = cells(public, part)
    path = f"notebooks/{NAME}/{NAME[3:]}.ipynb"
    link = f"https://colab.research.google.com/github/some-school/diffusion/blob/HEAD/{path}"
    assert badge.source == f"[![Open in Colab]({BADGE})]({link})"
    assert title.source.startswith("# Small")
    assert f"git clone --quiet --depth 1 {ADDRESS} " in first.source
    assert "explore" in first.metadata.tags  # skipped while grading
    ast.parse(TransformerManager().transform_cell(first.source))


@pytest.mark.parametrize("part", ["instructor", "student"])
def test_a_course_without_an_address_has_a_badge_that_opens_the_upload(tmp_path, part):
    assert repository(course(tmp_path)) == ""
    badge, first, title, *_ = cells(tmp_path, part)
    image, text = badge.source.split(" To work")
    assert image == f"[![Open in Colab]({BADGE})]({UPLOAD})"
    assert text == f" in Google Colab, upload this file there: `{NAME[3:]}.ipynb`"
    assert "files.upload()" in first.source
    assert "git" not in first.source
    assert title.source.startswith("# Small")


@pytest.mark.parametrize("address", ["", ADDRESS])
def test_the_first_cell_is_folded_here_and_in_colab_and_not_run_while_grading(tmp_path, address):
    root = course(tmp_path)
    lies_in(address, root)
    first = cells(root, "student")[1]
    assert first.metadata == {
        "tags": ["explore", "colab"], "jupyter": {"source_hidden": True}, "cellView": "form",
    }  # fmt: skip
    assert first.source.startswith("# @title ")  # what Colab shows of a folded cell
    ast.parse(TransformerManager().transform_cell(first.source))


@pytest.mark.parametrize("address", ["", ADDRESS])
def test_the_first_cell_never_installs_torch_or_what_asks_for_it(tmp_path, address):
    lies_in(address, course(tmp_path))
    (line,) = re.findall(r"%pip install (.*)", cells(tmp_path, "student")[1].source)
    assert set(line.split()) - {"--quiet"} == set(WANTED) <= DEPENDENCIES
    assert not {"torch", "jupyterlab", "nbgrader", "numpy"} & set(WANTED)


@pytest.mark.parametrize("address", ["", ADDRESS])
def test_the_first_cell_does_nothing_on_ones_own_machine(tmp_path, address):
    lies_in(address, course(tmp_path))
    source = TransformerManager().transform_cell(cells(tmp_path, "student")[1].source)
    names = {}
    exec(source, names)  # noqa: S102
    assert set(names) - {"__builtins__"} == {"sys"}


def test_the_gallery_of_a_public_course_has_its_badge_too(tmp_path):
    (tmp_path / "course").mkdir()
    shutil.copy(ROOT / "course" / "explorers.py", tmp_path / "course")
    lies_in(ADDRESS, tmp_path)
    first = nbformat.reads(build_gallery(tmp_path)[NOTEBOOK], as_version=4).cells[0]
    assert first.source.endswith("/blob/HEAD/notebooks/explorers.ipynb)")


def test_every_notebook_of_this_course_begins_with_badge_and_first_cell():
    found = [ROOT / path for lesson in lessons(ROOT) for path in (lesson.instructor, lesson.student)]
    for path in (*found, ROOT / NOTEBOOK):
        badge, first = nbformat.read(path, as_version=4).cells[:2]
        assert f"({BADGE})" in badge.source
        assert f"`{path.name}`" in badge.source
        assert "%pip install" in first.source


@pytest.mark.parametrize("address", ["https://example.org/x", "https://github.com/x", "git@github.com:x/y.git"])
def test_an_address_that_colab_cannot_open_is_refused(tmp_path, address):
    lies_in(address, tmp_path)
    with pytest.raises(LessonError, match=r"https://github\.com/owner/name only"):
        repository(tmp_path)


def test_addresses_are_read_with_and_without_their_endings(tmp_path):
    for ending in ("", "/", ".git"):
        lies_in(ADDRESS + ending, tmp_path)
        assert repository(tmp_path) == ADDRESS


def test_binder_installs_the_course_with_its_pins_and_the_small_torch():
    folder = ROOT / ".binder"
    lines = [x for x in (folder / "requirements.txt").read_text(encoding="utf-8").splitlines() if not x.startswith("#")]
    found = dict(line.split(" ", 1) for line in lines)
    assert (folder / found["--constraint"]).resolve() == ROOT / "constraints.txt"
    assert found["--extra-index-url"].endswith("/whl/cpu")
    editable = re.fullmatch(r"\.\[([\w,]+)\]", found["--editable"])
    assert set(editable[1].split(",")) <= EXTRAS
    version = re.fullmatch(r"python-(3\.\d+)", (folder / "runtime.txt").read_text(encoding="utf-8").strip())
    assert version[1] in SpecifierSet(PROJECT["requires-python"])


def test_binder_copies_the_settings_of_the_lab():
    script = ROOT / ".binder" / "postBuild"
    assert os.access(script, os.X_OK)
    text = script.read_text(encoding="utf-8")
    for path in re.findall(r"course/\S+", text):
        assert (ROOT / path).is_file()
    if bash := shutil.which("bash"):
        subprocess.run([bash, "-n", str(script)], check=True)


def test_the_container_makes_the_same_environment():
    version = re.search(r"python:(3\.\d+)$", CONTAINER["image"])
    assert version[1] in SpecifierSet(PROJECT["requires-python"])
    command = CONTAINER["updateContentCommand"].split()
    assert (ROOT / command[1]).is_file()
    assert set(command[2:]) == EXTRAS
    for program in ("bubblewrap", "chromium"):
        assert program in CONTAINER["onCreateCommand"]
    assert CONTAINER["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"].startswith(".venv/")


def test_the_environment_knows_every_extra():
    text = (ROOT / "course" / "environment.py").read_text(encoding="utf-8")
    extras = ast.literal_eval(re.search(r"^EXTRAS = (.*)$", text, re.MULTILINE)[1])
    assert set(extras) == EXTRAS
