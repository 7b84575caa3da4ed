"""Shut a freshly forked child away: own namespaces, own /tmp, no /proc, no capabilities, limits.

Every step raises OSError when it fails, and the child then ends before any code of a student has run.
"""

import math
import os
import resource
from pathlib import Path

from ..limits import Limits
from .linux import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_REC,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    drop_capabilities,
    empty_bounding_set,
    mount,
    own_keyring,
    prctl,
    unmount,
    unshare,
)
from .seccomp import refuse_system_calls

# Made by the outer wall (bubblewrap.py): empty folders on a read-only file system.
SCRATCH = "/sandbox/scratch"
ROOT = "/sandbox/root"
OWN_PROCESSES = 3  # bubblewrap, zygote, isolator
MOST_PENDING = 256  # signals and timers: all submissions, and the instructor's programs, have some number together
MANY_PROCESSES = 4096  # a guess for a machine that hides how many it runs


def own_namespaces() -> None:
    """The next fork becomes pid 1 of a new world.  The user stays the one user there is."""
    user, group = os.getuid(), os.getgid()
    unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def own_files(limits: Limits, keep: list[str]) -> None:
    """A fresh /tmp and /dev/shm, one size limit.  `keep`: what stays visible below /tmp (a Python there)."""
    size = f"size={limits.tmp_bytes},nr_inodes={limits.tmp_files},mode=0755"
    mount("tmpfs", SCRATCH, "tmpfs", MS_NOSUID | MS_NODEV, size)
    for name in ("tmp", "shm"):
        Path(SCRATCH, name).mkdir()
    for path in keep:
        inner = Path(SCRATCH + path)
        inner.parent.mkdir(parents=True, exist_ok=True)
        inner.mkdir() if Path(path).is_dir() else inner.touch()
        mount(path, str(inner), None, MS_BIND | MS_REC)
    mount(f"{SCRATCH}/tmp", "/tmp", None, MS_BIND | MS_REC)
    mount(f"{SCRATCH}/shm", "/dev/shm", None, MS_BIND)
    unmount(SCRATCH)


def no_proc() -> None:
    """Cover /proc.  It would tell about the machine, and a new one cannot be mounted everywhere."""
    flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC
    mount("tmpfs", "/proc", "tmpfs", flags, "size=4k,nr_inodes=2,mode=0555")


def no_more_namespaces() -> None:
    """Whoever lives in a chroot may not make user namespaces, so never gets capabilities or mounts again."""
    mount("/", ROOT, None, MS_BIND | MS_REC)
    os.chroot(ROOT)
    os.chdir("/")


def set_limits(limits: Limits) -> None:
    """Limits per process.  Memory counts from here: the preloaded libraries are not the student's."""
    wanted = {
        resource.RLIMIT_AS: address_space() + limits.memory_bytes,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_CPU: 2 * int(limits.submission_seconds) + 5,  # a net below the wall clock of the host
        resource.RLIMIT_CORE: 1,  # no file, and unlike 0 no program of the host that is fed with the memory
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: MOST_PENDING,
    }
    wanted[resource.RLIMIT_NPROC] = most_processes(limits, os.uname().release, Path("/proc/loadavg"))
    for what, most in wanted.items():
        allowed = resource.getrlimit(what)[1]
        if allowed != resource.RLIM_INFINITY:
            most = min(most, allowed)
        resource.setrlimit(what, (most, most))


def allow_computing(seconds: float) -> None:
    """From now on this process may compute for so long, to the next full second; then SIGXCPU ends it.

    For honest work: hostile code can lift it, and is stopped by the clock.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    wanted = math.ceil(used.ru_utime + used.ru_stime + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))


def counts_processes_per_namespace(release: str) -> bool:
    """Before Linux 5.14 the limit on processes counted all of the user's, on the whole machine."""
    major, minor = (int("".join(filter(str.isdigit, part)) or 0) for part in release.split(".")[:2])
    return (major, minor) >= (5, 14)


def most_processes(limits: Limits, release: str, load: Path) -> int:
    """The limit on processes of a user.  An old kernel counts all of the user's, of other programs too: there must
    be room for these, and for other submissions, but not for a bomb.  load: /proc/loadavg, which counts them all.
    """
    if counts_processes_per_namespace(release):
        return limits.processes + OWN_PROCESSES
    try:
        running = int(load.read_text().split()[3].split("/")[1])
    except (OSError, IndexError, ValueError):
        running = MANY_PROCESSES
    return running + 16 * limits.processes


def address_space() -> int:
    """Bytes that this process has mapped; a generous guess where /proc is already gone."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except FileNotFoundError:
        return 2**30
    return pages * os.sysconf("SC_PAGE_SIZE")


def isolate(limits: Limits, keep: list[str], nested: bool) -> None:
    """All of it, in the one order that works: what needs /proc or capabilities comes before they go.

    Not `nested`: the outer wall was built for this child alone, with namespaces, /tmp and without /proc.
    """
    if nested:
        own_namespaces()
        own_files(limits, keep)
    set_limits(limits)
    if nested:
        no_proc()
        no_more_namespaces()
        empty_bounding_set()
    drop_capabilities()
    own_keyring()
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_DUMPABLE, 0)
    refuse_system_calls()
