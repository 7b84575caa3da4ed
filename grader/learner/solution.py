"""The course's own answer to an exercise, out of the text in `solutions/`, for people who learn alone."""

import re
from dataclasses import dataclass
from pathlib import Path

from grader.exercises import EXERCISES, LESSONS, find
from grader.learner.place import course_folder
from grader.learner.plainly import Plainly

HEADER = re.compile(r"^# %%(?P<rest>.*)$", re.MULTILINE)


class NoSolution(Plainly, LookupError):
    """There is no solution to show.  The message says why."""


@dataclass(frozen=True)
class Solution:
    """Python code, with its colours in a notebook."""

    name: str
    code: str

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {
            "text/markdown": f"**{self.name}**, one right answer:\n\n```python\n{self.code}\n```",
            "text/plain": self.code,
        }

    def __str__(self) -> str:
        return self.code

    __repr__ = __str__


def solution(name: str, course: Path | None = None) -> Solution:
    """One right answer to an exercise, such as solution("start.rescale").  Write your own first.

    Raises NoSolution if there is no such exercise, or if this course keeps its solutions elsewhere.
    """
    try:
        find(name)
    except KeyError as error:
        raise NoSolution(str(error.args[0])) from None
    lesson = next(lesson for lesson, exercises in LESSONS.items() if EXERCISES[name] in exercises)
    folder = course or course_folder()
    path = folder / "solutions" / f"{lesson}.py" if folder else None
    if path is None or not path.is_file():
        raise NoSolution("the solutions are not here: the folder solutions/ of the course has them")
    return Solution(name, _code(path.read_text(encoding="utf-8"), name))


def _code(text: str, name: str) -> str:
    starts = list(HEADER.finditer(text))
    for here, after in zip(starts, [*starts[1:], None], strict=True):
        if f'exercise="{name}"' in here["rest"]:
            body = text[here.end() : after.start() if after else None]
            return "\n".join(line for line in body.splitlines() if not line.lstrip().startswith("### ")).strip()
    raise NoSolution(f"the lesson's text holds no exercise {name}")
