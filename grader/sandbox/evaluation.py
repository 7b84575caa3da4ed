"""Questions to a fork of a student's state."""

import signal
import socket
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from grader.wire import Reader, WireClosedError, WireError, decode, send_frame, send_frames

from .answer import Answer
from .callbacks import CallbackServer, TooManyCallsError
from .question import Question, call, hold, vjp
from .reply import read_answer

if TYPE_CHECKING:
    from .submission import Kernel

OUT_OF_COMPUTING = "its process has used up its computing time"
OUT_OF_TIME = Answer("timeout", message="the submission has used up its time")
AHEAD = 2**16  # bytes of questions that are sent before they are asked: a socket takes them while nobody reads


class Evaluation:
    """A context manager; see `Kernel.evaluation`.  No question raises for what the student does."""

    def __init__(self, kernel: "Kernel", number: int, last: bool) -> None:
        self.kernel, self.number, self.closed = kernel, number, False
        self.in_kernel = last  # the kernel itself may answer, until an answer has cost it
        self._wire: socket.socket | None = None
        self._plan: deque[Question] = deque()  # announced and not yet answered
        self._sent: deque[int] = deque()  # for those that are on their way, how many replies come before the answer
        self._present: set[int] = set()  # numbers of the held objects that the answering process has
        self._busy = False
        self._fresh = True  # the answering process has answered nothing yet

    def __enter__(self) -> "Evaluation":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # ------------------------------------------------------------ questions

    def call(self, name: str, args: Sequence[Any] = ()) -> Answer:
        """Call it.  The answer's value is what it returned."""
        return self.ask(call(name, args))

    def vjp(
        self, name: str, args: Sequence[Any], *, wrt: Sequence[int] = (0,), cotangent: Tensor | None = None
    ) -> Answer:
        """The value, and its gradients in the arguments `wrt`; `cotangent`: ones."""
        return self.ask(vjp(name, args, wrt=wrt, cotangent=cotangent))

    def announce(self, questions: Sequence[Question]) -> None:
        """Say which questions will be asked next, in this order: the student's process may begin to answer them.

        That saves most of what a question costs beside its answer.  Each is still answered after the one before, has
        its own time, and costs the others nothing when it goes wrong.
        """
        self._forget_plan()
        self._plan.extend(questions)
        if self._plan and self._reach():
            try:
                self._send_some(self._deadline())
            except (WireError, TimeoutError):
                self._give_up()  # it is asked anew when its turn comes

    def ask(self, question: Question) -> Answer:
        """The answer to a question, whether it was announced or not."""
        if self.closed or self._busy:
            raise RuntimeError("an evaluation is closed or busy: ask within its `with` block, not from a Callback")
        if not self._plan or self._plan[0] is not question:
            self._forget_plan()
            self._plan.append(question)
        self._busy = True
        try:
            return self._answer(question)
        finally:
            self._busy = False
            self._plan.popleft()

    def _forget_plan(self) -> None:
        """Take the answers that nobody waits for any more: not all was asked that was announced."""
        while self._sent and self._plan:
            self.ask(self._plan[0])
        self._plan.clear()

    # ------------------------------------------------------------ the process

    def connect(self) -> socket.socket:
        """A fresh wire; the other end of it, to be sent to the kernel."""
        self.disconnect()
        self._wire, inner = socket.socketpair()
        self._reader = Reader(self._wire)
        self._fresh = True
        return inner

    def disconnect(self) -> None:
        if self._wire is not None:
            self._wire.close()
        self._wire = None
        self._sent.clear()
        self._present.clear()

    def close(self) -> None:
        self.disconnect()
        self.closed = True

    def _deadline(self) -> float:
        return min(time.monotonic() + self.kernel.limits.most_for_a_call, self.kernel.end)

    def _answer(self, question: Question) -> Answer:
        """Send the question if that has not been done, serve calls back, read the answer; after a loss renew the
        process.
        """
        if not self._sent and not self._reach():
            spent = time.monotonic() >= self.kernel.end
            return OUT_OF_TIME if spent else Answer("died", message="the kernel has died too often")
        deadline, called = self._deadline(), [c.calls for c in question.callbacks]
        try:
            if not self._sent:
                self._send_some(deadline)
            reply = self._converse(question, deadline)
            self._fresh = False
            answer = read_answer(reply, question.gradients or None)
            if answer.kind != "malformed":
                return answer
        except TimeoutError:
            answer = self._too_slow()
        except WireClosedError:
            fresh, message = self._fresh, self._give_up(gone=True)
            if message == OUT_OF_COMPUTING:
                return self._too_slow()
            if fresh:
                return Answer("died", message=message)
            for callback, calls in zip(question.callbacks, called, strict=True):
                callback.calls = calls
            return self._answer(question)  # perhaps an earlier question's doing
        except WireError as error:
            answer = Answer("malformed", message=str(error))
        except TooManyCallsError as error:
            answer = Answer("too-many-calls", message=str(error))
        self._give_up()
        return answer

    def _too_slow(self) -> Answer:
        return Answer("timeout", message=f"no answer within {self.kernel.limits.call_seconds:g} s")

    def _send_some(self, deadline: float) -> None:
        """Send the first question of the plan, and as many more as nobody has to serve and fit.

        What a held object was is sent before the first question that needs it, and has a reply of its own.
        """
        if self._wire is None:
            raise WireClosedError("not connected")
        frames: list[bytes] = []
        for question in self._plan:
            missing = [held for held in question.held if held.number not in self._present]
            self._present.update(held.number for held in missing)
            frames += [*map(hold, missing), question.frame]
            self._sent.append(len(missing))
            if question.callbacks or sum(map(len, frames)) > AHEAD:
                break
        send_frames(self._wire, frames, deadline)

    def _converse(self, question: Question, deadline: float) -> Any:
        """The reply to a question that was sent, after all calls back."""
        limit = self.kernel.limits.reply_bytes
        for _ in range(self._sent[0]):
            self._reader.frame(deadline, limit)
        server = CallbackServer(question.callbacks, self.kernel.limits)
        while True:
            frame = self._reader.frame(deadline, limit)
            reply = decode(frame)
            if type(reply) is not dict or reply.get("kind") != "callback":
                break
            if self._wire is not None:
                send_frame(self._wire, server.serve(reply, len(frame)), deadline)
        self._sent.popleft()
        if type(reply) is not dict or reply.get("number") != question.number:
            raise WireError("not the answer to this question")
        return reply

    def _reach(self) -> bool:
        """Whether a process with the state of this evaluation can be asked; a lost one is brought back."""
        if self._wire is not None and self._reader.pending():
            self._give_up()  # it ended or broke the protocol before this question, which is not to blame
        if self._wire is None:
            self.kernel.revive(self)
        return self._wire is not None and self.kernel.alive()

    def _give_up(self, *, gone: bool = False) -> str:
        """End the process that answered.  gone: it has ended its wire; then in words how it had ended itself."""
        self.disconnect()
        code = self.kernel.end_fork(self.number, gone)
        if code is None:
            return "its process ended"
        if code == signal.SIGXCPU:
            return OUT_OF_COMPUTING
        return f"its process was killed by signal {-code}" if code < 0 else f"its process exited with {code}"
