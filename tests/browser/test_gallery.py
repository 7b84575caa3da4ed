"""Every explorer of the registry, in the gallery, as somebody without a mouse meets it; then saved and opened again."""

import json
import shutil
import urllib.request
from html import unescape

import nbformat
import pytest
from nbconvert import HTMLExporter

from benchmarks.explorer_latency import MOVES, every_move
from diffkit import explorers
from tests.browser import gallery
from tests.browser.lab import REPOSITORY, lab_server, open_notebook, run_all
from tests.browser.probes import CONTRAST

pytestmark = pytest.mark.browser

COUNT = len(explorers.__all__)
ALIVE = "(n) => document.querySelectorAll('.diffkit[role=group]').length === n"
ANSWERS_WITHIN = 10_000  # milliseconds; a busy machine is no mistake
SLOW = 500  # milliseconds, median: seven times what the slowest takes when it asks the kernel
KEYS = {
    "range": ("ArrowRight", "ArrowLeft"),
    "select-one": ("ArrowDown", "ArrowUp"),
    "number": ("ArrowUp", "ArrowDown"),
}


@pytest.fixture(scope="module")
def course(lab, tmp_path_factory):
    """A server on a course that has the gallery; `lab` only says whether there is a browser."""
    root, home = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("jupyter-of-course")
    shutil.copy(REPOSITORY / "nbgrader_config.py", root)
    shutil.copytree(REPOSITORY / "course", root / "course")
    (root / "notebooks").mkdir()
    shutil.copy(REPOSITORY / "notebooks" / "explorers.ipynb", root / "notebooks")
    config = f"--config={root}/course/jupyter_lab_config.py"
    with lab_server(root, home, config, "--ServerApp.open_browser=False") as server:
        yield server


@pytest.fixture(scope="module")
def complaints():
    return []


@pytest.fixture(scope="module")
def opened(lab, course):
    notebook = course.root / "notebooks" / "explorers.ipynb"
    return lambda: open_notebook(lab.browser, course, notebook.relative_to(course.root))


@pytest.fixture(scope="module")
def page(opened, complaints):
    page = opened()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.set_default_timeout(gallery.RUNS_WITHIN)
    run_all(page)
    page.wait_for_function(ALIVE, arg=COUNT)
    page.set_default_timeout(ANSWERS_WITHIN)
    return page


def test_every_explorer_of_the_registry_is_alive_under_a_name_of_its_own(page):
    names = gallery.explorer_names(page)
    assert len(names) == COUNT
    assert len({*names}) == COUNT
    assert all(names)


def test_the_benchmark_measures_every_explorer(page):
    names = gallery.explorer_names(page)
    assert {move.label for move in every_move(names).values()} == {*names}
    assert every_move(["A new one"])["A new one"].label == "A new one"


def test_every_control_and_every_picture_has_words(page):
    assert page.evaluate(gallery.SILENT, gallery.CONTROLS) == []


def test_tab_reaches_every_control_and_shows_where_it_is(page):
    for name in gallery.explorer_names(page):
        wanted = page.evaluate(gallery.PLACES, [name, gallery.CONTROLS])
        reached = gallery.tab_through(page, name)
        assert set(wanted) <= set(reached), name
        assert [stop for stop in reached.values() if not stop["shown"]] == [], name


def press(page, name, place):
    """Use one control with keys alone; whether the explorer changed."""
    control = page.evaluate_handle(
        "([name, place]) => document.querySelector(`.diffkit[aria-label=\"${name}\"]`).querySelectorAll('*')[place]",
        [name, place],
    ).as_element()
    kind = control.evaluate("(e) => e.type ?? e.getAttribute('role') ?? e.tagName")
    before = page.evaluate(gallery.STATE, name)
    control.focus()
    for key in KEYS.get(kind, ("Enter",)):
        page.keyboard.press(key)
        if kind == "number":
            page.keyboard.press("Enter")
        page.wait_for_timeout(30)
        if page.evaluate(gallery.STATE, name) != before:
            return True
    try:
        page.wait_for_function(f"([name, before]) => ({gallery.STATE})(name) !== before", arg=[name, before])
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("number", range(COUNT))
def test_keys_alone_work_every_control_without_a_blank_frame_or_a_jump(page, number):
    name = gallery.explorer_names(page)[number]
    page.locator(f'.diffkit[aria-label="{name}"]').scroll_into_view_if_needed()
    page.evaluate(gallery.WATCH_ONE, name)
    used = set()
    for place in page.evaluate(gallery.PLACES, [name, gallery.CONTROLS]):
        what = page.evaluate(
            '([name, place]) => { const e = document.querySelector(`.diffkit[aria-label="${name}"]`)'
            ".querySelectorAll('*')[place]; return e && e.tagName !== 'UL' && !e.disabled && e.checkVisibility()"
            " ? e.getAttribute('aria-label') ?? e.textContent : null; }",
            [name, place],
        )
        if what is not None:  # a list that scrolls has nothing to work, and using one control may hide another
            assert press(page, name, place), f"{name}: keys do nothing on {what}"
            used.add(what)
    page.wait_for_timeout(100)
    seen = page.evaluate(gallery.REPORT_ONE)
    assert used
    assert seen["frames"] > 3
    assert seen["lost"] == 0
    assert seen["flickered"] == []
    assert len(seen["heights"]) == 1, seen["heights"]


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_texts_and_points_stand_out_in_both_themes_also_when_it_changes(page, theme):
    page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
    page.wait_for_timeout(500)  # the style sheet of a theme loads after its name is set
    measured = page.evaluate(CONTRAST)
    assert measured["lowest"] >= 4.5, measured["where"]  # WCAG 2.1, AA: text of normal size
    points = page.evaluate(gallery.CANVAS_CONTRAST)
    assert points
    assert [(name, ratio) for name, ratio in points if ratio < 3] == []  # WCAG 2.1, 1.4.11: graphics


def first_slider(page, name):
    root = f'.diffkit[aria-label="{name}"]'
    kinds = (f"{root} input[type=range]", f"{root} select", gallery.first_control(name))
    return next(kind for kind in kinds if page.locator(f"{kind} >> visible=true").count())


def test_a_move_is_answered_within_a_generous_bound(page):
    slow = {}
    for name in gallery.explorer_names(page):
        page.focus(f"{first_slider(page, name)} >> visible=true >> nth=0")
        page.keyboard.press("Home")
        page.wait_for_timeout(200)
        times = [
            page.evaluate(gallery.ANSWER, [name, key, gallery.CONTROLS]) for key in ("ArrowRight", "ArrowLeft") * 4
        ]
        if (median := sorted(times)[len(times) // 2]) > SLOW:
            slow[name] = median
    assert not slow


def saved(opened_page, course):
    opened_page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    return nbformat.read(course.root / "notebooks" / "explorers.ipynb", as_version=4)


def test_where_nothing_runs_every_explorer_is_a_picture_with_words(page, course):
    outputs = [o for cell in saved(page, course).cells for o in cell.get("outputs", [])]
    assert len(outputs) == COUNT
    for output in outputs:
        assert output.data["image/png"]
        assert '<img alt="' in output.data["text/html"]
    notebook = saved(page, course)
    del notebook.metadata["widgets"]  # with their state, nbconvert would rather load live ones from a network
    html, _ = HTMLExporter().from_notebook_node(notebook)
    for output in outputs:
        alt = unescape(output.data["text/html"].split('alt="')[1].split('"')[0])
        assert len(alt) > 60
        assert alt in unescape(html)


def stop_kernels(server):
    """As if the machine had been switched off."""
    headers = {"Authorization": f"token {server.token}"}
    ask = urllib.request.Request(f"{server.url}/api/sessions", headers=headers)
    for session in json.load(urllib.request.urlopen(ask)):
        stop = urllib.request.Request(f"{server.url}/api/sessions/{session['id']}", headers=headers, method="DELETE")
        urllib.request.urlopen(stop).close()


MARKS = """() => [...document.querySelectorAll(".jupyter-widgets-disconnected")]
    .map(node => getComputedStyle(node, "::before").content)"""


def test_after_a_night_the_saved_explorers_are_back_and_answer_without_a_kernel(page, opened, course):
    saved(page, course)
    drawn_in_browser = {move.label for name, move in MOVES.items() if "kernel" not in name}
    page.close()
    stop_kernels(course)
    again = opened()  # with a new kernel, in which nothing has run
    again.wait_for_function(ALIVE, arg=COUNT)
    assert "model not found" not in again.inner_text("body").lower()
    marks = again.evaluate(MARKS)
    assert len(marks) == COUNT
    assert all("run the cells again" in mark for mark in marks), marks
    for name in drawn_in_browser & {*gallery.explorer_names(again)}:
        before = again.evaluate(gallery.STATE, name)
        again.focus(f"{first_slider(again, name)} >> visible=true >> nth=0")
        for key in ("ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "ArrowRight", "Enter"):
            again.keyboard.press(key)
            if again.evaluate(gallery.STATE, name) != before:
                break
        assert again.evaluate(gallery.STATE, name) != before, name
    again.close()


def test_the_browser_had_nothing_to_complain_about(complaints):
    assert [text for text in complaints if "diffkit" in text or "widget" in text] == []
