"""A made-up student: what they hand in, and what they may at most get for it."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import nbformat
from nbformat.notebooknode import NotebookNode

Edit = Callable[[NotebookNode], NotebookNode | bytes | None]


@dataclass(frozen=True)
class Student:
    """name: also says what is shown; edit: turns the solved notebook into what is handed in.

    at_most: points that honest work of this kind earns; exactly: the submission must earn just that; diagnosis: a
    text that the report must contain; refused: it must not be graded at all; files: handed in beside the notebook.
    """

    name: str
    edit: Edit
    at_most: float
    exactly: bool = True
    diagnosis: str = ""
    refused: bool = False
    files: Mapping[str, bytes] = field(default_factory=dict)


def handed_in(student: Student, solved: NotebookNode) -> bytes:
    """The bytes of the notebook file."""
    notebook = copy.deepcopy(solved)
    edited = student.edit(notebook)
    if isinstance(edited, bytes):
        return edited
    return nbformat.writes(edited or notebook).encode()


def answers(sources: Mapping[str, str]) -> Edit:
    """Replace the cells of these exercises by these sources."""

    def edit(notebook: NotebookNode) -> None:
        for name, source in sources.items():
            cell(notebook, f"{name}-solution").source = source

    return edit


def cell(notebook: NotebookNode, name: str) -> NotebookNode:
    """The cell of an exercise, "forward.q_step-solution", or its test cell, "forward.q_step"."""
    wanted = name.replace(".", "-")
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == wanted)


def first(source: str) -> Edit:
    """Insert a code cell at the very beginning."""

    def edit(notebook: NotebookNode) -> None:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(source))

    return edit


def remark(words: str) -> Edit:
    """Add a comment at the end, so that no other submission is the same."""

    def edit(notebook: NotebookNode) -> None:
        notebook.cells.append(nbformat.v4.new_code_cell(f"# {words}"))

    return edit


def copies(student: Student, number: int) -> list[Student]:
    """This student several times: other names, the same work, no two submissions alike."""
    names = [f"{student.name}_{i}" for i in range(number)]
    return [replace(student, name=name, edit=both(student.edit, remark(name))) for name in names]


def both(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(notebook: NotebookNode) -> NotebookNode:
        for one in edits:
            made = one(notebook)
            if isinstance(made, bytes):
                raise TypeError("an edit that gives bytes must be the only one")
            notebook = made or notebook
        return notebook

    return edit
