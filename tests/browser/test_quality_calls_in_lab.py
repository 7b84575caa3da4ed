"""The explorer of quality against calls as a student meets it: JupyterLab, a keyboard."""

import pytest

from tests.browser.lab import run_all, write_notebook
from tests.browser.probes import CONTRAST, lines

pytestmark = pytest.mark.browser

RACE = '.diffkit[aria-label="Quality against calls explorer"]'
SLIDER = f'{RACE} input[type="range"]'
READOUTS = f"{RACE} .dk-readouts"
CELL = """from diffkit import data, quality
from diffkit.explorers import quality_calls
quality_calls(quality.race(data.bumps(), budgets=(1, 3, 10, 30), n_points=200))"""


@pytest.fixture(scope="module")
def complaints():
    return []


@pytest.fixture(scope="module")
def page(lab, complaints):
    page = lab(write_notebook(lab.server.root / "race.ipynb", CELL), viewport={"width": 1400, "height": 1000})
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    run_all(page)
    page.wait_for_selector(f"{RACE} svg")
    return page


def state(page):
    return lines(page, RACE), page.inner_text(READOUTS), page.get_attribute(SLIDER, "aria-valuetext")


def wait_for_other_readouts(page, before):
    page.wait_for_function("([s, old]) => document.querySelector(s).innerText !== old", arg=[READOUTS, before])


def test_the_slider_moves_both_pictures_and_every_readout(page):
    page.focus(SLIDER)
    page.keyboard.press("Home")
    first = state(page)
    assert first[2].startswith("1 call: distance of DDIM")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    after = state(page)
    assert all(a != b for a, b in zip(first, after, strict=True))
    assert after[2].startswith("10 calls at most")


def test_a_peak_beyond_the_frame_is_told_in_words(page):
    page.focus(SLIDER)
    page.keyboard.press("Home")  # one call leads every point to nearly the same place
    assert "cut off: up to" in page.text_content(RACE)
    page.keyboard.press("End")
    assert "cut off" not in page.text_content(RACE)
    page.keyboard.press("ArrowLeft")


def test_another_sampler_and_other_levels_change_the_numbers(page):
    before = page.inner_text(READOUTS)
    page.select_option(f'{RACE} select[aria-label="sampler"]', "heun")
    wait_for_other_readouts(page, before)
    with_heun = page.inner_text(READOUTS)
    assert "Heun: 9 calls" in with_heun
    page.select_option(f'{RACE} select[aria-label="spacing of the noise levels"]', "karras")
    wait_for_other_readouts(page, with_heun)
    assert "Heun" in page.get_attribute(f"{RACE} svg[role=img]", "aria-label")


def test_every_text_stands_out(page, tmp_path):
    page.screenshot(path=tmp_path / "race.png")
    measured = page.evaluate(CONTRAST)
    assert measured["texts"] > 30
    assert measured["lowest"] >= 4.5


def test_the_browser_had_nothing_to_complain_about(complaints, page):
    assert [text for text in complaints if "diffkit" in text or "widget" in text] == []
