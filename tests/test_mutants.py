"""The graded cases refuse every mutant of every reference, also one that is rounded to 32 bits."""

import pytest

from grader.exercises import EXERCISES
from tests.equivalents import EQUIVALENT
from tests.in_32_bits import all_in_32_bits, result_in_32_bits
from tests.mutant_trial import asked, has_a_tolerance, passes, questions, won_by_rounding
from tests.mutants import mutants

ALL = list(EXERCISES.values())
SEEDS = range(3)
ROUNDED = range(3)
each_exercise = pytest.mark.parametrize("e", ALL, ids=lambda e: e.name)


@each_exercise
@pytest.mark.filterwarnings("ignore")  # a mutant may divide by zero or take the root of a negative number
def test_every_mutant_is_refused(e):
    survivors = [m.name for m in asked(e) if any(passes(e, m.function, seed) for seed in SEEDS)]
    assert not survivors


@each_exercise
@pytest.mark.parametrize("rounded", [result_in_32_bits, all_in_32_bits])
@pytest.mark.filterwarnings("ignore")
def test_no_wrong_answer_wins_a_criterion_by_rounding_to_32_bits(e, rounded):
    """Float32 is compared less sharply.  So what is wrong must be wrong by more than that on some case."""
    if not any(has_a_tolerance(answer.value) for seed in ROUNDED for _, answer in questions(e.name, seed)):
        pytest.skip("its answers are small whole numbers or truth values, with nothing to round")
    wrong = [(m.name, m.function) for m in asked(e)] + [(m.name, m.wrong) for m in e.misconceptions]
    won = [(n, c, seed) for n, f in wrong for seed in ROUNDED for c in won_by_rounding(e, f, rounded, seed)]
    assert not won


@each_exercise
@pytest.mark.filterwarnings("ignore")
def test_a_mutant_that_is_called_equivalent_is(e):
    listed = EQUIVALENT.get(e.name, {})
    there = {m.name: m.function for m in mutants(e.reference)}
    assert set(listed) <= set(there), "a reason for a mutant that no longer exists"
    for name, reason in listed.items():
        assert len(reason) > 20
        assert all(passes(e, there[name], seed) for seed in range(8)), name


def test_reasons_belong_to_exercises():
    assert set(EQUIVALENT) <= set(EXERCISES)
