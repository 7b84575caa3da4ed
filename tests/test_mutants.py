"""The graded cases refuse every mutant of every reference."""

import pytest

from grader.exercises import EXERCISES
from tests.equivalents import EQUIVALENT
from tests.mutant_trial import asked, passes
from tests.mutants import mutants

ALL = list(EXERCISES.values())
SEEDS = range(3)
each_exercise = pytest.mark.parametrize("e", ALL, ids=lambda e: e.name)


@each_exercise
@pytest.mark.filterwarnings("ignore")  # a mutant may divide by zero or take the root of a negative number
def test_every_mutant_is_refused(e):
    survivors = [m.name for m in asked(e) if any(passes(e, m.function, seed) for seed in SEEDS)]
    assert not survivors


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
