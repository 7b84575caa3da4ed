"""The trusted side of a zygote: start it, have it fork children, end it."""

import contextlib
import dataclasses
import fcntl
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import IO, Any

from grader.wire import WireError, recv, send_descriptors

from .cgroups import Group
from .errors import ADVICE, LIBRARIES, SandboxError, SandboxUnavailable
from .launch import Launch
from .limits import Limits
from .stage import MAIN

START_SECONDS = 120
STEP_SECONDS = 20
# What is loaded stays for good, so nothing need look for garbage in it: that would be a fifth of the time.
LOAD = f"import gc; gc.disable(); from {MAIN} import main; main()"
ENDING_SECONDS = 5  # between the end of a kernel's wire and the news of its end, on a busy machine


@dataclass
class Child:
    """One forked kernel: its wire, and the leash that kills it with all that it has started."""

    wire: socket.socket
    leash: socket.socket
    group: Group
    own_zygote: "Zygote | None" = None
    _news: dict[str, Any] | None = None  # how it ended, once that is known

    def how_it_ended(self) -> int | None:
        """The exit code of a kernel that has ended by itself, negative for a signal; None if that is not known.

        The limit on its computing time ends it with the number of SIGXCPU.
        """
        try:
            self._news = recv(self.leash, time.monotonic() + ENDING_SECONDS)
        except (OSError, WireError, TimeoutError):
            return None
        code: int | None = self._news.get("exit")
        return code

    def close(self) -> None:
        """Kill it and wait until nothing of it is left."""
        self.wire.close()
        if self.own_zygote is not None:  # which its student can reach, so it is not asked
            self.own_zygote.close()
        with contextlib.suppress(OSError, WireError, TimeoutError):
            self.leash.shutdown(socket.SHUT_WR)
            if self._news is None:
                recv(self.leash, time.monotonic() + STEP_SECONDS)
        self.leash.close()
        self.group.close()


class Zygote:
    """A running zygote.  Its socket's end is its end, so nothing survives a host that is killed.

    Processes that the host forks may use it too.
    """

    def __init__(self, launch: Launch, settings: dict[str, Any]) -> None:
        self.lock = Lock()  # between threads
        self.gate = os.memfd_create("gate")  # locked between processes
        self.control, inner = socket.socketpair()
        words = [sys.executable, "-P", "-s", "-c", LOAD, json.dumps({**settings, "control": inner.fileno()})]
        with tempfile.TemporaryFile() as complaints:
            with inner:
                self.process = launch(words, [inner.fileno()], complaints)
            try:
                self._wait_ready(complaints)
            except BaseException:
                self.close()
                raise

    def _wait_ready(self, complaints: IO[bytes]) -> None:
        try:
            news = recv(self.control, time.monotonic() + START_SECONDS)
        except (WireError, TimeoutError) as error:
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip()[-2000:]
            advice = LIBRARIES if "ModuleNotFoundError" in said else ADVICE
            raise SandboxUnavailable(f"the sandbox does not start: {said or error!r}.  {advice}") from error
        if "error" in news:
            raise SandboxError(f"the sandbox cannot load its modules:\n{news['error']}")

    def spawn(self, folder: str, limits: Limits, group: Group) -> Child:
        """Fork a child into a control group.  SandboxError: the step that failed if its walls could not be built."""
        wire, inner_wire = socket.socketpair()
        leash, inner_leash = socket.socketpair()
        deadline = time.monotonic() + STEP_SECONDS
        order = {"limits": dataclasses.asdict(limits), "folder": folder, "doors": len(group.folders)}
        try:
            with self._alone(), inner_wire, inner_leash, group.doors() as doors:
                descriptors = [inner_wire.fileno(), inner_leash.fileno(), *doors]
                send_descriptors(self.control, order, descriptors, deadline)
            news = recv(leash, deadline)
        except (WireError, TimeoutError, OSError) as error:
            news = {"error": f"the zygote does not answer: {error!r}"}
        if news != {"started": True}:
            wire.close()
            leash.close()
            group.close()
            raise SandboxError(f"a submission could not be walled in: {news}")
        return Child(wire, leash, group)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """An order is one piece on the socket: nobody else writes in between."""
        with self.lock:
            fcntl.lockf(self.gate, fcntl.LOCK_EX)  # the kernel lets go of it if this process is killed
            try:
                yield
            finally:
                fcntl.lockf(self.gate, fcntl.LOCK_UN)

    def close(self) -> None:
        self.control.close()
        os.close(self.gate)
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
