"""Which lesson a person means who types less than its whole name."""

from collections.abc import Iterable
from pathlib import PurePath


class NoSuchLessonError(ValueError):
    """What was typed names no lesson, or several; the message lists the lessons."""


def lesson_named(typed: str, lessons: Iterable[str]) -> str:
    """The lesson that is meant, of those called NN_topic.  Raises NoSuchLessonError.

    typed: the name, the number (`02`, `2`), a beginning of the name or of its topic that fits no other lesson
    (`02_for`, `forw`), or a path that ends in one of these, as a shell completes it.
    """
    every, word = list(lessons), PurePath(typed).stem
    for fitting in _ways(word, every) if word else ():
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise NoSuchLessonError(f"{typed!r} may be {' or '.join(fitting)}: write more of the name")
    raise NoSuchLessonError(f"no lesson is called {typed!r}; there are: {', '.join(every)}")


def _ways(word: str, every: list[str]) -> Iterable[list[str]]:
    """The lessons that fit, from the strictest way of reading to the loosest: the first that fits any counts."""
    yield [lesson for lesson in every if word in (lesson, lesson[3:])]
    number = word.isascii() and word.isdecimal()
    yield [lesson for lesson in every if number and lesson[:2] == word.zfill(2)]
    yield [lesson for lesson in every if lesson.startswith(word)]
    yield [lesson for lesson in every if lesson[3:].startswith(word)]
