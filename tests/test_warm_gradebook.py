"""The gradebook, warm: other statements than nbgrader's, the same rows, and indexes that nbgrader does not mind."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook, InvalidEntry, MissingEntry
from sqlalchemy import create_engine, event

from grader.warm import one_transaction, warm
from grader.warm.indexes import INDEXES, add_indexes
from tests.gradebook_file import gradebook_file

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own use of its database
ROWS = """SELECT n.name, b.name, b.type FROM {0} x JOIN submitted_notebook s ON s.id = x.notebook_id
    JOIN notebook n ON n.id = s.notebook_id JOIN base_cell b ON b.id = x.cell_id ORDER BY x.rowid"""


def lesson(folder: Path) -> str:
    """A gradebook with a lesson of two notebooks that have cells of every kind, one after the other."""
    url = f"sqlite:///{folder / 'gradebook.db'}"
    with Gradebook(url) as book:
        book.add_assignment("lesson", duedate=datetime(2030, 1, 4))
        for notebook in ("zeta", "alpha", "empty"):
            book.add_notebook(notebook, "lesson")
            for cell in ("d", "b", "c") if notebook != "empty" else ():
                book.add_task_cell(f"task {cell}", notebook, "lesson", max_score=2, cell_type="markdown")
                book.add_solution_cell(f"answer {cell}", notebook, "lesson")
                book.add_grade_cell(f"grade {cell}", notebook, "lesson", max_score=1, cell_type="code")
    return url


def rows(folder: Path) -> dict[str, Any]:
    """What is in the database, without the ids."""
    with gradebook_file(folder) as db:
        found = {table: db.execute(ROWS.format(table)).fetchall() for table in ("grade", "comment")}
        found["values"] = db.execute(
            "SELECT auto_score, manual_score, extra_credit, needs_manual_grade FROM grade"
        ).fetchall()
        found["said"] = db.execute("SELECT auto_comment, manual_comment FROM comment").fetchall()
        found["notebook"] = db.execute("SELECT flagged, late_submission_penalty FROM submitted_notebook").fetchall()
        found["mine"] = db.execute("SELECT student_id, timestamp, extension FROM submitted_assignment").fetchall()
        return found


def hand_in(url: str) -> None:
    with Gradebook(url) as book:
        book.update_or_create_student("ada")
        book.update_or_create_student("ada")
        book.update_or_create_submission("lesson", "ada", timestamp="2030-01-05 10:00:00 UTC")
        assert book.update_or_create_submission("lesson", "ada").total_seconds_late == 34 * 60 * 60
        assert book.find_submission_notebook("alpha", "lesson", "ada").max_score == 9


def test_a_submission_has_the_rows_that_nbgrader_gives_it(tmp_path: Path) -> None:
    found = []
    for name in ("cold", "warm"):
        (folder := tmp_path / name).mkdir()
        url = lesson(folder)
        if name == "cold":
            hand_in(url)
        else:
            with warm(), one_transaction():
                hand_in(url)
        found.append(rows(folder))
    assert found[0] == found[1]
    assert len(found[0]["grade"]) == len(found[0]["comment"]) == 12


def test_what_is_missing_or_there_twice_is_refused_as_by_nbgrader(tmp_path: Path) -> None:
    url = lesson(tmp_path)
    with warm(), Gradebook(url) as book:
        for find, names in {
            book.find_student: ("bob",),
            book.find_assignment: ("other",),
            book.find_notebook: ("other", "lesson"),
            book.find_submission: ("lesson", "bob"),
            book.find_submission_notebook: ("zeta", "lesson", "bob"),
        }.items():
            with pytest.raises(MissingEntry, match=names[0]):
                find(*names)
        with pytest.raises(MissingEntry, match="bob"):
            book.add_submission("lesson", "bob")
        book.update_or_create_student("bob", first_name="Bob")
        book.add_submission("lesson", "bob")
        with pytest.raises(InvalidEntry, match="UNIQUE"):
            book.add_submission("lesson", "bob")
        assert book.find_student("bob").first_name == "Bob"
        assert len(book.find_assignment("lesson").submissions) == 1


def test_indexes_are_made_once_and_grades_are_found_by_them(tmp_path: Path) -> None:
    url, asked = lesson(tmp_path), []
    engine = create_engine(url)
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    assert add_indexes(engine)
    assert sum("CREATE INDEX" in statement for statement in asked) == len(INDEXES)
    asked.clear()
    assert add_indexes(engine)
    assert not any("CREATE" in statement for statement in asked)
    engine.dispose()
    with gradebook_file(tmp_path) as db:
        for table in ("grade", "comment"):
            ((*_, plan),) = db.execute(f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE notebook_id = 'x'")
            assert f"USING INDEX grader_{table}_notebook" in plan
    hand_in(url)  # nbgrader works with them


def test_nbgrader_makes_no_such_index_in_a_gradebook_of_its_own(tmp_path: Path) -> None:
    lesson(tmp_path)
    with gradebook_file(tmp_path) as db:
        assert db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'grader%'").fetchall() == []


def test_a_gradebook_that_others_write_is_left_without_indexes(tmp_path: Path) -> None:
    url = lesson(tmp_path)
    with gradebook_file(tmp_path) as other:
        other.execute("BEGIN IMMEDIATE")
        engine = create_engine(url, connect_args={"timeout": 0})
        assert not add_indexes(engine)
        engine.dispose()
        other.rollback()


def test_nbgrader_upgrades_a_gradebook_with_indexes(tmp_path: Path) -> None:
    """Marked as of an older nbgrader, whose last steps are then taken again: one of them adds a column."""
    url = lesson(tmp_path)
    engine = create_engine(url)
    assert add_indexes(engine)
    engine.dispose()
    with gradebook_file(tmp_path) as db:
        (head,) = db.execute("SELECT version_num FROM alembic_version").fetchone()
        db.execute("ALTER TABLE student DROP COLUMN lms_user_id")
        db.execute("UPDATE alembic_version SET version_num = '167914646830'")
    (tmp_path / "nbgrader_config.py").write_text("")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [sys.executable, "-m", "nbgrader", "db", "upgrade"]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with gradebook_file(tmp_path) as db:
        assert db.execute("SELECT version_num FROM alembic_version").fetchall() == [(head,)]
        assert "lms_user_id" in {column[1] for column in db.execute("PRAGMA table_info(student)")}
        kept = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
        assert set(INDEXES) <= kept
