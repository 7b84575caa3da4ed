"""A course folder with a made-up class in it."""

import shutil
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

from grader.demo.accidents import accidents, unfinished
from grader.demo.cheats import cheats
from grader.demo.honest import right
from grader.demo.mistakes import mistaken
from grader.demo.student import Student, handed_in

FIRST = "02_forward_process"  # the lesson whose class also shows every kind of accident


def course(source: Path, folder: Path, lesson: str) -> None:
    """Make folder a course like the one in source: settings and one lesson's notebooks, no grades."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "nbgrader_config.py", folder)
    for part in ("solutions", "notebooks"):
        shutil.copytree(source / part / lesson, folder / part / lesson, dirs_exist_ok=True)


def notebook(folder: Path, part: str, lesson: str) -> NotebookNode:
    """The lesson's notebook from "solutions" or "notebooks"."""
    return nbformat.read(folder / part / lesson / f"{lesson[3:]}.ipynb", as_version=4)


def students(folder: Path, lesson: str) -> list[Student]:
    """The class."""
    solved, blank = notebook(folder, "solutions", lesson), notebook(folder, "notebooks", lesson)
    full = sum(
        c.metadata.nbgrader.points
        for c in solved.cells
        if c.cell_type == "code" and c.metadata.get("nbgrader", {}).get("grade")
    )
    return [
        *right(lesson, full),
        *mistaken(lesson, full),
        *unfinished(lesson, blank),
        *(accidents(full) if lesson == FIRST else []),
        *cheats(lesson, blank),
    ]


def hand_in(folder: Path, lesson: str, everyone: list[Student]) -> None:
    """Write the submissions."""
    solved = notebook(folder, "solutions", lesson)
    for student in everyone:
        place = folder / "submitted" / student.name / lesson
        place.mkdir(parents=True)
        (place / f"{lesson[3:]}.ipynb").write_bytes(handed_in(student, solved))
        for name, data in student.files.items():
            (place / name).write_bytes(data)
