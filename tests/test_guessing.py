"""No answers that could be given by heart: a function that counts its calls knows which question it is asked."""

import pytest
from torch import Tensor

from grader.answer import ask_here
from grader.exercise import Exercise
from grader.exercises import EXERCISES

SEEDS = (3, 5, 8, 13, 21)
# There the order is the answer, and the numbers lead to it.
SAME = {name for name in EXERCISES if name.endswith(".in_order")}


def answers(exercise: Exercise, seed: int) -> dict[str, list[object]]:
    """By criterion, the place of each question and its answer."""
    found: dict[str, list[object]] = {c.name: [] for c in exercise.criteria}
    for place, case in enumerate(exercise.cases(seed)):
        found[case.criterion].append((place, plain(ask_here(exercise.reference, case).value)))
    return found


def plain(value: object) -> object:
    """Comparable, rounded: an answer nearly right is right."""
    if isinstance(value, Tensor):
        return tuple(value.shape), tuple(round(x, 4) for x in value.detach().double().flatten().tolist())
    if isinstance(value, tuple | list):
        return tuple(plain(v) for v in value)
    return round(float(value), 4)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name in EXERCISES if name not in SAME])
def test_no_criterion_has_the_same_answers_every_time(name: str) -> None:
    first, *others = (answers(EXERCISES[name], seed) for seed in SEEDS)
    same = [criterion for criterion in first if all(o[criterion] == first[criterion] for o in others)]
    assert same == [], "who counts the calls could answer by heart"
