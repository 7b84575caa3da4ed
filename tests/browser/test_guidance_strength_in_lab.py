"""The explorer of the strength of guidance as a student meets it: JupyterLab, a keyboard, a screen."""

import pytest

from tests.browser.lab import run_all, write_notebook
from tests.browser.probes import CONTRAST, lines, pixels

pytestmark = pytest.mark.browser

VIEW = '.diffkit[aria-label="Guidance strength explorer"]'
SLIDER = f'{VIEW} input[type="range"]'
CODE = """import torch
from diffkit.explorers import guidance_strength
guidance_strength(torch.randn(4, 3, 9, 1, 8, 8, generator=torch.Generator().manual_seed(0)), (-1, 0, 1, 4))"""


@pytest.fixture(scope="module")
def complaints():
    return []


@pytest.fixture(scope="module")
def page(lab, complaints):
    page = lab(write_notebook(lab.server.root / "guidance.ipynb", CODE), viewport={"width": 1300, "height": 1000})
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    run_all(page)
    page.wait_for_selector(f"{VIEW} svg", timeout=60_000)
    return page


def test_an_arrow_key_moves_digits_density_and_words(page):
    def state():
        return pixels(page, f"{VIEW} canvas"), lines(page, VIEW), page.get_attribute(SLIDER, "aria-valuetext")

    page.focus(SLIDER)
    page.keyboard.press("Home")
    before = state()
    page.keyboard.press("ArrowRight")
    after = state()
    assert before[2].startswith("w -1, s 0: variance")
    assert after[2].startswith("w 0, s 1: variance")
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_both_choices_change_what_is_shown(page):
    digits, plane = pixels(page, f"{VIEW} canvas"), lines(page, VIEW)
    page.select_option(f"{VIEW} select[aria-label^='which digit']", "2")
    assert pixels(page, f"{VIEW} canvas") != digits
    assert lines(page, VIEW) == plane
    page.select_option(f"{VIEW} select[aria-label^='which class']", "1")
    assert lines(page, VIEW) != plane
    words = page.get_attribute(f"{VIEW} svg[role=img]", "aria-label")
    assert words.startswith("Class 1 with w = 0")


def test_the_inner_line_lies_inside_the_outer_one(page):
    boxes = page.eval_on_selector_all(
        f"{VIEW} svg[role=img] path.a",
        "(all) => all.map((p) => { const b = p.getBBox(); return [b.x, b.y, b.x + b.width, b.y + b.height]; })",
    )
    outer, inner = boxes
    assert all(a <= b for a, b in zip(outer[:2], inner[:2], strict=True))
    assert all(a >= b for a, b in zip(outer[2:], inner[2:], strict=True))


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_text_stands_out_in_both_themes(page, theme):
    page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
    page.wait_for_timeout(300)  # the style sheet of a theme loads after its name is set
    measured = page.evaluate(CONTRAST)
    assert measured["texts"] > 15
    assert measured["lowest"] >= 4.5  # WCAG 2.1, AA for text of normal size


def test_the_browser_had_nothing_to_complain_about(complaints, page):
    assert [text for text in complaints if "diffkit" in text or "anywidget" in text or "widget" in text] == []
