"""No answers that could be given without the work.

A function that counts its calls knows which question it is asked, and the questions of an exercise are on their way
together: who looks ahead sees the arguments of all.
"""

from collections.abc import Iterator

import pytest
import torch
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


def numbers(value: object) -> Iterator[Tensor]:
    """The tensors and numbers in a value, each in one row."""
    if isinstance(value, tuple | list):
        for part in value:
            yield from numbers(part)
    elif isinstance(value, Tensor | float):
        yield torch.as_tensor(value, dtype=torch.float64).detach().flatten()


def among(wanted: Tensor, args: object, tolerance: float) -> bool:
    """Whether one of the arguments is this."""
    return any(a.shape == wanted.shape and torch.allclose(a, wanted, rtol=tolerance, atol=0) for a in numbers(args))


@pytest.mark.parametrize("e", EXERCISES.values(), ids=lambda e: e.name)
@pytest.mark.parametrize("seed", SEEDS[:2])
def test_no_answer_is_among_the_arguments_of_another_question(e: Exercise, seed: int) -> None:
    """Whole numbers, and what is nearly one of its own question's arguments, are no secret."""
    cases = e.cases(seed)
    for case in cases:
        for wanted in numbers(ask_here(e.reference, case).value):
            if torch.allclose(wanted, wanted.round()) or among(wanted, case.args, 1e-2):
                continue
            told = [other.label for other in cases if other is not case and among(wanted, other.args, 1e-4)]
            assert told == [], f"the answer to {case.label!r} is in the question"
