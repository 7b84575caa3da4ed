"""Questions to a fork of a student's state."""

import signal
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from grader.wire import WireClosedError, WireError, decode, encode, pending, recv_frame, send_frame

from .answer import Answer, Callback, Handle
from .arguments import Arguments
from .callbacks import CallbackServer, TooManyCallsError
from .reply import read_answer

if TYPE_CHECKING:
    from .submission import Kernel

OUT_OF_COMPUTING = "its process has used up its computing time"
OUT_OF_TIME = Answer("timeout", message="the submission has used up its time")
Target = str | Handle


class Evaluation:
    """A context manager; see `Kernel.evaluation`.  No question raises for what the student does.

    A target is a name, "name.attribute", or a Handle.  Arguments are plain values, Callback, Handle or Make;
    each call gets fresh copies of all but what was held.  seed: of torch, NumPy and Python before the call.
    """

    def __init__(self, kernel: "Kernel", number: int, last: bool) -> None:
        self.kernel, self.number, self.closed = kernel, number, False
        self.in_kernel = last  # the kernel itself may answer, until an answer has cost it
        self._wire: socket.socket | None = None
        self._present: set[int] = set()  # numbers of the held objects that the answering process has
        self._next_number, self._busy = 0, False
        self._fresh = True  # the answering process has answered nothing yet

    def __enter__(self) -> "Evaluation":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # ------------------------------------------------------------ questions

    def lookup(self, target: Target) -> Answer:
        """Is there such a name?  `found`, with its type's name and whether it is callable, or `undefined`."""
        return self._ask({"ask": "lookup"}, target)

    def call(
        self,
        target: Target,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        seed: int | None = None,
    ) -> Answer:
        """Call it.  The answer's value is what it returned."""
        return self._ask({"ask": "call", "seed": seed, "keep": None}, target, args, kwargs)

    def call_many(self, target: Target, arguments: Sequence[Sequence[Any]]) -> list[Answer]:
        """Call it with each list of arguments; each call has its own time."""
        return [self.call(target, args) for args in arguments]

    def keep(
        self, target: Target, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> tuple[Answer, Handle]:
        """Call it and leave the result in the sandbox, for what cannot cross: an object to ask further."""
        handle = Handle(self._next(), kept=True)
        answer = self._ask({"ask": "call", "seed": None, "keep": handle.number}, target, args, kwargs)
        if answer.kind == "value":
            self._present.add(handle.number)
        return answer, handle

    def vjp(
        self,
        target: Target,
        args: Sequence[Any],
        kwargs: Mapping[str, Any] | None = None,
        *,
        wrt: Sequence[int | str] = (0,),
        cotangent: Tensor | None = None,
        seed: int | None = None,
    ) -> Answer:
        """The value, and its gradients in the arguments `wrt` (positions, keywords); `cotangent`: ones."""
        question = {"ask": "vjp", "wrt": list(wrt), "cotangent": cotangent, "seed": seed}
        return self._ask(question, target, args, kwargs)

    def hold(self, value: Any) -> Handle:
        """An object in the sandbox that several calls get as the same one; `fetch` shows what they did."""
        encode(value)  # if it cannot cross, that is said here
        return Handle(self._next(), value)

    def fetch(self, handle: Handle) -> Answer:
        """What a held object is now."""
        return self._ask({"ask": "fetch", "number": handle.number}, handle)

    # ------------------------------------------------------------ the process

    def connect(self) -> socket.socket:
        """A fresh wire; the other end of it, to be sent to the kernel."""
        self.disconnect()
        self._wire, inner = socket.socketpair()
        self._fresh = True
        return inner

    def disconnect(self) -> None:
        if self._wire is not None:
            self._wire.close()
        self._wire = None
        self._present.clear()

    def close(self) -> None:
        self.disconnect()
        self.closed = True

    def _next(self) -> int:
        self._next_number += 1
        return self._next_number

    def _ask(
        self,
        question: dict[str, Any],
        target: Target,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Answer:
        if self.closed or self._busy:
            raise RuntimeError("an evaluation is closed or busy: ask within its `with` block, not from a Callback")
        arguments = Arguments(args, kwargs or {})
        if isinstance(target, Handle):
            arguments.handles.append(target)
        where = [target.number, target.attribute] if isinstance(target, Handle) else target
        question = {**question, "target": where, "args": arguments.args, "kwargs": arguments.kwargs}
        start, self._busy = time.monotonic(), True
        try:
            answer = self._exchange(encode(question), arguments, len(question.get("wrt", ())))
        finally:
            self._busy = False
        return replace(answer, seconds=time.monotonic() - start)

    def _exchange(self, question: bytes, arguments: Arguments, gradients: int) -> Answer:
        """Send the question, serve calls back, read the answer; after a loss renew the process."""
        if not self._reach():
            spent = time.monotonic() >= self.kernel.end
            return OUT_OF_TIME if spent else Answer("died", message="the kernel has died too often")
        deadline = min(time.monotonic() + self.kernel.limits.most_for_a_call, self.kernel.end)
        try:
            if not self._bring(arguments.handles, deadline):
                return Answer("died", message="the process that held this object has ended")
            reply = self._converse(question, deadline, arguments.callbacks)
            self._fresh = False
            answer = read_answer(reply, gradients or None)
            if answer.kind != "malformed":
                return answer
        except TimeoutError:
            answer = self._too_slow()
        except WireClosedError:
            fresh, message = self._fresh, self._give_up()
            if message == OUT_OF_COMPUTING:
                return self._too_slow()
            if fresh:
                return Answer("died", message=message)
            return self._exchange(question, arguments, gradients)  # perhaps an earlier question's doing
        except WireError as error:
            answer = Answer("malformed", message=str(error))
        except TooManyCallsError as error:
            answer = Answer("too-many-calls", message=str(error))
        self._give_up()
        return answer

    def _too_slow(self) -> Answer:
        return Answer("timeout", message=f"no answer within {self.kernel.limits.call_seconds:g} s")

    def _bring(self, handles: list[Handle], deadline: float) -> bool:
        """Have the held objects in the process that answers; False if one of them cannot be had again."""
        for handle in handles:
            if handle.number not in self._present:
                if handle.kept:
                    return False
                question = {"ask": "hold", "number": handle.number, "value": handle.value}
                self._converse(encode(question), deadline, [])
                self._present.add(handle.number)
        return True

    def _converse(self, question: bytes, deadline: float, callbacks: list[Callback]) -> Any:
        """The reply to a question, after all calls back."""
        if self._wire is None:
            raise WireClosedError("not connected")
        send_frame(self._wire, question, deadline)
        server = CallbackServer(callbacks, self.kernel.limits)
        while True:
            frame = recv_frame(self._wire, deadline, self.kernel.limits.reply_bytes, alone=True)
            reply = decode(frame)
            if type(reply) is not dict or reply.get("kind") != "callback":
                return reply
            send_frame(self._wire, server.serve(reply, len(frame)), deadline)

    def _reach(self) -> bool:
        """Whether a process with the state of this evaluation can be asked; a lost one is brought back."""
        if self._wire is not None and pending(self._wire):
            self._give_up()  # it ended or broke the protocol before this question, which is not to blame
        if self._wire is None:
            self.kernel.revive(self)
        return self._wire is not None and self.kernel.alive()

    def _give_up(self) -> str:
        """End the process that answered.  In words, how it had ended before if it had."""
        self.disconnect()
        code = self.kernel.end_fork(self.number)
        if code is None:
            return "its process ended"
        if code == signal.SIGXCPU:
            return OUT_OF_COMPUTING
        return f"its process was killed by signal {-code}" if code < 0 else f"its process exited with {code}"
