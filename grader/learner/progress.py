"""`progress()` in a notebook: how far you are, where to go on, a copy to take along, another one to merge."""

from datetime import UTC, datetime
from html import escape
from pathlib import Path

from grader.learner.kept import Entries, Entry, ProgressError, TooNew, change, read, to_text, union
from grader.learner.place import course_folder, is_solution, progress_file
from grader.learner.shown import Shown, duration, table
from grader.learner.summary import called, last_passed, next_exercise, notebook, rows, title_of


class Progress:
    """`progress()` shows the table; see the methods for the rest.  The results are in the file `progress.file`."""

    @property
    def file(self) -> Path:
        """The file that keeps the results."""
        return progress_file()

    def __call__(self) -> Shown:
        """A table of all lessons: exercises passed, and about how long the rest takes."""
        entries, said = _entries()
        return table(rows(entries), [said, f"Kept in {self.file}."])

    def done(self) -> dict[str, float]:
        """{"00": 1.0, "01": 0.25, ..}: for each lesson the share of its exercises that are passed, 0..1."""
        return {row.number: row.share for row in rows(_entries()[0])}

    def next(self) -> Shown:
        """The exercise to go on with, and where it is."""
        entries, said = _entries()
        found, last = next_exercise(entries), last_passed(entries)
        if found is None:
            return _paragraph("All exercises are passed. Congratulations!", said)
        lesson, exercise = found
        name = called(lesson, exercise)
        title = f"lesson {lesson[:2]}, {title_of(lesson)}"
        before = f"Last passed: {called(*last)} (lesson {last[0][:2]}). " if last else ""
        time = duration(exercise.minutes)
        text = f"{before}Next: {name}, in {title}; about {time}."
        html = f"<p>{escape(before)}<b>Next: {escape(name)}</b>, in {_link(lesson, title)}; about {time}.</p>"
        return Shown(html + (f"<p>{escape(said)}</p>" if said else ""), "\n".join(filter(None, [text, said])))

    def export(self, file: str | Path = "diffkit-progress.json") -> Shown:
        """Write a copy, to keep or to take to another machine.

        Raises ProgressError if the file with the results is damaged, or the copy cannot be written.
        """
        target, text = Path(file), to_text(read(self.file))
        try:
            target.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ProgressError(f"{target} cannot be written ({_reason(error)}): name another file") from None
        return _paragraph(f"Written: {target.resolve()}. Read it elsewhere with progress.merge(...).")

    def merge(self, file: str | Path) -> Shown:
        """Take in the results of another file: every exercise of both, the better result kept.

        The other file stays as it is.  Raises ProgressError if it is no progress file.
        """
        source = Path(file)
        if not source.is_file():
            raise ProgressError(f"there is no file {source}: name one that progress.export() has written")
        other, before = read(source), _entries()[0]
        said = change(self.file, lambda mine: union(mine, other))
        new = sum(e.passed and not (n in before and before[n].passed) for n, e in other.items())
        return _paragraph(f"Merged {source.name}: {new} more exercise{' is' if new == 1 else 's are'} passed.", said)


def record(name: str, points: float, of: float) -> str:
    """Keep a result if it is the best so far; returns what the student must know, mostly nothing.

    It never raises: a disk that is full must not spoil a check.
    """
    if points <= 0 or is_solution():
        return ""
    entry = Entry(points, of, datetime.now(UTC).isoformat(timespec="milliseconds"))
    file = progress_file()
    try:
        return change(file, lambda mine: _improved(mine, name, entry))
    except (OSError, ProgressError) as error:
        return (
            f"This result could not be kept in `{file}`: {_reason(error)}. The check counts all the same. "
            "`docs/alone.md` tells how to keep results in another place."
        )


def _reason(error: Exception) -> str:
    """What the system says, without its number and the path that is named already."""
    return getattr(error, "strerror", None) or str(error)


def _improved(mine: Entries, name: str, entry: Entry) -> Entries:
    known = mine.get(name)
    return mine if known and known.points / known.of >= entry.points / entry.of else {**mine, name: entry}


def _entries() -> tuple[dict[str, Entry], str]:
    """What is kept, and what is to be said about it."""
    file = progress_file()
    try:
        try:
            return read(file), ""
        except TooNew as error:
            return {}, f"{file.name}: {error}."
        except ProgressError:
            said = change(file, lambda mine: mine)  # sets the damaged file aside
            return read(file), said
    except OSError as error:
        return {}, f"{file} cannot be read: {_reason(error)}."


def _link(lesson: str, words: str) -> str:
    path = notebook(lesson, course_folder())
    if path is None or not path.is_file():
        return escape(words)
    return f'<a href="../{lesson}/{path.name}">{escape(words)}</a>'


def _paragraph(*texts: str) -> Shown:
    kept = [text for text in texts if text]
    return Shown("".join(f"<p>{escape(text)}</p>" for text in kept), "\n".join(kept))


progress = Progress()
