"""A course folder with grades in its gradebook and records behind them, made without judging anything."""

import datetime
from pathlib import Path
from shutil import copy

from nbgrader.api import Gradebook

from grader.graded import Graded
from grader.judge import Record, Score
from grader.people import Person, remember
from grader.records import Records
from tests.house_files import ROOT

FIRST, SECOND = "02_forward_process", "05_ddpm"
FORMULA = '=HYPERLINK("http://evil.example","x")'
PEOPLE = [
    Person("ada", "Ada", "Lovelace", "ada@example.org", "S1", "ada", "Group 1, early", "101", "9001"),
    Person("bob", "Bob", FORMULA, "bob@example.org", moodle="9002"),
    Person("cyd", "Çağla", 'O"Hara; the 2nd', "cyd@example.org"),
    Person("dot"),  # hands nothing in
]
DUE = datetime.datetime(2026, 3, 1, 12)


def graded_course(folder: Path) -> Path:
    """ada has all points; bob was late, has some, and waits for a person; cyd was graded without the judge."""
    folder.mkdir(parents=True, exist_ok=True)
    copy(ROOT / "nbgrader_config.py", folder)
    remember(folder, PEOPLE)
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as book:
        for p in PEOPLE:
            book.add_student(p.id, first_name=p.first, last_name=p.last, email=p.email)
        for lesson in (FIRST, SECOND):
            book.add_assignment(lesson, duedate=DUE)
            book.add_notebook(lesson[3:], lesson)
            book.add_grade_cell("a-step", lesson[3:], lesson, max_score=4, cell_type="code")
            book.add_grade_cell("why", lesson[3:], lesson, max_score=2.5, cell_type="markdown")
            book.add_solution_cell("why", lesson[3:], lesson)
        _hand_in(book, folder, "ada", FIRST, 4.0, 2.5, 0.0)
        _hand_in(book, folder, "bob", FIRST, 1.25, None, 0.5)
        _hand_in(book, folder, "ada", SECOND, 3.333333, 0.0, 0.0)
        _hand_in(book, folder, "cyd", SECOND, 4.0, 2.0, 0.0, judged=False)
    return folder


def _hand_in(
    book: Gradebook,
    folder: Path,
    student: str,
    lesson: str,
    points: float,
    written: float | None,
    penalty: float,
    judged: bool = True,
) -> None:
    book.add_submission(lesson, student, timestamp=DUE + datetime.timedelta(days=bool(penalty)))
    notebook = book.find_submission_notebook(lesson[3:], lesson, student)
    notebook.late_submission_penalty = penalty
    for g in notebook.grades:
        if g.name == "why":
            g.manual_score, g.needs_manual_grade = written, written is None
        else:
            g.auto_score, g.needs_manual_grade = points, False
    book.db.commit()
    if judged:
        said = "right" if points == 4 else "=swapped\nsecond line"
        text = f"**a.step**: {points:g} of 4 points\n- ✗ values ($x<y$)"
        record = Record(scores={"a-step": Score("a.step", points, 4.0, said, text)})
        Records(folder).put(f"{student}-{lesson}", record)
        Graded(folder, lesson).put(student, record.key)
