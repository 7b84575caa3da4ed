"""`make app`: the explorers as a page without code."""

import os
import socket
import subprocess
import sys
import time
from importlib.util import find_spec

import nbformat
import pytest

from grader.build.colab import with_colab
from tests.browser import gallery
from tests.browser.lab import REPOSITORY, write_notebook
from tests.browser.probes import CONTRAST

pytestmark = pytest.mark.browser

STARTS_WITHIN = 120  # seconds
FORWARD = "Forward process explorer"


@pytest.fixture(scope="module")
def address(lab, tmp_path_factory):
    """Where the page is served; `lab` only says whether there is a browser."""
    if find_spec("voila") is None:
        pytest.skip("needs voila: pip install -c constraints.txt -e '.[app]'")
    folder = tmp_path_factory.mktemp("app")
    imports = "from diffkit import explorers\n"
    notebook = write_notebook(folder / "page.ipynb", f"{imports}explorers.dag_editor()", "explorers.forward_process()")
    nbformat.write(with_colab(nbformat.read(notebook, as_version=4), "notebooks/page.ipynb", ""), notebook)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [str(notebook), f"--port={port}", "--no-browser"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "JUPYTER_RUNTIME_DIR": str(folder / "runtime")}
    with (folder / "log").open("w") as log:
        command = [sys.executable, str(REPOSITORY / "course" / "app.py"), *options]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        end = time.monotonic() + STARTS_WITHIN
        while process.poll() is None and time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/"
    finally:
        os.killpg(process.pid, 15)  # the app, and the server that it has started
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def asked():
    return []


@pytest.fixture(scope="module")
def page(lab, address, asked):
    page = lab.browser.new_page(viewport={"width": 1200, "height": 900})
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address, timeout=1000 * STARTS_WITHIN)
    page.wait_for_function("() => document.querySelectorAll('.diffkit[role=group]').length === 2", timeout=60_000)
    return page


def test_the_page_shows_explorers_and_no_code(page):
    assert gallery.explorer_names(page) == ["Graph editor", FORWARD]
    assert "import" not in page.inner_text("body")
    assert "Colab" not in page.inner_text("body")
    assert page.evaluate(CONTRAST)["lowest"] >= 4.5


def test_an_arrow_key_moves_a_slider_and_a_button_reaches_python(page):
    before = page.evaluate(gallery.STATE, FORWARD)
    page.focus(f'.diffkit[aria-label="{FORWARD}"] input')
    page.keyboard.press("ArrowRight")
    moved = page.evaluate(gallery.STATE, FORWARD)
    assert moved != before
    page.focus(f'.diffkit[aria-label="{FORWARD}"] button')
    page.keyboard.press("Enter")
    page.wait_for_function(f"([name, before]) => ({gallery.STATE})(name).split('data:image')[2] !== before",
                           arg=[FORWARD, moved.split("data:image")[2]])  # fmt: skip


def test_nothing_comes_from_elsewhere(page, address, asked):
    assert page.url == address
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
