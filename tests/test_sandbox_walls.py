"""What a submission cannot see or reach: the machine, the network, other submissions, its own walls."""

import ctypes
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.sandbox import Kernel, Sandbox
from tests.sandbox_helpers import needs_bubblewrap, run_all, shown

pytest_plugins = ["tests.sandbox_fixtures"]
pytestmark = needs_bubblewrap

CANARY = "canary-7f3a"


@pytest.fixture(scope="session")
def session_key() -> bool:
    """Give this process a session keyring with a key in it, as a login does.  False where that is not allowed."""
    if platform.machine() != "x86_64":
        return False
    libc = ctypes.CDLL(None)
    joined = libc.syscall(KEYCTL, 1, None) > 0
    return joined and libc.syscall(ADD_KEY, b"user", b"machine", b"secret", 6, SESSION) > 0


@pytest.fixture(scope="module", params=["nested", "single"])
def walled(request, tmp_path_factory, session_key) -> Iterator[Sandbox]:
    """Both kinds of walls: namespaces inside one bubblewrap, and one bubblewrap for each submission."""
    course = tmp_path_factory.mktemp("course")
    course.chmod(0o755)
    (course / "lib").mkdir()
    (course / "lib" / "shown.py").write_text("answer = 42\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADER_CANARY", CANARY)
        options = {"python_path": ["/course/lib"], "modules": ["shown"]}
        mounts = {"/course/lib": course / "lib"}
        with Sandbox(mounts, **options, nested=request.param == "nested") as running:  # type: ignore[arg-type]
            yield running


@pytest.fixture(scope="module")
def kernel(walled) -> Iterator[Kernel]:
    with walled.kernel() as running:
        run_all(running, PRELUDE)
        yield running


@pytest.fixture(scope="module")
def other(walled) -> Iterator[Kernel]:
    """A second submission at the same time."""
    with walled.kernel() as running:
        run_all(running, PRELUDE)
        yield running


PRELUDE = """
import ctypes, errno, os, socket, stat, subprocess, sys, time
from pathlib import Path
libc = ctypes.CDLL(None, use_errno=True)

def outcome(call):
    try:
        result = call()
    except Exception as error:
        return type(error).__name__
    return "done" if result is None else result

def refused(function, *arguments):
    "Whether a system call fails, and with what."
    ctypes.set_errno(0)
    return errno.errorcode[ctypes.get_errno()] if function(*arguments) < 0 else "done"
"""


def value(kernel: Kernel, source: str) -> str:
    return str(shown(run_all(kernel, source)[0]))


# ---------------------------------------------------------------- the machine


def test_the_protection_is_said_in_words(walled):
    assert "bubblewrap" in walled.protection


def test_no_file_of_the_machine_is_seen_but_libraries(kernel, tmp_path):
    beside = tmp_path / "canary"
    beside.write_text(CANARY)
    beside.chmod(0o644)
    hidden = [str(beside), __file__, str(Path(__file__).parent), "/etc/shadow", "/etc/passwd"]
    hidden += ["/etc/hostname", "/home", "/var", "/srv", "/opt", "/mnt", "/run", "/usr/share/doc", "/boot"]
    assert value(kernel, f"[p for p in {hidden} if os.path.lexists(p)]") == "[]"


def test_of_the_home_only_the_way_to_python_is_seen(kernel):
    source = f"""
pythons = [os.path.join(p, part) for p in (sys.prefix, sys.base_prefix) for part in ("bin", "lib", "lib64")]
found = []
for path, folders, files in os.walk({str(Path.home())!r}):
    folders[:] = [f for f in folders if os.path.join(path, f) not in pythons]
    found += [f for f in files if f != "pyvenv.cfg"]
found
"""
    assert value(kernel, source) == "[]"


def test_proc_and_sys_tell_nothing(kernel):
    assert value(kernel, "os.listdir('/proc')") == "[]"
    assert value(kernel, "[p for p in ('/sys/class', '/sys/fs', '/sys/kernel') if os.path.exists(p)]") == "[]"


def test_no_environment_variable_leaks(kernel):
    assert CANARY not in value(kernel, "dict(os.environ)")
    assert value(kernel, "outcome(lambda: open('/proc/1/environ').read())") == "'FileNotFoundError'"


def test_nothing_outside_of_tmp_can_be_written(kernel):
    source = """
def attempt(folder):
    return outcome(lambda: Path(folder, "planted").write_text("x"))
refusals = ("OSError", "PermissionError", "FileNotFoundError")
places = ["/", "/usr/lib", "/usr/bin", "/etc", "/dev", "/proc", "/sandbox", "/sandbox/code", "/sandbox/scratch",
          "/sandbox/root", "/course", "/course/lib", sys.prefix, sys.prefix + "/lib", sys.base_prefix + "/lib"]
[place for place in places if attempt(place) not in refusals]
"""
    # The folders above a Python below /tmp (an environment in a scratch folder) belong to the fresh /tmp.
    allowed = [sys.prefix] if sys.prefix.startswith("/tmp/") else []
    assert value(kernel, source) in ("[]", str(allowed))


def test_every_mount_but_tmp_is_read_only_and_without_setuid(kernel):
    source = """
places = ["/", "/usr/lib", "/usr/bin", "/dev", "/sandbox/code", "/course/lib", "/proc",
          sys.prefix + "/lib", sys.base_prefix + "/lib"]
[p for p in places if not os.statvfs(p).f_flag & os.ST_RDONLY or not os.statvfs(p).f_flag & os.ST_NOSUID]
"""
    assert value(kernel, source) == "[]"


def test_what_the_caller_mounts_is_seen_and_loaded_before_the_fork(kernel):
    assert value(kernel, "'shown' in sys.modules, __import__('shown').answer") == "(True, 42)"


@pytest.mark.parametrize("name", ["grader", "diffkit", "grader.exercises", "course"])
def test_the_course_is_not_there(kernel, name):
    assert value(kernel, f"outcome(lambda: __import__({name!r}))") == "'ModuleNotFoundError'"


def test_only_the_wire_is_open(kernel):
    source = """
def is_open(n):
    try: os.fstat(n)
    except OSError: return False
    return True
sorted("socket" if stat.S_ISSOCK(os.fstat(n).st_mode) else os.ttyname(n) if os.isatty(n) else "null"
       if os.fstat(n).st_rdev == os.stat("/dev/null").st_rdev else "other" for n in range(256) if is_open(n))
"""
    assert value(kernel, source) == "['null', 'null', 'null', 'socket']"


# ---------------------------------------------------------------- rights


def test_there_are_no_capabilities_and_none_can_be_had(kernel):
    source = """
header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
libc.capget(header, sets)
bounding = [c for c in range(40) if libc.prctl(23, c, 0, 0, 0) == 1]
list(sets), libc.prctl(39, 0, 0, 0, 0), os.getuid(), os.geteuid(), os.getgid()
"""
    assert value(kernel, source) == "([0, 0, 0, 0, 0, 0], 1, 65534, 65534, 65534)"


@pytest.mark.parametrize(
    "call",
    [
        "libc.unshare, 0x10000000",  # a user namespace would give all capabilities again
        "libc.unshare, 0x00020000",
        "libc.mount, b'tmpfs', b'/tmp', b'tmpfs', 0, None",
        "libc.mount, None, b'/usr', None, 4096 | 32, None",
        "libc.umount2, b'/proc', 2",
        "libc.umount2, b'/tmp', 2",
        "libc.chroot, b'/tmp'",
        "libc.setuid, 0",
        "libc.setgroups, 1, (ctypes.c_uint32 * 1)(0)",
        "libc.mknod, b'/tmp/disk', 0o60666, 0xfe00",
        "libc.sethostname, b'x', 1",
        "libc.swapon, b'/tmp', 0",
        "libc.reboot, 0x01234567",
    ],
)
def test_a_privileged_call_is_refused(kernel, call):
    # ENOSPC: the number of user namespaces that may still be made is 0
    assert value(kernel, f"refused({call})") in ("'EPERM'", "'EINVAL'", "'EROFS'", "'EACCES'", "'ENOSPC'")


def test_a_child_process_gets_no_more_rights(kernel):
    run = "subprocess.run({}, capture_output=True).returncode != 0"
    for command in (["unshare", "-r", "true"], ["su", "-c", "true"], ["mount", "-t", "tmpfs", "x", "/tmp"]):
        assert value(kernel, f"outcome(lambda: {run.format(command)})") in ("True", "'FileNotFoundError'")


def test_no_other_process_can_be_traced(walled, kernel):
    source = """
def alive(pid):
    try: os.kill(pid, 0)
    except ProcessLookupError: return False
    except PermissionError: return True
    return True
others = [p for p in range(1, 2000) if p != os.getpid() and alive(p)]
PTRACE_ATTACH = 16
[p for p in others if libc.ptrace(PTRACE_ATTACH, p, 0, 0) == 0]
"""
    allowed = ["[]"]
    if walled.nested is False:
        allowed.append("[1]")  # bubblewrap itself, which has no more rights and knows nothing
    assert value(kernel, source) in allowed


def test_the_parent_cannot_be_killed(sandbox):
    with sandbox.kernel() as kernel:
        assert shown(kernel.run("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n'alive'")) == "'alive'"


# ---------------------------------------------------------------- the network


def test_the_network_of_the_machine_is_out_of_reach(kernel):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        source = f"outcome(lambda: socket.create_connection(('127.0.0.1', {port}), timeout=1))"
        assert value(kernel, source) in ("'OSError'", "'ConnectionRefusedError'", "'TimeoutError'")
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()
    assert value(kernel, "[name for _, name in socket.if_nameindex()]") == "['lo']"


def test_abstract_sockets_of_the_machine_are_out_of_reach(kernel):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0" + CANARY)
        server.listen()
        source = f"s = socket.socket(socket.AF_UNIX)\noutcome(lambda: s.connect('\\0{CANARY}'))"
        assert value(kernel, source) == "'ConnectionRefusedError'"


# ---------------------------------------------------------------- other submissions


def test_two_submissions_do_not_see_each_other(kernel, other):
    plant = f"""
for place in ("/tmp", "/dev/shm", ".", "/tmp/home"):
    Path(place, {CANARY!r}).write_text("x")
server = socket.socket(); server.bind(("127.0.0.1", 4321)); server.listen()
hidden = socket.socket(socket.AF_UNIX); hidden.bind("\\0{CANARY}"); hidden.listen()
os.environ["PLANTED"] = sys.modules["shown"].planted = {CANARY!r}
"""
    look = f"""
found = [p for p in ("/tmp", "/dev/shm", ".", "/tmp/home") if Path(p, {CANARY!r}).exists()]
a, b = socket.socket(), socket.socket(socket.AF_UNIX)
(found, outcome(lambda: a.connect(("127.0.0.1", 4321))), outcome(lambda: b.connect("\\0{CANARY}")),
 "PLANTED" in os.environ, hasattr(sys.modules["shown"], "planted"))
"""
    run_all(kernel, plant)
    found, tcp, unix, variable, module = eval(value(other, look))  # our own repr of strings and booleans
    assert (found, variable, module) == ([], False, False)
    assert tcp in ("OSError", "ConnectionRefusedError")
    assert unix == "ConnectionRefusedError"


def test_shared_memory_of_system_v_is_not_shared(kernel, other):
    assert value(kernel, "libc.shmget(0x7f3a, 4096, 0o1666) >= 0") == "True"
    assert value(other, "refused(libc.shmget, 0x7f3a, 4096, 0o666)") == "'ENOENT'"


# Numbers of the system calls add_key, keyctl; operations of keyctl: 1 joins a new session, 10 searches.
ADD_KEY, KEYCTL = 248, 250
SESSION = -3


def test_keys_in_the_kernels_keyrings_are_not_shared(session_key, kernel, other):
    if not session_key:
        pytest.skip("no keyrings here, or another machine's numbers of system calls")

    def search(name: str) -> str:
        return f"libc.syscall({KEYCTL}, 10, {SESSION}, b'user', b'{name}', 0)"

    assert value(kernel, f"libc.syscall({ADD_KEY}, b'user', b'mine', b'secret', 6, {SESSION}) > 0") == "True"
    assert int(value(kernel, search("mine"))) > 0
    assert value(other, search("mine")) == "-1"
    assert value(other, search("machine")) == "-1"


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
