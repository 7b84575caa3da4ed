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


def test_a_call_cannot_kill_the_kernel(kernel):
    run_all(kernel, "def bad():\n    os.kill(os.getppid(), 9); return os.getppid()", "count = 41")
    with kernel.evaluation() as evaluation:
        assert evaluation.call("bad").value == 1
        assert evaluation.call("counting").value == 42
    assert shown(kernel.run("count")) == "41"


# ---------------------------------------------------------------- the last evaluation: the kernel itself answers

PLACE = "def place():\n    return os.getpid(), os.getppid()"


def test_after_the_last_cell_the_kernel_itself_answers(kernel):
    run_all(kernel, PLACE)
    with kernel.evaluation(last=True) as evaluation:
        assert evaluation.call("place").value == (1, 0)
        assert evaluation.call("counting").value == 1


@pytest.mark.parametrize(
    "before",
    ["time.sleep(1.2)", "import threading; threading.Thread(target=time.sleep, args=[60], daemon=True).start()"],
)
def test_a_copy_answers_if_the_cells_were_slow_or_have_left_threads(kernel, before):
    run_all(kernel, PLACE, before)
    with kernel.evaluation(last=True) as evaluation:
        assert evaluation.call("place").value[1] == 1


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("while True: pass", "timeout", "1 s"),
        ("time.sleep(1000)", "timeout", "1 s"),
        ("os._exit(3)", "died", "exited with 3"),
        ("import ctypes; ctypes.string_at(0)", "died", "signal 11"),
        ("os.closerange(0, 64)", "died", ""),
        ("return torch.zeros(2 ** 21)", "malformed", "limit"),
        ("sys.exit(2)", "raised", ""),
    ],
)
def test_a_call_that_costs_the_kernel_costs_only_itself(kernel, source, kind, message):
    run_all(kernel, f"import sys\ndef bad():\n    {source}", PLACE, "count = 41")
    with kernel.evaluation(last=True) as evaluation:
        for _ in range(kernel.limits.restarts + 2):
            answer = evaluation.call("bad")
            assert (answer.kind, message in answer.message) == (kind, True), answer
        assert evaluation.call("double", [2]).value == 4
        assert evaluation.call("counting").value == 42
        assert evaluation.call("place").value == (1, 0) or kind != "raised"


def test_nothing_follows_the_last_evaluation(kernel):
    with kernel.evaluation(last=True):
        pass
    for more in (lambda: kernel.run("1"), kernel.evaluation):
        with pytest.raises(RuntimeError, match="last"):
            more()


def test_a_closed_evaluation_says_so(kernel):
    with kernel.evaluation() as evaluation:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        evaluation.call("double", [1])


def test_our_own_arguments_must_be_plain(kernel):
    with kernel.evaluation() as evaluation, pytest.raises(ValueError, match="object"):
        evaluation.call("double", [object()])
