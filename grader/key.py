"""What the gradebook knows about a lesson's notebook: its cells as released, what its tests are worth, its kernel.

A submission is rebuilt from this, and graded by this.  Nothing in it comes from a student.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook, Notebook

from grader.judge import GradeCell

_kept: dict[tuple[str, str, str], "Key"] | None = None  # None: the gradebook is read each time


@dataclass(frozen=True)
class Key:
    """cells: by grade_id in the order of the lesson; grades: the test cells among them; metadata: the notebook's."""

    cells: dict[str, NotebookNode]
    grades: dict[str, GradeCell]
    metadata: NotebookNode


@contextmanager
def keeping() -> Iterator[None]:
    """While open, a lesson's key is read once: in one run the lesson stays what it is."""
    global _kept
    before, _kept = _kept, {}
    try:
        yield
    finally:
        _kept = before


def key_of(where: dict[str, str]) -> Key:
    """The key of a notebook.  where: nbgrader's `resources["nbgrader"]`.  Raises MissingEntry if it is unknown."""
    name = where["db_url"], where["assignment"], where["notebook"]
    if _kept is None or name not in _kept:
        with Gradebook(where["db_url"]) as gradebook:
            key = _read(gradebook.find_notebook(where["notebook"], where["assignment"]))
        if _kept is None:
            return key
        _kept[name] = key
    return _kept[name]


def _read(notebook: Notebook) -> Key:
    sources = {c.name: c for c in notebook.source_cells}
    points = {c.name: float(c.max_score) for c in notebook.grade_cells}
    solutions = {c.name for c in notebook.solution_cells}
    return Key(
        cells={name: _released(c, points.get(name), name in solutions) for name, c in sources.items()},
        grades={
            c.name: GradeCell(c.name, sources[c.name].source, points[c.name])
            for c in notebook.grade_cells
            if c.cell_type == "code" and c.name not in solutions
        },
        metadata=_metadata(notebook.kernelspec),
    )


def _metadata(kernelspec: str | None) -> NotebookNode:
    kernel: dict[str, Any] = json.loads(kernelspec) if kernelspec else {}
    return NotebookNode({"language_info": {"name": "python"}} | ({"kernelspec": kernel} if kernel else {}))


def _released(source: Any, points: float | None, solution: bool) -> NotebookNode:
    """A cell as it was released, with the nbgrader metadata that it should carry."""
    metadata = {
        "grade_id": source.name,
        "locked": bool(source.locked),
        "solution": solution,
        "grade": points is not None,
        "task": False,
        "schema_version": 3,
        "cell_type": source.cell_type,
        "checksum": source.checksum,
    }
    nbgrader = NotebookNode(metadata | ({} if points is None else {"points": points}))
    return NotebookNode(cell_type=source.cell_type, source=source.source, metadata=NotebookNode(nbgrader=nbgrader))
