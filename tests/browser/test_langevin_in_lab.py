"""The Langevin explorer under the keyboard, in JupyterLab and a real browser."""

import pytest

from tests.browser.lab import run_all, write_notebook
from tests.browser.probes import CONTRAST, lines

pytestmark = pytest.mark.browser

ROOT = '.diffkit[aria-label="Langevin particles explorer"]'
ETA, SIGMA, STEP = (f"{ROOT} input[aria-label^='{name}']" for name in ("η", "σ", "k"))


@pytest.fixture(scope="module")
def complaints():
    return []


@pytest.fixture(scope="module")
def page(lab, complaints):
    notebook = write_notebook(
        lab.server.root / "langevin.ipynb",
        "from diffkit.explorers import langevin_particles\nlangevin_particles()",
    )
    page = lab(notebook, viewport={"width": 1400, "height": 1200})
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    run_all(page)
    page.wait_for_selector(f"{ROOT} svg")
    return page


def bars(page):
    return page.get_attribute(f"{ROOT} svg path.b", "d")


def test_the_step_slider_moves_the_particles_without_asking_the_kernel(page):
    page.focus(STEP)
    page.keyboard.press("Home")
    before, target = bars(page), lines(page, ROOT)
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert bars(page) != before
    assert lines(page, ROOT) == target
    assert page.get_attribute(STEP, "aria-valuetext") == "5 of 200"


@pytest.mark.parametrize("slider", [ETA, SIGMA])
def test_a_setting_runs_the_particles_anew(page, slider):
    before = lines(page, ROOT)
    page.focus(slider)
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "([s, old]) => document.querySelectorAll(s)[1].getAttribute('d') !== old",
        arg=[f"{ROOT} svg[role=img] path.a", before[1]],
    )


def test_the_start_is_a_choice_and_the_words_follow(page):
    page.select_option(f"{ROOT} select", "far right")
    page.wait_for_function(
        "(s) => document.querySelector(s).getAttribute('aria-label').includes('start far right')",
        arg=f"{ROOT} svg[role=img]",
    )
    assert "Share on the right now" in page.inner_text(ROOT)


def test_play_runs_to_the_end_and_stops(page):
    page.focus(STEP)
    page.keyboard.press("End")
    for _ in range(2):
        page.keyboard.press("PageDown")
    page.focus(f"{ROOT} button")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "([s, b]) => document.querySelector(s).value === '200' && document.querySelector(b).textContent === 'Play'",
        arg=[STEP, f"{ROOT} button"],
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
