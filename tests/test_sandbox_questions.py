"""Questions to a fork of the student's state bring values back; functions of ours may be passed in."""

import resource
import weakref

import numpy as np
import pytest
import torch

from grader.exercise import Case, Served
from grader.remote import asker
from grader.sandbox import Callback, Handle, Make
from tests.sandbox_helpers import FUNCTIONS, TIGHT, needs_bubblewrap, run_all

pytest_plugins = ["tests.sandbox_fixtures"]
pytestmark = needs_bubblewrap


@pytest.fixture
def kernel(sandbox):
    with sandbox.kernel(limits=TIGHT) as running:
        run_all(running, FUNCTIONS)
        yield running


# ---------------------------------------------------------------- kinds of questions


def test_lookup_tells_what_a_name_is(kernel):
    with kernel.evaluation() as evaluation:
        found = evaluation.lookup("double")
        assert (found.kind, found.type_name, found.callable) == ("found", "function", True)
        found = evaluation.lookup("count")
        assert (found.kind, found.type_name, found.callable) == ("found", "int", False)
        assert evaluation.lookup("nothing").kind == "undefined"
        assert evaluation.call("nothing").kind == "undefined"
        assert evaluation.lookup("torch.nn.Linear").type_name == "type"


def test_call_brings_the_value_back(kernel):
    with kernel.evaluation() as evaluation:
        answer = evaluation.call("double", [torch.ones(2)], {"factor": 3})
        assert answer.kind == "value"
        assert torch.equal(answer.value, torch.full((2,), 3.0))
        assert [a.value for a in evaluation.call_many("double", [[1], ["a"], [(2,)]])] == [2, "aa", (2, 2)]


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
        answer = evaluation.vjp("poly", [x, y], {"z": z}, wrt=[0, 1, "z"], cotangent=v)
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


def test_a_seed_makes_a_random_function_repeat(kernel):
    run_all(kernel, "import random\ndef draw(n):\n    return torch.randn(n), np.random.rand(), random.random()")
    with kernel.evaluation() as evaluation:
        first, second = (evaluation.call("draw", [3], seed=5).value for _ in range(2))
        other = evaluation.call("draw", [3], seed=6).value
    assert torch.equal(first[0], second[0])
    assert first[1:] == second[1:]
    assert not torch.equal(first[0], other[0])
    with kernel.evaluation() as one, kernel.evaluation() as two:
        assert one.call("draw", [1]).value[1:] == two.call("draw", [1]).value[1:]


# ---------------------------------------------------------------- copies, handles


def test_each_call_gets_fresh_copies(kernel):
    x = torch.zeros(2)
    with kernel.evaluation() as evaluation:
        for _ in range(2):
            assert torch.equal(evaluation.call("mutates", [x]).value, torch.ones(2))
    assert torch.equal(x, torch.zeros(2))


def test_mutation_in_place_shows_on_a_held_argument(kernel):
    with kernel.evaluation() as evaluation:
        held = evaluation.hold(torch.zeros(2))
        evaluation.call("mutates", [held])
        evaluation.call("mutates", [held])
        assert torch.equal(evaluation.fetch(held).value, torch.full((2,), 2.0))
        evaluation.call("endless")  # the process is lost, the handle is not: it is held anew
        assert torch.equal(evaluation.call("mutates", [held]).value, torch.ones(2))


def test_an_object_that_cannot_cross_is_kept_and_asked_further(kernel):
    with kernel.evaluation() as evaluation:
        answer, layer = evaluation.keep("torch.nn.Linear", [2, 3])
        assert answer.kind == "value"
        assert evaluation.call(layer, [torch.ones(5, 2)]).value.shape == (5, 3)
        assert evaluation.call(Handle(layer.number, attribute="extra_repr")).value.startswith("in_features=2")
        evaluation.call("endless")
        assert evaluation.call(layer, [torch.ones(5, 2)]).kind == "died"
        assert evaluation.call("double", [1]).value == 2


def test_an_argument_can_be_made_inside(kernel):
    run_all(kernel, "def draw(generator):\n    return torch.rand(2, generator=generator)")
    make = Make("cage.sandbox.inside.questions:generator", (7,))
    with kernel.evaluation() as evaluation:
        value = evaluation.call("draw", [make]).value
    assert torch.equal(value, torch.rand(2, generator=torch.Generator().manual_seed(7)))


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
        answer = asker(evaluation, "spoils")(case)
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
