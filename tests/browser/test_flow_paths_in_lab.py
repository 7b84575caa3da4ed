"""The flow explorer under the keyboard, in JupyterLab and a real browser."""

import pytest

from tests.browser.lab import run_all, write_notebook
from tests.browser.probes import CONTRAST

pytestmark = pytest.mark.browser

ROOT = '.diffkit[aria-label="Flow paths explorer"]'
TIME, LAM = (f"{ROOT} input[aria-label^='{name}']" for name in ("t", "λ"))
SOLVER, COUNT = (f"{ROOT} select[aria-label='{name}']" for name in ("solver", "steps"))


@pytest.fixture(scope="module")
def complaints():
    return []


@pytest.fixture(scope="module")
def page(lab, complaints):
    notebook = write_notebook(lab.server.root / "flow.ipynb", "from diffkit.explorers import flow_paths\nflow_paths()")
    page = lab(notebook, viewport={"width": 1400, "height": 1200})
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    run_all(page)
    page.wait_for_selector(f"{ROOT} svg")
    return page


def bundles(page):
    """The drawn paths of the SDE and of the flow."""
    return page.eval_on_selector_all(
        f"{ROOT} svg[role=img]", "(all) => all.slice(0, 2).map((s) => s.querySelector('path.a').getAttribute('d'))"
    )


def wait_for_another(page, old, which):
    page.wait_for_function(
        "([s, old, i]) => document.querySelectorAll(s)[i].querySelector('path.a').getAttribute('d') !== old",
        arg=[f"{ROOT} svg[role=img]", old, which],
    )


def test_the_time_slider_moves_both_bundles(page):
    page.focus(TIME)
    page.keyboard.press("Home")
    before = bundles(page)
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    after = bundles(page)
    assert all(len(new) < len(old) for new, old in zip(after, before, strict=True))
    assert page.get_attribute(TIME, "aria-valuetext") == "t = 0.31"
    page.keyboard.press("Home")


def test_lambda_walks_the_sde_anew_and_leaves_the_flow(page):
    sde, flow = bundles(page)
    page.focus(LAM)
    page.keyboard.press("Home")
    wait_for_another(page, sde, 0)
    assert bundles(page)[1] == flow
    page.wait_for_function("(s) => document.querySelector(s).innerText.includes('0 of 435')", arg=ROOT)


@pytest.mark.parametrize(("select", "choice"), [(SOLVER, "Euler"), (COUNT, "8")])
def test_a_choice_walks_the_flow_anew(page, select, choice):
    flow = bundles(page)[1]
    page.select_option(select, choice)
    wait_for_another(page, flow, 1)


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
