"""What a student sees: one clear message for each way of being wrong, never a traceback of ours."""

import random
import subprocess
import sys

import numpy as np
import pytest
import torch

import grader
from diffkit import schedule
from grader.answer import ask_here
from grader.check import Outcome
from grader.exercise import Exercise
from grader.exercises import EXERCISES
from grader.message import markdown
from grader.text import quoted
from grader.verdict import IN_PLACE, NOT_EITHER, CheckBroken, judge

STEP = EXERCISES["forward.q_step"]


def right(x, t, beta, noise):
    return STEP.reference(x, t, beta, noise)


def stub(*args):
    raise NotImplementedError("q_step: your turn")


def boom(*args):
    return torch.zeros(2) @ torch.zeros(3)


def calls_the_course_wrongly(x, *rest):
    return schedule.linear(-3, 0.1, 0.2).beta * x


def picks_from_nothing(*args):
    return random.choice([])


def asks_torch_wrongly(*args):
    return torch.einsum("ij,jk", torch.ones(2, 2))


def gives_up(*args):
    raise ValueError


SAID = [
    (stub, "is waiting for you"),
    (3, "a function is expected here, this is of type `int`"),
    (None, "a function is expected here"),
    (lambda *a: None, "is a `return` missing?"),
    (lambda *a: "text", "a tensor is expected"),
    (lambda *a: right(*a).numpy(), "NumPy array"),
    (lambda *a: np.float64(3.0), "shape ()"),
    (lambda *a: right(*a)[:1], "has shape (1, 5); expected (3, 5)"),
    (lambda *a: right(*a).to(torch.complex64), "real numbers"),
    (lambda *a: right(*a) > 0, "real numbers"),
    (lambda *a: right(*a) * float("nan"), "inf or nan"),
    (lambda *a: right(*a).to("meta"), "is on meta"),
    (boom, "your function raised `RuntimeError"),
    (boom, "in the line `return torch.zeros(2) @ torch.zeros(3)`"),
    (calls_the_course_wrongly, "in the line `return schedule.linear(-3, 0.1, 0.2).beta * x`"),
    (lambda *a: torch.arange(3).softmax(0), 'your function raised `NotImplementedError: "softmax'),
    (picks_from_nothing, "in the line `return random.choice([])`"),
    (asks_torch_wrongly, 'in the line `return torch.einsum("ij,jk", torch.ones(2, 2))`'),
    (lambda x: x, "your function raised `TypeError"),
    (gives_up, "your function raised `ValueError` in the line `raise ValueError`"),
    (lambda *a: right(*a).detach(), "no gradient flows through"),
    (
        lambda x, t, b, n: right(x.double(), t, b, n.double()),
        "dtype torch.float64; the input's dtype torch.float32",
    ),
]


@pytest.mark.parametrize(("function", "says"), SAID, ids=[s[:30] for _, s in SAID])
def test_each_way_of_being_wrong_has_its_message(function, says):
    outcome = grader.check("forward.q_step", function)
    assert isinstance(outcome, Outcome)
    assert says in str(outcome)
    assert outcome.points < STEP.points


def test_a_wrong_answer_shows_question_difference_misconception_equation_and_next_hint():
    text = str(grader.check("forward.q_step", STEP.misconceptions[0].wrong))
    assert "a batch of vectors" in text
    assert "yours" in text
    assert STEP.misconceptions[0].message in text
    assert "Equation (2.3)" in text
    assert 'hint("forward.q_step")' in text


def test_in_a_terminal_the_signs_of_markdown_are_gone_and_those_of_python_stay():
    def fails(x, t, beta, noise):
        return x**2 @ "a"

    said = str(grader.check("forward.q_step", fails))
    assert "in the line `return x**2 @" in said
    assert "**" not in said.replace("x**2", "")
    assert "$" not in said


def test_partial_credit_is_by_criterion():
    outcome = grader.check("forward.q_step", lambda *a: right(*a).detach())
    assert outcome.points == 3
    assert outcome.verdict.earned == {"value": 2, "edges": 1, "clean": 0}


def test_nbgrader_reads_the_points_off_the_output():
    good = grader.check("forward.q_step", right)._repr_mimebundle_()
    assert float(good["text/plain"]) == 4
    assert float(grader.check("forward.q_step", stub)._repr_mimebundle_()["text/plain"]) == 0


def test_while_grading_no_number_of_a_hidden_input_is_shown():
    verdict = grader.check("forward.q_step", STEP.misconceptions[0].wrong).verdict
    text = markdown(verdict, numbers=False)
    assert verdict.findings[0].detail
    assert verdict.findings[0].detail not in text
    assert "Asked with" not in text


def test_unknown_exercises_and_hints_are_answered_kindly():
    assert "there are:" in str(grader.check("forward.nope", right))
    assert "graphs." not in str(grader.check("forward.nope", right))
    assert "line under its title" in str(grader.hint("nope"))
    assert "three steps" in str(grader.hint("forward.snr", 4))


def test_hints_come_one_at_a_time_and_stay_at_the_last():
    said = [str(grader.hint("forward.compose")) for _ in range(4)]
    assert [f"Hint {i} of 3" in s for i, s in zip((1, 2, 3, 3), said, strict=True)] == [True] * 4


def test_a_broken_check_is_nobodys_mistake(monkeypatch):
    broken = Exercise(**{**vars(STEP), "reference": boom})
    with pytest.raises(CheckBroken, match="the reference gave raised"):
        judge(broken, broken.cases(0), lambda case: None)
    monkeypatch.setitem(EXERCISES, "forward.q_step", broken)
    said = grader.check("forward.q_step", right)
    assert "not your mistake" in str(said)
    assert said._repr_mimebundle_()["text/plain"] == "0"


def test_an_exercise_whose_cases_forget_a_criterion_gives_no_points():
    forgetful = Exercise(**{**vars(STEP), "draw": lambda d: (c for c in STEP.draw(d) if c.criterion != "clean")})
    with pytest.raises(CheckBroken, match="criteria"):
        judge(forgetful, forgetful.cases(0), lambda case: ask_here(right, case))


def test_exit_in_a_function_does_not_end_the_notebook():
    assert "SystemExit" in str(grader.check("forward.q_step", lambda *a: exit()))


def test_gradients_are_asked_for_where_a_notebook_has_turned_them_off():
    with torch.no_grad():
        assert grader.check("forward.q_step", right).verdict.passed


def test_the_first_gradient_need_not_wait_for_sympy():
    """Which torch loads for the gradient of what is no scalar: a second or so, in every notebook."""
    asks = "step = EXERCISES['forward.q_step']; assert grader.check(step.name, step.reference).verdict.passed"
    program = f"import sys, grader; from grader.exercises import EXERCISES; {asks}; print('sympy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_interrupting_a_check_interrupts_it():
    def impatient(*args):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grader.check("forward.q_step", impatient)


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "a`b`c", "$\\href{javascript:x}{y}$", "x" * 999, "a\n\nb"]
)
def test_a_students_text_stays_inline_code(text):
    shown = quoted(text)
    assert shown[0] == shown[-1] == "`"
    assert "`" not in shown[1:-1]
    assert "\n" not in shown
    assert len(shown) < 320


def test_a_cell_that_waits_for_an_exercise_says_so(capsys):
    with grader.when_written():
        stub()
    assert "waits for an exercise above (q_step: your turn)" in capsys.readouterr().out
    with pytest.raises(ZeroDivisionError), grader.when_written():
        print(1 / 0)
    with pytest.raises(NotImplementedError, match="softmax"), grader.when_written():
        torch.arange(3).softmax(0)


def in_place(x, t, beta, noise):
    answer = right(x, t, beta, noise)
    x += 1  # an honest slip: the second call begins elsewhere
    return answer


def told(function):
    return {f.public for f in judge(STEP, STEP.cases(0), lambda case: ask_here(function, case)).findings}


def test_only_a_function_that_is_right_at_first_is_told_that_it_changed_its_input() -> None:
    assert IN_PLACE in told(in_place)
    wrong = told(lambda x, t, beta, noise: x + 2 * noise)
    assert NOT_EITHER in wrong
    assert IN_PLACE not in wrong
