"""A line of the report is one line, whatever a student's process or folder is called or says."""

from pathlib import Path

import pytest

from grader.entry import Row
from grader.judge import Record, Score
from grader.report import broken, diagnosis, table, waiting, write_csv
from grader.text import quoted

HOSTILE = ["\x1b[2J\x1b[1A", "two\nlines", "\r all right", "\u202egnihton", "\x9b1A", "a\u2028b", "\udcff", "\x07"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_or_reason_cannot_write_a_second_line(text: str, tmp_path: Path) -> None:
    rows = [Row(text, None, 0.0, None, f"refused because of {text}"), Row("anna", 3.0, 4.0, Record())]
    lines = table(rows).split("\n")
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)
    write_csv(tmp_path / "grades.csv", rows)
    assert (tmp_path / "grades.csv").read_text(encoding="utf-8").count("\n") == 3


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_student_raises_is_quoted_without_signs_that_steer(text: str) -> None:
    assert quoted(f"a{text}b").isprintable()
    score = Score("e", 0.0, 1.0, f"raised {text}", "")
    assert diagnosis(Row("anna", 0.0, 1.0, Record(scores={"g": score}))).isprintable()


def test_what_a_person_has_yet_to_grade_is_said_once() -> None:
    rows = [
        Row("a", 44.0, 50.0, Record(), waits=6.0),
        Row("b", 40.0, 50.0, Record(), waits=6.0),
        Row("c", 50.0, 50.0, None),
    ]
    assert waiting(rows) == "to grade by hand, in the formgrader: 2 submissions, 6 points each"
    assert waiting(rows[2:]) == ""


def test_a_check_that_broke_is_named_with_its_reason() -> None:
    bad = Record(
        scores={"g": Score("e.f", 0.0, 3.0, "check broken", "", "Traceback\nCheckBroken: 3 points, not \x1b2\n")}
    )
    rows = [Row("a", 0.0, 3.0, bad), Row("b", 0.0, 3.0, bad), Row("c", 3.0, 3.0, Record()), Row("d", None, 0.0, None)]
    assert broken(rows) == "this check broke by itself: e.f (3 points, not 2): no points yet for a, b"
    assert broken(rows[2:]) == ""


def test_what_lateness_costs_is_said() -> None:
    assert diagnosis(Row("a", 44.0, 50.0, Record(), penalty=4.4)) == "late: 4.4 points off"


def test_letters_of_other_languages_stay() -> None:
    assert quoted("naïve 名前 🙂") == "`naïve 名前 🙂`"


def test_a_thousand_notes_are_one_short_line() -> None:
    record = Record(notes=[f"cell {i} stopped" for i in range(1000)])
    assert diagnosis(Row("anna", 0.0, 1.0, record)) == "cell 0 stopped; cell 1 stopped; 998 more like these"
    mended = Row("anna", 1.0, 1.0, Record(), repairs=("cell a was missing and is put back",))
    assert diagnosis(mended) == "cell a was missing and is put back"
