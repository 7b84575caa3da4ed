"""The score explorer as a student meets it: JupyterLab, a keyboard, a screen."""

import pytest

from tests.browser.lab import run_all, write_notebook
from tests.browser.probes import CONTRAST, lines

pytestmark = pytest.mark.browser

FIELD = '.diffkit[aria-label="Score field explorer"]'
SLIDER = f'{FIELD} input[type="range"]'
INKED = """(selector) => [...document.querySelectorAll(selector)].map((canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((_, i) => i % 4 === 3).reduce((sum, alpha) => sum + alpha, 0);
})"""


@pytest.fixture(scope="module")
def complaints():
    return []


@pytest.fixture(scope="module")
def page(lab, complaints):
    notebook = write_notebook(
        lab.server.root / "score.ipynb",
        "import torch\nfrom diffkit.explorers import score_field\nscore_field()",
    )
    page = lab(notebook, viewport={"width": 1400, "height": 1000})
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    run_all(page)
    page.wait_for_selector(f"{FIELD} svg", timeout=60_000)
    return page


def test_an_arrow_key_moves_all_three_fields_and_says_where_it_is(page):
    page.focus(SLIDER)
    page.keyboard.press("Home")
    before = lines(page, FIELD), page.get_attribute(SLIDER, "aria-valuetext")
    page.keyboard.press("ArrowRight")
    after = lines(page, FIELD), page.get_attribute(SLIDER, "aria-valuetext")
    assert len(after[0]) == 3
    assert all(a != b for a, b in zip(before[0], after[0], strict=True))
    assert before[1].startswith("sigma 0.0500: loss")
    assert before[1] != after[1]


def test_every_panel_has_arrows_and_shading_and_words(page):
    page.focus(SLIDER)
    page.keyboard.press("Home")
    assert all(path.count("M") == 2 * 17 * 17 for path in lines(page, FIELD))
    assert all(ink > 0 for ink in page.evaluate(INKED, f"{FIELD} canvas"))
    words = page.eval_on_selector_all(f"{FIELD} svg[role=img]", "(all) => all.map((s) => s.getAttribute('aria-label'))")
    assert [text.split(":")[0] for text in words] == ["true score", "learned score", "error"]
    assert all("at sigma 0.0500" in text for text in words)


def test_shading_lies_where_the_plot_is(page):
    inside = page.evaluate(
        """(root) => [...document.querySelectorAll(`${root} .dk-panels > div`)].map((panel) => {
          const grid = [...panel.querySelectorAll("line.grid")].map((line) => line.getBoundingClientRect());
          const canvas = panel.querySelector("canvas").getBoundingClientRect();
          return Math.max(Math.abs(Math.min(...grid.map((g) => g.left)) - canvas.left),
            Math.abs(Math.max(...grid.map((g) => g.bottom)) - canvas.bottom));
        })""",
        FIELD,
    )
    assert len(inside) == 3
    assert max(inside) < 2  # pixels


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_text_stands_out_in_both_themes(page, theme):
    page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
    page.wait_for_timeout(300)  # the style sheet of a theme loads after its name is set
    measured = page.evaluate(CONTRAST)
    assert measured["texts"] > 20
    assert measured["lowest"] >= 4.5  # WCAG 2.1, AA for text of normal size


def test_the_browser_had_nothing_to_complain_about(complaints, page):
    assert [text for text in complaints if "diffkit" in text or "anywidget" in text or "widget" in text] == []
