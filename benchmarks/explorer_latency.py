"""From a key press on a slider to the changed picture, in JupyterLab and headless Chromium.

Run from the repository: python -m benchmarks.explorer_latency [moves]

drawn:      until the script has changed the picture in the page
on screen:  until the frame that holds the change has been handed to the screen
The forward process draws in the browser alone; the schedule designer asks the kernel first.
"""

import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.lab import lab_server, open_browser, open_notebook, run_all, write_notebook

if TYPE_CHECKING:
    from playwright.sync_api import Page

EXPLORERS = {
    "forward process, T = 1000": "Forward process explorer",
    "schedule designer": "Noise schedule designer",
}

# The clock starts at the time stamp that the browser gave the key event.  A message posted from an animation
# frame arrives after that frame was painted.
LISTEN = """(explorer) => {
  const root = document.querySelector(`.diffkit[aria-label="${explorer}"]`);
  window.times = [];
  let pressed = null;
  root.addEventListener("keydown", (event) => { pressed = event.timeStamp; }, true);
  new MutationObserver(() => {
    if (pressed === null) return;
    const start = pressed;
    const drawn = performance.now() - start;
    pressed = null;
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => window.times.push([drawn, performance.now() - start]);
      channel.port2.postMessage(null);
    });
  }).observe(root.querySelector("svg[role=img] path.a"), { attributeFilter: ["d"] });
  root.querySelector("input[type=range]").focus();
}"""


def measure(page: "Page", explorer: str, moves: int) -> list[tuple[float, float]]:
    """(drawn, on screen) in ms for each move, one move after the other."""
    page.evaluate(LISTEN, explorer)
    for k in range(moves):
        page.keyboard.press("ArrowRight" if k % 20 < 10 else "ArrowLeft")
        page.wait_for_function("(n) => window.times.length > n", arg=k)
    return [(drawn, shown) for drawn, shown in page.evaluate("() => window.times")]


def main(moves: int = 60) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, home = Path(folder, "notebooks"), Path(folder, "jupyter")
        root.mkdir()
        home.mkdir()
        imports = "from diffkit.explorers import forward_process, schedule_designer\n"
        notebook = write_notebook(root / "latency.ipynb", f"{imports}forward_process()", "schedule_designer()")
        with lab_server(root, home) as server, open_browser() as browser:
            page = open_notebook(browser, server, notebook.relative_to(root))
            run_all(page)
            page.wait_for_function("() => document.querySelectorAll('.diffkit').length === 2")
            print("median and worst, in ms")
            print(f"{'explorer':<28}{'moves':>6}{'drawn':>12}{'worst':>8}{'on screen':>14}{'worst':>8}")
            for name, label in EXPLORERS.items():
                drawn, shown = zip(*measure(page, label, moves), strict=True)
                ms = (statistics.median(drawn), max(drawn), statistics.median(shown), max(shown))
                print(f"{name:<28}{moves:>6}{ms[0]:>12.1f}{ms[1]:>8.1f}{ms[2]:>14.1f}{ms[3]:>8.1f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
