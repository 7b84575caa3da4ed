"""The short tags in a lesson's text, and the nbgrader metadata they stand for.

A tag is written in the header of a py:percent cell, e.g. `# %% check="forward.q_sample" points=4`.  Writing
nbgrader's own metadata there would take a line of JSON per cell, and nobody would see a mistake in it.
"""

import re
from dataclasses import dataclass
from typing import Any


class LessonError(ValueError):
    """A lesson's text breaks a rule of the format.  The message names the cell and what to write instead."""


@dataclass(frozen=True)
class Kind:
    """What nbgrader has to know about a cell that carries a tag."""

    cell_type: str | None  # the type such a cell must have; None: any
    suffix: str = ""  # of the grade_id
    solution: bool = False  # students write in it
    grade: bool = False  # it is worth points
    locked: bool = False  # restored from the gradebook before grading


KINDS = {
    "exercise": Kind("code", "-solution", solution=True),
    "check": Kind("code", grade=True, locked=True),
    "written": Kind("markdown", solution=True, grade=True),
    "given": Kind(None, locked=True),
}
NAME = r"[A-Za-z0-9_.-]+"
SCHEMA_VERSION = 3  # of nbgrader's metadata
HIDE_INPUT = "hide-input"
NOTES_OF_JUPYTEXT = {"title", "lines_to_next_cell", "lines_to_end_of_cell_marker"}


def grade_id(name: str) -> str:
    """nbgrader's id of a name: it allows no dots, so `forward.q_sample` is `forward-q_sample` there."""
    return name.replace(".", "-")


def kind_of(header: dict[str, Any]) -> str | None:
    """The name of the tag in a cell's header, or None for a free cell."""
    names = [name for name in KINDS if name in header]
    if len(names) > 1:
        raise LessonError(f"has {' and '.join(names)}: a cell is one of them, so make two cells")
    return names[0] if names else None


def cell_metadata(header: dict[str, Any], cell_type: str) -> dict[str, Any]:
    """The notebook metadata of a cell, from its header as jupytext read it.

    Raises LessonError for an unknown tag, a tag on the wrong type of cell, and missing or stray points.
    """
    name = kind_of(header)
    _refuse_unknown(header)
    metadata: dict[str, Any] = {}
    if tags := header.get("tags"):
        metadata["tags"] = list(tags)
        if HIDE_INPUT in tags:
            metadata["jupyter"] = {"source_hidden": True}
    if name is None:
        if "points" in header:
            raise LessonError('has points, but only check="..." and written="..." cells are graded')
        return metadata
    metadata["nbgrader"] = _nbgrader(name, header, cell_type)
    return metadata


def _refuse_unknown(header: dict[str, Any]) -> None:
    unknown = set(header) - set(KINDS) - NOTES_OF_JUPYTEXT - {"points", "tags"}
    if unknown:
        shown = ", ".join(str(header[key]) if key.startswith("incorrectly") else key for key in sorted(unknown))
        known = ", ".join([*KINDS, "points", "tags"])
        raise LessonError(f"has the unknown tag {shown}: known are {known}; write text in quotes, as in JSON")


def _nbgrader(name: str, header: dict[str, Any], cell_type: str) -> dict[str, Any]:
    kind, value = KINDS[name], header[name]
    if not isinstance(value, str) or not re.fullmatch(NAME, value):
        raise LessonError(f'needs a name of letters, digits, "_", "." or "-", e.g. {name}="forward.q_sample"')
    if kind.cell_type not in (None, cell_type):
        raise LessonError(f"is a {cell_type} cell, and {name} belongs on a {kind.cell_type} cell")
    data: dict[str, Any] = {
        "grade": kind.grade,
        "grade_id": grade_id(value) + kind.suffix,
        "locked": kind.locked,
        "schema_version": SCHEMA_VERSION,
        "solution": kind.solution,
        "task": False,
    }
    if kind.grade:
        data["points"] = _points(header)
    elif "points" in header:
        raise LessonError("has points: put them on the check cell, which is the one that is graded")
    return data


def _points(header: dict[str, Any]) -> float:
    points = header.get("points")
    if isinstance(points, bool) or not isinstance(points, int | float) or points < 0:
        raise LessonError("needs points, a number of 0 or more, e.g. points=4")
    return points
