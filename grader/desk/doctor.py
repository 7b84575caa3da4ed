"""`diffkit doctor`: what is installed, what this machine offers, and what to do about what is missing."""

from collections.abc import Callable, Iterator
from pathlib import Path

from grader.desk import machine, packages
from grader.desk.finding import Line


def examine(root: Path) -> Iterator[tuple[str, Iterator[Line]]]:
    """Sections, each with its lines.  root: the course folder."""
    yield "Packages", packages.look(root)
    yield "Machine", machine.torch_and_threads()
    yield "Browsers", machine.browsers()
    yield "Course", machine.course_files(root)
    yield "Grading", machine.sandbox(root)


def report(root: Path, tell: Callable[[str], None] = print) -> int:
    """Tell everything.  Returns 1 if a lesson will not work here, else 0."""
    states: list[str] = []
    for title, lines in examine(root):
        tell(f"{title}:")
        for line in lines:
            states.append(line.state)
            tell(str(line))
    bad, weak = states.count("bad"), states.count("weak")
    verdict = "The lessons will not work yet" if bad else "Ready for the lessons"
    tell(f"\n{verdict}: {bad} missing, {weak} to look at.")
    return int(bad > 0)
