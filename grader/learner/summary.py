"""Progress, lesson by lesson: what is passed, how many minutes are left, and where to go on."""

from dataclasses import dataclass
from pathlib import Path

from grader.exercise import Exercise
from grader.exercises import LESSONS
from grader.learner.kept import Entries
from grader.learner.lesson_text import heading, markdown, stated_minutes, title
from grader.learner.place import course_folder


@dataclass(frozen=True)
class Row:
    """A lesson.  title: without its number; minutes: for all of it, reading included; left: what of them is left."""

    lesson: str
    title: str
    passed: int
    begun: int
    count: int
    minutes: int
    left: int

    @property
    def number(self) -> str:
        """Two digits, as in the file's name."""
        return self.lesson[:2]

    @property
    def share(self) -> float:
        """Of the exercises, how many are passed, 0..1."""
        return self.passed / self.count if self.count else 0.0


def notebook(lesson: str, course: Path | None) -> Path | None:
    """The student's notebook of a lesson."""
    return course / "notebooks" / lesson / f"{lesson[3:]}.ipynb" if course else None


def lesson_markdown(lesson: str) -> str:
    """The text of a lesson, if the course is around."""
    path = notebook(lesson, course_folder())
    return markdown(path) if path else ""


def title_of(lesson: str) -> str:
    """What the lesson calls itself, without its number; the words of the file's name if its text is not there."""
    return title(lesson_markdown(lesson)).removeprefix(lesson[:2]).strip() or lesson[3:].replace("_", " ")


def minutes_of(lesson: str) -> int:
    """How long the lesson says it takes; never less than its exercises do."""
    exercises = sum(e.minutes for e in LESSONS[lesson])
    return max(stated_minutes(lesson_markdown(lesson)) or 0, exercises)


def rows(entries: Entries) -> list[Row]:
    """One row per lesson.  Reading counts as done in the same share as the exercises."""
    out = []
    for lesson, exercises in LESSONS.items():
        done = [e for e in exercises if is_passed(e, entries)]
        begun = sum(e.name in entries and entries[e.name].points > 0 for e in exercises) - len(done)
        minutes = minutes_of(lesson)
        reading = minutes - sum(e.minutes for e in exercises)
        to_do = sum(e.minutes for e in exercises if e not in done)
        share = 1 - len(done) / len(exercises) if exercises else 0.0
        left = round(to_do + reading * share)
        out.append(Row(lesson, title_of(lesson), len(done), begun, len(exercises), minutes, left))
    return out


def is_passed(exercise: Exercise, entries: Entries) -> bool:
    """Whether an exercise is passed."""
    return exercise.name in entries and entries[exercise.name].passed


def last_passed(entries: Entries) -> tuple[str, Exercise] | None:
    """The exercise of this course that was passed last, with its lesson."""
    places = {e.name: (lesson, e) for lesson, exercises in LESSONS.items() for e in exercises}
    known = [name for name in entries if name in places and entries[name].passed]
    return places[max(known, key=lambda name: entries[name].when)] if known else None


def next_exercise(entries: Entries) -> tuple[str, Exercise] | None:
    """Where to go on, with its lesson: from the lesson of the last passed exercise forward, core before the rest.

    When nothing is left from there on, what was left out before; None when all is passed.
    """
    last = last_passed(entries)
    order = list(LESSONS)
    here = order.index(last[0]) if last else 0
    left = [(lesson, e) for lesson in order[here:] + order[:here] for e in LESSONS[lesson] if not is_passed(e, entries)]
    core = [found for found in left if found[1].level == "core"]
    return next(iter(core or left), None)


def called(lesson: str, exercise: Exercise) -> str:
    """What the lesson calls an exercise."""
    return heading(lesson_markdown(lesson), exercise.name)
