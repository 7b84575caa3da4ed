"""The map of the course as a student meets it: JupyterLab, a keyboard, a screen."""

import pytest

from tests.browser.lab import run_all, write_notebook
from tests.browser.probes import CONTRAST

pytestmark = pytest.mark.browser

MAP = '.diffkit[aria-label="Map of the course"]'


def box(key):
    return f'{MAP} [data-concept="{key}"]'


@pytest.fixture(scope="module")
def complaints():
    return []


@pytest.fixture(scope="module")
def page(lab, complaints):
    notebook = write_notebook(
        lab.server.root / "map.ipynb",
        "from diffkit.explorers import concept_map\nm = concept_map({'01': 1, '05': 0.4})\nm",
    )
    page = lab(notebook, viewport={"width": 1400, "height": 1000})
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    run_all(page)
    page.wait_for_selector(box("score"))
    return page


def told(page):
    return page.inner_text(f"{MAP} [aria-live]")


def test_a_click_shows_lesson_equations_and_neighbours(page):
    page.click(box("ode"))
    said = told(page)
    assert "probability flow (lesson 09, not begun)" in said
    for tag in ("13.9", "13.12", "13.13"):
        assert f"({tag})" in said
    assert page.get_attribute(box("ode"), "aria-pressed") == "true"
    assert page.get_attribute(box("score"), "aria-pressed") == "false"


def test_arrow_keys_walk_over_the_map_and_enter_chooses(page):
    page.click(box("ode"))
    for key, expected in [("ArrowRight", "ddim"), ("ArrowUp", "flow"), ("ArrowLeft", "langevin")]:
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.dataset.concept") == expected
    assert "probability flow" in told(page)
    page.keyboard.press("Enter")
    assert "Langevin (lesson 07" in told(page)
    assert page.evaluate("document.activeElement.dataset.concept") == "langevin"


def test_a_neighbour_in_the_list_leads_on(page):
    page.click(box("ddpm"))
    page.click(f'{MAP} [data-goes="sde"]')
    assert "SDE (lesson 08" in told(page)


def test_a_reader_hears_name_lesson_and_state(page):
    assert page.get_attribute(box("graph"), "aria-label") == "graphical model, lesson 01, done"
    assert page.get_attribute(box("ddpm"), "aria-label") == "DDPM, lesson 05, begun, 40 %"
    assert "◐" in page.text_content(box("ddpm"))


def test_no_choice_changes_the_height(page):
    heights = set()
    for key in ("score", "hunt", "ddpm", "elbo"):
        page.click(box(key))
        heights.add(page.evaluate(f"document.querySelector('{MAP}').getBoundingClientRect().height"))
    assert len(heights) == 1


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_text_stands_out_in_both_themes(page, theme, tmp_path):
    page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
    page.wait_for_timeout(300)  # the style sheet of a theme loads after its name is set
    page.screenshot(path=tmp_path / "map.png")
    measured = page.evaluate(CONTRAST)
    assert measured["texts"] > 40
    assert measured["lowest"] >= 4.5  # WCAG 2.1, AA for text of normal size


def test_the_browser_had_nothing_to_complain_about(complaints, page):
    assert [text for text in complaints if "diffkit" in text or "widget" in text] == []
