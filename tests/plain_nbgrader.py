"""A course in which plain nbgrader works with our settings, and a server with its formgrader, for tests."""

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import nbformat
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderApp

from grader.collect.received import Received, remember
from grader.demo.classroom import course, notebook
from tests.attacks.arena import ROOT, compact
from tests.attacks.attack import LESSON
from tests.server_address import wait_for_url

DUE, LATE, LIE = "2026-03-01 12:00:00 UTC", "2026-03-02 18:00:00 UTC", "2026-02-01 12:00:00 UTC"
WRITTEN = "forward-why_shrink"
SCRIPT = "<script>alert(1)</script> $\\href{javascript:alert(1)}{x}$"


def nbgrader(folder: Path, *arguments: str) -> None:
    """`nbgrader ARGUMENTS`, run in the course folder.  Raises SystemExit if it fails."""
    with contextlib.chdir(folder):
        try:
            NbGraderApp.launch_instance(list(arguments))
        finally:
            for app in (NbGraderApp.instance().subapp, NbGraderApp):
                if app:
                    app.clear_instance()


def graded_course(folder: Path) -> None:
    """Make a course where `nbgrader autograde` has been: ann is late and Moodle says so, bob says that he was not."""
    course(ROOT, folder, LESSON)
    copytree(ROOT / "course", folder / "course", dirs_exist_ok=True)
    with (folder / "nbgrader_config.py").open("a") as file:
        file.write("\nc.DailyPenalty.percent_per_day = 10.0\nc.TrustedTime.trust_timestamp = False\n")
    nbgrader(folder, "generate_assignment", LESSON, "--force")
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as book:
        book.update_or_create_assignment(LESSON, duedate=datetime.fromisoformat(DUE.removesuffix(" UTC")))
    solved = compact(notebook(folder, "solutions", LESSON))
    for cell in solved.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == WRITTEN:
            cell.source = f"Because it vanishes, $\\beta_t < 1$. {SCRIPT} ![far](https://far.invalid/a.png)"
    for student, stamp in {"ann": LATE, "bob": LIE}.items():
        place = folder / "submitted" / student / LESSON
        place.mkdir(parents=True)
        nbformat.write(solved, place / "forward_process.ipynb")
        (place / "timestamp.txt").write_text(f"{stamp}\n")
    remember(folder, LESSON, "ann", Received("Moodle", "download.zip", LATE))
    nbgrader(folder, "autograde", LESSON)


@dataclass(frozen=True)
class Formgrader:
    """A running Jupyter server with nbgrader's extensions.  Calling it asks `/formgrader/PATH`."""

    url: str
    token: str = "key"

    def __call__(self, path: str, method: str = "GET", body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/formgrader/{path}", data, method=method)
        request.add_header("Authorization", f"token {self.token}")
        with urllib.request.urlopen(request, timeout=120) as answer:
            text = answer.read().decode()
            return json.loads(text) if "json" in answer.headers["Content-Type"] or path.startswith("api/") else text


@contextlib.contextmanager
def server(folder: Path, runtime: Path) -> Iterator[Formgrader]:
    """The formgrader of a course folder."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    places = {name: str(runtime) for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
    environment = {**os.environ, **places, "PYTHONPATH": str(ROOT), "PATH": path}
    command = [
        sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--port=0",
        f"--ServerApp.root_dir={folder}", "--IdentityProvider.token=key",
        "--ServerApp.jpserver_extensions={'nbgrader.server_extensions.formgrader': True}",
    ]  # fmt: skip
    with (runtime / "log").open("w") as log:
        running = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield Formgrader(wait_for_url(running, runtime, runtime / "log"))
    finally:
        running.terminate()
        running.wait(20)
