"""Every numbered equation of a lesson runs, and says the same in the lesson and in the library."""

import re
from pathlib import Path

import pytest
import torch

from diffkit.equations import EQUATIONS, Equation, Sides, equation, erratum, notation
from diffkit.equations.notation import symbols_of
from diffkit.equations.registry import Comparison, twin

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted((ROOT / "solutions").glob("*.py"))
TAG = re.compile(r"\\tag\{([^}]+)\}")
RIGHT = {tag: e for tag, e in EQUATIONS.items() if not e.erratum}
SEEDS = range(5)


def prose(lesson):
    """The text of the Markdown cells, without the comment signs."""
    return re.sub(r"^# ?", "", lesson.read_text(encoding="utf-8"), flags=re.MULTILINE)


def displayed(lesson):
    """{tag: formula} of a lesson's displayed equations, blanks squeezed."""
    found = {}
    for formula in re.findall(r"\$\$(.+?)\$\$", prose(lesson), flags=re.DOTALL):
        tags = TAG.findall(formula)
        assert len(tags) == 1, f"an equation of {lesson.name} has the tags {tags}: {formula[:60]}"
        assert tags[0] not in found, f"({tags[0]}) stands twice in {lesson.name}"
        found[tags[0]] = squeezed(TAG.sub("", formula))
    return found


def squeezed(latex):
    return " ".join(latex.split())


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda p: p.stem)
def test_every_numbered_equation_has_a_twin_that_shows_the_same_formula(lesson):
    formulas = displayed(lesson)
    assert formulas
    for tag, formula in formulas.items():
        assert tag in RIGHT, f"({tag}) has no twin in diffkit/equations"
        assert squeezed(RIGHT[tag].latex) == formula, f"({tag}) differs between lesson and library"


def test_every_twin_stands_in_a_lesson_and_is_run_there():
    texts = [prose(lesson) for lesson in LESSONS]
    tags = {tag for lesson in LESSONS for tag in displayed(lesson)}
    assert set(RIGHT) == tags
    for tag, e in EQUATIONS.items():
        call = f'{"erratum" if e.erratum else "equation"}("{tag}")'
        assert any(call in text for text in texts), f"no lesson runs {call}"


@pytest.mark.parametrize("e", RIGHT.values(), ids=RIGHT.keys())
def test_both_sides_agree_in_float64(e):
    for seed in SEEDS:
        left, right = e.sides(torch.Generator().manual_seed(seed))
        assert left.dtype == right.dtype == torch.float64
        assert e.run(seed).holds, f"({e.tag}), seed {seed}: {e.run(seed).difference:.1e}"


@pytest.mark.parametrize("e", RIGHT.values(), ids=RIGHT.keys())
def test_inputs_are_random(e):
    assert not torch.equal(e.run(0).left, e.run(1).left)


@pytest.mark.parametrize("e", [e for e in EQUATIONS.values() if e.erratum], ids=lambda e: e.tag)
def test_an_erratum_is_refuted_clearly(e):
    assert e.tag.rstrip("e") in RIGHT
    for seed in SEEDS:
        assert e.run(seed).difference > 1e-2


@pytest.mark.parametrize("e", EQUATIONS.values(), ids=EQUATIONS.keys())
def test_symbols_are_defined(e):
    assert e.symbols
    assert set(e.symbols) <= set(symbols_of(e.tag.split(".")[0]))


def test_a_wrong_twin_is_noticed():
    off = Comparison(torch.ones(3), torch.tensor([1.0, 1.0, 1 + 1e-6]), "=")
    assert not off.holds
    assert not Comparison(torch.ones(1), torch.tensor([torch.nan]), "=").holds
    assert not Comparison(torch.tensor([2.0]), torch.tensor([1.0]), "<=").holds
    assert Comparison(torch.tensor([1.0]), torch.tensor([2.0]), "<=").holds
    with pytest.raises(ValueError, match="shape"):
        Equation("x", "", lambda g: Sides(torch.ones(2), torch.ones(3)), (), "").run()


def test_two_twins_of_one_number_are_refused():
    with pytest.raises(ValueError, match="two twins"):
        twin("2.1", "", symbols="q")(lambda g: Sides(torch.ones(1), torch.ones(1)))


def test_a_notebook_shows_formula_sides_and_difference():
    shown = equation("2.9")._repr_mimebundle_()
    assert EQUATIONS["2.9"].latex in shown["text/markdown"]
    for part in ("left side", "right side", "largest relative difference", "holds"):
        assert part in shown["text/plain"]
        assert part in shown["text/markdown"]
    wrong = erratum("2.8e")._repr_mimebundle_()["text/markdown"]
    assert "does not hold" in wrong
    assert EQUATIONS["2.8e"].erratum in wrong


def test_unknown_numbers_name_the_known_ones():
    with pytest.raises(KeyError, match=r"2\.10"):
        equation("2.99")
    with pytest.raises(KeyError, match="erratum"):
        equation("2.8e")
    with pytest.raises(KeyError, match="equation"):
        erratum("2.8")
    with pytest.raises(KeyError, match="no numbered"):
        notation("77")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda p: p.stem)
def test_no_bar_ends_a_cell_of_the_notation_table_too_early(lesson):
    rows = notation(str(int(lesson.stem[:2]))).text.splitlines()
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3}


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda p: p.stem)
def test_the_notation_table_holds_what_the_equations_use(lesson):
    number = str(int(lesson.stem[:2]))
    text = notation(number).text
    for tag, e in EQUATIONS.items():
        if tag.split(".")[0] == number:
            assert all(symbols_of(number)[name][0] in text for name in e.symbols)
