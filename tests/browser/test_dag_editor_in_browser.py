"""The graph editor in a real browser: its mathematics against Python's, its mouse, its keyboard."""

import json
import random

import pytest

from diffkit import graph as g
from diffkit.explorers.base import FOLDER, script
from diffkit.explorers.dag_editor import DagEditor, dag_editor
from tests.browser.lab import write_notebook
from tests.browser.probes import CONTRAST
from tests.random_dags import random_question

pytestmark = pytest.mark.browser

STATE = ("presets", "preset", "nodes", "places", "arrows", "observed", "ends")
FUNCTIONS = "factors, pathsBetween, separated, droppable, information"
EDITOR = '.diffkit[aria-label="Graph editor"]'
# A model as a notebook gives it: `change` follows every `set`.
PAGE = """<!doctype html><style>%s</style><div id="el"></div><script type="module">
%s
const state = %s, listeners = [];
window.model = {
  get: (name) => state[name],
  set: (name, value) => { state[name] = value; listeners.forEach((listener) => listener()); },
  save_changes() {}, on: (event, listener) => listeners.push(listener), off() {},
};
window.maths = { %s };
render({ model, el: document.getElementById("el") });
window.ready = true;
</script>"""


@pytest.fixture
def page(lab):
    page = lab.browser.new_page(viewport={"width": 820, "height": 600})
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    editor = dag_editor()
    code = script("dag_editor_math.js", "dag_editor_view.js", "dag_editor.js").replace("export default { render };", "")
    css = (FOLDER / "base.css").read_text(encoding="utf-8")
    page.set_content(PAGE % (css, code, json.dumps({name: getattr(editor, name) for name in STATE}), FUNCTIONS))
    page.wait_for_function("window.ready")
    yield page
    assert complaints == []
    page.close()


def state(page) -> DagEditor:
    """What the browser shows, in Python."""
    editor = dag_editor()
    for name in ("nodes", "arrows", "ends", "observed"):
        setattr(editor, name, page.evaluate("(name) => model.get(name)", name))
    return editor


def load(page, preset):
    page.select_option(f"{EDITOR} select[aria-label^=graph]", preset)


def middle(page, node):
    box = page.locator(f'[data-node="{node}"] circle').bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, start, end):
    page.mouse.move(*middle(page, start))
    page.mouse.down()
    page.mouse.move(*middle(page, end), steps=3)
    page.mouse.up()


def press(page, node, key):
    page.focus(f'[data-node="{node}"]')
    page.keyboard.press(key)


def shown_nats(page):
    return page.inner_text(f"{EDITOR} .dk-readouts > :nth-child(2)")


def drawn(page):
    return page.locator("[data-node], .dk-arrow").evaluate_all("(all) => all.map((e) => e.outerHTML)")


def arrows(page):
    return sorted((u, v) for u, v, _ in page.evaluate("() => model.get('arrows')"))


def test_the_browsers_mathematics_is_the_librarys(page):
    rng = random.Random(1)
    questions = [random_question(rng) for _ in range(150)]
    asked, expected = [], []
    for graph, x, y, given in questions:
        weights = {edge: rng.uniform(-2, 2) for edge in graph.edges}
        listed = [*given]
        asked.append([{"nodes": [*graph], "arrows": [[u, v, w] for (u, v), w in weights.items()]}, x, y, listed])
        paths = {path.nodes: [(s.node, s.kind, s.open) for s in path.steps] for path in g.paths(graph, x, y, listed)}
        nats = float(g.linear_gaussian(graph, weights).information(x, y, listed))
        factors = [(node, above) for node, above in g.factors(graph)]
        separated = g.d_separated(graph, x, y, listed)
        expected.append((factors, paths, separated, g.droppable(graph, x, [y, *listed]), nats))
    found = page.evaluate(
        """(asked) => asked.map(([graph, x, y, given]) => ({
          factors: maths.factors(graph), paths: maths.pathsBetween(graph, x, y, given),
          separated: maths.separated(graph, x, y, given), gone: maths.droppable(graph, x, [y, ...given]),
          nats: maths.information(graph, x, y, given) }))""",
        asked,
    )
    assert {e[2] for e in expected} == {True, False}
    for (factors, paths, separated, gone, nats), got in zip(expected, found, strict=True):
        assert [(node, tuple(above)) for node, above in got["factors"]] == factors
        steps = {tuple(p["nodes"]): [(s["node"], s["kind"], s["open"]) for s in p["steps"]] for p in got["paths"]}
        assert steps == paths
        assert got["separated"] == separated
        assert tuple(got["gone"]) == gone
        assert got["nats"] == pytest.approx(nats, rel=1e-9, abs=1e-12)


def test_enter_and_a_click_observe_a_node_and_close_the_fork(page):
    assert shown_nats(page) == "0.328 nats"
    press(page, "c", "Enter")
    assert page.get_attribute('[data-node="c"]', "aria-pressed") == "true"
    assert shown_nats(page) == "0 nats"
    assert "independent, whatever the numbers are" in page.inner_text(f"{EDITOR} .dk-verdict")
    assert page.locator(".dk-arrow.dk-open").count() == 0
    page.mouse.click(*middle(page, "c"))
    assert page.get_attribute('[data-node="c"]', "aria-pressed") == "false"
    assert page.locator(".dk-arrow.dk-open").count() == 2


def test_the_variables_of_the_question_cannot_be_observed(page):
    press(page, "a", "Enter")
    assert "The question is about a" in page.inner_text(EDITOR)
    assert state(page).observed == []
    page.select_option(f"{EDITOR} select[aria-label^=first]", "c")
    press(page, "a", " ")
    assert state(page).observed == ["a"]


def test_a_drag_draws_an_arrow_turns_it_round_and_removes_it(page):
    load(page, "five nodes, no arrows")
    assert "No path joins the two." in page.inner_text(EDITOR)
    drag(page, "a", "c")
    assert arrows(page) == [("a", "c")]
    drag(page, "c", "a")
    assert arrows(page) == [("c", "a")]
    drag(page, "c", "a")
    assert arrows(page) == []


def test_the_letter_a_draws_an_arrow_and_a_circle_is_refused(page):
    load(page, "chain")
    press(page, "a", "a")
    assert "an arrow begins here" in page.get_attribute('[data-node="a"]', "aria-label")
    press(page, "b", "a")
    assert ("a", "b") in arrows(page)
    press(page, "c", "a")
    press(page, "a", "a")  # turns a -> c round: c -> a -> b and c -> b
    assert arrows(page) == [("a", "b"), ("c", "a"), ("c", "b")]
    load(page, "chain")
    before = arrows(page)
    drag(page, "b", "a")
    assert arrows(page) == before
    assert "would close a circle" in page.inner_text(EDITOR)


def test_reset_brings_the_chosen_graph_back_by_key_and_keeps_the_focus(page):
    load(page, "chain")
    before = drawn(page)
    drag(page, "a", "b")
    page.select_option(f"{EDITOR} select[aria-label^=first]", "c")
    press(page, "a", "Enter")
    press(page, "b", "a")  # an arrow has begun
    assert arrows(page) == [("a", "b"), ("a", "c"), ("c", "b")]
    page.focus(f"{EDITOR} select[aria-label^=graph]")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.ariaLabel") == "Reset the graph"
    page.keyboard.press("Enter")
    assert drawn(page) == before
    assert (state(page).ends, state(page).observed) == (["a", "b"], [])
    assert "The graph is as it began." in page.inner_text(f"{EDITOR} .dk-error")
    assert page.evaluate("() => document.activeElement.ariaLabel") == "Reset the graph"
    press(page, "c", "a")  # the arrow that had begun is forgotten
    assert "An arrow begins at c" in page.inner_text(EDITOR)


def test_escape_closes_an_open_list_first_and_leaves_the_explorer_then(page):
    page.evaluate("() => Object.assign(document.getElementById('el'), { className: 'jp-Notebook-cell', tabIndex: -1 })")
    page.focus(f"{EDITOR} select[aria-label^=graph]")
    page.keyboard.press("Space")
    page.wait_for_selector(f"{EDITOR} select[aria-label^=graph]:open")
    page.keyboard.press("Escape")
    page.wait_for_selector(f"{EDITOR} select[aria-label^=graph]:not(:open)")
    assert page.evaluate("() => document.activeElement.ariaLabel") == "graph to begin with"
    page.keyboard.press("Escape")
    assert page.evaluate("() => document.activeElement.id") == "el"


def test_the_weight_of_an_arrow_changes_the_number(page):
    slider = f"{EDITOR} input[type=range]"
    page.focus(slider)
    page.keyboard.press("Home")
    assert state(page).arrows[0][2] == -5
    assert shown_nats(page) == "0.328 nats"  # the sign of a weight changes no information
    page.select_option(f"{EDITOR} select[aria-label=arrow]", "1")
    page.focus(slider)
    page.keyboard.press("End")
    assert shown_nats(page) == f"{state(page).nats:.2f} nats"
    page.click(f"{EDITOR} button >> text=Remove arrow")
    assert arrows(page) == [("c", "a")]


def test_what_cancels_is_said_to_cancel(page):
    load(page, "two ways")
    page.select_option(f"{EDITOR} select[aria-label=arrow]", "3")
    page.evaluate(
        """() => { const slider = document.querySelector("input[type=range]");
        slider.value = -1; slider.dispatchEvent(new Event("input")); }"""
    )
    assert "the numbers cancel" in page.inner_text(f"{EDITOR} .dk-verdict")
    assert state(page).nats < 1e-12


@pytest.mark.parametrize("preset", ["five nodes", "diffusion chain", "states and actions"])
def test_the_height_stays_and_every_text_stands_out(page, preset):
    load(page, preset)
    heights = set()
    for node in state(page).nodes:
        press(page, node, "Enter")
        heights.add(page.locator(EDITOR).bounding_box()["height"])
    assert len(heights) == 1
    load(page, preset)  # the probe does not know what a circle fills
    measured = page.evaluate(CONTRAST)
    assert measured["texts"] > 15
    assert measured["lowest"] >= 4.5  # WCAG 2.1, AA for text of normal size


def test_half_a_change_from_python_is_not_drawn(page):
    page.evaluate("() => model.set('nodes', ['x', 'y'])")  # the arrows still speak of a, b and c
    assert page.locator("[data-node]").count() == 3


RUN_CELL = """(index) => {
  window.jupyterapp.shell.currentWidget.content.activeCellIndex = index;
  return window.jupyterapp.commands.execute("notebook:run-cell");
}"""


def test_in_a_notebook_python_knows_what_the_reader_did(lab):
    first = "from diffkit.explorers import dag_editor\neditor = dag_editor()\neditor"
    notebook = write_notebook(lab.server.root / "graph.ipynb", first, "print(editor.observed, editor.nats < 1e-9)")
    page = lab(notebook)
    page.evaluate(RUN_CELL, 0)
    page.wait_for_selector(f"{EDITOR} svg")
    press(page, "c", "Enter")
    page.evaluate(RUN_CELL, 1)
    page.wait_for_selector("text=['c'] True")
