"""A visit with the keyboard alone: from the list of files to an explorer, away from it, and to the Validate button."""

import shutil

import nbformat
import pytest

from tests.browser.lab import REPOSITORY, lab_server, run_all
from tests.browser.lab import open_notebook as opened
from tests.test_lessons import filled_in

pytestmark = pytest.mark.browser

LESSON = "02_forward_process"
RUNS_WITHIN = 90_000  # milliseconds
SLIDER = "t, the step of the forward process"
FOCUS = """() => {
  const e = document.activeElement;
  const style = getComputedStyle(e);
  return { name: e.getAttribute("aria-label") || e.title || e.textContent.trim().slice(0, 40), kind: e.className,
    explorer: e.closest(".diffkit")?.getAttribute("aria-label"),
    ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2, value: e.value };
}"""
ACTIVE = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"


@pytest.fixture(scope="module")
def course(lab, tmp_path_factory):
    """A course with one solved lesson; `lab` only says whether there is a browser."""
    root, home = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("jupyter-of-course")
    shutil.copy(REPOSITORY / "nbgrader_config.py", root)
    shutil.copytree(REPOSITORY / "course", root / "course")
    folder = root / "notebooks" / LESSON
    folder.mkdir(parents=True)
    solved = filled_in(LESSON)
    for cell in solved.cells:
        cell.source = cell.source.replace("*Write your answer here.*", "The variance would grow at each step.")
    nbformat.write(solved, folder / "lesson.ipynb")
    with lab_server(root, home, f"--config={root}/course/jupyter_lab_config.py") as server:
        yield server


@pytest.fixture(scope="module")
def page(lab, course):
    """The folder of the lesson, with nothing opened."""
    page = lab.browser.new_page(viewport={"width": 1200, "height": 900})
    page.set_default_timeout(RUNS_WITHIN)
    page.goto(f"{course.url}/lab/tree/notebooks/{LESSON}?token={course.token}")
    page.wait_for_selector(".jp-DirListing-item")
    return page


def focus(page):
    return page.evaluate(FOCUS)


def press_until(page, key, reached, most):
    """Press a key until what has the focus is what was looked for."""
    seen = []
    for _ in range(most):
        page.keyboard.press(key)
        seen.append(focus(page))
        if reached(seen[-1]):
            return seen[-1]
    raise AssertionError(f"{most} times {key} did not lead there, but past {[stop['name'] for stop in seen]}")


def run_all_by_palette(page):
    page.keyboard.press("Control+Shift+C")
    page.wait_for_selector(".lm-CommandPalette-input:focus")
    page.keyboard.type("run all cells")
    page.wait_for_selector(".lm-CommandPalette-item.lm-mod-active")
    page.keyboard.press("Enter")


def test_a_whole_visit_needs_no_mouse(page):
    press_until(page, "Tab", lambda stop: "jp-DirListing" in stop["kind"], 40)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    )
    run_all_by_palette(page)
    page.wait_for_selector(f"[aria-label='{SLIDER}']")
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"
    )

    slider = press_until(page, "Tab", lambda stop: stop["explorer"], 60)  # from the cell that was active on
    assert slider["name"] == SLIDER
    assert slider["ring"]
    page.keyboard.press("ArrowRight")
    assert int(focus(page)["value"]) == int(slider["value"]) + 1
    page.keyboard.press("Tab")
    button = focus(page)
    assert (button["name"], button["ring"]) == ("New noise", True)

    cell = page.evaluate(ACTIVE)
    page.keyboard.press("Escape")
    assert "jp-Cell" in focus(page)["kind"]
    page.keyboard.press("ArrowDown")
    assert page.evaluate(ACTIVE) == cell + 1
    page.keyboard.press("ArrowUp")
    press_until(page, "Tab", lambda stop: stop["explorer"], 10)  # and in again

    page.keyboard.press("Escape")
    press_until(page, "Shift+Tab", lambda stop: "ToolbarButton" in stop["kind"], 10)
    press_until(page, "ArrowRight", lambda stop: stop["name"] == "Validate", 20)
    page.keyboard.press("Enter")
    page.wait_for_selector(".jp-Dialog")
    assert "passes all the tests" in page.inner_text(".jp-Dialog")
    page.keyboard.press("Enter")
    page.wait_for_selector(".jp-Dialog", state="detached")


def test_tab_goes_through_an_explorer_and_out_at_both_ends(lab, course):
    shutil.copy(REPOSITORY / "notebooks" / "explorers.ipynb", course.root / "notebooks")
    page = opened(lab.browser, course, (course.root / "notebooks" / "explorers.ipynb").relative_to(course.root))
    page.set_default_timeout(RUNS_WITHIN)
    run_all(page)
    page.wait_for_selector(".diffkit[aria-label='Forward process explorer']")
    page.focus(".diffkit[aria-label='Graph editor'] button >> text=Remove arrow")
    page.keyboard.press("Tab")
    assert focus(page)["explorer"] == "Forward process explorer"
    page.keyboard.press("Shift+Tab")
    back = press_until(page, "Shift+Tab", lambda stop: stop["explorer"] != "Graph editor", 20)
    assert back["explorer"] is None
