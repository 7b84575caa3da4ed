"""From the fork of the zygote to the student's kernel: isolator, kernel."""

import os
import random
import signal
import socket
import tempfile
from pathlib import Path
from typing import Literal, NoReturn

from ..limits import Limits
from .isolate import isolate
from .kernel import Kernel
from .linux import end_on

# nested: every child builds its own inside the one of the zygote;
# single: the outer one was built for this child alone;  none: no protection.
Walls = Literal["nested", "single", "none"]


def become_child(
    wire: int, report: int, limits: Limits, walls: Walls, keep: list[str], folder: str, doors: list[int]
) -> NoReturn:
    """Runs in the freshly forked process.  Nothing may return into the loop of the zygote.

    doors: of the control groups of this submission; whoever writes 0 there is in them, with all that it forks.
    """
    try:
        for door in doors:
            os.write(door, b"0")
        _only_descriptors(wire, report)
        if walls != "none":
            isolate(limits, keep, nested=walls == "nested")
        kernel = os.fork()
        if kernel == 0:
            os.close(report)
            os.setsid()  # a signal to its process group would else reach the zygote, and every neighbour
            _kernel(wire, limits, folder)
        os.write(report, str(kernel).encode())
    except BaseException as error:
        os.write(report, f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(0)


def _kernel(wire: int, limits: Limits, folder: str) -> NoReturn:
    """Pid 1 of its namespace, so with its end everything that it has left behind is killed."""
    try:
        end_on(signal.SIGXCPU)
        for name in ("work", "home"):
            Path(folder, name).mkdir(exist_ok=True)
        os.environ["HOME"], os.environ["TMPDIR"] = f"{folder}/home", folder
        tempfile.tempdir = None
        os.chdir(f"{folder}/work")
        random.seed(0)  # Python seeds it anew in every fork
        Kernel(socket.socket(fileno=wire), limits).serve()
    finally:
        os._exit(0)


def _only_descriptors(*keep: int) -> None:
    """/dev/null on 0, 1, 2; of the rest only `keep`."""
    null = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    start = 3
    for descriptor in sorted(keep):
        os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, os.sysconf("SC_OPEN_MAX"))
