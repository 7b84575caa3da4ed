"""The pipelines of the bug hunt: text that runs, sound and broken as they say."""

import inspect
import re
from pathlib import Path

import pytest
import torch

from diffkit.errors import RangeError
from diffkit.hunt import PIPELINES, Pipeline
from grader.answer import ask_here
from grader.exercises.bug_hunt import EXERCISES

ROOT = Path(__file__).resolve().parent.parent
LESSON = (ROOT / "solutions" / "13_bug_hunt.py").read_text(encoding="utf-8")
CHECKS = {e.name.split(".")[1].removesuffix("_fault"): e for e in EXERCISES if e.name.endswith("_fault")}
each = pytest.mark.parametrize(("name", "p"), PIPELINES.items(), ids=PIPELINES)

ADD = Pipeline("add", "x, y", ("z = x + y", "return scale * z"), ({1: "z = x - y"},), ())


def test_what_is_shown_is_what_runs():
    assert ADD.function(scale=2)(3, 4) == 14
    assert ADD.function(ADD.shown, scale=2)(3, 4) == -2
    assert ADD.listing(ADD.shown).splitlines() == ["   def add(x, y):", "1      z = x - y", "2      return scale * z"]


def test_a_line_that_is_not_there_is_refused():
    with pytest.raises(RangeError, match="lines 1 to 2"):
        ADD.function({3: "return 0"})


def test_every_pipeline_has_its_check_and_every_check_its_pipeline():
    assert set(CHECKS) == set(PIPELINES)


@each
def test_a_broken_pipeline_differs_from_the_sound_one_in_one_line(name, p):
    assert len(p.broken) >= 6
    assert len(p.right) >= 2
    for edits in p.broken:
        assert len(edits) == 1
        assert p.changed(edits) != p.changed()
    listings = [p.listing(edits) for edits in ({}, *p.broken, *p.right)]
    assert len(set(listings)) == len(listings)


@each
def test_the_right_check_names_the_line_that_was_changed(name, p):
    """The verdict is by measurement alone; here it is held against the text."""
    e = CHECKS[name]
    line_of = {code.strip(): n for edits in p.broken for n, code in edits.items()}
    for seed in range(10):
        for case in e.cases(seed):
            found = ask_here(e.reference, case).value
            if case.label.startswith("a broken one"):
                assert found == line_of[re.search(r"`(.+)`", case.label)[1]], case.label
            else:
                assert found == (next(iter(p.shown)) if case.label == "the pipeline of the lesson" else 0), case.label


@each
def test_the_lesson_prints_the_pipeline_that_runs(name, p):
    prose = re.sub(r"^# ?", "", LESSON, flags=re.MULTILINE)
    assert f"```\n{p.listing(p.shown)}\n```" in prose
    assert p.listing() not in prose  # the sound lines are the answer


@each
def test_several_lines_can_be_the_broken_one(name, p):
    """So that a check has to measure which."""
    assert len({n for edits in p.broken for n in edits}) >= 3


def test_the_lesson_hands_students_the_same_comparison_as_the_checks_use():
    from grader.exercises.bug_hunt import common

    body = inspect.getsource(common.same).split('"""')[2].strip()
    assert body in re.sub(r"^    ", "    ", LESSON)


def test_a_broken_pipeline_runs_without_an_error():
    beta = torch.linspace(0.1, 0.2, 4, dtype=torch.float64)
    for edits in PIPELINES["schedule"].broken:
        assert PIPELINES["schedule"].function(edits)(beta).shape == (5,)
