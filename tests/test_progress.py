"""A student's progress: kept when a check passes, never lost, merged without harm, told in a table."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbconvert.exporters import HTMLExporter, LatexExporter, WebPDFExporter
from nbconvert.filters import markdown2html

from grader import check, progress
from grader.exercises import EXERCISES, LESSONS
from grader.learner import kept, place, summary
from grader.learner.kept import Entry, ProgressError, TooNew, from_text, read, to_text, union, write
from grader.learner.lesson_text import stated_minutes
from grader.learner.place import VARIABLE, progress_file
from grader.learner.shown import bar, duration, table
from grader.learner.summary import Row
from tests.house_files import ROOT

STEP, SNR = EXERCISES["forward.q_step"], EXERCISES["forward.snr"]
WHEN = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "home" / "progress.json"
    monkeypatch.setenv(VARIABLE, str(path))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    return path


def passed(*names, when=WHEN):
    return {name: Entry(EXERCISES[name].points, EXERCISES[name].points, when) for name in names}


def test_a_passed_check_is_kept_and_told(file):
    assert progress.done()["02"] == 0
    check(STEP.name, STEP.reference)
    assert read(file)[STEP.name].passed
    assert progress.done()["02"] == pytest.approx(1 / len(LESSONS["02_forward_process"]))
    assert set(progress.done()) == {lesson[:2] for lesson in LESSONS}
    assert f"1 of {len(LESSONS['02_forward_process'])}" in str(progress())


def test_a_worse_result_later_takes_nothing_away(file):
    check(STEP.name, STEP.reference)
    before = file.read_bytes()
    check(STEP.name, STEP.misconceptions[0].wrong)
    check(STEP.name, STEP.reference)
    assert file.read_bytes() == before


def test_part_of_the_points_is_begun_and_not_passed(file):
    check(STEP.name, lambda *args: STEP.reference(*args).detach())
    assert "0 of 12, 1 begun" in str(progress())
    assert progress.done()["02"] == 0


def test_an_answer_in_the_solutions_folder_is_not_the_students(file, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/course/solutions/02_forward_process/forward_process.ipynb")
    check(STEP.name, STEP.reference)
    assert not file.exists()


def test_the_file_is_in_the_course_around_the_notebook(file, tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE)
    course = tmp_path / "my course"
    (course / "notebooks" / "02").mkdir(parents=True)
    (course / "nbgrader_config.py").touch()
    monkeypatch.chdir(course / "notebooks" / "02")
    assert progress_file() == course / ".course" / "progress.json"
    monkeypatch.chdir(tmp_path)
    assert progress_file() == ROOT / ".course" / "progress.json"  # installed from here with `pip -e`
    monkeypatch.setattr(place, "INSTALLED_FROM", tmp_path)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    assert progress_file() == tmp_path / "data" / "diffkit" / "progress.json"


def test_a_course_that_nobody_may_write_to_is_left_alone(file, tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(place.os, "access", lambda path, mode: False)
    assert progress_file() == tmp_path / "data" / "diffkit" / "progress.json"


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        "null",
        '{"diffkit progress": 1}',
        '{"diffkit progress": 1, "exercises": {"a": 3}}',
        '{"diffkit progress": 1, "exercises": {"a": {"points": 5, "of": 4, "when": "2026-01-01"}}}',
        '{"diffkit progress": 1, "exercises": {"a": {"points": NaN, "of": 4, "when": "2026-01-01"}}}',
        '{"diffkit progress": 1, "exercises": {"a": {"points": 0, "of": 0, "when": "2026-01-01"}}}',
        '{"diffkit progress": 1, "exercises": {"a": {"points": 1, "of": 1, "when": "yesterday"}}}',
        "\x00" * 300,
        "[" * 100_000,
    ],
    ids=str,
)
def test_a_damaged_file_is_set_aside_and_said(file, damage):
    file.parent.mkdir()
    file.write_text(damage, encoding="utf-8")
    outcome = check(STEP.name, STEP.reference)
    words = outcome._repr_mimebundle_()["text/markdown"]
    assert "was damaged" in words
    assert "progress.damaged-1.json" in words
    assert (file.parent / "progress.damaged-1.json").read_text(encoding="utf-8") == damage
    assert read(file)[STEP.name].passed


def test_looking_sets_a_damaged_file_aside_too_and_a_second_one_beside_it(file):
    file.parent.mkdir()
    for n in (1, 2):
        file.write_bytes(b"\xff\xfe rubbish")
        assert f"damaged-{n}.json" in str(progress())
        assert (file.parent / f"progress.damaged-{n}.json").exists()


def test_a_file_of_a_later_version_is_left_as_it_is(file):
    file.parent.mkdir()
    later = to_text(passed(SNR.name)).replace('progress": 1', 'progress": 2')
    file.write_text(later, encoding="utf-8")
    assert "update diffkit" in str(progress())
    assert "update diffkit" in check(STEP.name, STEP.reference).said
    assert file.read_text(encoding="utf-8") == later
    with pytest.raises(TooNew):
        progress.export(file.parent / "copy.json")


def test_a_place_that_cannot_be_written_spoils_no_check(tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("a file where a folder should be")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "taken" / "progress.json"))
    outcome = check(STEP.name, STEP.reference)
    assert outcome.points == STEP.points
    assert "could not be kept" in outcome.said


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_while_writing_leaves_the_old_file(file, monkeypatch, step):
    file.parent.mkdir()
    write(file, passed(SNR.name))

    def crash(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(*((kept.os, "fsync") if step == "fsync" else (Path, "replace")), crash)
        with pytest.raises(KeyboardInterrupt):
            check(STEP.name, STEP.reference)
    assert read(file) == passed(SNR.name)
    assert sorted(p.name for p in file.parent.iterdir() if p.suffix != ".lock") == ["progress.json"]


WRITER = """
import sys
from pathlib import Path
from grader.learner.kept import Entry, change
file, who = Path(sys.argv[1]), sys.argv[2]
for n in range(int(sys.argv[3])):
    change(file, lambda mine: {**mine, f"{who}.{n}": Entry(1, 1, "2026-01-01")})
    print(n, flush=True)
"""


def writer(file, who, count):
    command = [sys.executable, "-c", WRITER, str(file), who, str(count)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


def test_a_writer_killed_at_any_moment_loses_nothing_that_it_had_kept(file):
    process = writer(file, "killed", 10**6)
    for _ in range(20):
        told = int(process.stdout.readline())
    time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    told = max([told, *map(int, process.stdout.read().split())])
    process.stdout.close()
    entries = read(file)
    assert told <= len(entries) - 1 <= told + 1
    assert check(STEP.name, STEP.reference).said == ""  # the lock of the dead one is no obstacle


def test_two_kernels_at_once_lose_nothing(file):
    both = [writer(file, who, 30) for who in ("one", "two")]
    assert [process.communicate(timeout=60)[0].count("\n") for process in both] == [30, 30]
    assert len(read(file)) == 60


ENTRIES = st.dictionaries(
    st.sampled_from("abc"),
    st.tuples(st.integers(0, 4), st.integers(4, 6), st.sampled_from(["2026-01-01", "2026-02-01"])).map(
        lambda e: Entry(*e)
    ),
)


@given(ENTRIES, ENTRIES, ENTRIES)
def test_merging_is_a_union_with_the_best_kept_in_any_order(a, b, c):
    assert union(a, b) == union(b, a)
    assert union(union(a, b), c) == union(a, union(b, c))
    assert union(a, a) == a
    merged = union(a, b)
    assert set(merged) == {*a, *b}
    for one in (a, b):
        assert all(merged[n].points / merged[n].of >= e.points / e.of for n, e in one.items())
    assert from_text(to_text(merged)) == merged


def test_export_and_merge_bring_progress_to_another_machine(file, tmp_path, monkeypatch):
    check(STEP.name, STEP.reference)
    copy = tmp_path / "copy.json"
    assert "copy.json" in str(progress.export(copy))
    json.loads(copy.read_text(encoding="utf-8"))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "other" / "progress.json"))
    check(SNR.name, SNR.reference)
    assert "1 exercises more" in str(progress.merge(copy))
    assert set(read(progress.file)) == {STEP.name, SNR.name}
    assert "0 exercises more" in str(progress.merge(copy))


def test_merging_what_is_no_progress_file_changes_nothing_and_says_so(file, tmp_path):
    check(STEP.name, STEP.reference)
    before = file.read_bytes()
    (tmp_path / "other.json").write_text('{"cells": []}')
    with pytest.raises(ProgressError, match=r"progress\.export"):
        progress.merge(tmp_path / "other.json")
    with pytest.raises(ProgressError, match="there is no file"):
        progress.merge(tmp_path / "nowhere.json")
    assert file.read_bytes() == before


def test_exercises_that_this_course_does_not_know_stay_in_the_file(file):
    file.parent.mkdir()
    write(file, {"gone.old": Entry(3, 3, WHEN)})
    check(STEP.name, STEP.reference)
    assert set(read(file)) == {"gone.old", STEP.name}
    assert "gone.old" not in str(progress())


def test_next_begins_at_the_beginning_and_goes_on_where_you_were(file):
    assert "Next: Exercise 0.1" in str(progress.next())
    check(STEP.name, STEP.reference)
    said = progress.next()
    first_open = next(e for e in LESSONS["02_forward_process"] if e.level == "core" and e is not STEP)
    assert summary.next_exercise(read(file)) == ("02_forward_process", first_open)
    assert "Last passed: Exercise 2." in str(said)
    assert 'href="../02_forward_process/forward_process.ipynb"' in said.html


def test_next_comes_back_to_what_was_left_out_and_ends(file):
    file.parent.mkdir()
    everything = passed(*EXERCISES)
    last = {**everything, "start.rescale": Entry(2, 2, "2027-01-01")}
    left_out = next(e for lesson in LESSONS.values() for e in lesson if e.level != "core")
    first = {name: e for name, e in last.items() if name not in (left_out.name, "forward.q_step")}
    assert summary.next_exercise(first)[1] is STEP
    assert summary.next_exercise({**first, STEP.name: last[STEP.name]})[1] is left_out
    write(file, everything)
    assert "All exercises are passed" in str(progress.next())
    assert set(progress.done().values()) == {1.0}
    assert "left" not in [row.left for row in summary.rows(everything) if row.left]
    assert all(row.left == 0 for row in summary.rows(everything))


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
