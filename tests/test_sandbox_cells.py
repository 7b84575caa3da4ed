"""Honest notebooks run in the sandbox as they do in Jupyter."""

import base64
import threading

import pytest

from tests.sandbox_helpers import needs_bubblewrap, run_all, shown, text

pytest_plugins = ["tests.sandbox_fixtures"]
pytestmark = needs_bubblewrap


@pytest.fixture
def kernel(sandbox):
    with sandbox.kernel({"helper.py": b"def double(x):\n    return 2 * x\n", "data/a.txt": b"abc"}) as running:
        yield running


def test_print_and_stderr_are_kept_apart_and_in_order(kernel):
    (result,) = run_all(kernel, "import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')")
    assert [(item["name"], item["text"]) for item in result.outputs] == [
        ("stdout", "a\n"),
        ("stderr", "b\n"),
        ("stdout", "c\n"),
    ]


def test_a_warning_or_a_log_on_stderr_is_no_error(kernel):
    (result,) = run_all(kernel, "import warnings, logging\nwarnings.warn('old')\nlogging.warning('careful')")
    assert "old" in text(result)
    assert "careful" in text(result)


def test_the_last_expression_is_shown_and_display_works(kernel):
    (result,) = run_all(kernel, "display('first')\n[1, 2]")
    assert [item["output_type"] for item in result.outputs] == ["display_data", "execute_result"]
    assert shown(result) == "[1, 2]"


def test_a_plot_becomes_a_png_and_nothing_else(kernel):
    (result,) = run_all(kernel, "import matplotlib.pyplot as plt\nplt.plot([1, 3]); plt.title(r'$\\alpha$');")
    (item,) = result.outputs
    assert set(item["data"]) == {"text/plain", "image/png"}
    assert base64.b64decode(item["data"]["image/png"]).startswith(b"\x89PNG")


def test_magics_and_commands_work(kernel):
    result = run_all(
        kernel,
        "%matplotlib inline\n%timeit -n1 -r1 1",
        "%%time\ny = 1",
        "!echo from the shell",
        "lines = !echo one; echo two\nlines",
        "%%bash\necho from bash",
    )
    assert "loop" in text(result[0])
    assert "from the shell" in text(result[2])
    assert shown(result[3]) == "['one', 'two']"
    assert "from bash" in text(result[4])


def test_await_works_at_the_top_of_a_cell(kernel):
    (result,) = run_all(kernel, "import asyncio\nawait asyncio.sleep(0)\n'done'")
    assert shown(result) == "'done'"


def test_globals_classes_and_histories_go_from_cell_to_cell(kernel):
    results = run_all(
        kernel,
        "class Helper:\n    def __init__(self, n): self.n = n\n    def twice(self): return 2 * self.n",
        "h = Helper(21)",
        "h.twice()",
        "_",
        "import pickle; pickle.loads(pickle.dumps(h)).n",
    )
    assert shown(results[2]) == shown(results[3]) == "42"
    assert shown(results[4]) == "21"


def test_threads_work_and_print_into_the_cell(kernel):
    source = """
import threading
def work(i):
    print("thread", i)
threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
[t.start() for t in threads]; [t.join() for t in threads];
"""
    (result,) = run_all(kernel, source)
    assert sorted(text(result).split("\n"))[1:] == [f"thread {i}" for i in range(8)]


def test_processes_of_the_student_work(kernel):
    source = """
import torch
from torch.utils.data import DataLoader, TensorDataset
sum(x.sum() for (x,) in DataLoader(TensorDataset(torch.ones(8, 2)), batch_size=2, num_workers=2))
"""
    (result,) = run_all(kernel, source)
    assert shown(result) == "tensor(16.)"


def test_seeds_repeat_and_unseeded_draws_are_the_same_in_every_submission(sandbox, kernel):
    source = "import torch, random, numpy as np\n(torch.rand(1).item(), random.random(), np.random.rand())"
    again = "torch.manual_seed(3); a = torch.rand(2); torch.manual_seed(3); bool((a == torch.rand(2)).all())"
    first, repeated = run_all(kernel, source, again)
    assert shown(repeated) == "True"
    with sandbox.kernel() as other:
        assert shown(run_all(other, source)[0]) == shown(first)


def test_training_with_autograd_works(kernel):
    source = """
import torch
w = torch.zeros(2, requires_grad=True)
optimizer = torch.optim.Adam([w], lr=0.1)
for _ in range(3):
    optimizer.zero_grad(); ((w - 1) ** 2).sum().backward(); optimizer.step()
bool((w > 0).all())
"""
    assert shown(run_all(kernel, source)[0]) == "True"


def test_files_beside_the_notebook_can_be_read_imported_and_written(kernel):
    results = run_all(
        kernel,
        "from helper import double\ndouble(4)",
        "open('data/a.txt').read()",
        "import torch, pathlib\ntorch.save(torch.ones(2), 'x.pt'); pathlib.Path('/tmp/y').write_text('y')",
        "torch.load('x.pt')",
    )
    assert shown(results[0]) == "8"
    assert shown(results[1]) == "'abc'"
    assert shown(results[3]) == "tensor([1., 1.])"


def test_an_error_is_told_with_the_students_own_lines(kernel):
    result = kernel.run("def f(x):\n    return x / 0\n\nf(1)")
    (item,) = result.outputs
    assert result.status == "error"
    assert (item["ename"], item["evalue"]) == ("ZeroDivisionError", "division by zero")
    traceback = "\n".join(item["traceback"])
    assert "return x / 0" in traceback
    assert "sandbox" not in traceback
    assert "\x1b" not in traceback


@pytest.mark.parametrize("source", ["def f(:", "exit()", "import sys; sys.exit(3)", "raise KeyboardInterrupt"])
def test_the_kernel_lives_on_after_an_error(kernel, source):
    run_all(kernel, "x = 5")
    kernel.run(source)
    assert shown(kernel.run("x")) == "5"


def test_input_fails_instead_of_waiting(kernel):
    assert kernel.run("input('name? ')").outputs[-1]["ename"] in ("EOFError", "StdinNotImplementedError")


def test_clear_output_clears(kernel):
    (result,) = run_all(kernel, "from IPython.display import clear_output\nprint('a'); clear_output(); print('b')")
    assert text(result) == "b\n"


def test_only_text_and_png_are_shown_of_a_rich_value(kernel):
    source = """
class Rich:
    def _repr_html_(self): return "<script>alert(1)</script>"
    def _repr_svg_(self): return "<svg onload='alert(1)'/>"
    def _repr_javascript_(self): return "alert(1)"
    def __repr__(self): return "plain"
display(Rich()); Rich()
"""
    (result,) = run_all(kernel, source)
    assert [item["data"] for item in result.outputs] == [{"text/plain": "plain"}] * 2


def test_submissions_side_by_side_do_not_mix(sandbox):
    found: dict[int, str] = {}

    def submission(i: int) -> None:
        with sandbox.kernel({"me.txt": str(i).encode()}) as kernel:
            kernel.run(f"import time\nmine = {i}\nopen('/tmp/who', 'w').write('{i}')\ntime.sleep(0.2)")
            found[i] = shown(kernel.run("(mine, open('me.txt').read(), open('/tmp/who').read())"))

    threads = [threading.Thread(target=submission, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {i: f"({i}, '{i}', '{i}')" for i in range(4)}
