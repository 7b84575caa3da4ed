"""What a student calls in the notebook: `check` and `hint`.

`check` returns an object whose plain text is the number of points, because that is what nbgrader reads: a cell whose
output is a number below the maximum counts as not (fully) passed by its Validate button.  The words are in the
Markdown that Jupyter shows instead.  While grading, this code does not run: the judge asks the functions itself.
"""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from grader import message
from grader.answer import Answer, ask_here, student_line
from grader.exercises import find
from grader.learner.cells import as_before
from grader.learner.progress import record
from grader.learner.stopped import stopped
from grader.verdict import CheckBroken, Verdict, judge

PUBLIC_SEED = 20_2006  # any number: these inputs are no secret


@dataclass(frozen=True)
class Outcome:
    """A verdict as a notebook shows it.  said, first: more to know, after and before it; mostly nothing."""

    verdict: Verdict
    said: str = ""
    first: str = ""

    @property
    def points(self) -> float:
        """Points earned in the visible check."""
        return self.verdict.points

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        words = self.first + message.markdown(self.verdict) + (f"\n\n{self.said}" if self.said else "")
        return {"text/markdown": words, "text/plain": f"{self.points:g}"}

    def __str__(self) -> str:
        return message.plain(self.verdict)


@dataclass(frozen=True)
class Note:
    """Markdown in a notebook, plain text elsewhere; worth no points."""

    text: str

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/markdown": self.text, "text/plain": "0"}

    def __str__(self) -> str:
        return self.text


def check(name: str, function: Any) -> Outcome | Note:
    """Check a function against the exercise with this name, on inputs drawn from a public seed.

    Never raises for a wrong answer: what is wrong is said in the outcome.  The best result is kept: see `progress`.
    An interrupt (the stop button) stays one, in one line.
    """
    try:
        exercise = find(name)
    except KeyError as error:
        return Note(str(error.args[0]))
    away: set[str] = set()

    def seen(answer: Answer) -> Answer:
        away.update(_off_the_cpu(answer.value))
        return answer

    try:
        verdict = judge(exercise, exercise.cases(PUBLIC_SEED), lambda case: seen(ask_here(function, case)))
    except CheckBroken as error:
        return Note(f"This check is broken, and it is not your mistake. Please tell the course staff: {error}")
    except KeyboardInterrupt as error:
        raise stopped(name, function, student_line(error)) from None
    said = [record(name, verdict.points, exercise.points)]
    if away and verdict.points:
        said.append(
            f"Your result came back on {', '.join(sorted(away))}. That is fine here; grading has no GPU, so take the "
            "device from an argument (`x.device`) and name none."
        )
    return Outcome(verdict, "\n\n".join(filter(None, said)), as_before(function))


def _off_the_cpu(value: Any) -> set[str]:
    """The devices of an answer that are not the CPU, where the arguments were."""
    parts = value if isinstance(value, tuple | list) else [value]
    return {str(part.device) for part in parts if isinstance(part, Tensor) and not part.is_cpu}


_given: dict[str, int] = {}


def hint(name: str, step: int | None = None) -> Note:
    """The next hint of an exercise: the idea, then the formula, then the line.  `step` (1-3) picks one."""
    try:
        exercise = find(name)
    except KeyError as error:
        return Note(str(error.args[0]))
    if step is None:
        step = min(_given.get(name, 0) + 1, len(exercise.hints))
    if step not in (1, 2, 3):
        return Note("Hints have three steps: 1 the idea, 2 the formula, 3 the line.")
    _given[name] = step
    kind = ("the idea", "the formula", "the line")[step - 1]
    text = exercise.hints[step - 1]
    body = f"\n```python\n{text}\n```" if step == 3 else text
    more = "" if step == 3 else f'\n\nStill stuck? Run `hint("{name}")` again.'
    return Note(f"**Hint {step} of 3, {kind}.** {body}{more}")
