"""What a submission cannot see of the machine, and what it has no right to do."""

import sys
from pathlib import Path

import pytest

from tests.sandbox_helpers import CANARY, needs_bubblewrap, shown, value

pytest_plugins = ["tests.sandbox_fixtures"]
pytestmark = needs_bubblewrap

# ---------------------------------------------------------------- the machine


def test_the_protection_is_said_in_words(walled):
    assert "bubblewrap" in walled.protection


def test_no_file_of_the_machine_is_seen_but_libraries(inmate, tmp_path):
    beside = tmp_path / "canary"
    beside.write_text(CANARY)
    beside.chmod(0o644)
    hidden = [str(beside), __file__, str(Path(__file__).parent), "/etc/shadow", "/etc/passwd"]
    hidden += ["/etc/hostname", "/home", "/var", "/srv", "/opt", "/mnt", "/run", "/usr/share/doc", "/boot"]
    assert value(inmate, f"[p for p in {hidden} if os.path.lexists(p)]") == "[]"


def test_of_the_home_only_the_way_to_python_is_seen(inmate):
    source = f"""
pythons = [os.path.join(p, part) for p in (sys.prefix, sys.base_prefix) for part in ("bin", "lib", "lib64")]
found = []
for path, folders, files in os.walk({str(Path.home())!r}):
    folders[:] = [f for f in folders if os.path.join(path, f) not in pythons]
    found += [f for f in files if f != "pyvenv.cfg"]
found
"""
    assert value(inmate, source) == "[]"


def test_proc_and_sys_tell_nothing(inmate):
    assert value(inmate, "os.listdir('/proc')") == "[]"
    assert value(inmate, "[p for p in ('/sys/class', '/sys/fs', '/sys/kernel') if os.path.exists(p)]") == "[]"


def test_no_environment_variable_leaks(inmate):
    assert CANARY not in value(inmate, "dict(os.environ)")
    assert value(inmate, "outcome(lambda: open('/proc/1/environ').read())") == "'FileNotFoundError'"


def test_nothing_outside_of_tmp_can_be_written(inmate):
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
    assert value(inmate, source) in ("[]", str(allowed))


def test_every_mount_but_tmp_is_read_only_and_without_setuid(inmate):
    source = """
places = ["/", "/usr/lib", "/usr/bin", "/dev", "/sandbox/code", "/course/lib", "/proc",
          sys.prefix + "/lib", sys.base_prefix + "/lib"]
[p for p in places if not os.statvfs(p).f_flag & os.ST_RDONLY or not os.statvfs(p).f_flag & os.ST_NOSUID]
"""
    assert value(inmate, source) == "[]"


def test_what_the_caller_mounts_is_seen_and_loaded_before_the_fork(inmate):
    assert value(inmate, "'shown' in sys.modules, __import__('shown').answer") == "(True, 42)"


@pytest.mark.parametrize("name", ["grader", "diffkit", "grader.exercises", "course"])
def test_the_course_is_not_there(inmate, name):
    assert value(inmate, f"outcome(lambda: __import__({name!r}))") == "'ModuleNotFoundError'"


def test_only_the_wire_is_open(inmate):
    source = """
def is_open(n):
    try: os.fstat(n)
    except OSError: return False
    return True
sorted("socket" if stat.S_ISSOCK(os.fstat(n).st_mode) else os.ttyname(n) if os.isatty(n) else "null"
       if os.fstat(n).st_rdev == os.stat("/dev/null").st_rdev else "other" for n in range(256) if is_open(n))
"""
    assert value(inmate, source) == "['null', 'null', 'null', 'socket']"


# ---------------------------------------------------------------- rights


def test_there_are_no_capabilities_and_none_can_be_had(inmate):
    source = """
header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
libc.capget(header, sets)
bounding = [c for c in range(40) if libc.prctl(23, c, 0, 0, 0) == 1]
list(sets), libc.prctl(39, 0, 0, 0, 0), os.getuid(), os.geteuid(), os.getgid()
"""
    assert value(inmate, source) == "([0, 0, 0, 0, 0, 0], 1, 65534, 65534, 65534)"


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
def test_a_privileged_call_is_refused(inmate, call):
    # ENOSPC: the number of user namespaces that may still be made is 0
    assert value(inmate, f"refused({call})") in ("'EPERM'", "'EINVAL'", "'EROFS'", "'EACCES'", "'ENOSPC'")


def test_a_child_process_gets_no_more_rights(inmate):
    run = "subprocess.run({}, capture_output=True).returncode != 0"
    for command in (["unshare", "-r", "true"], ["su", "-c", "true"], ["mount", "-t", "tmpfs", "x", "/tmp"]):
        assert value(inmate, f"outcome(lambda: {run.format(command)})") in ("True", "'FileNotFoundError'")


def test_no_other_process_can_be_traced(walled, inmate):
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
    assert value(inmate, source) in allowed


def test_the_parent_cannot_be_killed(sandbox):
    with sandbox.kernel() as kernel:
        assert shown(kernel.run("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n'alive'")) == "'alive'"
