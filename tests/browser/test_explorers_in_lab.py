"""The explorers as a student meets them: JupyterLab, a keyboard, a screen."""

import re

import nbformat
import pytest

from diffkit.explorers import forward_process
from tests.browser.lab import run_all, write_notebook
from tests.browser.probes import CONTRAST, REPORT, WATCH, lines, pixels

pytestmark = pytest.mark.browser

FORWARD = '.diffkit[aria-label="Forward process explorer"]'
DESIGNER = '.diffkit[aria-label="Noise schedule designer"]'
T_SLIDER = f'{FORWARD} input[type="range"]'
NOISY = f"{FORWARD} figure:nth-of-type(2) canvas"

IMPORTS = "import torch\nfrom diffkit.explorers import forward_process, schedule_designer\n"


@pytest.fixture(scope="module")
def complaints():
    return []


@pytest.fixture(scope="module")
def page(lab, complaints):
    notebook = write_notebook(
        lab.server.root / "explorers.ipynb",
        IMPORTS + "forward_process(generator=torch.Generator().manual_seed(0))",
        "schedule_designer()",
    )
    page = lab(notebook, viewport={"width": 1400, "height": 1200})
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    run_all(page)
    page.wait_for_selector(f"{FORWARD} svg")
    page.wait_for_selector(f"{DESIGNER} svg")
    return page


def field(page, name):
    return page.locator(f"{DESIGNER} input[type=number][aria-label^='{name}']")


def test_an_arrow_key_moves_the_density_and_the_digit_and_nothing_else(page):
    page.focus(T_SLIDER)
    active = page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activeCellIndex")
    before = pixels(page, NOISY), lines(page, FORWARD), page.get_attribute(T_SLIDER, "aria-valuetext")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    after = pixels(page, NOISY), lines(page, FORWARD), page.get_attribute(T_SLIDER, "aria-valuetext")
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert "t 205 of 1000" in after[2]
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activeCellIndex") == active


def test_letters_typed_on_a_slider_do_not_command_the_notebook(page):
    cells = "() => window.jupyterapp.shell.currentWidget.content.widgets.length"
    before = page.evaluate(cells)
    page.focus(T_SLIDER)
    page.keyboard.type("bax")
    assert page.evaluate(cells) == before


def test_the_ends_of_the_slider_are_the_clean_digit_and_the_end_of_the_chain(page):
    page.focus(T_SLIDER)
    page.keyboard.press("Home")
    clean = f"{FORWARD} figure:nth-of-type(1) canvas"
    assert pixels(page, NOISY) == pixels(page, clean)
    assert "KL ∞ nats" in page.get_attribute(T_SLIDER, "aria-valuetext")
    page.keyboard.press("End")
    assert pixels(page, NOISY) != pixels(page, clean)
    assert "t 1000 of 1000" in page.get_attribute(T_SLIDER, "aria-valuetext")


def test_new_noise_comes_from_the_kernel_at_a_key_press(page):
    page.focus(T_SLIDER)
    page.keyboard.press("End")
    before = pixels(page, NOISY)
    page.focus(f"{FORWARD} button")
    page.keyboard.press("Enter")
    page.wait_for_function("([s, old]) => document.querySelector(s).toDataURL() !== old", arg=[NOISY, before])


def test_the_designer_draws_what_python_computed(page):
    field(page, "T,").fill("200")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{DESIGNER} >> text=Shown: linear, T = 200")
    assert "Far from noise" in page.inner_text(DESIGNER)
    assert "T = 200" in page.get_attribute(f"{DESIGNER} svg[role=img]", "aria-label")
    page.select_option(f"{DESIGNER} select", "cosine")
    page.wait_for_selector(f"{DESIGNER} >> text=Shown: cosine, T = 200")
    page.select_option(f"{DESIGNER} select", "linear")
    page.wait_for_selector(f"{DESIGNER} >> text=Shown: linear, T = 200")


def test_a_fast_drag_ends_at_its_last_value_and_skips_those_between(page):
    answers = page.evaluate_handle(
        """(root) => {
          const counted = { answers: 0 };
          const line = document.querySelector(`${root} svg[role=img] path.a`);
          new MutationObserver(() => { counted.answers += 1; }).observe(line, { attributeFilter: ["d"] });
          const slider = document.querySelector(`${root} input[type=range]`);
          for (let i = 0; i <= 100; i++) {
            slider.value = 1.5 + i / 100;
            slider.dispatchEvent(new Event("input"));
          }
          return counted;
        }""",
        DESIGNER,
    )
    page.wait_for_selector(f"{DESIGNER} >> text=Shown: linear, T = 316,")  # 10 ** 2.5
    assert answers.evaluate("(counted) => counted.answers") < 10


def test_a_refused_setting_shows_the_librarys_words_and_keeps_the_last_picture(page):
    before = lines(page, DESIGNER)
    field(page, "beta T").fill("1.5")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{DESIGNER} [role=alert] >> text=beta must lie strictly between 0 and 1")
    assert lines(page, DESIGNER) == before
    field(page, "beta T").fill("0.02")
    page.keyboard.press("Enter")
    page.wait_for_function("(s) => document.querySelector(s).textContent === ''", arg=f"{DESIGNER} [role=alert]")


def test_no_frame_is_blank_and_no_cell_changes_height(page):
    page.evaluate(WATCH)
    page.focus(T_SLIDER)
    for key in ["Home", *["PageUp"] * 8, *["ArrowLeft"] * 20, "End"]:
        page.keyboard.press(key)
    page.focus(f"{DESIGNER} input[type=range]")
    for key in ["Home", *["PageUp"] * 8, *["ArrowLeft"] * 20]:
        page.keyboard.press(key)
    for kind in ["cosine", "sigmoid", "linear"]:
        page.select_option(f"{DESIGNER} select", kind)
        page.wait_for_selector(f"{DESIGNER} >> text=Shown: {kind}")
    field(page, "beta 1").fill("-1")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{DESIGNER} [role=alert] >> text=beta")
    field(page, "beta 1").fill("0.0001")
    page.keyboard.press("Enter")
    seen = page.evaluate(REPORT)
    assert seen["frames"] > 10
    assert seen["blank"] == 0
    assert len(seen["heights"]) == 1


def test_tab_reaches_every_control_and_shows_where_it_is(page):
    focused = """() => {
      const { tagName, type } = document.activeElement;
      const label = document.activeElement.getAttribute("aria-label") || document.activeElement.textContent;
      return [`${tagName} ${type} ${label}`, getComputedStyle(document.activeElement).outlineStyle];
    }"""
    controls = page.eval_on_selector_all(
        ".diffkit :is(input, select, button)",
        """(all) => all.filter((e) => e.offsetParent)
            .map((e) => `${e.tagName} ${e.type} ${e.getAttribute("aria-label") || e.textContent}`)""",
    )
    reached = {}
    for start in (T_SLIDER, f"{DESIGNER} select"):
        page.focus(start)
        for _ in range(len(controls)):
            name, outline = page.evaluate(focused)
            reached[name] = outline
            page.keyboard.press("Tab")
    assert len(controls) == 9
    assert {name: reached.get(name) for name in controls} == dict.fromkeys(controls, "solid")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_text_stands_out_in_both_themes(page, theme, tmp_path):
    page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
    page.wait_for_timeout(300)  # the style sheet of a theme loads after its name is set
    page.screenshot(path=tmp_path / "explorers.png")
    measured = page.evaluate(CONTRAST)
    assert measured["texts"] > 50
    assert measured["lowest"] >= 4.5  # WCAG 2.1, AA for text of normal size


def test_an_untrusted_notebook_shows_the_picture_and_its_words(lab):
    explorer = forward_process()
    data, metadata = explorer._repr_mimebundle_()
    path = write_notebook(lab.server.root / "untrusted.ipynb", "forward_process()")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].outputs = [nbformat.v4.new_output("display_data", data, metadata=metadata)]
    nbformat.write(notebook, path)
    page = lab(path)
    image = page.wait_for_selector(".jp-OutputArea-output img")
    assert re.match("Forward process at t = 200 of 1000", image.get_attribute("alt"))
    assert image.evaluate("(img) => img.complete && img.naturalWidth > 500")


def test_the_browser_had_nothing_to_complain_about(complaints, page):
    assert [text for text in complaints if "diffkit" in text or "anywidget" in text or "widget" in text] == []
