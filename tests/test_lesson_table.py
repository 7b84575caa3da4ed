"""The table of lessons in the documentation counts what is there."""

from pathlib import Path

import pytest

from benchmarks.lesson_table import counts
from grader.exercises import LESSONS

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "lessons.md").read_text(encoding="utf-8")
TABLE = PAGE.split("## In numbers")[1].split("## ")[0]


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_table_counts_what_a_lesson_holds(lesson):
    cells = [c.strip() for line in TABLE.splitlines() if line.startswith(f"| {lesson} ") for c in line.split("|")[1:-1]]
    assert cells[: 1 + len(counts(lesson))] == [lesson, *counts(lesson)]
