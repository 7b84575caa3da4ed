"""The system calls that Python 3.11 does not offer."""

import ctypes
import errno
import os
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
CLONE_NEWCGROUP = 0x02000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC = 1, 2, 4, 8, 4096, 16384
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP = 1, 4, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 36, 38, 22
SECCOMP_MODE_FILTER = 2
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
KEYCTL_CALL = {"x86_64": 250, "aarch64": 219}  # number of the system call, for which libc has no function
KEYCTL_JOIN_SESSION_KEYRING = 1
MADV_COLLAPSE = 25
HUGE_PAGE = 2 * 2**20

_libc = ctypes.CDLL(None, use_errno=True)
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    encoded = [None if text is None else text.encode() for text in (source, target, kind, options)]
    result = _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3])
    _checked(result, f"mount on {target}")


def unmount(target: str) -> None:
    _checked(_libc.umount2(target.encode(), MNT_DETACH), f"unmount {target}")


def prctl(option: int, argument: int) -> None:
    _checked(_libc.prctl(option, *(ctypes.c_ulong(a) for a in (argument, 0, 0, 0))), f"prctl {option}")


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def seccomp_filter(code: bytes) -> None:
    """Install a filter of system calls, a program of 8 bytes per instruction."""
    program = _Program(len(code) // 8, code)
    _checked(_libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0), "seccomp")


def own_keyring() -> None:
    """Leave the session's keyring, which all children would share (its keys may be the instructor's)."""
    number = KEYCTL_CALL.get(os.uname().machine)
    if number is None:
        return
    result = _libc.syscall(number, KEYCTL_JOIN_SESSION_KEYRING, None)
    if result < 0 and ctypes.get_errno() != errno.ENOSYS:  # ENOSYS: a kernel without keyrings
        _checked(result, "keyctl")


def empty_bounding_set() -> None:
    """No program that is started later can have a capability.  Needs one itself."""
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno != errno.EINVAL:  # EINVAL: this kernel knows no further capability
                raise
            break


def drop_capabilities() -> None:
    """Empty the capability sets of this process."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    _checked(_libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def collapse_heap() -> None:
    """Put huge pages under what the process has allocated: a fork then copies 512 times fewer page entries.

    A matter of speed only (fork 10 ms -> 4 ms with torch loaded), so it is no error if it cannot be done.
    """
    maps = Path("/proc/self/maps")
    for line in maps.read_text().splitlines() if maps.exists() else ():
        span, rights, _, _, inode = line.split()[:5]
        if rights != "rw-p" or inode != "0" or line.endswith("[stack]"):
            continue
        start, end = (int(address, 16) for address in span.split("-"))
        for address in range(-(-start // HUGE_PAGE) * HUGE_PAGE, end - HUGE_PAGE + 1, HUGE_PAGE):
            _libc.madvise(address, HUGE_PAGE, MADV_COLLAPSE)


def end_on(signal: int) -> None:
    """Have this signal end the process, with its number as the exit code.

    The kernel lets no signal end pid 1 of a namespace for which pid 1 has not asked; and a handler in Python would wait
    for as long as a loop in C holds the interpreter.
    """
    _libc.signal(signal, ctypes.cast(_libc._exit, ctypes.c_void_p))
