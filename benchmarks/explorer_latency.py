"""From a key press on a slider to the changed picture, in JupyterLab and headless Chromium.

Run from the repository: python -m benchmarks.explorer_latency [moves]

Every explorer of the gallery is measured; one that has no entry in MOVES by the first slider or choice that it has.

drawn:      until the script has changed the picture in the page
on screen:  until the frame that holds the change has been handed to the screen
Explorers marked "kernel" ask Python for each move; the others draw in the browser alone.
"""

import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from diffkit import explorers
from tests.browser.gallery import explorer_names
from tests.browser.lab import lab_server, open_browser, open_notebook, run_all

if TYPE_CHECKING:
    from playwright.sync_api import Page

FORTH = {True: "ArrowRight", False: "ArrowLeft"}
GALLERY = Path(__file__).resolve().parents[1] / "notebooks" / "explorers.ipynb"
COUNT = len(explorers.__all__)
RUNS_WITHIN = 300_000  # milliseconds


class Move(NamedTuple):
    """label: the explorer's name; control: what is moved.

    tree: the picture is made of elements, so any change of them counts; else a change of a picture's words does, which
    are written when it is drawn, or of a line in it.
    """

    label: str
    control: str
    tree: bool = False
    home: bool = True  # begin at the low end, so that there is room for the moves
    forth: int = 4  # moves to the right, and as many back
    enter: bool = False  # an arrow key only goes to a place, Enter chooses it


MOVES = {
    "graph editor, weight": Move("Graph editor", "[aria-label^=weight]", tree=True),
    "forward process, t": Move("Forward process explorer", "input"),
    "schedule designer (kernel)": Move("Noise schedule designer", "input[type=range]", home=False),
    "gap of the bound, T": Move("Gap of the bound explorer", "input"),
    "what cancels, stage": Move("What cancels in the bound", "input", tree=True),
    "terms of the bound, t": Move("Terms of the bound", "[aria-label^='t, the step']"),
    "terms, prediction (kernel)": Move("Terms of the bound", "[aria-label^=share]"),
    "trajectory": Move("Trajectory explorer", "input"),
    "bug gallery, sampler": Move("Gallery of sampler bugs", "select"),
    "score field, sigma": Move("Score field explorer", "input"),
    "Langevin, step shown": Move("Langevin particles explorer", "[aria-label^=k]"),
    "Langevin, eta (kernel)": Move("Langevin particles explorer", "[aria-label^=η]"),
    "SDE paths, moment": Move("SDE paths explorer", "[aria-label^=moment]"),
    "SDE paths, step (kernel)": Move("SDE paths explorer", "[aria-label^=Δ]"),
    "flow paths, t": Move("Flow paths explorer", "[aria-label^='t, the']"),
    "flow paths, lambda (kernel)": Move("Flow paths explorer", "[aria-label^=λ]"),
    "quality against calls": Move("Quality against calls explorer", "input"),
    "guidance strength, w": Move("Guidance strength explorer", "input"),
    "pixels and codes, blend": Move("Pixels and codes", "[aria-label^=from]"),
    "map of the course, box": Move(
        "Map of the course", "[data-concept=graph]", tree=True, home=False, forth=3, enter=True
    ),
}

# The clock starts at the time stamp that the browser gave the key event.  A message posted from an animation
# frame arrives after that frame was painted.
LISTEN = """([explorer, control, tree]) => {
  const root = document.querySelector(`.diffkit[aria-label="${explorer}"]`);
  window.before?.abort();  // an explorer may be measured twice: the first clock must not run on
  window.before = new AbortController();
  window.times = [];
  let pressed = null;
  root.addEventListener("keydown", (event) => { pressed = event.timeStamp; },
    { capture: true, signal: window.before.signal });
  const observer = new MutationObserver(() => {
    if (pressed === null) return;
    const start = pressed;
    const drawn = performance.now() - start;
    pressed = null;
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => window.times.push([drawn, performance.now() - start]);
      channel.port2.postMessage(null);
    });
  });
  window.before.signal.addEventListener("abort", () => observer.disconnect());
  observer.observe(root, tree
    ? { subtree: true, childList: true, attributes: true }
    : { subtree: true, attributeFilter: ["aria-label", "d"] });
  root.querySelector(control).focus();
}"""


def measure(page: "Page", move: Move, moves: int) -> list[tuple[float, float]]:
    """(drawn, on screen) in ms for each move, one move after the other."""
    page.focus(f'.diffkit[aria-label="{move.label}"] {move.control} >> nth=0')
    if move.home:
        page.keyboard.press("Home")
    page.wait_for_timeout(500)
    page.evaluate(LISTEN, [move.label, move.control, move.tree])
    for k in range(moves):
        page.keyboard.press(FORTH[k % (2 * move.forth) < move.forth])
        if move.enter:
            page.keyboard.press("Enter")
        page.wait_for_function("(n) => window.times.length > n", arg=k)
    return [(drawn, shown) for drawn, shown in page.evaluate("() => window.times")]


def every_move(names: list[str]) -> dict[str, Move]:
    """The moves of these explorers: those of MOVES, and one for each explorer that has none there."""
    known = {name: move for name, move in MOVES.items() if move.label in names}
    labels = {move.label for move in known.values()}
    others = {name: Move(name, ":is(input[type=range], select)", tree=True) for name in names if name not in labels}
    return known | others


def main(moves: int = 60) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, home = Path(folder, "notebooks"), Path(folder, "jupyter")
        root.mkdir()
        home.mkdir()
        shutil.copy(GALLERY, root)
        with lab_server(root, home) as server, open_browser() as browser:
            page = open_notebook(browser, server, Path(GALLERY.name))
            page.set_default_timeout(RUNS_WITHIN)
            run_all(page)
            page.wait_for_function("(n) => document.querySelectorAll('.diffkit[role=group]').length === n", arg=COUNT)
            print("median and worst, in ms")
            print(f"{'explorer':<28}{'moves':>6}{'drawn':>12}{'worst':>8}{'on screen':>14}{'worst':>8}")
            for name, move in every_move(explorer_names(page)).items():
                drawn, painted = zip(*measure(page, move, moves), strict=True)
                ms = (statistics.median(drawn), max(drawn), statistics.median(painted), max(painted))
                print(f"{name:<28}{moves:>6}{ms[0]:>12.1f}{ms[1]:>8.1f}{ms[2]:>14.1f}{ms[3]:>8.1f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
