"""The explorer of the gap as a student meets it: JupyterLab, a keyboard."""

import pytest

from tests.browser.lab import run_all, write_notebook
from tests.browser.probes import CONTRAST, lines

pytestmark = pytest.mark.browser

GAP = '.diffkit[aria-label="Gap of the bound explorer"]'
SLIDER = f'{GAP} input[type="range"]'


@pytest.fixture(scope="module")
def complaints():
    return []


@pytest.fixture(scope="module")
def page(lab, complaints):
    notebook = write_notebook(
        lab.server.root / "gap.ipynb", "from diffkit.explorers import elbo_gap\nelbo_gap((1, 3, 10, 100))"
    )
    page = lab(notebook, viewport={"width": 1400, "height": 1000})
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    run_all(page)
    page.wait_for_selector(f"{GAP} svg")
    return page


def test_the_slider_moves_both_pictures_and_every_readout(page):
    page.focus(SLIDER)
    page.keyboard.press("Home")
    first = lines(page, GAP), page.inner_text(f"{GAP} .dk-readouts"), page.get_attribute(SLIDER, "aria-valuetext")
    assert first[2].startswith("1 steps: the gap is 0.528")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    after = lines(page, GAP), page.inner_text(f"{GAP} .dk-readouts"), page.get_attribute(SLIDER, "aria-valuetext")
    assert all(a != b for a, b in zip(first, after, strict=True))
    assert after[2].startswith("10 steps")
    assert "T 10" in page.get_attribute(f"{GAP} svg[role=img]", "aria-label")


def test_the_variance_changes_the_gap_and_not_the_truth(page):
    page.focus(SLIDER)
    page.keyboard.press("End")
    truth = page.eval_on_selector_all(f"{GAP} svg[role=img] path.area", "(all) => all.map((p) => p.getAttribute('d'))")
    readouts = f"{GAP} .dk-readouts"
    before = page.inner_text(readouts)
    page.select_option(f"{GAP} select", "beta_tilde")
    page.wait_for_function(
        "([s, old]) => document.querySelector(s).innerText !== old", arg=[f"{GAP} .dk-readouts", before]
    )
    again = page.eval_on_selector_all(f"{GAP} svg[role=img] path.area", "(all) => all.map((p) => p.getAttribute('d'))")
    assert again == truth
    assert "0.7230" in page.inner_text(readouts)
    page.select_option(f"{GAP} select", "beta")


def test_every_text_stands_out(page, tmp_path):
    page.screenshot(path=tmp_path / "gap.png")
    measured = page.evaluate(CONTRAST)
    assert measured["texts"] > 30
    assert measured["lowest"] >= 4.5


def test_the_browser_had_nothing_to_complain_about(complaints, page):
    assert [text for text in complaints if "diffkit" in text or "widget" in text] == []
