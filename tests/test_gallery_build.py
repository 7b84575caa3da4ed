"""The gallery holds every explorer of the registry, each with something to try; `make app` shows it without code."""

import importlib.util
import sys

import nbformat
import pytest

from diffkit import explorers
from grader.build.gallery import NOTEBOOK, SOURCE, build_gallery, gallery, registry
from grader.build.tags import LessonError
from tests.house_files import ROOT

SMALL = """# %% [markdown]
# # All

# %% [markdown] explorer="known"
# ## Known
# Try this. Then that.

# %% explorer="known"
explorers.known(3)

# %% [markdown] explorer="not_there_yet"
# ## Later

# %% explorer="not_there_yet"
explorers.not_there_yet()
"""


def known(size):
    """An explorer with words of its own."""


def new_one(size=3):
    """An explorer of something new.

    size: more is said here.
    """


def sections(notebook):
    """{explorer: its cells}."""
    found = {}
    for cell in notebook.cells:
        found.setdefault(cell.id.rsplit("-", 1)[0].replace("-", "_"), []).append(cell)
    return found


@pytest.fixture(scope="module")
def built():
    (content,) = build_gallery(ROOT).values()
    return nbformat.reads(content, as_version=4)


@pytest.mark.parametrize("name", explorers.__all__)
def test_every_explorer_of_the_registry_is_in_the_gallery_with_something_to_try(built, name):
    cells = sections(built)[name]
    code = "\n".join(c.source for c in cells if c.cell_type == "code")
    words = "\n".join(c.source for c in cells if c.cell_type == "markdown")
    assert f"explorers.{name}(" in code
    assert words.startswith("## ")
    assert words.count(".") + words.count("?") >= 1
    assert "$" not in words  # the page without code loads nothing to set formulas


def test_explorers_that_are_not_there_are_left_out_and_new_ones_come_by_themselves():
    notebook = gallery(SMALL, {"known": known, "new_one": new_one})
    found = sections(notebook)
    assert set(found) == {"gallery", "known", "new_one"}
    assert [c.source for c in found["new_one"]] == [
        "## New one\n\nAn explorer of something new.",
        "explorers.new_one()",
    ]
    assert notebook == gallery(SMALL, {"known": known, "new_one": new_one})
    nbformat.validate(notebook)


def test_an_explorer_that_needs_arguments_asks_for_cells_of_its_own():
    with pytest.raises(LessonError, match=rf'known needs size: show it in {SOURCE}.*explorer="known"'):
        gallery("# %%\nimport torch\n", {"known": known})


def test_the_registry_is_the_librarys():
    assert list(registry()) == explorers.__all__
    assert all(callable(function) for function in registry().values())


def test_a_course_without_a_gallery_builds_none(tmp_path):
    assert build_gallery(tmp_path) == {}


@pytest.fixture
def app(monkeypatch):
    spec = importlib.util.spec_from_file_location("app", ROOT / "course" / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_app_shows_the_gallery_or_another_notebook(app):
    assert app.command([])[3] == str(ROOT / NOTEBOOK)
    assert app.command(["x.ipynb", "--port=1"])[3:] == ["x.ipynb", *app.command([])[4:], "--port=1"]


def test_without_voila_the_app_says_what_to_install(app, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "voila", None)
    monkeypatch.setattr(app, "find_spec", lambda name: None)
    assert app.main([]) == 1
    assert '-e ".[app]"' in capsys.readouterr().err
