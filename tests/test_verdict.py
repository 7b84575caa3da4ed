"""From answers to points: what is asked, what counts as wrong, and when a mistake is given its name."""

from dataclasses import replace

import pytest
import torch

from grader.answer import Answer, ask_here, own_copy
from grader.exercise import Case, Served
from grader.exercises import EXERCISES
from grader.verdict import IN_PLACE, Asker, Verdict, finding_in, judge

STEP = EXERCISES["forward.q_step"]
CASES = STEP.cases(0)
ONE, TWO, WIDE = (Answer("value", torch.tensor(v)) for v in ([1.0], [2.0], [1.0, 1.0]))


def told(case: Case, answer: Answer) -> str:
    found = finding_in(case, ONE, answer)
    return found.public if found else "right"


def decided(ask: Asker) -> tuple[Verdict, int]:
    """The verdict on the step's cases, and how many of them were asked."""
    asked = []

    def counted(case: Case) -> Answer:
        asked.append(case)
        return ask(case)

    return judge(STEP, CASES, counted), len(asked)


def test_as_many_calls_as_are_enough_are_right_and_one_more_is_not():
    case = Case("once", (), max_calls=2)
    assert told(case, replace(ONE, calls=2)) == "right"
    assert "it took 3 calls; 2 are enough" in told(case, replace(ONE, calls=3))
    assert told(Case("once", ()), replace(ONE, calls=3)) == "right"
    assert told(case, replace(TWO, calls=3)) == "1 of 1 entries differ"  # wrong numbers come first


def test_only_wrong_numbers_of_a_second_call_are_blamed_on_the_first():
    assert told(Case("twice", (), ask="twice"), TWO) == IN_PLACE
    assert "shape (2,)" in told(Case("twice", (), ask="twice"), WIDE)
    assert told(Case("once", ()), TWO) == "1 of 1 entries differ"
    assert told(Case("slope", (), ask="gradient"), TWO) == "the gradient is wrong: 1 of 1 entries differ"


def test_a_function_that_ran_out_of_time_twice_is_not_asked_again():
    verdict, asked = decided(lambda case: Answer("timeout"))
    assert (asked, len(verdict.findings), verdict.points) == (2, len(CASES), 0)
    first = iter([Answer("timeout")])
    verdict, asked = decided(lambda case: next(first, None) or ask_here(STEP.reference, case))
    assert asked == len(CASES)
    assert [f.case for f in verdict.findings] == [CASES[0]]


@pytest.mark.parametrize("kind", ["unwritten", "undefined", "not-callable"])
def test_what_is_not_there_is_asked_for_once_and_gives_nothing(kind):
    verdict, asked = decided(lambda case: Answer(kind))
    assert (asked, verdict.points, verdict.passed, verdict.misconception) == (1, 0, False, None)
    assert verdict.unwritten == (kind != "not-callable")
    right = iter(CASES[:1])  # it is gone after the first question
    verdict, asked = decided(lambda case: ask_here(STEP.reference, case) if next(right, None) else Answer(kind))
    assert (asked, verdict.points, verdict.passed) == (2, 0, False)


def test_a_mistake_is_named_only_if_it_explains_every_answer():
    for m in STEP.misconceptions:
        verdict, _ = decided(lambda case, m=m: ask_here(m.wrong, case))
        assert verdict.misconception is m
    wrong = STEP.misconceptions[0].wrong
    other = Answer("value", torch.full((1,), 7.0))
    verdict, _ = decided(lambda case: other if case is CASES[-1] else ask_here(wrong, case))
    assert verdict.findings
    assert verdict.misconception is None


def test_what_a_function_is_given_it_may_spoil():
    x = torch.arange(6.0).reshape(3, 2).T.requires_grad_()
    copy = own_copy(x)
    assert copy.stride() == x.stride()
    assert not copy.requires_grad
    copy.zero_()
    assert float(x.detach().sum()) == 15
    inner, served = own_copy([x]), own_copy(Served(len))
    assert inner[0] is not x
    assert served([1, 2]) == 2
    assert served.calls == 1
