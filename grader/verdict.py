"""Asking all the cases of an exercise and turning the answers into points and a diagnosis.

`judge` is the one place where a score is decided.  It sees answers only as plain values, so it makes no difference to
it whether they were computed in this process or came out of a sandbox.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from grader.answer import Answer, ask_here
from grader.compare import Mismatch, mismatch, same
from grader.exercise import Case, Exercise, Misconception

IN_PLACE = "the second call with the same arguments gives another result: something changed its input in place"
NOT_EITHER = "the second call with the same arguments does not give the right numbers either"
MOST_TIMEOUTS = 2  # a function that ran out of time twice is not asked again: each question costs seconds

Asker = Callable[[Case], Answer]


class CheckBroken(RuntimeError):
    """The check itself failed: not the student's mistake, and no reason for points."""


@dataclass(frozen=True)
class Finding:
    """A case that was answered wrongly.  public may be shown to anyone; detail holds numbers of a visible case."""

    case: Case
    answer: Answer
    public: str
    detail: str = ""


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check.

    earned: points by criterion; findings: what was wrong, in the order asked; misconception: the one that gives just
    the answers which were given, if there is one.
    """

    exercise: Exercise
    earned: dict[str, float]
    findings: tuple[Finding, ...]
    misconception: Misconception | None = None

    @property
    def points(self) -> float:
        """Points earned."""
        return sum(self.earned.values())

    @property
    def passed(self) -> bool:
        """Every criterion met."""
        return not self.findings

    @property
    def unwritten(self) -> bool:
        """The student has not begun: the stub is still there."""
        return bool(self.findings) and self.findings[0].answer.kind in ("unwritten", "undefined")


def judge(exercise: Exercise, cases: Sequence[Case], ask: Asker) -> Verdict:
    """Ask every case and decide.  Raises CheckBroken if the reference itself fails: then nobody is to blame."""
    expected = [expected_answer(exercise, case) for case in cases]
    answers: list[Answer] = []
    for case in cases:
        slow = sum(a.kind == "timeout" for a in answers)
        answer = ask(case) if slow < MOST_TIMEOUTS else Answer("timeout")
        answers.append(answer)
        if answer.kind in ("unwritten", "undefined", "not-callable"):
            break  # the other cases would only say the same
    found = (finding_in(*row) for row in zip(cases, expected, answers, strict=False))
    findings = _without_blame([finding for finding in found if finding])
    complete = len(answers) == len(cases)
    wrong = {f.case.criterion for f in findings}
    asked = {c.criterion for c in cases}
    if complete and asked != {c.name for c in exercise.criteria}:
        raise CheckBroken(f"{exercise.name}: its cases cover {sorted(asked)}, not just its criteria")
    earned = {c.name: c.points if complete and c.name not in wrong else 0.0 for c in exercise.criteria}
    named = _recognise(exercise, cases, answers) if findings and complete else None
    return Verdict(exercise, earned, tuple(findings), named)


def expected_answer(exercise: Exercise, case: Case) -> Answer:
    """What the reference says.  Raises CheckBroken if it gives no value."""
    answer = ask_here(exercise.reference, case)
    if answer.kind != "value":
        raise CheckBroken(f"{exercise.name}, case {case.label!r}: the reference gave {answer.kind} {answer.text}")
    return answer


def finding_in(case: Case, expected: Answer, answer: Answer) -> Finding | None:
    """What is wrong with an answer, None if it is right."""
    if answer.kind != "value":
        return Finding(case, answer, _no_value(answer))
    found: Mismatch | None = mismatch(answer.value, expected.value, strict_dtype=case.strict_dtype)
    if found:
        return Finding(case, answer, _explain(case, found), found.detail)
    if case.max_calls is not None and answer.calls > case.max_calls:
        return Finding(case, answer, f"right, but it took {answer.calls} calls; {case.max_calls} are enough")
    return None


def _without_blame(findings: list[Finding]) -> list[Finding]:
    """Whose first call has wrong numbers has not changed an input because the second has them, too."""
    if not any(f.case.ask == "value" and f.detail for f in findings):
        return findings
    return [replace(f, public=NOT_EITHER) if f.public == IN_PLACE else f for f in findings]


def _explain(case: Case, found: Mismatch) -> str:
    if case.ask == "twice" and found.problem == "values":
        return IN_PLACE
    if case.ask == "gradient":
        return f"the gradient is wrong: {found.public}"
    return found.public


def _no_value(answer: Answer) -> str:
    line = quoted(answer.line) if answer.line else ""
    said = {
        "unwritten": "not written yet",
        "undefined": "this name is not defined: run the cell that defines it",
        "not-callable": f"a function is expected here, this is of type {quoted(answer.text)}",
        "no-gradient": "no gradient flows through: stay in torch (no .item(), .numpy(), .detach(), torch.tensor(...))",
        "unreadable": f"your function returned something that is not a tensor, number or tuple: {quoted(answer.text)}",
        "timeout": "no answer in time: is there a loop that does not end?",
        "died": f"the process that ran your function ended: {quoted(answer.text)}",
        "raised": f"your function raised {quoted(answer.text)}" + (f" in the line {line}" if line else ""),
    }
    return said[answer.kind]


def printable(text: str) -> str:
    """Text on one line, without signs that steer a terminal or turn the direction of writing."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def quoted(text: str, most: int = 300) -> str:
    """Text that the student's process wrote, as inline code: there it cannot become HTML, a link or maths."""
    plain = printable(text.replace("`", "'")) or "?"
    return f"`{plain[:most]}{' ...' if len(plain) > most else ''}`"


def _recognise(exercise: Exercise, cases: Sequence[Case], answers: Sequence[Answer]) -> Misconception | None:
    """The misconception that would have given all these answers."""
    for m in exercise.misconceptions:
        if all(_alike(case, ask_here(m.wrong, case), a) for case, a in zip(cases, answers, strict=True)):
            return m
    return None


def _alike(case: Case, of_misconception: Answer, answer: Answer) -> bool:
    """The same value; or neither gave one for the same sort of reason."""
    if of_misconception.kind != answer.kind:
        return False
    if answer.kind == "raised":
        return of_misconception.text.split(":")[0] == answer.text.split(":")[0]
    if answer.kind != "value":
        return True
    if case.strict_dtype and getattr(answer.value, "dtype", None) != getattr(of_misconception.value, "dtype", None):
        return False
    if case.max_calls is not None and (answer.calls > case.max_calls) != (of_misconception.calls > case.max_calls):
        return False
    return same(answer.value, of_misconception.value)
