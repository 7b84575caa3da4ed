"""The student's kernel.  Hostile from the moment it runs the first cell: nobody believes what it says.

It does what the host asks on its wire: take files, run a cell, fork a copy of its state for questions.
"""

import contextlib
import os
import random
import signal
import socket
import threading
from pathlib import Path
from typing import Any, NoReturn

import torch

from ...wire import WireClosedError, recv, send
from ..limits import Limits
from .isolate import allow_computing
from .linux import PR_SET_PDEATHSIG, prctl
from .questions import Questions
from .shell import OUTPUTS, Shell


class Kernel:
    """Serves the host until the wire ends."""

    def __init__(self, wire: socket.socket, limits: Limits) -> None:
        self.wire, self.limits = wire, limits
        self.shell: Shell = Shell.instance()
        self.forks: dict[int, int] = {}  # number of the evaluation: pid

    def serve(self) -> None:
        while True:
            try:
                order = recv(self.wire)
            except WireClosedError:
                return
            reply = getattr(self, "_" + order["do"])(order)
            if reply is not None:
                send(self.wire, {"number": order["number"], **reply})

    def _files(self, order: dict[str, Any]) -> dict[str, Any]:
        for name, content in order["files"].items():
            path = Path(name)
            with contextlib.suppress(OSError):  # "a" beside "a/b", a name that is too long here
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        return {"ready": True}

    def _run(self, order: dict[str, Any]) -> dict[str, Any]:
        OUTPUTS.start(self.limits.output_bytes)
        allow_computing(self.limits.cell_seconds)
        try:
            good = bool(self.shell.run_cell(order["source"], store_history=True).success)
        except BaseException as error:  # IPython itself was broken by the cell
            OUTPUTS.error(type(error).__name__, str(error), [])
            good = False
        allow_computing(self.limits.submission_seconds)  # what comes between cells is no cell's
        return {"status": "ok" if good else "error", "outputs": OUTPUTS.finish()}

    def _fork(self, order: dict[str, Any]) -> None:
        """A copy of the state as it is now.  It waits for questions, while this process goes on.

        If nothing is to follow, there is nothing to go on with, and this process itself waits for questions.
        """
        _, (questions,), _, _ = socket.recv_fds(self.wire, 1, 1)
        if order["last"] and threading.active_count() == 1:  # a copy would have one thread, so this has to have one
            self._questions(questions)
        state = random.getstate()
        pid = os.fork()
        if pid == 0:
            random.setstate(state)  # Python seeds it anew in every fork
            self._answer(questions)
        os.close(questions)
        self.forks[order["fork"]] = pid
        for number, other in list(self.forks.items()):
            if os.waitpid(other, os.WNOHANG)[0]:
                del self.forks[number]

    def _kill(self, order: dict[str, Any]) -> dict[str, Any]:
        """End a copy that is stuck, with all that it has started, and tell how one that has ended did so."""
        pid = self.forks.pop(order["fork"], None)
        if pid is None:
            return {"exit": None}
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError):
                kill(pid, signal.SIGKILL)
        return {"exit": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}

    def _answer(self, questions: int) -> NoReturn:
        """In the copy: its own process group, one thread (the others stayed behind).

        What it prints goes into its own `OUTPUTS`, which nobody asks for.
        """
        try:
            self.wire.close()
            os.setsid()
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            self._questions(questions)
        finally:
            os._exit(0)

    def _questions(self, wire: int) -> NoReturn:
        try:
            torch.set_num_threads(1)
            Questions(socket.socket(fileno=wire), self.shell.user_ns, self.limits.call_seconds).serve()
        finally:
            os._exit(0)
