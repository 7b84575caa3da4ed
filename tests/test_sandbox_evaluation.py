"""No question changes a later cell, and one that goes wrong costs only itself."""

import pytest

from tests.sandbox_helpers import FUNCTIONS, TIGHT, needs_bubblewrap, run_all, shown

pytest_plugins = ["tests.sandbox_fixtures"]
pytestmark = needs_bubblewrap


@pytest.fixture
def kernel(sandbox):
    with sandbox.kernel(limits=TIGHT) as running:
        run_all(running, FUNCTIONS)
        yield running


def test_questions_do_not_change_later_cells(kernel):
    with kernel.evaluation() as evaluation:
        assert [evaluation.call("counting").value for _ in range(3)] == [1, 2, 3]
    assert shown(kernel.run("count")) == "0"


def test_hidden_inputs_do_not_show_in_the_outputs(kernel):
    with kernel.evaluation() as evaluation:
        assert evaluation.call("prints", [12345]).value == 12345
        assert kernel.run("print('after')").outputs == [{"output_type": "stream", "name": "stdout", "text": "after\n"}]


def test_questions_after_the_last_cell_meet_the_state_of_their_place(kernel):
    with kernel.evaluation() as early:
        run_all(kernel, "count = 100", "def double(x): return None")
        with kernel.evaluation() as late:
            assert early.call("counting").value == 1
            assert late.call("counting").value == 101
            assert early.call("double", [4]).value == 8
            assert late.call("double", [4]).value is None


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("while True: pass", "timeout", "1 s"),
        ("time.sleep(1000)", "timeout", "1 s"),
        ("os._exit(3)", "died", "exited with 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "died", "signal 9"),
        ("os.kill(os.getpid(), signal.SIGSTOP)", "timeout", "1 s"),
        ("os.kill(-1, signal.SIGKILL)", "raised", "No such process"),  # the kernel is out of its reach
        ("os.closerange(0, 64)", "died", ""),
        ("return torch.zeros(2 ** 21)", "malformed", "limit"),
        ("sys.exit(2)", "raised", ""),
        ("return (lambda f: f(f))(lambda f: f(f))", "raised", "recursion"),
    ],
)
def test_a_call_that_goes_wrong_costs_only_itself(kernel, source, kind, message):
    run_all(kernel, f"import sys\ndef bad():\n    {source}", "count = 41")
    with kernel.evaluation() as evaluation:
        run_all(kernel, "count = 99")
        answer = evaluation.call("bad")
        assert (answer.kind, message in answer.message) == (kind, True), answer
        assert evaluation.call("double", [2]).value == 4
        assert evaluation.call("counting").value == 42
    assert shown(kernel.run("count")) == "99"


def test_a_call_that_never_returns_costs_no_replay(kernel):
    run_all(kernel, "import uuid\ntoken = uuid.uuid4().hex")
    token = shown(kernel.run("token"))
    with kernel.evaluation() as evaluation:
        assert evaluation.call("endless").kind == "timeout"
        assert evaluation.call("double", [2]).value == 4
    assert shown(kernel.run("token")) == token


def test_a_question_is_asked_again_when_an_earlier_one_has_killed_its_process(kernel):
    run_all(
        kernel,
        "import threading\ndef trap():\n    threading.Timer(0.3, os._exit, (1,)).start()",
        "def slow():\n    time.sleep(0.6)\n    return 'done'",
    )
    with kernel.evaluation() as evaluation:
        assert evaluation.call("trap").kind == "value"
        assert evaluation.call("slow").value == "done"


def test_a_call_that_kills_the_kernel_does_not_harm_the_next(kernel):
    run_all(kernel, "def bad():\n    os.kill(os.getppid(), 9); time.sleep(1000)", "count = 41")
    with kernel.evaluation() as evaluation:
        assert evaluation.call("bad").kind == "died"
        assert evaluation.call("counting").value == 42
    assert shown(kernel.run("count")) == "41"


def test_a_function_that_always_kills_the_kernel_cannot_use_up_the_machine(kernel):
    run_all(kernel, "def bad():\n    os.kill(os.getppid(), 9); time.sleep(1000)")
    with kernel.evaluation() as evaluation:
        answers = [evaluation.call("bad") for _ in range(6)]
    assert {answer.kind for answer in answers} == {"died"}
    assert "too often" in answers[-1].message
    assert kernel.run("1").status == "died"


def test_a_closed_evaluation_says_so(kernel):
    with kernel.evaluation() as evaluation:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        evaluation.lookup("double")


def test_our_own_arguments_must_be_plain(kernel):
    with kernel.evaluation() as evaluation, pytest.raises(ValueError, match="object"):
        evaluation.call("double", [object()])
