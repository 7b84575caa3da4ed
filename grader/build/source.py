"""From a lesson's text to the instructor's notebook, with ids that depend on nothing but the text."""

from typing import Any

import jupytext
import nbformat
from nbformat.notebooknode import NotebookNode

from grader.build.rules import Cell, check_cell, check_lesson
from grader.build.seal import seal
from grader.build.tags import LessonError, cell_metadata, kind_of

# No version numbers: they differ between machines, and a built file must not.
METADATA: dict[str, Any] = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
LONGEST_ID = 64  # of a cell, set by the notebook format


def instructor_notebook(text: str, name: str) -> NotebookNode:
    """The notebook with the solutions in it.

    text: the content of `solutions/NN_topic.py`; name: NN_topic, for messages.
    Raises LessonError, naming the cell, if the text breaks a rule of the format.
    """
    cells: list[NotebookNode] = []
    seen: list[Cell] = []
    for number, raw in enumerate(jupytext.reads(text, fmt="py:percent").cells, start=1):
        try:
            cells.append(_cell(raw, seen))
        except LessonError as error:
            first_line = raw.source.strip().split("\n")[0]
            raise LessonError(f"{name}, cell {number} ({first_line[:60]!r}) {error}") from error
    try:
        check_lesson(seen)
    except LessonError as error:
        raise LessonError(f"{name}: {error}") from error
    _number(cells, name)
    notebook: NotebookNode = nbformat.v4.new_notebook(cells=cells, metadata=METADATA)
    notebook.nbformat_minor = 5  # the first that has cell ids
    return seal(notebook)


def _cell(raw: NotebookNode, seen: list[Cell]) -> NotebookNode:
    if raw.cell_type not in ("code", "markdown"):
        raise LessonError(f"is a {raw.cell_type} cell: a lesson has code and markdown cells")
    header = dict(raw.metadata)
    metadata = cell_metadata(header, raw.cell_type)
    tag = kind_of(header)
    cell = Cell(tag, header[tag] if tag else "", raw.source)
    check_cell(cell)
    seen.append(cell)
    new = nbformat.v4.new_code_cell if raw.cell_type == "code" else nbformat.v4.new_markdown_cell
    node: NotebookNode = new(raw.source, metadata=metadata)
    return node


def _number(cells: list[NotebookNode], name: str) -> None:
    """Give each cell its id: its grade_id, else the grade_id before it and the distance from there.

    Counting from the last graded cell keeps most ids as they are when a cell is put in.
    """
    anchor, distance, used = "start", 0, set()
    for cell in cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id:
            anchor, distance = grade_id, 0
        cell.id = grade_id or f"{anchor}-{distance}"
        distance += 1
        if cell.id in used:
            raise LessonError(f"{name}: the name {cell.id} is there twice; give each cell its own")
        if len(cell.id) > LONGEST_ID:
            raise LessonError(f"{name}: {cell.id} has {len(cell.id)} letters; {LONGEST_ID} is the most")
        used.add(cell.id)
