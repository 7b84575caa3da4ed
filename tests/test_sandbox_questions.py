"""Questions to a fork of the student's state bring values back; functions of ours may be passed in."""

import resource
import weakref

import numpy as np
import pytest
import torch

from grader.exercise import Case, Served
from grader.remote import Asker
from grader.sandbox import Callback, Held, Make
from tests.sandbox_helpers import FUNCTIONS, TIGHT, needs_bubblewrap, run_all

pytest_plugins = ["tests.sandbox_fixtures"]
pytestmark = needs_bubblewrap


@pytest.fixture
def kernel(sandbox):
    with sandbox.kernel(limits=TIGHT) as running:
        run_all(running, FUNCTIONS)
        yield running


# ---------------------------------------------------------------- kinds of questions


def test_call_brings_the_value_back(kernel):
    with kernel.evaluation() as evaluation:
        answer = evaluation.call("double", [torch.ones(2), 3])
        assert answer.kind == "value"
        assert torch.equal(answer.value, torch.full((2,), 3.0))
        assert [evaluation.call("double", [x]).value for x in (1, "a", (2,))] == [2, "aa", (2, 2)]
        assert evaluation.call("nothing").kind == "undefined"


def test_an_exception_is_told_with_the_students_line(kernel):
    with kernel.evaluation() as evaluation:
        answer = evaluation.call("fails", [1])
    assert (answer.kind, answer.type_name, answer.message) == ("raised", "KeyError", "'no such key'")
    assert answer.source == 'raise KeyError("no such key")'
    assert answer.line == FUNCTIONS.split("\n").index("    " + answer.source) + 1


def test_what_cannot_cross_is_named_by_its_type(kernel):
    run_all(kernel, "class Model: pass\ndef make(): return Model()")
    with kernel.evaluation() as evaluation:
        answer = evaluation.call("make")
    assert (answer.kind, answer.type_name) == ("unreadable", "Model")


def test_vjp_gives_value_and_gradients(kernel):
    run_all(kernel, "def poly(x, y, z):\n    return x ** 2 * y")
    x, y, z, v = (torch.randn(3, dtype=torch.float64) for _ in range(4))
    with kernel.evaluation() as evaluation:
        answer = evaluation.vjp("poly", [x, y, z], wrt=[0, 1, 2], cotangent=v)
    assert answer.kind == "value"
    torch.testing.assert_close(answer.value, x**2 * y)
    torch.testing.assert_close(answer.gradients[0], 2 * x * y * v)
    torch.testing.assert_close(answer.gradients[1], x**2 * v)
    assert answer.gradients[2] is None


def test_vjp_tells_a_broken_graph_and_a_wrong_shape_from_an_error(kernel):
    run_all(kernel, "def broken(x):\n    return x.detach()\ndef total(x):\n    return x.sum()")
    with kernel.evaluation() as evaluation:
        assert evaluation.vjp("broken", [torch.ones(2)]).gradients == [None]
        assert evaluation.vjp("total", [torch.ones(2)], cotangent=torch.ones(2)).gradients is None
        answer = evaluation.vjp("fails", [torch.ones(2)])
    assert (answer.kind, answer.type_name) == ("raised", "KeyError")


def test_autograd_before_the_fork_does_not_break_autograd_after_it(kernel):
    run_all(kernel, "w = torch.ones(2, requires_grad=True)\n(w ** 2).sum().backward()")
    with kernel.evaluation() as evaluation:
        answer = evaluation.vjp("double", [torch.ones(2)])
    assert torch.equal(answer.gradients[0], torch.full((2,), 2.0))


def test_every_copy_of_the_state_draws_the_same_numbers(kernel):
    run_all(kernel, "import random\ndef draw(n):\n    return torch.randn(n), np.random.rand(), random.random()")
    with kernel.evaluation() as one, kernel.evaluation() as two:
        here, there = one.call("draw", [1]).value, two.call("draw", [1]).value
    assert torch.equal(here[0], there[0])
    assert here[1:] == there[1:]


# ---------------------------------------------------------------- copies, held objects


def test_each_call_gets_fresh_copies(kernel):
    x = torch.zeros(2)
    with kernel.evaluation() as evaluation:
        for _ in range(2):
            assert torch.equal(evaluation.call("mutates", [x]).value, torch.ones(2))
    assert torch.equal(x, torch.zeros(2))


def test_mutation_in_place_shows_on_a_held_argument(kernel):
    held = Held(torch.zeros(2))
    with kernel.evaluation() as evaluation:
        evaluation.call("mutates", [held])
        assert torch.equal(evaluation.call("mutates", [held]).value, torch.full((2,), 2.0))
        evaluation.call("endless")  # the process is lost, what was held is not: it is held anew
        assert torch.equal(evaluation.call("mutates", [held]).value, torch.ones(2))


def test_an_argument_can_be_made_inside(kernel):
    run_all(kernel, "def strides(x):\n    return x.stride()")
    with kernel.evaluation() as evaluation:
        value = evaluation.call("strides", [Make("torch:transpose", (torch.ones(3, 2), 0, 1))]).value
    assert value == (1, 2)


def test_numpy_in_place_of_torch_can_be_told(kernel):
    run_all(kernel, "def to_numpy(x):\n    return x.numpy()")
    with kernel.evaluation() as evaluation:
        assert type(evaluation.call("to_numpy", [torch.ones(2)]).value) is np.ndarray


# ---------------------------------------------------------------- callbacks


def test_a_callback_runs_here_and_its_calls_are_counted(kernel):
    run_all(kernel, "def twice(f, x):\n    return f(f(x), shift=1.0)")
    seen = []

    def ours(x, shift=0.0):
        seen.append((x.clone(), shift))
        return 2 * x + shift

    callback = Callback(ours)
    with kernel.evaluation() as evaluation:
        answer = evaluation.call("twice", [callback, torch.ones(2)])
    assert torch.equal(answer.value, torch.full((2,), 5.0))
    assert callback.calls == 2
    (first, second) = seen
    assert torch.equal(first[0], torch.ones(2))
    assert torch.equal(second[0], torch.full((2,), 2.0))
    assert second[1] == 1.0


def test_what_a_callback_was_called_with_is_not_kept(kernel):
    run_all(kernel, "def ask(f, n):\n    return sum(f({}) for _ in range(n))")
    given = []

    def ours(x):
        given.append(weakref.ref(x_of := _Weak()))
        x["held"] = x_of
        return 1

    callback = Callback(ours)
    with kernel.evaluation() as evaluation:
        assert evaluation.call("ask", [callback, 5]).value == 5
    assert callback.calls == 5
    assert [r() for r in given] == [None] * 5, "a student could fill the memory with them"


class _Weak:
    """Something whose end can be seen."""


def test_a_case_that_is_asked_twice_may_hand_over_a_function(kernel):
    run_all(kernel, "def spoils(f, x):\n    y = f(x)\n    x += 1\n    return y")
    case = Case("a function", (Served(lambda x: 2 * x), torch.ones(2)), ask="twice")
    with kernel.evaluation() as evaluation:
        answer = Asker(evaluation, "spoils")(case)
    assert torch.equal(answer.value, torch.full((2,), 4.0))  # the first call made the ones to twos
    assert answer.calls == 2


def test_what_a_callback_raises_reaches_the_student(kernel):
    run_all(kernel, "def careful(f):\n    try: return f(1)\n    except RuntimeError as e: return str(e)")

    def refuse(x):
        raise ValueError("x must be a tensor")

    with kernel.evaluation() as evaluation:
        assert evaluation.call("careful", [Callback(refuse)]).value == "ValueError: x must be a tensor"


def test_callbacks_are_bounded_in_number_and_in_data(kernel):
    run_all(
        kernel,
        "def often(f):\n    for _ in range(51): f(1)",
        "def much(f):\n    for _ in range(5): f(torch.zeros(2 ** 18))",
        "def right(f):\n    return [f(i) for i in range(50)]",
    )
    with kernel.evaluation() as evaluation:
        assert evaluation.call("often", [Callback(lambda x: x)]).kind == "too-many-calls"
        assert evaluation.call("much", [Callback(lambda x: None)]).kind == "too-many-calls"
        assert evaluation.call("right", [Callback(lambda x: x)]).value == list(range(50))


def test_a_call_back_cannot_take_the_graders_memory(kernel):
    run_all(kernel, "def ask(f, n):\n    try: return f(n).sum()\n    except RuntimeError as e: return str(e)")
    with kernel.evaluation() as evaluation:
        for n in (10**12, 3 * 10**8):  # a terabyte is refused anyhow; 2.2 GiB would be there
            callback = Callback(lambda n: torch.zeros(n, dtype=torch.float64))
            assert "memory" in evaluation.call("ask", [callback, n]).value
        assert evaluation.call("ask", [Callback(lambda n: torch.ones(n)), 1000]).value == 1000
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == BEFORE


BEFORE = resource.getrlimit(resource.RLIMIT_AS)[0]


def test_a_callback_cannot_be_used_to_ask_inside_a_question(kernel):
    run_all(kernel, "def ask(f):\n    return f()")
    with kernel.evaluation() as evaluation:
        failure = evaluation.call("ask", [Callback(lambda: evaluation.call("double", [1]))])
    assert failure.kind == "raised"
    assert "busy" in failure.message


def test_a_function_that_is_passed_back_cannot_cross(kernel):
    run_all(kernel, "def give(f):\n    return f(lambda: 1)")
    with kernel.evaluation() as evaluation:
        answer = evaluation.call("give", [Callback(lambda x: x)])
    assert answer.kind == "raised"
    assert "function" in answer.message
