"""The explorers of the bound as a student meets them: JupyterLab, a keyboard, a screen."""

import pytest

from tests.browser.lab import run_all, write_notebook
from tests.browser.probes import CONTRAST

pytestmark = pytest.mark.browser

TERMS = '.diffkit[aria-label="Terms of the bound"]'
CANCELS = '.diffkit[aria-label="What cancels in the bound"]'
STAGE = f"{CANCELS} input[aria-label='stage of the derivation']"
STEPS = f"{CANCELS} input[aria-label='T, number of steps']"
SHARE = f"{TERMS} input[aria-label='share of the best prediction']"
PICK = f"{TERMS} input[aria-label='t, the step']"


@pytest.fixture(scope="module")
def complaints():
    return []


@pytest.fixture(scope="module")
def page(lab, complaints):
    notebook = write_notebook(
        lab.server.root / "elbo_explorers.ipynb",
        "import torch\nfrom diffkit.explorers import elbo_terms, what_cancels\n"
        "what_cancels(generator=torch.Generator().manual_seed(0))",
        "elbo_terms()",
    )
    page = lab(notebook, viewport={"width": 1400, "height": 1300})
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    run_all(page)
    page.wait_for_selector(STAGE)
    page.wait_for_selector(f"{TERMS} svg")
    return page


def sum_shown(page):
    return page.locator(f"{CANCELS} p").last.inner_text().split(": ")[1].split(" nats")[0]


def test_the_stages_move_by_key_and_the_sum_does_not(page):
    page.focus(STAGE)
    page.keyboard.press("Home")
    first = sum_shown(page)
    for stage in ("Turned around", "Cancelled", "Grouped"):
        page.keyboard.press("ArrowRight")
        assert stage in page.get_attribute(STAGE, "aria-valuetext")
        assert sum_shown(page) == first
    page.keyboard.press("ArrowRight")
    assert sum_shown(page) != first


def test_what_cancels_is_struck_out_for_eyes_and_for_readers(page):
    page.focus(STAGE)
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    struck = page.locator(f"{CANCELS} [data-struck=true]")
    assert struck.count() == 4  # T = 3: q(x_1 | x_0) and q(x_2 | x_0), twice each
    assert page.locator(f"{CANCELS} [data-struck=true] >> text=struck out").count() == 4
    assert "line-through" in struck.first.locator("span").first.evaluate("(e) => getComputedStyle(e).textDecoration")


def test_more_steps_make_more_columns(page):
    page.focus(STEPS)
    page.keyboard.press("End")
    page.wait_for_function("(s) => document.querySelectorAll(`${s} [role=group]`).length === 6", arg=CANCELS)
    page.keyboard.press("Home")
    page.wait_for_function("(s) => document.querySelectorAll(`${s} [role=group]`).length === 3", arg=CANCELS)


def test_a_new_path_comes_from_the_kernel(page):
    before = sum_shown(page)
    page.focus(f"{CANCELS} button")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "([s, old]) => ![...document.querySelectorAll(`${s} p`)].pop().textContent.includes(old)", arg=[CANCELS, before]
    )


def test_t_picks_a_bar_and_says_what_it_costs(page):
    page.focus(PICK)
    page.keyboard.press("Home")
    before = page.get_attribute(f"{TERMS} svg[role=img]", "aria-label")
    page.keyboard.press("ArrowRight")
    after = page.get_attribute(f"{TERMS} svg[role=img]", "aria-label")
    assert "At t = 2:" in before
    assert "At t = 3:" in after


def test_a_worse_prediction_and_another_variance_redraw_the_bars(page):
    def bars():
        return page.eval_on_selector_all(
            f"{TERMS} svg[role=img] > rect", "(all) => all.map((r) => r.getAttribute('height'))"
        )

    before = bars()
    assert len(before) == 98  # two parts for each of t = 2 .. 50
    page.focus(SHARE)
    page.keyboard.press("Home")
    page.wait_for_selector(f"{TERMS} >> text=σ² = βₜ, 0% of the best prediction")
    assert bars() != before
    page.select_option(f"{TERMS} select[aria-label^='variance']", "beta_tilde")
    page.wait_for_selector(f"{TERMS} >> text=50, σ² = β̃ₜ")
    page.select_option(f"{TERMS} select[aria-label^='T,']", "10")
    page.wait_for_selector(f"{TERMS} >> text=Shown: T = 10")
    assert len(bars()) == 18
    page.select_option(f"{TERMS} select[aria-label^='T,']", "50")
    page.wait_for_selector(f"{TERMS} >> text=Shown: T = 50")


def test_no_move_changes_the_height_of_a_cell(page):
    height = f"() => document.querySelector('{CANCELS}').closest('.jp-Cell').getBoundingClientRect().height"
    page.focus(STEPS)
    page.keyboard.press("End")
    page.wait_for_function("(s) => document.querySelectorAll(`${s} [role=group]`).length === 6", arg=CANCELS)
    heights = set()
    page.focus(STAGE)
    for key in ["Home", *["ArrowRight"] * 4]:
        page.keyboard.press(key)
        heights.add(page.evaluate(height))
    assert len(heights) == 1


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_text_stands_out_in_both_themes(page, theme, tmp_path):
    page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
    page.wait_for_timeout(300)  # the style sheet of a theme loads after its name is set
    page.screenshot(path=tmp_path / "elbo_explorers.png")
    measured = page.evaluate(CONTRAST)
    assert measured["texts"] > 50
    assert measured["lowest"] >= 4.5  # WCAG 2.1, AA for text of normal size


def test_the_browser_had_nothing_to_complain_about(complaints, page):
    assert [text for text in complaints if "diffkit" in text or "widget" in text] == []
