"""With our settings nbgrader stays nbgrader: its commands, its formgrader, manual grades, late penalties, export."""

import contextlib
import csv
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderApp

from grader.collect.received import Received, remember
from grader.demo.classroom import course, notebook
from grader.handed_in import handed_in as times
from grader.handed_in import says
from grader.late import DailyPenalty
from tests.attacks.arena import ROOT, compact
from tests.attacks.attack import LESSON
from tests.attacks.page import active
from tests.sandbox_helpers import needs_bubblewrap

# The warnings are of nbgrader's libraries.
pytestmark = [needs_bubblewrap, pytest.mark.filterwarnings("ignore")]
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


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A course where `nbgrader autograde` has been: ann is late and Moodle says so, bob says that he was not."""
    folder = tmp_path_factory.mktemp("plain")
    course(ROOT, folder, LESSON)
    with (folder / "nbgrader_config.py").open("a") as file:
        file.write("\nc.DailyPenalty.percent_per_day = 10.0\nc.TrustedTime.trust_timestamp = False\n")
    nbgrader(folder, "generate_assignment", LESSON, "--force")
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as book:
        book.update_or_create_assignment(LESSON, duedate=datetime.fromisoformat(DUE.removesuffix(" UTC")))
    solved = compact(notebook(folder, "solutions", LESSON))
    for cell in solved.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == WRITTEN:
            cell.source = f"Because it vanishes. {SCRIPT}"
    for student, stamp in {"ann": LATE, "bob": LIE}.items():
        place = folder / "submitted" / student / LESSON
        place.mkdir(parents=True)
        nbformat.write(solved, place / "forward_process.ipynb")
        (place / "timestamp.txt").write_text(f"{stamp}\n")
    remember(folder, LESSON, "ann", Received("Moodle", "download.zip", LATE))
    nbgrader(folder, "autograde", LESSON)
    return folder


def submission(folder: Path, student: str) -> dict[str, Any]:
    """What the gradebook says of a submission."""
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as book:
        found = book.find_submission(LESSON, student)
        auto = sum(g.auto_score or 0 for n in found.notebooks for g in n.grades)
        return {"auto": auto, "score": found.score, "late": found.late_submission_penalty, "time": found.timestamp}


def test_autograde_judges_and_takes_off_for_lateness(graded: Path) -> None:
    ann = submission(graded, "ann")
    assert ann["auto"] == 44
    assert ann["late"] == pytest.approx(0.2 * 44)  # two days have begun
    assert ann["time"] == datetime.fromisoformat(LATE.removesuffix(" UTC"))


def test_a_time_that_a_student_wrote_is_not_believed_where_the_settings_say_so(graded: Path) -> None:
    assert submission(graded, "bob")["time"] is None
    assert "1 from the platform, 1 from timestamp.txt, not believed" in times(graded, LESSON, ["ann", "bob"])


def test_who_says_when_it_was_handed_in(graded: Path, tmp_path: Path) -> None:
    assert says(graded, LESSON, "ann", trust=True) == "the platform"
    assert says(graded, LESSON, "bob", trust=True) == "timestamp.txt"
    assert says(graded, LESSON, "nobody", trust=True) == "nobody"
    place = tmp_path / "submitted" / "ann" / LESSON
    place.mkdir(parents=True)
    (place / "timestamp.txt").write_text(LIE)  # changed after it was collected
    remember(tmp_path, LESSON, "ann", Received("Moodle", "download.zip", LATE))
    assert says(tmp_path, LESSON, "ann", trust=False) == "timestamp.txt, not believed"


@pytest.mark.parametrize(
    ("late", "settings", "penalty"),
    [
        (1, {}, None),
        (1, {"percent_per_day": 10}, 4.0),
        (86_401, {"percent_per_day": 10}, 8.0),
        (3600, {"percent_per_day": 10, "grace_minutes": 60}, None),
        (10**7, {"percent_per_day": 10}, 40.0),
        (10**7, {"percent_per_day": 10, "most_percent": 50}, 20.0),
    ],
)
def test_a_penalty_is_a_share_for_each_day_begun(
    late: float, settings: dict[str, float], penalty: float | None
) -> None:
    assert DailyPenalty(**settings).late_submission_penalty("ann", 40.0, late) == penalty


@contextlib.contextmanager
def server(folder: Path, runtime: Path) -> Iterator[Any]:
    """A Jupyter server with nbgrader's extensions in the course folder; yields a function that asks it."""
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
        while not (found := list(runtime.glob("jpserver-*.json"))) and running.poll() is None:
            time.sleep(0.1)
        assert running.poll() is None, (runtime / "log").read_text()[-3000:]
        url = json.loads(found[0].read_text())["url"].rstrip("/")

        def ask(path: str, method: str = "GET", body: object = None) -> Any:
            data = None if body is None else json.dumps(body).encode()
            request = urllib.request.Request(f"{url}/formgrader/{path}", data, method=method)
            request.add_header("Authorization", "token key")
            with urllib.request.urlopen(request, timeout=120) as answer:
                text = answer.read().decode()
                return json.loads(text) if "json" in answer.headers["Content-Type"] or path.startswith("api/") else text

        yield ask
    finally:
        running.terminate()
        running.wait(20)


def test_the_formgrader_shows_grades_and_takes_manual_ones(graded: Path, tmp_path: Path) -> None:
    with server(graded, tmp_path) as ask:
        (lesson,) = [a for a in ask("api/assignments") if a["name"] == LESSON]
        assert (lesson["num_submissions"], lesson["max_code_score"]) == (2, 44)
        notebooks = {n["student"]: n for n in ask(f"api/submitted_notebooks/{LESSON}/forward_process")}
        assert notebooks["ann"]["code_score"] == 44
        assert notebooks["ann"]["needs_manual_grade"]

        shown = ask(f"submissions/{notebooks['ann']['id']}/")
        assert "Because it vanishes." in shown
        assert "<script>alert(1)" not in shown
        assert "javascript:alert" not in shown
        assert LESSON in ask(f"gradebook/{LESSON}")

        grades = ask(f"api/grades?submission_id={notebooks['ann']['id']}")
        (mine,) = [g for g in grades if g["name"] == WRITTEN]
        assert mine["needs_manual_grade"]
        assert ask(f"api/grade/{mine['id']}", "PUT", {"manual_score": 5, "extra_credit": 0})["manual_score"] == 5
        comments = ask(f"api/comments?submission_id={notebooks['ann']['id']}")
        (place,) = [c for c in comments if c["name"] == WRITTEN]
        ask(f"api/comment/{place['id']}", "PUT", {"manual_comment": "Well said, but $x^2$?"})

        done = ask(f"api/submission/{LESSON}/bob/autograde", "POST", {})
        assert done["success"], done
    assert submission(graded, "ann")["score"] == 49
    assert submission(graded, "bob")["score"] == 44


def test_feedback_has_the_marks_of_person_and_judge_and_the_penalty(graded: Path) -> None:
    nbgrader(graded, "generate_feedback", LESSON, "--force")
    page = (graded / "feedback" / "ann" / LESSON / "forward_process.html").read_text(encoding="utf-8")
    assert "40.2 of 50 points" in page
    assert "handed in late</td><td>-8.8" in page
    assert "5 of 6" in page
    assert "Well said, but <math" in page
    assert not [kind for kind in active(page) if kind not in ("<meta>", "<style>")]


def test_export_writes_quoted_grades(graded: Path, tmp_path: Path) -> None:
    nbgrader(graded, "export", "--to", str(tmp_path / "grades.csv"))
    with (tmp_path / "grades.csv").open(newline="") as file:
        found = {row["student"]: row for row in csv.DictReader(file)}
    assert (found["ann"]["score"], found["ann"]["penalty"], found["ann"]["of"]) == ("40.2", "8.8", "50")
    assert (found["bob"]["score"], found["bob"]["waits"], found["bob"]["forward.q_step"]) == ("44", "yes", "4")
