"""What a submission cannot reach: the network, other submissions, the time after its end."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.sandbox_helpers import ADD_KEY, CANARY, KEYCTL, SESSION, needs_bubblewrap, run_all, shown, value

pytest_plugins = ["tests.sandbox_fixtures"]
pytestmark = needs_bubblewrap

# ---------------------------------------------------------------- the network


def test_the_network_of_the_machine_is_out_of_reach(inmate):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        source = f"outcome(lambda: socket.create_connection(('127.0.0.1', {port}), timeout=1))"
        assert value(inmate, source) in ("'OSError'", "'ConnectionRefusedError'", "'TimeoutError'")
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()
    assert value(inmate, "[name for _, name in socket.if_nameindex()]") == "['lo']"


def test_abstract_sockets_of_the_machine_are_out_of_reach(inmate):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0" + CANARY)
        server.listen()
        source = f"s = socket.socket(socket.AF_UNIX)\nr = outcome(lambda: s.connect('\\0{CANARY}'))\ns.close()\nr"
        assert value(inmate, source) == "'ConnectionRefusedError'"


# ---------------------------------------------------------------- other submissions


@pytest.mark.parametrize("whom", ["0", "-1", "os.getpgid(0)", "-os.getpgid(0)", "os.getppid()"])
def test_no_signal_reaches_the_zygote_or_a_neighbour(walled, whom):
    with walled.kernel() as neighbour:
        run_all(neighbour, "kept = 5")
        with walled.kernel() as kernel:
            kernel.run(f"import os, signal, subprocess\nos.kill({whom}, signal.SIGKILL)")
            kernel.run("subprocess.run(['sh', '-c', 'kill -9 0'])")
        assert shown(neighbour.run("kept")) == "5"
    with walled.kernel() as later:
        assert later.run("1").status == "ok"


def test_two_submissions_do_not_see_each_other(inmate, neighbour):
    plant = """
for place in ("/tmp", "/dev/shm", ".", "/tmp/home"):
    Path(place, 'planted').write_text("x")
server = socket.socket(); server.bind(("127.0.0.1", 4321)); server.listen()
hidden = socket.socket(socket.AF_UNIX); hidden.bind("\\0planted"); hidden.listen()
os.environ["PLANTED"] = sys.modules["shown"].planted = 'planted'
"""
    look = """
found = [p for p in ("/tmp", "/dev/shm", ".", "/tmp/home") if Path(p, 'planted').exists()]
a, b = socket.socket(), socket.socket(socket.AF_UNIX)
(found, outcome(lambda: a.connect(("127.0.0.1", 4321))), outcome(lambda: b.connect("\\0planted")),
 "PLANTED" in os.environ, hasattr(sys.modules["shown"], "planted"))
"""
    run_all(inmate, plant)
    clean = "[s.close() for s in (server, hidden)]; del os.environ['PLANTED']; None"
    found, tcp, unix, variable, module = eval(value(neighbour, look))  # our own repr of strings and booleans
    run_all(inmate, clean)
    assert (found, variable, module) == ([], False, False)
    assert tcp in ("OSError", "ConnectionRefusedError")
    assert unix == "ConnectionRefusedError"


def test_shared_memory_of_system_v_is_not_shared(inmate, neighbour):
    run_all(inmate, "made = libc.shmget(0x7f3a, 4096, 0o1666) >= 0")
    if value(inmate, "made") == "False":  # the filter of system calls allows no such memory at all
        assert value(inmate, "refused(libc.shmget, 0x7f3a, 4096, 0o1666)") == "'EPERM'"
        return
    assert value(neighbour, "refused(libc.shmget, 0x7f3a, 4096, 0o666)") == "'ENOENT'"


def test_what_a_user_has_few_of_is_left_for_the_others(inmate, neighbour):
    """Timers and pending signals, and watches on files, are counted for all programs of a user."""
    made = """
class Event(ctypes.Structure):
    _fields_ = [("value", ctypes.c_void_p), ("signal", ctypes.c_int), ("rest", ctypes.c_char * 64)]
def timers(most):
    timer = ctypes.c_void_p()
    return sum(libc.timer_create(1, ctypes.byref(Event(None, 10)), ctypes.byref(timer)) == 0 for _ in range(most))
"""
    run_all(inmate, made, "mine = timers(1000)")
    run_all(neighbour, made, "mine = timers(10)")
    assert (int(value(inmate, "mine")), value(neighbour, "mine")) == (256, "10")
    assert value(inmate, "refused(libc.inotify_init1, 0)") == "'EPERM'"


def test_keys_in_the_kernels_keyrings_are_not_shared(session_key, inmate, neighbour):
    if not session_key:
        pytest.skip("no keyrings here, or another machine's numbers of system calls")

    def search(name: str) -> str:
        return f"libc.syscall({KEYCTL}, 10, {SESSION}, b'user', b'{name}', 0)"

    run_all(inmate, f"added = libc.syscall({ADD_KEY}, b'user', b'mine', b'secret', 6, {SESSION}) > 0")
    if value(inmate, "added") == "True":  # else the filter of system calls allows no keys at all
        assert int(value(inmate, search("mine"))) > 0
    assert value(neighbour, search("mine")) == "-1"
    assert value(neighbour, search("machine")) == "-1"


def processes_with(word: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:
            continue
        if word.encode() in command:
            found.append(path.parent.name)
    return found


def test_a_background_process_does_not_outlive_its_submission(walled):
    seconds = f"{10**7 + os.getpid()}"
    with walled.kernel() as kernel:
        daemon = f"""
import os, subprocess
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "{seconds}"])
    os._exit(0)
subprocess.Popen(["nohup", "sleep", "{seconds}"], start_new_session=True)
"""
        run_all(kernel, daemon)
        deadline = time.monotonic() + 20
        while len(processes_with(seconds)) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(processes_with(seconds)) == 2
    assert processes_with(seconds) == []


def test_a_host_that_ends_without_a_word_leaves_nothing_behind(tmp_path):
    """A grader that is killed cannot clean up: the ends of its sockets do."""
    script = """
import os, sys
from grader.sandbox import Sandbox
sandbox = Sandbox().__enter__()
kernel = sandbox.kernel().__enter__()
kernel.run(f"import subprocess; subprocess.Popen(['sleep', {sys.argv[1]!r}])")
print("ready", flush=True)
os.kill(os.getpid(), 9)
"""
    seconds = f"{2 * 10**7 + os.getpid()}"
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", script, seconds],
        cwd=root,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ready" in done.stdout, done.stderr
    deadline = time.monotonic() + 20
    while processes_with(seconds) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert processes_with(seconds) == []
