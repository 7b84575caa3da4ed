"""Questions that were announced are answered ahead, and yet each as if it had been asked alone."""

import time

import pytest
import torch

from grader.exercise import Case
from grader.remote import Asker
from grader.sandbox import Callback, Held, call
from grader.sandbox.evaluation import AHEAD
from tests.sandbox_helpers import FUNCTIONS, TIGHT, WIRE, needs_bubblewrap, run_all

pytest_plugins = ["tests.sandbox_fixtures"]
pytestmark = needs_bubblewrap


MORE = """
def bad(how):
    exec(how)
    return "went well"
def applies(f, x):
    return f(x)
def slowly(f, x):
    y = f(x)
    time.sleep(0.6)
    return y
"""


@pytest.fixture(params=[False, True], ids=["fork", "last"])
def evaluation(sandbox, request):
    with sandbox.kernel(limits=TIGHT) as running:
        run_all(running, FUNCTIONS)
        run_all(running, WIRE, MORE)
        with running.evaluation(last=request.param) as asked:
            yield asked


def announced(evaluation, *questions):
    evaluation.announce(questions)
    return [evaluation.ask(q) for q in questions]


def test_answers_come_in_the_order_of_the_questions(evaluation):
    answers = announced(evaluation, *(call("double", [i]) for i in range(50)))
    assert [a.value for a in answers] == [2 * i for i in range(50)]


def test_the_student_may_begin_before_the_first_answer_is_asked_for(evaluation):
    questions = [call("double", [1]), call("double", [2])]
    evaluation.announce(questions)
    latest = time.monotonic() + 10
    while not evaluation._reader.pending():  # an answer that nobody has asked for yet
        assert time.monotonic() < latest, "nothing came"
        time.sleep(0.01)
    assert [evaluation.ask(q).value for q in questions] == [2, 4]


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ("while True: pass", "timeout"),
        ("time.sleep(1000)", "timeout"),
        ("os._exit(3)", "died"),
        ("os.closerange(0, 64)", "died"),
        ("raise KeyError", "raised"),
    ],
)
def test_one_that_goes_wrong_costs_only_itself(evaluation, how, kind):
    questions = [call("double", [1]), call("bad", [how]), call("double", [2]), call("bad", ["1"]), call("bad", [how])]
    answers = announced(evaluation, *questions)
    assert [a.kind for a in answers] == ["value", kind, "value", "value", kind]
    assert [answers[i].value for i in (0, 2, 3)] == [2, 4, "went well"]


def test_an_answer_that_breaks_the_protocol_costs_only_itself(evaluation):
    many = call("double", [torch.zeros(2**21)])  # over the limit on answers here
    answers = announced(evaluation, call("double", [1]), many, call("double", [2]))
    assert [a.kind for a in answers] == ["value", "malformed", "value"]


def test_questions_and_answers_larger_than_a_socket_takes_do_not_wait_for_each_other(evaluation):
    sizes = [2**19, 3, *[AHEAD // 5] * 30, 5]  # 52 kB each, so together far more than a socket takes
    answers = announced(evaluation, *(call("double", [torch.ones(n)]) for n in sizes))
    assert [a.value.sum() for a in answers] == [2 * n for n in sizes]


def test_calls_back_are_served_between_answers(evaluation):
    three, five = Callback(lambda x: x + 3), Callback(lambda x: x + 5)
    questions = [
        call("double", [1]),
        call("applies", [three, 10]),
        call("double", [2]),
        call("applies", [five, 10]),
        call("double", [3]),
    ]
    assert [a.value for a in announced(evaluation, *questions)] == [2, 13, 4, 15, 6]
    assert (three.calls, five.calls) == (1, 1)


def test_calls_back_of_a_lost_process_are_not_counted(evaluation):
    trap = "import threading; threading.Timer(0.3, os._exit, (1,)).start()"
    counted = Callback(lambda x: x)
    questions = [call("bad", [trap]), call("slowly", [counted, 4])]
    assert [a.value for a in announced(evaluation, *questions)] == ["went well", 4]
    assert counted.calls == 1


def test_a_held_object_is_brought_once_and_again_after_a_loss(evaluation):
    held = Held(torch.zeros(2))
    touch = [call("mutates", [held]) for _ in range(3)]
    answers = announced(evaluation, touch[0], touch[1], call("bad", ["os._exit(1)"]), touch[2])
    assert [float(answers[i].value[0]) for i in (0, 1, 3)] == [1, 2, 1]


def test_what_was_announced_and_not_asked_is_forgotten(evaluation):
    left = [call("counting") for _ in range(3)]
    evaluation.announce(left)
    assert evaluation.ask(left[0]).value == 1
    assert evaluation.ask(call("double", [7])).value == 14
    questions = [call("double", [8]), call("double", [9])]
    evaluation.announce(questions)
    evaluation.announce(questions[1:])
    assert evaluation.ask(questions[1]).value == 18
    assert evaluation.call("counting").value == 4  # nothing was asked again, and no process was lost


def test_an_answer_counts_for_its_own_question_alone(evaluation):
    """Who answers before being asked has answered nothing, not even what was right."""
    forge = "for n in (0, 1): os.write(wires()[-1], frame({'kind': 'value', 'value': 'forged', 'number': n}))"
    questions = [call("bad", [forge]), call("double", [1]), call("double", [2])]
    answers = announced(evaluation, *questions)
    assert [a.kind for a in answers] == ["malformed", "value", "value"]
    assert [a.value for a in answers[1:]] == [2, 4]


def test_an_answer_left_over_is_not_the_next_ones(evaluation):
    """A thread answers a second time, when the next question is under way."""
    again = {"kind": "value", "value": "forged", "number": 0}
    later = f"threading.Timer(0.2, lambda: os.write(wires()[-1], frame({again}))).start()"
    questions = [call("bad", [f"import threading; {later}"]), call("bad", ["time.sleep(0.5)"]), call("double", [2])]
    assert [a.kind for a in announced(evaluation, *questions)] == ["value", "malformed", "value"]


def test_cases_that_were_announced_get_the_answers_that_they_get_alone(evaluation):
    cases = [Case(str(i), (torch.full((2,), float(i)),), ask="twice" if i % 2 else "value") for i in range(6)]
    alone = [Asker(evaluation, "mutates")(case) for case in cases]
    ask = Asker(evaluation, "mutates")
    ask.announce(cases)
    for case, expected in zip(cases, alone, strict=True):
        assert torch.equal(ask(case).value, expected.value)
    assert [float(a.value[0]) for a in alone] == [1, 3, 3, 5, 5, 7]
