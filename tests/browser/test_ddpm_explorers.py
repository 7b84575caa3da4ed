"""The trajectory and the gallery of sampler bugs as a student meets them: keyboard, play button, both themes."""

import pytest

from tests.browser.lab import run_all, write_notebook
from tests.browser.probes import CONTRAST, pixels

pytestmark = pytest.mark.browser

TRAJECTORY = '.diffkit[aria-label="Trajectory explorer"]'
GALLERY = '.diffkit[aria-label="Gallery of sampler bugs"]'
SLIDER, PLAY, SELECT = f"{TRAJECTORY} input", f"{TRAJECTORY} button", f"{GALLERY} select"
SETUP = """import torch
from diffkit import explorers
from diffkit.schedule import linear
g = torch.Generator().manual_seed(0)
images = torch.randn(31, 3, 1, 8, 8, generator=g)
points = torch.randn(31, 50, 2, generator=g)
"""
FOCUS = """() => [document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]"""


@pytest.fixture(scope="module")
def complaints():
    return []


@pytest.fixture(scope="module")
def page(lab, complaints):
    notebook = write_notebook(
        lab.server.root / "ddpm.ipynb",
        SETUP,
        "explorers.trajectory(images, images.clamp(-1, 1), points, linear(30, 0.01, 0.4))",
        "explorers.bug_gallery()",
    )
    page = lab(notebook, viewport={"width": 1400, "height": 1500})
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    run_all(page)
    page.wait_for_selector(f"{TRAJECTORY} canvas")
    page.wait_for_selector(f"{GALLERY} td")
    return page


def canvases(page, root):
    return [
        pixels(page, f":nth-match({root} canvas, {k})") for k in (1, 2, 3)[: page.locator(f"{root} canvas").count()]
    ]


def test_an_arrow_key_moves_images_beliefs_and_points(page):
    page.focus(SLIDER)
    page.keyboard.press("Home")
    before = canvases(page, TRAJECTORY)
    page.keyboard.press("ArrowRight")
    after = canvases(page, TRAJECTORY)
    assert len(before) == 3
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert "t 29 of 30, 1 steps taken" in page.get_attribute(SLIDER, "aria-valuetext")


def test_the_end_of_the_slider_is_the_clean_data(page):
    page.focus(SLIDER)
    page.keyboard.press("End")
    assert "t 0 of 30" in page.get_attribute(SLIDER, "aria-valuetext")
    assert "SNR = ∞" in page.inner_text(TRAJECTORY)


def test_play_walks_to_the_end_and_stops_there_by_itself(page):
    page.focus(PLAY)
    page.keyboard.press("Enter")
    assert page.inner_text(PLAY) == "Stop"
    page.wait_for_function("(s) => document.querySelector(s).textContent === 'Play'", arg=PLAY)
    assert "t 0 of 30" in page.get_attribute(SLIDER, "aria-valuetext")


def test_a_key_chooses_another_sampler_and_its_table(page):
    page.select_option(SELECT, "0")
    before = pixels(page, f":nth-match({GALLERY} canvas, 2)")
    assert "✗ differs" not in page.inner_text(GALLERY)
    page.select_option(SELECT, "6")
    assert pixels(page, f":nth-match({GALLERY} canvas, 2)") != before
    row = page.inner_text(f"{GALLERY} tr:has-text('last step')")
    assert "✗ differs" in row
    assert page.inner_text(f"{GALLERY} table").count("✗ differs") == 1
    assert page.inner_text(f"{GALLERY} [aria-live]") == "noise at t = 1: differs in last step, t = 1: deviation."


def test_points_that_flew_away_are_counted(page):
    page.select_option(SELECT, "11")
    assert "500 of 500 outside" in page.inner_text(f"{GALLERY} figure:nth-of-type(2)")
    page.select_option(SELECT, "0")


@pytest.mark.parametrize("control", [SLIDER, PLAY, SELECT])
def test_every_control_shows_that_it_has_the_focus(page, control):
    page.focus(SLIDER)
    page.keyboard.press("Home")  # from here on the focus is drawn, as for anybody who uses the keyboard
    page.focus(control)
    assert page.evaluate(FOCUS)[1] == "solid"


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_text_stands_out_in_both_themes(page, theme):
    page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
    page.wait_for_timeout(300)  # the style sheet of a theme loads after its name is set
    measured = page.evaluate(CONTRAST)
    assert measured["texts"] > 30
    assert measured["lowest"] >= 4.5  # WCAG 2.1, AA for text of normal size


def test_the_browser_had_nothing_to_complain_about(complaints, page):
    assert [text for text in complaints if "diffkit" in text or "widget" in text] == []
