"""One control group for each submission: memory and processes of all that it starts, counted together.

A limit on a process (`setrlimit`) is escaped by starting twenty.  Linux counts groups where the system lets us make
some: version 2 in a part of the tree that is delegated to the user (systemd does so), version 1 as root.
"""

import contextlib
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path

from .cgroup_places import Place, admits, find_places
from .limits import MIB, Limits

COPIED = 512 * MIB  # pages of the preloaded libraries that processes copy by writing: not the student's doing
_numbers = itertools.count()


class Group:
    """The group of one submission: a folder with version 2, one per controller with version 1."""

    def __init__(self, folders: list[Path]) -> None:
        self.folders = folders

    @contextlib.contextmanager
    def doors(self) -> Iterator[list[int]]:
        """Open descriptors: a process that writes `0` into each of them is in the group."""
        with contextlib.ExitStack() as stack:
            opened = []
            for folder in self.folders:
                opened.append(os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC))
                stack.callback(os.close, opened[-1])
            yield opened

    def close(self) -> None:
        """Remove it.  Its processes have ended, but the kernel may need a moment to know."""
        deadline = time.monotonic() + 2
        for folder in self.folders:
            while not _removed(folder) and time.monotonic() < deadline:
                time.sleep(0.005)


class Groups:
    """Makes groups.  words: what it limits, for people; empty if it limits nothing."""

    def __init__(self, places: list[Place]) -> None:
        self.places = places
        self.words = " and ".join(sorted(c for place in places for c in place.controllers))

    @classmethod
    def find(cls) -> "Groups":
        """What this machine offers, found out by putting a process into a group."""
        working = []
        for place in find_places():
            _sweep(place.folder)
            group = None
            try:
                group = _make(place, Limits())
                with Group([group]).doors() as doors:
                    if admits(doors[0]):
                        working.append(place)
            except OSError:  # read-only, not ours, or a container that shows the files only
                continue
            finally:
                if group is not None:
                    Group([group]).close()
        return cls(working)

    def make(self, limits: Limits) -> Group:
        """A group with these limits.  Raises OSError if that fails now, though it worked at the start."""
        return Group([_make(place, limits) for place in self.places])


def _make(place: Place, limits: Limits) -> Path:
    folder = place.folder / f"grader-{os.getpid()}-{next(_numbers)}"
    folder.mkdir()
    memory = limits.memory_bytes + limits.tmp_bytes + COPIED  # files in /tmp are memory, and are counted here too
    wanted = {"memory.max": memory, "memory.swap.max": 0, "pids.max": limits.processes + 1}  # 1: the isolator
    if place.version == 1:
        wanted = {
            "memory.limit_in_bytes": memory,
            "memory.memsw.limit_in_bytes": memory,
            "pids.max": wanted["pids.max"],
        }
    for name, value in wanted.items():
        if name.split(".")[0] in place.controllers and (folder / name).exists():  # no swap, no file for it
            (folder / name).write_text(str(value))
    return folder


def _sweep(parent: Path) -> None:
    """Remove groups of graders that were killed: those whose process is gone."""
    for folder in parent.glob("grader-*-*"):
        pid = folder.name.split("-")[1]
        if pid.isdecimal() and not Path("/proc", pid).exists():
            _removed(folder)


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
