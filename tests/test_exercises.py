"""Every exercise: right answers pass, every misconception is refused and told by its own name."""

import itertools
import pkgutil
import re
from pathlib import Path

import nbformat
import pytest
import torch

from diffkit.equations import EQUATIONS
from grader import compare
from grader import verdict as verdicts
from grader.answer import ask_here
from grader.check import PUBLIC_SEED
from grader.demo.answers import ANSWERS
from grader.exercises import EXERCISES, LESSONS, MODULES
from grader.verdict import judge

ROOT = Path(__file__).resolve().parent.parent
ALL = list(EXERCISES.values())
SEEDS = [PUBLIC_SEED, *range(8)]

each_exercise = pytest.mark.parametrize("e", ALL, ids=lambda e: e.name)


def verdict(e, function, seed):
    return judge(e, e.cases(seed), lambda case: ask_here(function, case))


@each_exercise
def test_the_reference_has_full_marks(e):
    for seed in SEEDS:
        assert verdict(e, e.reference, seed).points == e.points


@pytest.fixture
def asked_once(monkeypatch):
    """Each function is asked each case once, though the judge asks all misconceptions for every answer."""
    known = {}

    def ask(function, case):
        if (function, id(case)) not in known:
            known[function, id(case)] = ask_here(function, case), case  # the case is kept, so its id stays its own
        return known[function, id(case)][0]

    monkeypatch.setattr(verdicts, "ask_here", ask)
    return ask


@each_exercise
def test_a_misconception_is_refused_and_named(e, asked_once):
    for seed in SEEDS:
        cases = e.cases(seed)
        for m in e.misconceptions:
            v = judge(e, cases, lambda case, m=m: asked_once(m.wrong, case))
            assert v.points < e.points, f"{m.name}, seed {seed}"
            assert v.misconception is m, (
                f"{m.name}, seed {seed}: taken for {v.misconception and v.misconception.name!r}"
            )


@each_exercise
def test_no_two_misconceptions_say_the_same(e):
    assert len(e.misconceptions) >= 6
    for a, b in itertools.combinations(e.misconceptions, 2):
        assert a.name != b.name
        assert a.message != b.message


@each_exercise
def test_it_is_complete(e):
    assert len(e.hints) == 3
    assert all(e.hints)
    assert e.equation in EQUATIONS
    assert 1 <= e.difficulty <= 5
    assert e.minutes > 0
    assert e.name.split(".")[1] in e.signature
    assert e.withholds
    assert all(pkgutil.resolve_name(name) for name in e.withholds)  # a slip in a module's name would withhold nothing
    asked = {c.criterion for c in e.cases(0)}
    assert asked == {c.name for c in e.criteria}


@each_exercise
def test_inputs_are_new_for_a_new_seed_and_the_same_for_the_same(e):
    def numbers(seed):
        return [a for c in e.cases(seed) for a in c.args if isinstance(a, torch.Tensor | float | int)]

    same = zip(numbers(5), numbers(5), strict=True)
    assert all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in same)
    first = [float(torch.as_tensor(a).double().sum()) for a in numbers(5)]
    other = [float(torch.as_tensor(a).double().sum()) for a in numbers(6)]
    assert first != other


@pytest.mark.parametrize("way", ["loops", "other_formulas"])
@pytest.mark.parametrize("lesson", LESSONS)
def test_right_answers_in_another_style_are_far_from_every_tolerance(lesson, way, monkeypatch):
    """100 fresh draws per answer, at a hundredth of the tolerance: what differs is rounding, so no draw is near it."""
    tight = {dtype: tolerance / 100 for dtype, tolerance in compare.TOLERANCE.items()}
    monkeypatch.setattr(compare, "TOLERANCE", tight)
    answers = getattr(ANSWERS[lesson], way)
    assert answers
    names = {"torch": torch, **{e.name.split(".")[1]: e.reference for e in LESSONS[lesson]}}
    for source in answers.values():
        exec(source, names)  # noqa: S102  the answers of the demo's honest students
    for name in answers:
        for seed in range(1000, 1100):
            v = verdict(EXERCISES[name], names[name.split(".")[1]], seed)
            assert v.passed, f"{name}, seed {seed}: {[f.public + f.detail for f in v.findings]}"


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_states_what_its_exercises_say(lesson):
    text = (ROOT / "solutions" / f"{lesson}.py").read_text(encoding="utf-8")
    for e in LESSONS[lesson]:
        stated = (
            rf"`{re.escape(e.name)}` · difficulty {e.difficulty} · {e.level} · {e.minutes} minutes · "
            rf"{e.points:g} points · equation \({re.escape(e.equation)}\)"
        )
        assert re.search(stated, text), f"{e.name}: the lesson should say {stated}"
    order = re.findall(r'# %% check="([^"]+)"', text)
    assert order == [e.name for e in LESSONS[lesson]]


@pytest.mark.parametrize("lesson", LESSONS)
def test_test_cells_are_worth_what_the_criteria_are_worth(lesson):
    notebook = nbformat.read(ROOT / "notebooks" / lesson / f"{lesson[3:]}.ipynb", as_version=4)
    points = {
        c.metadata.nbgrader.grade_id: c.metadata.nbgrader.points
        for c in notebook.cells
        if c.cell_type == "code" and c.metadata.get("nbgrader", {}).get("grade")
    }
    assert points == {e.name.replace(".", "-"): e.points for e in LESSONS[lesson]}


def test_every_lesson_says_what_a_sandbox_may_import():
    assert set(MODULES) == set(LESSONS)
