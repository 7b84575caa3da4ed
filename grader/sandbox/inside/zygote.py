"""The process that has imported everything, and forks one isolated child per submission.

Trusted: it never sees a notebook, a file or a value of a student; those go from the host straight into the
child.  The host speaks to it over one socket: each order to spawn comes with two descriptors, the wire of
the new child and its leash.  The leash is answered with `started` or `error`, later with `exit`; when the
host drops its end, the child and all that it has started are killed.
"""

import contextlib
import os
import select
import signal
import socket
from dataclasses import dataclass
from typing import Any, NoReturn

from ...wire import WireError, recv, send
from ..limits import Limits
from .child import Walls, become_child


@dataclass(eq=False)
class Child:
    """What the zygote knows of a child: process ids and descriptors, nothing else."""

    leash: socket.socket
    isolator: int  # builds the walls, forks the kernel, ends
    report: int  # pipe on which the isolator writes the pid of the kernel, or what went wrong
    kernel: int = 0
    pidfd: int = -1
    doomed: bool = False


class Zygote:
    """One loop over all children, so that one zygote serves submissions side by side."""

    def __init__(self, control: socket.socket, walls: Walls, keep: list[str]) -> None:
        self.control, self.walls, self.keep = control, walls, keep
        self.children: list[Child] = []

    def loop(self) -> None:
        while True:
            poller = select.poll()
            poller.register(self.control, select.POLLIN)
            for child in self.children:
                poller.register(child.pidfd if child.kernel else child.report, select.POLLIN)
                if not child.doomed:
                    poller.register(child.leash, select.POLLIN)
            ready = {descriptor for descriptor, _ in poller.poll()}
            for child in list(self.children):
                self._attend(child, ready)
            if self.control.fileno() in ready:
                self._spawn()

    def _spawn(self) -> None:
        try:
            order = recv(self.control)
        except WireError:  # the host is gone
            self._end()
        _, (wire, leash, *doors), _, _ = socket.recv_fds(self.control, 1, 2 + order["doors"])
        report, write = os.pipe()
        isolator = os.fork()
        if isolator == 0:
            limits = Limits(**order["limits"])
            become_child(wire, write, limits, self.walls, self.keep, order["folder"], doors)
        for descriptor in (wire, write, *doors):
            os.close(descriptor)
        self.children.append(Child(socket.socket(fileno=leash), isolator, report))

    def _attend(self, child: Child, ready: set[int]) -> None:
        if child.leash.fileno() in ready and not child.doomed:
            child.doomed = True
            self._kill(child)
        if not child.kernel and child.report in ready:
            self._started(child)
        elif child.kernel and child.pidfd in ready:
            _, status = os.waitpid(child.kernel, 0)
            self._kill(child)  # without walls, what it has started outlives it
            os.close(child.pidfd)
            self._finish(child, {"exit": os.waitstatus_to_exitcode(status)})

    def _started(self, child: Child) -> None:
        report = os.read(child.report, 4096).decode()
        os.close(child.report)
        os.waitpid(child.isolator, 0)  # from now on the kernel is our own child (we are a subreaper)
        if not report.isdecimal():
            self._finish(child, {"error": report or "the process that isolates a child has died"})
            return
        child.kernel = int(report)
        child.pidfd = os.pidfd_open(child.kernel)
        self._tell(child, {"started": True})
        if child.doomed:
            self._kill(child)

    def _kill(self, child: Child) -> None:
        """The end of pid 1 is the end of its whole namespace; without walls a process group must do."""
        if not child.kernel:  # not yet known: it will be killed as soon as it is
            return
        with contextlib.suppress(ProcessLookupError):
            if self.walls == "none":
                os.killpg(child.kernel, signal.SIGKILL)
            else:
                signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)

    def _end(self) -> NoReturn:
        """The namespace ends with this process, and all in it.  But bubblewrap around a single child would wait
        for what it has started.
        """
        with contextlib.suppress(ChildProcessError):
            while self.walls == "single":
                with contextlib.suppress(ProcessLookupError):
                    os.kill(-1, signal.SIGKILL)
                os.waitpid(-1, 0)
        os._exit(0)

    def _finish(self, child: Child, news: dict[str, Any]) -> None:
        self._tell(child, news)
        child.leash.close()
        self.children.remove(child)

    def _tell(self, child: Child, news: dict[str, Any]) -> None:
        with contextlib.suppress(WireError):  # nobody listens any more
            send(child.leash, news)
