"""A submission that uses too much is stopped, is told so, and the cells after it still run."""

import time
from dataclasses import replace

import pytest

from grader.sandbox import Limits
from grader.sandbox.limits import MIB
from tests.sandbox_helpers import TIGHT, needs_bubblewrap, run_all, shown, text

pytest_plugins = ["tests.sandbox_fixtures"]
pytestmark = needs_bubblewrap


@pytest.fixture
def kernel(sandbox):
    with sandbox.kernel(limits=TIGHT) as running:
        run_all(running, "import os, signal, subprocess, sys, threading, time, torch, mmap, numpy as np\nkept = 5")
        yield running


# ---------------------------------------------------------------- time and death: the kernel is replaced


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("while True: pass", "stopped"),
        ("while True:\n    try: time.sleep(1)\n    except BaseException: pass", "stopped"),
        ("os._exit(0)", "died"),
        ("os.abort()", "died"),
        ("import ctypes; ctypes.string_at(0)", "died"),
        ("os.closerange(0, 64)", "died"),
    ],
)
def test_a_cell_that_kills_the_kernel_is_left_out_and_the_rest_runs(kernel, source, status):
    kernel.run("failing = 6\n1 / 0")
    result = kernel.run("kept = 7\n" + source)
    assert result.status == status
    (note,) = result.outputs
    assert note["evalue"] == ("stopped after 2 s" if status == "stopped" else "this cell ended the kernel")
    assert shown(kernel.run("kept, failing")) == "(5, 6)"


@pytest.mark.parametrize("number", ["SIGKILL", "SIGSTOP", "SIGTERM", "SIGSEGV"])
def test_a_kernel_cannot_stop_itself_with_a_signal_it_is_pid_1(kernel, number):
    assert kernel.run(f"kept = 7\nos.kill(os.getpid(), signal.{number})").status == "ok"
    assert shown(kernel.run("kept, os.getpid()")) == "(7, 1)"


BUSY = replace(TIGHT, cell_seconds=1, call_seconds=1, patience=60)


def test_seconds_are_of_computing_so_a_busy_machine_makes_no_difference(sandbox):
    """Waiting is not computing: a cell that waits for the processor is not stopped."""
    with sandbox.kernel(limits=BUSY) as kernel:
        assert kernel.run("import time\ntime.sleep(2.5)\nkept = 5").status == "ok"
        assert kernel.run("def wait(): time.sleep(2.5); return 3\ndef endless():\n    while True: pass").status == "ok"
        result = kernel.run("while True: pass")
        assert (result.status, result.outputs[0]["evalue"]) == ("stopped", "stopped after 1 s")
        with kernel.evaluation() as evaluation:
            assert evaluation.call("wait").value == 3
            start = time.monotonic()
            assert evaluation.call("endless").kind == "timeout"
            seconds = time.monotonic() - start
            assert evaluation.call("wait").value == 3
        # Both were ended by what they had computed, long before the clock would have ended them.
        assert result.seconds < BUSY.most_for_a_cell
        assert seconds < BUSY.most_for_a_call


def test_who_lifts_the_limit_on_computing_is_stopped_by_the_clock(sandbox):
    with sandbox.kernel(limits=replace(BUSY, patience=3)) as kernel:
        lift = "import resource, signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\n"
        assert kernel.run(lift + "while True: pass").status == "stopped"
        assert kernel.run("1").status == "ok"


def test_a_submission_has_a_time_for_everything_together(sandbox):
    with sandbox.kernel(limits=Limits(cell_seconds=30, submission_seconds=2)) as kernel:
        run_all(kernel, "def f(): return 1")
        with kernel.evaluation() as evaluation:
            assert "submission are over" in kernel.run("while True: pass").outputs[0]["evalue"]
            assert kernel.run("1").status == "died"
            assert evaluation.call("f").kind == "timeout"
        assert kernel.evaluation().call("f").kind == "timeout"


def test_each_deadly_cell_costs_one_restart(kernel):
    for _ in range(TIGHT.restarts):
        assert kernel.run("os._exit(0)").status == "died"
    assert shown(kernel.run("kept")) == "5"


def test_a_submission_cannot_restart_for_ever(kernel):
    statuses = [kernel.run("os._exit(0)").status for _ in range(TIGHT.restarts + 3)]
    assert set(statuses) == {"died"}
    assert "too often" in kernel.run("1").outputs[0]["evalue"]


# ---------------------------------------------------------------- memory, processes, files


@pytest.mark.parametrize(
    "source",
    [
        "big = bytearray(3 << 30)",
        "big = torch.zeros(3 << 30, dtype=torch.uint8)",
        "big = np.ones(3 << 27)",
        "big = mmap.mmap(-1, 3 << 30)",
        "big = [bytearray(1 << 24) for _ in range(200)]",
        "os.ftruncate(os.memfd_create('x'), 3 << 30)",
        "big = 'x' * (3 << 30)",
    ],
)
def test_three_gigabytes_are_refused_and_the_kernel_goes_on(sandbox, source):
    with sandbox.kernel(limits=replace(TIGHT, cell_seconds=30)) as kernel:  # to touch half a gigabyte takes a moment
        run_all(kernel, "import os, torch, mmap, numpy as np\nkept = 5")
        result = kernel.run(source)
        assert result.status == "error"
        errors = ("MemoryError", "RuntimeError", "OSError", "_ArrayMemoryError", "PermissionError")
        assert result.outputs[-1]["ename"] in errors
        assert shown(kernel.run("kept")) == "5"


def test_what_honest_work_needs_of_memory_is_there(kernel):
    assert shown(kernel.run("x = torch.ones(64 << 20)\nint(x.sum())")) == str(64 << 20)


BOMB = """
children = []
try:
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            time.sleep(1000)
        children.append(pid)
except OSError as error:
    print(type(error).__name__)
print(len(children) < 20)
for pid in children:
    os.kill(pid, 9); os.waitpid(pid, 0)
"""


def test_a_bomb_of_processes_is_bounded(kernel):
    (result,) = run_all(kernel, BOMB)
    assert text(result) == "BlockingIOError\nTrue\n"
    assert shown(kernel.run("kept")) == "5"


def test_a_bomb_of_threads_is_bounded(kernel):
    source = """
stop = threading.Event()
started = 0
try:
    for started in range(20):
        threading.Thread(target=stop.wait).start()
except RuntimeError as error:
    print(error)
stop.set()
started < 20
"""
    assert shown(kernel.run(source)) == "True"


def test_one_submissions_processes_are_not_counted_against_another(sandbox, kernel):
    run_all(kernel, "sleepers = [subprocess.Popen(['sleep', '1000']) for _ in range(10)]")
    with sandbox.kernel(limits=TIGHT) as other:
        run_all(other, "import subprocess\nsleepers = [subprocess.Popen(['sleep', '1000']) for _ in range(10)]")


DISK = """
written, failure = 0, None
try:
    for i in range(64):
        with open(f"{place}/{i}", "wb") as file:
            for _ in range(8):
                written += file.write(bytes(1 << 20))
except OSError as error:
    failure = error.errno
import errno
(errno.errorcode[failure], written <= 32 << 20)
"""


@pytest.mark.parametrize("place", ["/tmp", "/dev/shm", "."])
def test_half_a_gigabyte_of_disk_is_refused(kernel, place):
    run_all(kernel, f"place = {place!r}")
    assert shown(kernel.run(DISK)) == "('ENOSPC', True)"


def test_tmp_and_shared_memory_share_one_limit(kernel):
    run_all(kernel, "for i in range(3): open(f'/tmp/{i}', 'wb').write(bytes(7 << 20))")
    result = kernel.run("for i in range(3): open(f'/dev/shm/{i}', 'wb').write(bytes(7 << 20))")
    assert result.outputs[-1]["ename"] == "OSError"


def test_one_large_file_and_many_small_ones_are_refused(kernel):
    result = kernel.run("with open('big', 'wb') as f:\n    for _ in range(512): f.write(bytes(1 << 20))")
    assert "File too large" in result.outputs[-1]["evalue"]
    result = kernel.run("for i in range(10000): open(f'{i}', 'w').close()")
    assert "No space left" in result.outputs[-1]["evalue"]
    result = kernel.run("files = [open('/dev/null') for _ in range(100)]")
    assert "Too many open files" in result.outputs[-1]["evalue"]


# ---------------------------------------------------------------- output


@pytest.mark.parametrize(
    "source",
    [
        "print('x' * 50_000_000)",
        "for _ in range(5000): print('x' * 10_000)",
        "for _ in range(5000): sys.stderr.write('é' * 10_000)",
        "for _ in range(50): display('x' * 1_000_000)",
        f"'\N{PARTY POPPER}' * {TIGHT.output_bytes - 10}",
        "'x' * 50_000_000",
        "class Long:\n    def __repr__(self): return 'x' * 50_000_000\nLong()",
    ],
)
def test_fifty_megabytes_of_output_are_cut(kernel, source):
    (result,) = run_all(kernel, source)
    assert len(str(result.outputs)) < 2 * TIGHT.output_bytes
    assert "bytes of output were cut here" in text(result)


def test_an_error_of_fifty_megabytes_is_cut(kernel):
    result = kernel.run("raise ValueError('x' * 50_000_000)")
    assert result.status == "error"
    assert len(str(result.outputs)) < 2 * TIGHT.output_bytes


def test_output_up_to_the_limit_is_kept_and_the_next_cell_has_its_own(kernel):
    for _ in range(2):
        (result,) = run_all(kernel, f"sys.stdout.write('x' * {TIGHT.output_bytes}); None")
        assert text(result) == "x" * TIGHT.output_bytes


def test_what_was_cut_is_counted(kernel):
    (result,) = run_all(kernel, f"sys.stdout.write('x' * {TIGHT.output_bytes + 1000}); None")
    assert "[1000 bytes of output were cut here" in text(result)


@pytest.mark.parametrize("source", ["display(i)", "print(i); print(i, file=sys.stderr)"])
def test_many_thousand_pieces_of_output_are_cut_and_the_kernel_goes_on(sandbox, source):
    with sandbox.kernel(limits=replace(TIGHT, cell_seconds=20)) as kernel:  # the time that it takes is not the question
        _, result = run_all(kernel, "import sys; kept = 5", f"for i in range(30_000): {source}")
        assert 900 < len(result.outputs) <= 1000
        assert "bytes of output were cut here" in text(result)
        assert shown(kernel.run("kept")) == "5"


# ---------------------------------------------------------------- what a submission brings


@pytest.mark.parametrize("name", ["../x", "/etc/x", "", ".", "a/../../x", "x\0y", "x\ny", "x" * 500, "a/" * 20 + "x"])
def test_a_file_name_that_leads_elsewhere_is_refused(sandbox, name):
    with pytest.raises(ValueError):
        sandbox.kernel({name: b""})


def test_too_many_or_too_large_files_are_refused(sandbox):
    with pytest.raises(ValueError, match="more than"):
        sandbox.kernel({str(i): b"" for i in range(9000)})
    with pytest.raises(ValueError, match="more than"):
        sandbox.kernel({str(i): bytes(16 * MIB) for i in range(9)})


def test_all_cells_together_have_a_limit_of_output(sandbox):
    limits = replace(TIGHT, all_output_bytes=3 * TIGHT.output_bytes)
    with sandbox.kernel(limits=limits) as kernel:
        outputs = [run_all(kernel, f"print('x' * {TIGHT.output_bytes - 10})")[0].outputs for _ in range(5)]
    sizes = [len(str(output)) for output in outputs]
    assert min(sizes[:3]) > TIGHT.output_bytes - 10
    assert max(sizes[3:]) < 1000
    assert "of all cells" in outputs[4][0]["evalue"]


def test_halves_of_characters_in_an_output_do_not_end_the_kernel(kernel):
    (result,) = run_all(kernel, "print('a\\ud800b')\ndisplay('\\udfff')\n'\\ud800'")
    assert text(result) == "a?b\n"
    assert kernel.run("raise ValueError('\\ud800')").status == "error"
    assert shown(kernel.run("kept")) == "5"
