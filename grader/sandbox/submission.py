"""One submission on the trusted side: run its cells, and keep going when a cell kills the kernel."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from grader.wire import WireClosedError, WireError, pending, recv, send, send_descriptors

from .errors import SandboxError
from .evaluation import Evaluation
from .files import check_files
from .limits import MIB, Limits
from .outputs import Kept, Output, note
from .zygote import Child

START_SECONDS = 20
QUICK_SECONDS = 1  # what is run again without much ado
ENVELOPE = 2 * MIB  # what a reply may be longer than the outputs in it


@dataclass(frozen=True, eq=False)
class CellResult:
    """outputs: like nbformat's, harmless kinds only.  stopped: out of time; died: the kernel ended."""

    outputs: list[Output]
    status: Literal["ok", "error", "stopped", "died"]
    seconds: float


@dataclass(eq=False)
class _Cell:
    source: str
    deadly: bool = False  # it killed a kernel: a replay leaves it out


class Kernel:
    """A context manager; see `Sandbox.kernel`.  Time for the whole submission runs from its start."""

    def __init__(self, spawn: Callable[[Limits], Child], files: dict[str, bytes], limits: Limits) -> None:
        check_files(files, limits)
        self.limits = limits
        self._spawn, self._files = spawn, files
        self._steps: list[_Cell | Evaluation] = []
        self._child: Child | None = None
        self._starts, self._number = 0, 0
        self._seconds, self._over = 0.0, False  # that the cells have taken; whether nothing may follow
        self._outputs = Kept(limits.all_output_bytes)

    def __enter__(self) -> "Kernel":
        self.end = time.monotonic() + self.limits.submission_seconds
        self._start()
        return self

    def __exit__(self, *exception: object) -> None:
        for step in self._steps:
            if isinstance(step, Evaluation):
                step.close()
        self.lose()

    def run(self, source: str) -> CellResult:
        """Run a cell.  Never raises for what the student does."""
        self._refuse_if_over()
        source = source.encode(errors="replace").decode()  # JSON may hold halves of characters
        cell, start = _Cell(source), time.monotonic()
        if not self.alive():
            return CellResult([note("not run: the kernel has died too often or is out of time")], "died", 0.0)
        self._steps.append(cell)
        try:
            reply = self._run(cell)
        except TimeoutError:
            return self._lost(cell, "stopped", start)
        except WireError:
            return self._lost(cell, "stopped" if self._out_of_computing() else "died", start)
        status: Literal["ok", "error"] = "ok" if reply.get("status") == "ok" else "error"
        seconds = time.monotonic() - start
        self._seconds += seconds
        return CellResult(self._outputs.keep(reply.get("outputs")), status, seconds)

    def evaluation(self, last: bool = False) -> Evaluation:
        """The state as it is now, for questions: a fork of the kernel, so what is asked changes no cell.

        What is asked after the last cell cannot show in any output.  But if a question costs the fork, and
        the kernel has run cells since, the whole submission is run again to have the same state once more.

        last: nothing else follows, so if the cells so far took little time, the kernel itself may answer: a fork costs
        more than to run them again in the rare case that a question costs the kernel.
        """
        self._refuse_if_over()
        self._over = last
        evaluation = Evaluation(self, len(self._steps), last and self._seconds < QUICK_SECONDS)
        if self.alive():
            self._fork(evaluation)
        self._steps.append(evaluation)
        return evaluation

    def _refuse_if_over(self) -> None:
        if self._over:
            raise RuntimeError("nothing can follow the last evaluation")

    # ------------------------------------------------------------ the process

    def alive(self) -> bool:
        """Make sure that there is a kernel with everything done so far; False if there can be none."""
        if self._child is not None and pending(self._child.wire):
            self.lose()  # it ended or broke the protocol before the next cell, which is not to blame
        while self._child is None:
            if self._starts > self.limits.restarts or time.monotonic() >= self.end:
                return False
            self._start()
            self._replay()
        return time.monotonic() < self.end

    def lose(self) -> None:
        """Kill the process and all that it has started.  The next need of one starts a fresh one."""
        for step in self._steps:
            if isinstance(step, Evaluation):
                step.disconnect()
        if self._child is not None:
            self._child.close()
        self._child = None

    def revive(self, evaluation: Evaluation) -> None:
        """Give an evaluation that has lost its fork a new one, from the same state."""
        if self._child is not None and self._is_current(evaluation):
            self._fork(evaluation)
        elif self._child is not None:
            self.lose()
        self.alive()

    def end_fork(self, number: int, gone: bool) -> int | None:
        """Kill a fork; the exit code if it has ended by itself before.  gone: it has ended its wire."""
        step = self._steps[number]
        if isinstance(step, Evaluation) and step.in_kernel:
            return self._end_kernel(step, gone)
        try:
            code = self._order({"do": "kill", "fork": number}, self.limits.most_for_a_call, MIB).get("exit")
        except (WireError, TimeoutError):
            self.lose()
            return None
        return code if type(code) is int else None

    def _end_kernel(self, evaluation: Evaluation, gone: bool) -> int | None:
        """Kill the kernel, which answered questions itself.  From now on a fork does."""
        evaluation.in_kernel = False
        self._starts -= 1  # the next one is no fresh start of a student's making
        code = self._child.how_it_ended() if gone and self._child is not None else None
        self.lose()
        return code

    def _is_current(self, evaluation: Evaluation) -> bool:
        after = self._steps[self._steps.index(evaluation) + 1 :]
        return not any(isinstance(step, _Cell) for step in after)

    def _start(self) -> None:
        self._starts += 1
        self._child = self._spawn(self.limits)
        try:
            self._order({"do": "files", "files": self._files}, START_SECONDS, MIB)
        except (WireError, TimeoutError) as error:  # no student's code has run yet: the fault is ours
            self.lose()
            raise SandboxError(f"a fresh kernel does not answer: {error!r}") from error

    def _order(self, order: dict[str, Any], seconds: float, limit: int) -> dict[str, Any]:
        """Have the kernel do something; its hostile reply.  Raises WireError, TimeoutError."""
        if self._child is None:
            raise WireClosedError("there is no kernel")
        self._number += 1
        deadline = min(time.monotonic() + seconds, self.end)
        send(self._child.wire, {**order, "number": self._number}, deadline)
        reply = recv(self._child.wire, deadline, limit)
        if type(reply) is not dict or reply.get("number") != self._number:
            raise WireError("not the reply to this order")
        return reply

    def _replay(self) -> None:
        """Everything again but the cells that killed a kernel.  One that kills it this time joins them."""
        for step in self._steps:
            if isinstance(step, Evaluation):
                self._fork(step)
            elif not step.deadly:
                try:
                    self._run(step)
                except (WireError, TimeoutError):
                    step.deadly = True
                    self.lose()
            if self._child is None:
                return

    def _run(self, cell: _Cell) -> dict[str, Any]:
        most = self.limits.output_bytes + ENVELOPE
        return self._order({"do": "run", "source": cell.source}, self.limits.most_for_a_cell, most)

    def _lost(self, cell: _Cell, status: Literal["stopped", "died"], start: float) -> CellResult:
        seconds = time.monotonic() - start
        self._seconds += seconds
        cell.deadly = True
        self.lose()
        text = "this cell ended the kernel"
        if status == "stopped":
            text = f"stopped after {self.limits.cell_seconds:g} s"
            if time.monotonic() >= self.end:
                text = f"stopped: the {self.limits.submission_seconds:g} s of the submission are over"
        return CellResult([note(text)], status, seconds)

    def _out_of_computing(self) -> bool:
        """Whether the kernel was ended by the limit on a cell's computing."""
        return self._child is not None and self._child.how_it_ended() == signal.SIGXCPU

    def _fork(self, evaluation: Evaluation) -> None:
        if self._child is None or evaluation.closed:
            return
        deadline = min(time.monotonic() + self.limits.most_for_a_call, self.end)
        with evaluation.connect() as inner:
            try:
                order = {"do": "fork", "fork": evaluation.number, "last": evaluation.in_kernel}
                send_descriptors(self._child.wire, order, [inner.fileno()], deadline)
            except (WireError, TimeoutError):
                self.lose()
