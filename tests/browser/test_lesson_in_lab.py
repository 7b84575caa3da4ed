"""Lesson 02 as a student meets it: JupyterLab with the course's settings, explorers under the keyboard, Validate."""

import shutil

import nbformat
import pytest

from grader.build.colab import UPLOAD
from tests.browser.lab import REPOSITORY, lab_server, open_notebook, run_all
from tests.browser.probes import pixels
from tests.test_lessons import filled_in, notebook

pytestmark = pytest.mark.browser

LESSON = "02_forward_process"
SLIDER = '.diffkit[aria-label="Forward process explorer"] input[type="range"]'
DIGIT = '.diffkit[aria-label="Forward process explorer"] figure:nth-of-type(2) canvas'
VALIDATES_WITHIN = 120_000  # milliseconds; it runs the whole notebook again


@pytest.fixture(scope="module")
def opened(lab, tmp_path_factory):
    """A function that opens the lesson in a course of its own; `lab` only says whether there is a browser."""
    root, home = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("jupyter-of-course")
    shutil.copy(REPOSITORY / "nbgrader_config.py", root)
    shutil.copytree(REPOSITORY / "course", root / "course")
    folder = root / "notebooks" / LESSON
    folder.mkdir(parents=True)
    solved = filled_in(LESSON)
    for cell in solved.cells:
        cell.source = cell.source.replace("*Write your answer here.*", "The variance would grow at each step.")
    for name, content in {"solved": solved, "blank": notebook("notebooks", LESSON)}.items():
        nbformat.write(content, folder / f"{name}.ipynb")
    config = f"--config={root}/course/jupyter_lab_config.py"
    with lab_server(root, home, config, "--ServerApp.open_browser=False") as server:
        yield lambda name: open_notebook(lab.browser, server, (folder / name).relative_to(root))


def validate(page):
    """Press nbgrader's button and give what its dialog says."""
    page.get_by_text("Validate", exact=True).first.click()
    dialog = page.locator(".jp-Dialog")
    dialog.wait_for(timeout=VALIDATES_WITHIN)
    return dialog.inner_text()


def test_a_solved_lesson_runs_its_explorer_moves_and_validate_is_content(opened, tmp_path):
    page = opened("solved.ipynb")
    run_all(page)
    page.wait_for_selector(SLIDER, timeout=VALIDATES_WITHIN)
    before = pixels(page, DIGIT)
    page.focus(SLIDER)
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert pixels(page, DIGIT) != before
    page.locator(SLIDER).scroll_into_view_if_needed()
    page.screenshot(path=tmp_path / "lesson.png")
    assert "passes all the tests" in validate(page)


def test_validate_names_the_checks_of_a_blank_lesson(opened):
    said = validate(opened("blank.ipynb"))
    assert "failed" in said
    assert "forward.q_step" in said


def test_a_lesson_begins_with_a_badge_that_can_be_read_without_a_network_and_a_folded_cell(opened):
    page = opened("blank.ipynb")
    cells = page.locator(".jp-Cell")
    assert cells.nth(0).get_by_role("link", name="Open in Colab").get_attribute("href") == UPLOAD
    assert cells.nth(0).inner_text().strip() == "To work in Google Colab, upload this file there: forward_process.ipynb"
    assert cells.nth(1).inner_text().strip() == "# @title In Google Colab, first run this cell"
    assert cells.nth(2).get_by_role("heading", level=1).inner_text().startswith("02")
