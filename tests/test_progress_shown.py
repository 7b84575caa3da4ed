"""Progress as it is told: titles, minutes, and the table in every form."""

import re

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter, LatexExporter, WebPDFExporter
from nbconvert.filters import markdown2html

from grader import check, progress
from grader.exercises import LESSONS
from grader.learner import summary
from grader.learner.lesson_text import stated_minutes
from grader.learner.shown import bar, duration, table
from grader.learner.summary import Row
from tests.house_files import ROOT
from tests.progress_entries import STEP

pytest_plugins = ["tests.progress_fixtures"]


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_table_calls_a_lesson_what_its_own_heading_calls_it(lesson):
    text = (ROOT / "solutions" / f"{lesson}.py").read_text(encoding="utf-8")
    (row,) = [row for row in summary.rows({}) if row.lesson == lesson]
    assert f"\n# # {row.number} {row.title}\n" in text


def test_next_names_the_lesson_by_its_title(file):
    check(STEP.name, STEP.reference)
    assert "in lesson 02, The forward process;" in str(progress.next())


def test_without_the_lessons_around_a_title_comes_from_the_files_name(monkeypatch):
    monkeypatch.setattr(summary, "course_folder", lambda: None)
    assert summary.title_of("02_forward_process") == "forward process"


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_lesson_says_how_long_it_takes_and_calls_its_exercises_by_number(lesson):
    text = summary.lesson_markdown(lesson)
    stated, exercises = stated_minutes(text), sum(e.minutes for e in LESSONS[lesson])
    assert stated, "write: **Time.** About three and a half hours: ..."
    assert 0.9 * exercises <= stated <= 3 * exercises
    for exercise in LESSONS[lesson]:
        assert summary.called(lesson, exercise).startswith(f"Exercise {int(lesson[:2])}."), exercise.name


@pytest.mark.parametrize(
    ("words", "minutes"),
    [
        ("About forty minutes, with", 40),
        ("About three and a half hours: one", 210),
        ("About five hours: one", 300),
        ("About an hour and a half: x", 90),
        ("About half an hour.", 30),
        ("About 45 minutes.", 45),
        ("About two\nhours.", 120),
        ("It depends.", None),
        ("About umpteen hours.", None),
        ("About zero minutes.", 0),
        ("About ² hours.", None),
    ],
)
def test_the_time_of_a_lesson_is_read_from_its_words(words, minutes):
    assert stated_minutes(f"x\n\n**Time.** {words}") == minutes


def test_a_bar_is_full_only_at_the_end_and_durations_read_well():
    assert [bar(s).count("█") for s in (0, 0.01, 0.5, 0.99, 1)] == [0, 1, 5, 9, 10]
    assert [duration(m) for m in (0, 5, 60, 210)] == ["0 min", "5 min", "1 h", "3 h 30 min"]


def test_the_table_is_html_with_a_caption_and_escapes_what_it_is_told(file):
    html = progress()._repr_mimebundle_()["text/html"]
    assert "<caption>Your progress</caption>" in html
    assert html.count("<tr>") == len(LESSONS) + 2
    assert "aria-hidden" in html  # the bar repeats the numbers beside it


def test_what_is_made_from_the_notebook_shows_the_table_as_a_table(file):
    """GitHub and web pages take the HTML; LaTeX cannot, and would otherwise show a block of plain text."""
    shown = progress()._repr_mimebundle_()
    chosen = {
        kind: next(form for form in exporter().default_config.NbConvertBase.display_data_priority if form in shown)
        for kind, exporter in {"html": HTMLExporter, "webpdf": WebPDFExporter, "latex": LatexExporter}.items()
    }
    assert chosen == {"html": "text/html", "webpdf": "text/html", "latex": "text/markdown"}
    output = nbformat.v4.new_output("display_data", data=shown)
    page, _ = HTMLExporter().from_notebook_node(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])])
    )
    assert "<caption>Your progress</caption>" in page


def test_the_table_in_markdown_says_the_same_without_bars_and_escapes_what_it_is_told(file):
    shown = table([Row("02_topic", "a|b *c* $d$", 1, 1, 3, 90, 60)], ["Kept in /a_b_c/<d>."])
    page = markdown2html(shown.markdown)
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL)]
    assert rows[1] == ["02", "a|b *c* $d$", "1 of 3, 1 begun", "1 h"]
    assert rows[2] == ["", "all lessons", "1 of 3", "1 h"]
    assert "Kept in /a_b_c/&lt;d&gt;." in page
    assert not {*"█░"} & {*shown.markdown}
    assert "text/markdown" not in progress.next()._repr_mimebundle_()
