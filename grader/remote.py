"""Asking a student's function that lives in a sandbox.  The counterpart of `answer.ask_here`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from grader.answer import Answer, as_exact_as
from grader.exercise import Case, Served
from grader.sandbox import Answer as Reply
from grader.sandbox import Callback, Evaluation, Held, Make, Question, call, vjp
from grader.when_written import is_stub


@dataclass(frozen=True)
class _Put:
    """A case as questions; the reply to the last is the answer."""

    questions: Sequence[Question]
    callbacks: Sequence[Callback]


class Asker:
    """Puts cases to the student's `name`."""

    def __init__(self, evaluation: Evaluation, name: str) -> None:
        self.evaluation, self.name = evaluation, name
        self._announced: dict[Case, _Put] = {}

    def announce(self, cases: Sequence[Case]) -> None:
        """These will be asked next, in this order; see `Evaluation.announce`."""
        self._announced = {case: put(self.name, case) for case in cases}
        self.evaluation.announce([q for case in cases for q in self._announced[case].questions])

    def __call__(self, case: Case) -> Answer:
        asked = self._announced.get(case) or put(self.name, case)
        reply = [self.evaluation.ask(q) for q in asked.questions][-1]
        return understood(reply, case, sum(c.calls for c in asked.callbacks))


def put(name: str, case: Case) -> _Put:
    """A case, ready to be sent."""
    callbacks = [Callback(a.function) for a in case.args if isinstance(a, Served)]
    waiting = iter(callbacks)
    args = [next(waiting) if isinstance(a, Served) else a for a in case.args]
    if case.ask == "twice":
        # The same objects are passed twice: if the first call changed them, the second value is wrong.
        # So none may be made anew at each call, as a transposed view would be.
        held = [a if isinstance(a, Callback) else Held(a) for a in args]
        return _Put([call(name, held), call(name, held)], callbacks)
    args = [_with_layout(a) for a in args]
    if case.ask == "gradient":
        return _Put([vjp(name, args, wrt=[case.wrt], cotangent=case.cotangent)], callbacks)
    return _Put([call(name, args)], callbacks)


def _with_layout(argument: Any) -> Any:
    """The wire carries values, not strides; so a transposed view is sent straight and transposed on arrival."""
    if isinstance(argument, Tensor) and argument.ndim >= 2 and not argument.is_contiguous():
        return Make("torch:transpose", (argument.mT.contiguous(), -2, -1))
    return argument


def understood(reply: Reply, case: Case, calls: int) -> Answer:
    """A reply of the sandbox as an answer.  Texts in it are the student's: shown, never believed."""
    if reply.kind == "value":
        if case.ask != "gradient":
            return Answer("value", reply.value, calls=calls)
        if reply.gradients is None:  # the sandbox says so when the shapes do not fit; same words as in `ask_here`
            shape, wanted = getattr(reply.value, "shape", ()), getattr(case.cotangent, "shape", ())
            return Answer("raised", text=f"ValueError: the value has shape {tuple(shape)}, expected {tuple(wanted)}")
        if not reply.gradients or reply.gradients[0] is None:
            return Answer("no-gradient")
        return Answer("value", as_exact_as(reply.value, reply.gradients[0]), calls=calls)
    if reply.kind == "raised":
        if reply.type_name == "NotImplementedError" and is_stub(reply.message):
            return Answer("unwritten")
        if case.ask == "gradient" and "does not require grad" in reply.message:
            return Answer("no-gradient")
        return Answer(
            "raised", text=f"{reply.type_name}: {reply.message}".removesuffix(": "), line=reply.source.strip()
        )
    if reply.kind == "undefined":
        return Answer("undefined")
    if reply.kind == "timeout":
        return Answer("timeout")
    if reply.kind == "too-many-calls":
        return Answer("raised", text="TooManyCalls: the function passed to yours was called far too often")
    if reply.kind == "died":
        return Answer("died", text=reply.message)
    return Answer("unreadable", text=reply.type_name or "bytes that are no answer")
