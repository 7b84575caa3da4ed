"""The explorer of SDE paths under the keyboard, in JupyterLab and a real browser."""

import pytest

from tests.browser.lab import run_all, write_notebook
from tests.browser.probes import CONTRAST

pytestmark = pytest.mark.browser

ROOT = '.diffkit[aria-label="SDE paths explorer"]'
STEP, MOMENT = f"{ROOT} input[aria-label^='Δ']", f"{ROOT} input[aria-label^='moment']"
KIND, DIRECTION = f"{ROOT} select[aria-label='which equation']", f"{ROOT} select[aria-label='direction of time']"


@pytest.fixture(scope="module")
def complaints():
    return []


@pytest.fixture(scope="module")
def page(lab, complaints):
    notebook = write_notebook(lab.server.root / "sde.ipynb", "from diffkit.explorers import sde_paths\nsde_paths()")
    page = lab(notebook, viewport={"width": 1400, "height": 1200})
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    run_all(page)
    page.wait_for_selector(f"{ROOT} svg")
    return page


def bundle(page):
    return page.get_attribute(f"{ROOT} svg path.paths", "d")


def changed(page, before):
    page.wait_for_function(
        "([s, old]) => document.querySelector(s).getAttribute('d') !== old",
        arg=[f"{ROOT} svg path.paths", before],
    )


def test_the_moment_slider_walks_along_the_paths_without_asking_the_kernel(page):
    page.focus(MOMENT)
    page.keyboard.press("Home")
    assert page.get_attribute(MOMENT, "aria-valuetext") == "t = 0.00, step 0 of 64"
    before, heat = bundle(page), page.get_attribute(f"{ROOT} svg image", "href")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    assert bundle(page) != before
    assert page.get_attribute(f"{ROOT} svg image", "href") == heat
    assert heat.startswith("data:image/png")
    assert page.get_attribute(MOMENT, "aria-valuetext") == "t = 0.03, step 2 of 64"


def test_longer_steps_run_the_paths_anew(page):
    page.focus(MOMENT)
    page.keyboard.press("End")
    before = bundle(page)
    page.focus(STEP)
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    changed(page, before)
    page.wait_for_function(
        "(s) => document.querySelector(s).getAttribute('aria-valuetext') === 't = 1.00, step 8 of 8'", arg=MOMENT
    )
    assert page.get_attribute(STEP, "aria-valuetext") == "1/8, 8 steps"


@pytest.mark.parametrize(
    ("choice", "value"), [(KIND, "VE"), (DIRECTION, "noise to data"), (DIRECTION, "noise to data, without the score")]
)
def test_equation_and_direction_are_choices_and_the_words_follow(page, choice, value):
    before = bundle(page)
    page.select_option(choice, value)
    changed(page, before)
    page.wait_for_function(
        "([s, v]) => document.querySelector(s).getAttribute('aria-label').includes(v)",
        arg=[f"{ROOT} svg[role=img]", value],
    )
    assert "At the end the shares of the particles" in page.inner_text(ROOT)


def test_new_noise_is_new(page):
    before = bundle(page)
    page.get_by_role("button", name="New noise").press("Enter")
    changed(page, before)


def test_play_runs_to_the_end_and_stops(page):
    page.focus(MOMENT)
    page.keyboard.press("End")
    for _ in range(3):
        page.keyboard.press("PageDown")
    page.get_by_role("button", name="Play").press("Enter")
    page.wait_for_function(
        "([s, b]) => document.querySelector(s).value === '256' && document.querySelector(b).textContent === 'Play'",
        arg=[MOMENT, f"{ROOT} button"],
    )


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_text_stands_out_in_both_themes(page, theme):
    page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
    page.wait_for_timeout(300)  # the style sheet of a theme loads after its name is set
    measured = page.evaluate(CONTRAST)
    assert measured["texts"] > 25
    assert measured["lowest"] >= 4.5  # WCAG 2.1, AA for text of normal size


def test_the_browser_had_nothing_to_complain_about(complaints, page):
    assert [text for text in complaints if "diffkit" in text or "anywidget" in text or "widget" in text] == []
