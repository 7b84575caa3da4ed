"""The explorer of pixels and codes as a student meets it: keyboard, pair, both themes."""

import pytest

from tests.browser.lab import run_all, write_notebook
from tests.browser.probes import CONTRAST, pixels

pytestmark = pytest.mark.browser

ROOT = '.diffkit[aria-label="Pixels and codes"]'
BLEND, NOISE, PAIR = f"{ROOT} [aria-label^='from the first']", f"{ROOT} [aria-label=noise]", f"{ROOT} select"
SETUP = """import torch
from diffkit import data, explorers
from diffkit.schedule import linear
images = data.digits().images
encode = lambda x: torch.cat([x, -x], 1)[:, :, ::2, ::2]
decode = lambda u: u[:, :1].repeat_interleave(2, 2).repeat_interleave(2, 3)
"""


@pytest.fixture(scope="module")
def complaints():
    return []


@pytest.fixture(scope="module")
def page(lab, complaints):
    notebook = write_notebook(
        lab.server.root / "latent.ipynb",
        SETUP,
        "explorers.latent_space(images[:4], encode, decode, linear(48, 1e-3, 0.3), images, ['a to b', 'c to d'])",
    )
    page = lab(notebook, viewport={"width": 1300, "height": 900})
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    run_all(page)
    page.wait_for_selector(f"{ROOT} canvas")
    return page


def canvases(page):
    return [pixels(page, f":nth-match({ROOT} canvas, {k})") for k in (1, 2, 3)]


@pytest.mark.parametrize(("slider", "words"), [(BLEND, "4 %"), (NOISE, "t = 2, ᾱₜ")])
def test_an_arrow_key_moves_all_three_pictures(page, slider, words):
    page.focus(slider)
    page.keyboard.press("Home")
    before = canvases(page)
    page.keyboard.press("ArrowRight")
    assert all(a != b for a, b in zip(before, canvases(page), strict=True))
    assert page.get_attribute(slider, "aria-valuetext").startswith(words)
    page.keyboard.press("Home")


def test_another_pair_shows_other_pictures_with_their_words(page):
    before = canvases(page)
    page.select_option(PAIR, "1")
    assert all(a != b for a, b in zip(before, canvases(page), strict=True))
    assert "c to d, 0 percent" in page.get_attribute(f"{ROOT} canvas", "aria-label")
    page.select_option(PAIR, "0")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_text_stands_out_in_both_themes(page, theme):
    page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
    page.wait_for_timeout(300)  # the style sheet of a theme loads after its name is set
    measured = page.evaluate(CONTRAST)
    assert measured["texts"] > 8
    assert measured["lowest"] >= 4.5  # WCAG 2.1, AA for text of normal size


def test_the_browser_had_nothing_to_complain_about(complaints, page):
    assert [text for text in complaints if "diffkit" in text or "widget" in text] == []
