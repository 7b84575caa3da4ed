"""The one record of a result, from which every export is made: what the gradebook says, with the judge's reasons."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nbgrader.api import Grade, Gradebook, MissingEntry, Student, SubmittedAssignment

from grader.graded import Graded
from grader.judge import Record
from grader.people import Person, known_people
from grader.records import Records


@dataclass(frozen=True)
class Part:
    """A graded cell.  said: in one line; text: Markdown for the student; waits: a person has yet to grade it."""

    name: str
    points: float
    of: float
    said: str = ""
    text: str = ""
    waits: bool = False


@dataclass(frozen=True)
class Result:
    """A student's result in a lesson.  score: points less penalty, None if nothing was handed in or graded."""

    person: Person
    lesson: str
    of: float
    score: float | None = None
    penalty: float = 0.0
    submitted: str = ""
    parts: tuple[Part, ...] = ()

    @property
    def waits(self) -> bool:
        """Something has yet to be graded by hand."""
        return any(p.waits for p in self.parts)


def results(root: Path, db_url: str, lesson: str) -> list[Result]:
    """Everybody's result in a lesson, in the order of their ids.  Raises KeyError if the gradebook does not know it."""
    with Gradebook(db_url) as gradebook:
        return read(root, gradebook, lesson)


def read(root: Path, gradebook: Gradebook, lesson: str) -> list[Result]:
    """The same from an open gradebook."""
    people = known_people(root)
    try:
        assignment = gradebook.find_assignment(lesson)
    except MissingEntry as error:
        raise KeyError(f"the gradebook does not know {lesson}") from error
    of = float(assignment.max_score)
    done = {s.student_id: s for s in assignment.submissions}
    everyone = {**people, **{s.id: _person(s, people) for s in gradebook.students}}
    return [
        _result(root, everyone[i], lesson, of, done[i]) if i in done else Result(everyone[i], lesson, of)
        for i in sorted(everyone)
    ]


def _person(student: Student, people: Mapping[str, Person]) -> Person:
    """What the gradebook knows of a student, over what a roster said."""
    known = people.get(student.id, Person(student.id))
    first, last, email = student.first_name or "", student.last_name or "", student.email or ""
    names = (first, last) if first or last else (known.first, known.last)
    return Person(
        student.id, *names, email or known.email, known.sis_id, known.login, known.section, known.canvas, known.moodle
    )


def _result(root: Path, person: Person, lesson: str, of: float, submission: SubmittedAssignment) -> Result:
    record = _record(root, lesson, person.id)
    parts = tuple(p for notebook in submission.notebooks for p in _parts(notebook.grades, record))
    penalty = float(submission.late_submission_penalty or 0.0)
    when = submission.timestamp.isoformat(sep=" ", timespec="seconds") + " UTC" if submission.timestamp else ""
    return Result(person, lesson, of, max(float(submission.score) - penalty, 0.0), penalty, when, parts)


def _record(root: Path, lesson: str, student: str) -> Record:
    """The judge's record of what was entered, or an empty one if there is none: points are in the gradebook anyway."""
    key = Graded(root, lesson).key(student)
    return (Records(root).get(key) if key else None) or Record()


def _parts(grades: list[Grade], record: Record) -> Iterator[Part]:
    """In the lesson's order: judged cells first as the judge met them, then those that a person grades."""
    order = {name: i for i, name in enumerate(record.scores)}
    for g in sorted(grades, key=lambda g: (order.get(g.name, len(order)), g.name)):
        score = record.scores.get(g.name)
        name = score.exercise if score else g.name
        said, text = (score.diagnosis, score.markdown) if score else ("", "")
        if g.manual_score is not None:
            said = f"{said}; graded by hand" if said else "graded by hand"
        waits = bool(g.needs_manual_grade) and g.manual_score is None
        yield Part(name, float(g.score), float(g.max_score), "waits for a person" if waits else said, text, waits)
