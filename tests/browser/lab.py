"""A real JupyterLab in a real browser, for tests and benchmarks.

`lab_server` starts JupyterLab on a free port with its own settings, so that nothing of the user's enters;
`open_browser` starts Chromium; `open_notebook` and `run_all` do what their names say.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from tests.server_address import wait_for_url

if TYPE_CHECKING:  # without playwright the tests skip, so this file must still load
    from playwright.sync_api import Browser, Page

REPOSITORY = Path(__file__).resolve().parents[2]
BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OPEN_MILLISECONDS, ACTION_MILLISECONDS = 60_000, 15_000
USER_SETTINGS = {  # no question about news, no backup saves in the middle of a test
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}


def browser_path() -> str | None:
    """Where the system's Chromium is, or None."""
    return next(filter(None, map(shutil.which, BROWSER_NAMES)), None)


@dataclass(frozen=True)
class LabServer:
    """A running JupyterLab that shows the files under root."""

    root: Path
    url: str
    token: str

    def address(self, notebook: Path) -> str:
        """The URL that opens a notebook, given relative to root, alone in a fresh workspace."""
        return f"{self.url}/lab/workspaces/{secrets.token_hex(4)}/tree/{notebook.as_posix()}?token={self.token}"


@contextmanager
def lab_server(root: Path, home: Path, *options: str) -> Iterator[LabServer]:
    """JupyterLab on the files under root; `home` keeps its settings and log.  options: more command line."""
    token = secrets.token_hex(16)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.port=0"),
        *(
            f"--ServerApp.root_dir={root}",
            f"--IdentityProvider.token={token}",
            "--LabApp.expose_app_in_browser=True",
        ),
        *options,
    ]
    with (home / "lab.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=root, env=_environment(home), stdout=log, stderr=subprocess.STDOUT)
    try:
        yield LabServer(root, wait_for_url(process, home / "runtime", home / "lab.log"), token)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _environment(home: Path) -> dict[str, str]:
    """Our own interpreter first, one thread per kernel, and every Jupyter folder inside home."""
    settings = home / "user-settings"
    for name, value in USER_SETTINGS.items():
        file = settings / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value), encoding="utf-8")
    ours = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")])),
        "OMP_NUM_THREADS": "1",
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
    }
    return {**os.environ, **ours}


@contextmanager
def open_browser() -> Iterator["Browser"]:
    """Headless Chromium with a fresh profile."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=list(FLAGS), headless=True)
        try:
            yield browser
        finally:
            browser.close()


def open_notebook(browser: "Browser", server: LabServer, notebook: Path, **page_options: Any) -> "Page":
    """A page with this notebook open and its kernel ready.  notebook: relative to the server's root."""
    page = browser.new_page(**{"viewport": {"width": 1400, "height": 1000}, **page_options})
    page.set_default_timeout(OPEN_MILLISECONDS)
    page.goto(server.address(notebook))
    page.wait_for_function(
        """() => {
            const panel = window.jupyterapp?.shell?.currentWidget;
            return panel?.context?.isReady && panel.sessionContext?.session?.kernel?.status === "idle";
        }"""
    )
    page.set_default_timeout(ACTION_MILLISECONDS)
    return page


def run_all(page: "Page") -> None:
    """Run every cell and wait for the last one."""
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")


def write_notebook(path: Path, *cells: str) -> Path:
    """A notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path
