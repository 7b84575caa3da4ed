"""A course folder with a made-up class in it."""

import shutil
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

from grader.demo.accidents import accidents
from grader.demo.cheats import cheats
from grader.demo.honest import LOOPS, NOISY, NOISY_CELL, OTHER_FORMULAS
from grader.demo.mistakes import mistaken
from grader.demo.student import Student, answers, both, first, handed_in

LESSON = "02_forward_process"


def course(source: Path, folder: Path) -> None:
    """Make folder a course like the one in source: settings and notebooks, no grades."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "nbgrader_config.py", folder)
    for part in ("solutions", "notebooks"):
        shutil.copytree(source / part / LESSON, folder / part / LESSON, dirs_exist_ok=True)


def notebook(folder: Path, part: str) -> NotebookNode:
    """The lesson's notebook from "solutions" or "notebooks"."""
    return nbformat.read(folder / part / LESSON / f"{LESSON[3:]}.ipynb", as_version=4)


def students(folder: Path) -> list[Student]:
    """The class."""
    solved, blank = notebook(folder, "solutions"), notebook(folder, "notebooks")
    full = sum(
        c.metadata.nbgrader.points
        for c in solved.cells
        if c.cell_type == "code" and c.metadata.get("nbgrader", {}).get("grade")
    )
    right = [
        Student("perfect", lambda n: None, full),
        Student("perfect_with_loops", answers(LOOPS), full),
        Student("perfect_other_formulas", answers(OTHER_FORMULAS), full),
        Student("perfect_but_noisy", both(answers(NOISY), first("import torch\n" + NOISY_CELL)), full),
    ]
    return [*right, *mistaken(full), *accidents(blank, full), *cheats(blank)]


def hand_in(folder: Path, everyone: list[Student]) -> None:
    """Write the submissions."""
    solved = notebook(folder, "solutions")
    for student in everyone:
        place = folder / "submitted" / student.name / LESSON
        place.mkdir(parents=True)
        (place / f"{LESSON[3:]}.ipynb").write_bytes(handed_in(student, solved))
        for name, data in student.files.items():
            (place / name).write_bytes(data)
