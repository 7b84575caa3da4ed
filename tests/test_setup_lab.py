"""JupyterLab with the course's settings: it opens on the notebooks, and nbgrader's Validate button works."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import pytest

from grader.build.__main__ import main as build_command
from tests.house_files import ROOT
from tests.small_lesson import NAME, TEXT, course

STARTING = 60.0  # seconds; far above the three it takes, so that a busy machine does not fail the test
NOTEBOOK = f"notebooks/{NAME}/{NAME[3:]}.ipynb"
# The real `check` is tested elsewhere; nbgrader reads a number as points, and an exception as none.
CHECK = "def check(name, f):\n    assert f(2.0) == 4.0, 'f(2) should be 4'\n"


@dataclass(frozen=True)
class Server:
    """A running JupyterLab and the course it serves."""

    url: str
    token: str
    root: Path

    def get(self, path: str, data: dict[str, str] | None = None) -> tuple[int, str]:
        """Status and body of an answer; with data, of a POST."""
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        body = json.dumps(data).encode() if data else None
        request = urllib.request.Request(self.url + path, data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=STARTING) as answer:
            return answer.status, answer.read().decode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    root = course(
        tmp_path_factory.mktemp("lab") / "the course",
        TEXT.replace("import math\n", f"import math\n\n{CHECK}"),
    )
    copytree(ROOT / "course", root / "course")
    assert build_command(["--root", str(root)]) == 0
    token, port = secrets.token_hex(16), _free_port()
    words = [f"--IdentityProvider.token={token}", f"--port={port}", "--ServerApp.open_browser=False"]
    command = [sys.executable, "-m", "jupyterlab", f"--config={root}/course/jupyter_lab_config.py", *words]
    # A home of its own: the test must not read or change the settings of whoever runs it.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")} | {"HOME": str(home)}
    log = home / "log.txt"
    with log.open("w") as stream:
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=stream, stderr=stream)
        try:
            running = Server(f"http://127.0.0.1:{port}", token, root)
            _wait_for(running, process, log)
            yield running
        finally:
            process.terminate()
            process.wait(timeout=STARTING)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTING
    while time.monotonic() < end and process.poll() is None:
        try:
            server.get("/api")
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")


def test_the_lab_opens_on_the_notebooks(server: Server) -> None:
    status, page = server.get("/lab/tree/notebooks")
    assert status == 200
    assert '"preferredPath": "notebooks"' in page


def test_widgets_are_saved_with_the_notebook(server: Server) -> None:
    _, answer = server.get("/lab/api/settings/@jupyter-widgets/jupyterlab-manager:plugin")
    assert json.loads(answer)["schema"]["properties"]["saveState"]["default"] is True


def test_no_news_pop_up_and_no_call_home(server: Server) -> None:
    _, answer = server.get("/lab/api/settings/@jupyterlab/apputils-extension:notification")
    settings = json.loads(answer)["schema"]["properties"]
    assert settings["fetchNews"]["default"] == "false"
    assert settings["checkForUpdates"]["default"] is False
    assert '"news": {"disabled": true}' in server.get("/lab")[1]


def test_nbgraders_buttons_are_in_the_lab(server: Server) -> None:
    _, page = server.get("/lab")
    config = json.loads(
        page.split('<script id="jupyter-config-data" type="application/json">')[1].split("</script>")[0]
    )
    extensions = {extension["name"] for extension in config["federated_extensions"]}
    assert {"@jupyter/nbgrader", "@jupyter-widgets/jupyterlab-manager", "anywidget"} <= extensions
    assert not [name for name in config.get("disabledExtensions", []) if "nbgrader" in name]


def test_validate_names_what_is_not_answered_yet(server: Server) -> None:
    _, answer = server.get("/assignments/validate", {"path": NOTEBOOK})
    result = json.loads(answer)
    assert result["success"], result
    failed = {cell["source"]: cell["raw_error"] for cell in result["value"]["failed"]}
    assert "twice: your turn" in failed['check("small.twice", twice)']


def test_validate_accepts_a_right_answer(server: Server) -> None:
    solved = (server.root / NOTEBOOK).with_name("solved.ipynb")
    text = (server.root / NOTEBOOK).read_text(encoding="utf-8")
    stub = r"raise NotImplementedError(\"twice: your turn\")"
    assert stub in text
    text = text.replace(stub, "return 2 * x").replace("*Write your answer here.*", "By adding.")
    solved.write_text(text, encoding="utf-8")
    _, answer = server.get("/assignments/validate", {"path": solved.relative_to(server.root).as_posix()})
    assert json.loads(answer) == {"success": True, "value": {}}


def test_the_formgrader_finds_the_course(server: Server) -> None:
    status, page = server.get("/formgrader")
    assert status == 200
    assert "not a subdirectory" not in page
    _, answer = server.get("/formgrader/api/assignments")
    assert [assignment["name"] for assignment in json.loads(answer)] == [NAME]


def test_the_assignment_list_is_alive(server: Server) -> None:
    _, answer = server.get("/assignments?course_id=diffkit")
    assert json.loads(answer)["success"] is True, answer
