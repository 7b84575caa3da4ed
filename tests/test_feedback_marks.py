"""What the gradebook says of a submission comes into its feedback page."""

from pathlib import Path

import pytest
from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook

from grader.feedback.marks import Marks
from tests.graded_course import FIRST, graded_course

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own use of its database


def test_a_penalty_takes_no_more_than_there_is(tmp_path: Path) -> None:
    """It is reckoned when the submission is judged; a person may take points away afterwards."""
    db_url = f"sqlite:///{graded_course(tmp_path)}/gradebook.db"
    with Gradebook(db_url) as book:
        book.find_submission_notebook(FIRST[3:], FIRST, "bob").late_submission_penalty = 3.0
        book.db.commit()
    where = {"notebook": FIRST[3:], "assignment": FIRST, "student": "bob", "db_url": db_url}
    _, resources = Marks().preprocess(NotebookNode(cells=[]), {"nbgrader": where})
    found = resources["nbgrader"]
    assert (found["score"], found["max_score"], found["late_penalty"]) == (0.0, 6.5, 3.0)
