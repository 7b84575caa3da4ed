"""Entering a submission in a class's run leaves the gradebook and the notebooks that nbgrader itself would leave."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from grader.config import load_config
from grader.converting import Entry, run
from grader.demo.classroom import FIRST as LESSON
from grader.demo.classroom import course, hand_in, students
from grader.entry import enter, in_short
from grader.executors import job_of
from grader.intake import submissions
from grader.judge import Record, Score
from grader.plugin import RECORDS, REPAIRS, Judge
from grader.records import Records
from grader.run import prepare
from grader.warm import warm
from tests.gradebook_file import gradebook_file
from tests.house_files import ROOT

pytestmark = pytest.mark.filterwarnings("ignore")  # of nbgrader's libraries
NAMES = ("perfect", "blank", "deletes_a_test_by_mistake", "duplicates_a_cell", "wrong_q_sample_7")
# Of what the tables hold, all but the ids, which are drawn, and in the order in which it was written.
TABLES = {
    "student": "SELECT id, first_name, last_name, email, lms_user_id FROM student",
    "submission": "SELECT student_id, timestamp, extension FROM submitted_assignment",
    "notebook": """SELECT s.student_id, n.flagged, n.late_submission_penalty FROM submitted_notebook n
        JOIN submitted_assignment s ON s.id = n.assignment_id""",
    "grade": """SELECT s.student_id, b.name, x.auto_score, x.manual_score, x.extra_credit, x.needs_manual_grade
        FROM grade x JOIN submitted_notebook n ON n.id = x.notebook_id
        JOIN submitted_assignment s ON s.id = n.assignment_id JOIN base_cell b ON b.id = x.cell_id ORDER BY x.rowid""",
    "comment": """SELECT s.student_id, b.name, x.auto_comment, x.manual_comment
        FROM comment x JOIN submitted_notebook n ON n.id = x.notebook_id
        JOIN submitted_assignment s ON s.id = n.assignment_id JOIN base_cell b ON b.id = x.cell_id ORDER BY x.rowid""",
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class that is judged, with made-up verdicts, and not entered.  Some are late; one has a file beside."""
    folder = tmp_path_factory.mktemp("judged")
    course(ROOT, folder, LESSON)
    hand_in(folder, LESSON, [s for s in students(folder, LESSON) if s.name in NAMES])
    (folder / "solutions" / LESSON / "table.csv").write_text("1,2\n")
    for name, day in (("perfect", 3), ("blank", 6)):
        (folder / "submitted" / name / LESSON / "timestamp.txt").write_text(f"2030-01-0{day} 10:00:00 UTC")
    (folder / "submitted" / "perfect" / LESSON / "own.txt").write_text("mine")
    with (folder / "nbgrader_config.py").open("a") as config:
        config.write("\nc.DailyPenalty.percent_per_day = 10.0\n")
    prepare(folder, LESSON)
    with Gradebook(f"sqlite:///{folder}/gradebook.db", "diffkit") as gradebook:
        gradebook.update_or_create_assignment(LESSON, duedate="2030-01-04 12:00:00")
    settings = settings_of(folder)
    for number, s in enumerate(submissions(folder, LESSON)):
        job = job_of(folder, LESSON, s, settings)
        Records(folder).put(job.name, verdicts(job.cells, number))
    return folder


def verdicts(cells: Any, number: int) -> Record:
    """Every kind of output and of score, with signs that JSON has to mind."""
    record = Record(notes=["cell 3 stopped"])
    for place, cell in enumerate(cells):
        if cell.grade is None:
            outputs: list[dict[str, Any]] = [
                {"output_type": "stream", "name": "stdout", "text": 'a "b"\\\n\u2028\U0001f600\tend\x07'},
                {
                    "output_type": "display_data",
                    "data": {"text/plain": ["x\n", "y"], "a/b": {"k": [1, 2.5]}},
                    "metadata": {},
                },
                {"output_type": "error", "ename": "E", "evalue": "", "traceback": ["line\n"] * 150},
            ]
            record.outputs[cell.index] = outputs[: place % 4]
        elif (place + number) % 5:  # the others were not decided
            points = cell.grade.points * ((len(record.scores) + number) % 3) / 2
            broken = "Traceback" if len(record.scores) == 4 else ""
            said = f"**{cell.grade.name}**: {points:g}\n- ✗ $x<y$"
            record.scores[cell.grade.name] = Score(cell.grade.name, points, cell.grade.points, "said", said, broken)
    for cell in cells:  # in the notebook each of them has a verdict
        if cell.grade and cell.grade.name not in record.scores:
            record.scores[cell.grade.name] = Score(cell.grade.name, 0.0, cell.grade.points, "none", "none")
    return record


def settings_of(folder: Path, **more: Any) -> Config:
    return load_config(folder, CourseDirectory={"root": str(folder), "assignment_id": LESSON}, **more)


def by_nbgrader(folder: Path, settings: Config) -> None:
    """As `nbgrader autograde` does."""
    run(Autograde(coursedir=CourseDirectory(config=settings), config=settings, force=True))


def one_by_one(folder: Path, settings: Config) -> None:
    """As `grader grade` does."""
    with warm():
        rows = [enter(folder, settings, LESSON, s, False) for s in submissions(folder, LESSON)]
    assert [r.problem for r in rows] == [""] * len(NAMES)


def left(folder: Path) -> dict[str, Any]:
    """All that autograding leaves: rows by table, and bytes and rights by file."""
    with gradebook_file(folder) as db:
        found: dict[str, Any] = {name: db.execute(question).fetchall() for name, question in TABLES.items()}
    for path in sorted((folder / "autograded").rglob("*")):
        content = path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(folder))] = (path.stat().st_mode, content)
    return found


def marked(folder: Path) -> None:
    """A person gives marks, and moves the due date, so that one more is late."""
    with gradebook_file(folder) as db:
        db.execute("UPDATE grade SET manual_score = 1.5, extra_credit = 0.5 WHERE rowid % 7 = 3")
        db.execute("UPDATE comment SET manual_comment = 'seen' WHERE rowid % 5 = 2")
        db.execute("UPDATE submitted_notebook SET flagged = 1 WHERE rowid % 2 = 1")
        db.execute("UPDATE assignment SET duedate = '2030-01-02 12:00:00.000000'")


@pytest.mark.parametrize("more", [
    {},
    {"Autograde": {"sanitize_preprocessors": ["grader.plugin.Restore", "nbgrader.preprocessors.CheckCellMetadata"]}},
    {"TrustedTime": {"trust_timestamp": False}},
], ids=["course settings", "another step", "times not believed"])  # fmt: skip
def test_a_class_is_entered_as_by_nbgrader(judged: Path, tmp_path: Path, more: dict[str, Any]) -> None:
    found: dict[Callable[[Path, Config], None], list[Any]] = {}
    for way in (by_nbgrader, one_by_one):
        folder = tmp_path / way.__name__
        shutil.copytree(judged, folder)
        (settings := settings_of(folder)).merge(Config(more))
        way(folder, settings)
        found[way] = [left(folder)]
        marked(folder)
        way(folder, settings)
        found[way].append(left(folder))
        assert len(list((folder / ".course/grader/records").iterdir())) == len(NAMES)  # nothing was judged again
    first, again = found[one_by_one]
    assert first == found[by_nbgrader][0]
    assert again == found[by_nbgrader][1]
    assert first["grade"] != again["grade"]
    assert len(first["student"]) == len(NAMES)
    late = [[row[2] for row in run["notebook"] if row[2]] for run in (first, again)]
    assert list(map(len, late)) == ([0, 0] if "TrustedTime" in more else [1, 2])


class Counting(Judge):
    """A step that somebody else wrote: what it has seen of one student is nothing to the next."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.seen = 0

    def preprocess(self, nb: Any, resources: Any) -> Any:
        self.seen += 1
        if self.seen > 1:
            raise RuntimeError("kept from the last student")
        return super().preprocess(nb, resources)


def test_only_the_course_s_own_steps_are_kept_from_student_to_student(judged: Path, tmp_path: Path) -> None:
    shutil.copytree(judged, tmp_path / "course")
    settings = settings_of(tmp_path / "course")
    steps = list(settings.Autograde.autograde_preprocessors)
    steps[steps.index("grader.plugin.Judge")] = f"{__name__}.Counting"
    settings.Autograde.autograde_preprocessors = steps
    one_by_one(tmp_path / "course", settings)


def test_a_damaged_output_is_refused_and_the_next_student_is_entered(judged: Path, tmp_path: Path) -> None:
    folder = tmp_path / "course"
    shutil.copytree(judged, folder)
    settings = settings_of(folder)
    first, second, *_ = submissions(folder, LESSON)
    job = job_of(folder, LESSON, first, settings)
    record = Records(folder).get(job.name)
    assert record is not None
    index = next(c.index for c in job.cells if c.grade is None)
    record.outputs[index] = [{"output_type": "spell"}]
    Records(folder).put(job.name, record)
    with warm():
        bad, good = (enter(folder, settings, LESSON, s, False) for s in (first, second))
    assert first.student not in RECORDS
    assert "spell" in bad.problem
    assert bad.points is None
    assert not (folder / "autograded" / first.student / LESSON).exists()
    assert good.problem == ""
    with gradebook_file(folder) as db:
        assert db.execute("SELECT id FROM student").fetchall() == [(second.student,)]


@pytest.mark.parametrize("way", [by_nbgrader, one_by_one])
def test_outputs_and_repairs_of_one_student_at_most_stay(
    judged: Path, tmp_path: Path, way: Callable[[Path, Config], None]
) -> None:
    shutil.copytree(judged, tmp_path / "course")
    way(tmp_path / "course", settings_of(tmp_path / "course"))
    most = 1 if way is by_nbgrader else 0
    assert (len(RECORDS), len(REPAIRS)) == (most, most)


def test_the_settings_are_those_of_autograde() -> None:
    settings = Config({"Autograde": {"create_student": False, "force": False}, "CourseDirectory": {"root": "/"}})
    assert Entry(settings).create_student is False


def test_a_row_holds_what_the_report_needs_and_a_class_shares_it() -> None:
    def record(markdown: str) -> Record:
        score = Score("a.step", 2.0, 4.0, "half", markdown)
        return Record({1: [{"text": "long"}]}, {"a-step": score}, ["a note"], 0.5, "key", {"a-step": "version"})

    one, two = in_short(record("first")), in_short(record("second"))
    assert one == Record({}, {"a-step": Score("a.step", 2.0, 4.0, "half", "")}, ["a note"], 0.5, "key", {})
    assert one.scores is two.scores
    other = in_short(replace(record("third"), scores={**record("").scores, "b-step": Score("b", 0.0, 1.0, "", "")}))
    assert other.scores["a-step"] is one.scores["a-step"]
