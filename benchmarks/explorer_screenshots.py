"""A picture of every explorer after a move, to look at: light, dark, in a narrow window, and its static twin.

Run from the repository: python -m benchmarks.explorer_screenshots [--out DIR] [--only WORD]

NAME-light.png    the first slider or choice moved by keys, the control still in focus
NAME-dark.png     every slider moved once more and the first choice changed, dark theme
NAME-narrow.png   the same in a window 700 pixels wide
NAME-twin.png     what is shown where nothing runs
"""

import argparse
import base64
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat

from diffkit import explorers
from tests.browser.gallery import explorer_names
from tests.browser.lab import lab_server, open_browser, open_notebook, run_all

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, ViewportSize

    from tests.browser.lab import LabServer

ROOT = Path(__file__).resolve().parents[1]
GALLERY = Path("notebooks", "explorers.ipynb")
COUNT = len(explorers.__all__)
RUNS_WITHIN, SETTLES_WITHIN = 300_000, 1500  # milliseconds
WIDE: "ViewportSize" = {"width": 1200, "height": 1000}
NARROW: "ViewportSize" = {"width": 700, "height": 1000}
CONTROLS = "input[type=range], select, [tabindex='0']"


def file_name(label: str) -> str:
    """ "Forward process explorer" -> "forward-process-explorer"."""
    return re.sub(r"\W+", "-", label.lower()).strip("-")


def explorer(page: "Page", label: str) -> "Locator":
    return page.locator(f'.diffkit[aria-label="{label}"]')


def first_move(page: "Page", label: str) -> None:
    """The first slider a tenth and a step to the right; without sliders the first choice or node."""
    visible = explorer(page, label).locator(CONTROLS).locator("visible=true")
    kinds = visible.evaluate_all("(all) => all.map((e) => e.type ?? e.tagName)")
    place = kinds.index("range") if "range" in kinds else 0
    page.keyboard.press("Shift")  # from here on the focus is drawn
    visible.nth(place).focus()
    for key in {"range": ("PageUp", "ArrowRight"), "select-one": ("ArrowDown",)}.get(kinds[place], ("Enter",)):
        page.keyboard.press(key)
    page.wait_for_timeout(SETTLES_WITHIN)


def more_moves(page: "Page", label: str) -> None:
    """Every slider two tenths to the left, the first choice one further."""
    for control, keys in (("input[type=range]", ("PageDown", "PageDown")), ("select", ("ArrowDown",))):
        found = explorer(page, label).locator(control).locator("visible=true")
        for k in range(found.count() if control != "select" else min(1, found.count())):
            found.nth(k).focus()
            for key in keys:
                page.keyboard.press(key)
    page.wait_for_timeout(SETTLES_WITHIN)


def shoot(page: "Page", label: str, file: Path) -> None:
    """The whole output of its cell, so that what sticks out of the explorer is seen, too."""
    area = page.locator(".jp-OutputArea-child", has=explorer(page, label)).first
    area.scroll_into_view_if_needed()
    area.screenshot(path=file)


def set_theme(page: "Page", theme: str) -> None:
    page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
    page.wait_for_timeout(SETTLES_WITHIN)


def twins(notebook: Path, labels: list[str], out: Path) -> None:
    """The pictures that the saved notebook holds, in the order of the gallery."""
    saved = nbformat.read(notebook, as_version=4)
    outputs = [o for cell in saved.cells for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    for label, output in zip(labels, outputs, strict=True):
        (out / f"{file_name(label)}-twin.png").write_bytes(base64.b64decode(output.data["image/png"]))


def visit(browser: "Browser", server: "LabServer", out: Path, only: str) -> None:
    """Open the gallery, run it, and take all pictures."""
    page = open_notebook(browser, server, GALLERY, viewport=WIDE, device_scale_factor=1.5)
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    page.set_default_timeout(RUNS_WITHIN)
    run_all(page)
    page.wait_for_function("(n) => document.querySelectorAll('.diffkit[role=group]').length === n", arg=COUNT)
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    labels = explorer_names(page)
    twins(server.root / GALLERY, labels, out)
    labels = [label for label in labels if only.lower() in label.lower()]
    for label in labels:
        first_move(page, label)
        shoot(page, label, out / f"{file_name(label)}-light.png")
        more_moves(page, label)
    set_theme(page, "JupyterLab Dark")
    for label in labels:
        shoot(page, label, out / f"{file_name(label)}-dark.png")
    page.set_viewport_size(NARROW)
    set_theme(page, "JupyterLab Light")
    for label in labels:
        shoot(page, label, out / f"{file_name(label)}-narrow.png")


def main() -> None:
    parser = argparse.ArgumentParser(description="A picture of every explorer after a move, to look at.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "explorers", help="folder for the pictures")
    parser.add_argument("--only", default="", metavar="WORD", help="only explorers whose name holds this word")
    words = parser.parse_args()
    words.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root, home = Path(folder, "course"), Path(folder, "jupyter")
        home.mkdir()
        shutil.copytree(ROOT / "course", root / "course")
        (root / "notebooks").mkdir()
        shutil.copy(ROOT / GALLERY, root / GALLERY)
        config = f"--config={root}/course/jupyter_lab_config.py"
        with lab_server(root, home, config, "--ServerApp.open_browser=False") as server, open_browser() as browser:
            visit(browser, server, words.out, words.only)
    print(f"{len(list(words.out.glob('*.png')))} pictures are in {words.out}")


if __name__ == "__main__":
    main()
