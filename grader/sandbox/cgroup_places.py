"""Where in the control-group file system this process may make groups."""

import contextlib
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CONTROLLERS = ("memory", "pids")
ADVICE = (
    "grade under `systemd-run --user --scope -p Delegate=yes grader grade ...`; "
    "for a container see docs/security.md, Containers"
)


@dataclass(frozen=True)
class Place:
    """A folder below which groups can be made.  version: 1 or 2; controllers: what can be limited there."""

    folder: Path
    version: int
    controllers: tuple[str, ...]


def find_places(proc: Path = Path("/proc/self")) -> list[Place]:
    """All there are: at most one of version 2, else one per controller of version 1.

    proc: where `cgroup` and `mountinfo` are read.
    """
    try:
        groups = [line.split(":", 2) for line in (proc / "cgroup").read_text().splitlines()]
        mounts = [line.split() for line in (proc / "mountinfo").read_text().splitlines()]
    except OSError:
        return []
    found = []
    for _, controllers, path in groups:
        for mount in mounts:
            kind, options = mount[mount.index("-") + 1], mount[-1].split(",")
            if not controllers and kind == "cgroup2":
                found += _version_2(_within(mount, path))
            elif kind == "cgroup":
                shared = tuple(c for c in CONTROLLERS if c in controllers.split(",") and c in options)
                folder = _within(mount, path)
                if shared and folder and os.access(folder, os.W_OK):
                    found.append(Place(folder, 1, shared))
    return found


def _within(mount: Sequence[str], path: str) -> Path | None:
    """The folder of our own group below a mount, which may show only a part of the tree."""
    root, point = mount[3], Path(mount[4])
    if not (Path(path).is_relative_to(root)):
        return None
    folder = point / Path(path).relative_to(root)
    return folder if folder.is_dir() else None


def _version_2(own: Path | None) -> list[Place]:
    """The nearest group above us that is ours and hands the controllers on."""
    if own is None:
        return []
    for folder in (own, *own.parents):
        if not (folder / "cgroup.procs").exists() or not os.access(folder / "cgroup.procs", os.W_OK):
            break
        if shared := _common(folder / "cgroup.subtree_control"):
            return [Place(folder, 2, shared)]
    return _delegated(own)


def _delegated(own: Path) -> list[Place]:
    """A group that was given to us whole.  It may hand controllers on once no process is in it, so all move down."""
    wanted = _common(own / "cgroup.controllers")
    if not wanted or not os.access(own, os.W_OK):
        return []
    with contextlib.suppress(OSError):
        pids = (own / "cgroup.procs").read_text().split()
        if "0" in pids:  # one that this container does not see, and so cannot move
            return []
        main = own / "grader-main"
        main.mkdir(exist_ok=True)
        for pid in pids:
            (main / "cgroup.procs").write_text(pid)
        (own / "cgroup.subtree_control").write_text(" ".join(f"+{c}" for c in wanted))
        return [Place(own, 2, wanted)]
    return []


def _common(path: Path) -> tuple[str, ...]:
    try:
        listed = path.read_text().split()
    except OSError:
        return ()
    return tuple(c for c in CONTROLLERS if c in listed)


def admits(door: int) -> bool:
    """Whether a process can enter a group through this descriptor."""
    done = subprocess.run(["sh", "-c", "echo 0"], stdout=door, stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0
