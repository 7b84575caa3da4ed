"""With our settings nbgrader stays nbgrader: its commands, its formgrader, manual grades, late penalties, export."""

import csv
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook

from grader.collect.received import Received, remember
from grader.handed_in import handed_in as times
from grader.handed_in import says
from grader.late import DailyPenalty
from tests.attacks.attack import LESSON
from tests.attacks.page import active
from tests.browser.lab import browser_path, open_browser
from tests.plain_nbgrader import LATE, LIE, WRITTEN, Formgrader, graded_course, nbgrader, server
from tests.sandbox_helpers import needs_bubblewrap

# The warnings are of nbgrader's libraries.
pytestmark = [needs_bubblewrap, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain")
    graded_course(folder)
    return folder


@pytest.fixture(scope="module")
def formgrader(graded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Formgrader]:
    with server(graded, tmp_path_factory.mktemp("runtime")) as ask:
        yield ask


@pytest.fixture(scope="module")
def ann(formgrader: Formgrader) -> dict[str, Any]:
    """What the formgrader says of ann's notebook, before anybody has given marks."""
    notebooks = formgrader(f"api/submitted_notebooks/{LESSON}/forward_process")
    return next(n for n in notebooks if n["student"] == "ann")


@pytest.fixture(scope="module")
def marked(formgrader: Formgrader, ann: dict[str, Any]) -> dict[str, Any]:
    """A person has marked ann's written answer in the formgrader.  The grade, as it was before and as it is then."""
    (mine,) = [g for g in formgrader(f"api/grades?submission_id={ann['id']}") if g["name"] == WRITTEN]
    after = formgrader(f"api/grade/{mine['id']}", "PUT", {"manual_score": 5, "extra_credit": 0})
    (place,) = [c for c in formgrader(f"api/comments?submission_id={ann['id']}") if c["name"] == WRITTEN]
    formgrader(f"api/comment/{place['id']}", "PUT", {"manual_comment": "Well said, but $x^2$?"})
    return {"before": mine, "after": after}


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


def test_the_formgrader_shows_grades(formgrader: Formgrader, ann: dict[str, Any]) -> None:
    (lesson,) = [a for a in formgrader("api/assignments") if a["name"] == LESSON]
    assert (lesson["num_submissions"], lesson["max_code_score"]) == (2, 44)
    assert ann["code_score"] == 44
    assert LESSON in formgrader(f"gradebook/{LESSON}")


def test_the_formgrader_shows_an_answer_with_formulas_and_without_what_could_run(
    formgrader: Formgrader, ann: dict[str, Any]
) -> None:
    shown = formgrader(f"submissions/{ann['id']}/")
    assert "Because it vanishes" in shown
    assert "<mi>β</mi>" in shown
    assert "<script>alert(1)" not in shown
    assert "javascript:alert" not in shown


def test_the_formgrader_takes_manual_grades(graded: Path, ann: dict[str, Any], marked: dict[str, Any]) -> None:
    assert ann["needs_manual_grade"]
    assert marked["before"]["needs_manual_grade"]
    assert marked["after"]["manual_score"] == 5
    assert submission(graded, "ann")["score"] == 49


def test_the_formgraders_button_grades_anew(graded: Path, formgrader: Formgrader) -> None:
    done = formgrader(f"api/submission/{LESSON}/bob/autograde", "POST", {})
    assert done["success"], done
    assert submission(graded, "bob")["score"] == 44


PAGES = ("", "manage_submissions/{0}", "gradebook", "gradebook/{0}", "gradebook/{0}/forward_process",
         "manage_students", "manage_students/ann", "manage_students/ann/{0}", "submissions/{1}/")  # fmt: skip


def _noting(seen: list[str]) -> Callable[[Any], None]:
    return lambda request: seen.append(request.url)


def test_the_formgrader_works_without_a_network(formgrader: Formgrader, ann: dict[str, Any]) -> None:
    if find_spec("playwright") is None or browser_path() is None:
        pytest.skip("needs playwright and a Chromium on the PATH")
    asked: list[str] = []
    with open_browser() as browser:
        page = browser.new_page()
        page.on("request", _noting(asked))
        for path in (place.format(LESSON, ann["id"]) for place in PAGES):
            before = len(asked)
            page.goto(f"{formgrader.url}/formgrader/{path}?token={formgrader.token}", wait_until="networkidle")
            assert len(asked) > before + 5, path  # the page was there, with its scripts
        drawn = page.eval_on_selector_all(
            "math", "(all) => all.filter((m) => m.getBoundingClientRect().width > 5).length"
        )
    assert [url for url in asked if not url.startswith((formgrader.url, "data:", "blob:"))] == []
    assert drawn >= 1


def test_feedback_has_the_marks_of_person_and_judge_and_the_penalty(graded: Path, marked: object) -> None:
    nbgrader(graded, "generate_feedback", LESSON, "--force")
    page = (graded / "feedback" / "ann" / LESSON / "forward_process.html").read_text(encoding="utf-8")
    assert "40.2 of 50 points" in page
    assert "handed in late</td><td>-8.8" in page
    assert "5 of 6" in page
    assert "Well said, but <math" in page
    assert not [kind for kind in active(page) if kind not in ("<meta>", "<style>")]


def test_export_writes_quoted_grades(graded: Path, marked: object, tmp_path: Path) -> None:
    nbgrader(graded, "export", "--to", str(tmp_path / "grades.csv"))
    with (tmp_path / "grades.csv").open(newline="") as file:
        found = {row["student"]: row for row in csv.DictReader(file)}
    assert (found["ann"]["score"], found["ann"]["penalty"], found["ann"]["of"]) == ("40.2", "8.8", "50")
    assert (found["bob"]["score"], found["bob"]["waits"], found["bob"]["forward.q_step"]) == ("44", "yes", "4")
