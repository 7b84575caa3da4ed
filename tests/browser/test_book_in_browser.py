"""The book in a browser, from files on a disk."""

import nbformat
import pytest

from diffkit import data, plots
from grader.book.__main__ import write
from grader.book.page import page_of
from tests.house_files import ROOT

pytestmark = pytest.mark.browser


TEXT = r"""# 00 Start here

**What you will be able to do.** Read.

The share $\sqrt{\bar\alpha_t}$ is in

$$\mathbf{x}_t = \frac{\boldsymbol\mu}{2} + \sum_{s=1}^{t} \frac{\beta_s}{\alpha_s} + \log p(\mathbf{x}_0)
+ \operatorname{Var}[x] + x_1 + x_2 + x_3 + x_4 \tag{0.1}$$

| a long table | with two columns that do not fit on a small screen, whatever the font |
| --- | --- |
| `and_code_that_cannot_be_broken_anywhere_in_the_middle_of_its_name` | two |
"""


@pytest.fixture(scope="module")
def page(lab, tmp_path_factory):
    """The first page of a book of one lesson; `lab` only says whether there is a browser."""
    out = tmp_path_factory.mktemp("book")
    picture = plots.image_row(data.digits().images[:10], [""] * 10, alt="Ten handwritten digits.")
    shown = nbformat.v4.new_output("display_data", picture._repr_mimebundle_())
    code = nbformat.v4.new_code_cell("plots.image_row(" + "digits, " * 40 + ")", outputs=[shown])
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(TEXT), code])
    write(out, [page_of("00_start_here", notebook)], ROOT)
    page = lab.browser.new_page(viewport={"width": 1280, "height": 900})
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto((out / "index.html").as_uri())
    return page


def test_keys_lead_from_the_front_page_into_a_lesson_and_to_its_text(page):
    page.focus("main a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/00_start_here.html")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    assert page.evaluate("() => document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    assert page.url.endswith("#text")


def open_lesson(page):
    page.goto(f"{page.url.rsplit('/', 1)[0]}/00_start_here.html")


def test_formulas_are_set_in_the_font_of_the_book(page):
    open_lesson(page)
    assert page.evaluate("() => document.fonts.ready.then(() => [...document.fonts].map((f) => f.status))") == [
        "loaded"
    ]
    tall, line = page.evaluate(
        "() => [Math.max(...[...document.querySelectorAll('mfrac')].map((f) => f.getBoundingClientRect().height)),"
        " parseFloat(getComputedStyle(document.body).fontSize)]"
    )
    assert tall > 1.5 * line  # a fraction has two storeys


def test_pictures_are_drawn_and_nothing_was_asked_of_a_network(page):
    open_lesson(page)
    assert page.evaluate("() => document.images.length") > 0
    assert page.evaluate("() => [...document.images].every((img) => img.complete && img.naturalWidth > 100)")
    assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []


def test_a_narrow_screen_scrolls_only_down(page):
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")


def test_on_a_phone_the_title_of_a_card_has_the_whole_width(page):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{page.url.rsplit('/', 1)[0]}/index.html")
    picture, title, card = (page.locator(f".cards li {part}").first.bounding_box() for part in ("img", "h2", "p"))
    assert picture["y"] + picture["height"] <= title["y"]
    assert title["width"] == card["width"]
