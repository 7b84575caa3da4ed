"""Which lesson a notebook belongs to, by its name or by the cells in it."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from grader.collect.names import plain_stem
from grader.exercises import LESSONS


def by_name(filename: str) -> str:
    """The lesson whose notebook is called so, or ""."""
    stem, _ = plain_stem(filename.removesuffix(".ipynb"))
    tidy = stem.strip().lower().replace(" ", "_").replace("-", "_")
    exact = [lesson for lesson in LESSONS if tidy in (lesson, lesson[3:])]
    inside = [lesson for lesson in LESSONS if lesson in tidy or lesson[3:] in tidy]
    found = exact or inside
    return found[0] if len(found) == 1 else ""


def by_cells(data: bytes, cells: Mapping[str, str]) -> str:
    """The lesson that most known cells of a notebook are of, or "".  cells: lessons by the name of a cell."""
    try:
        found = json.loads(data)["cells"]
        votes = Counter(cells.get(_grade_id(c), "") for c in found)
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    votes.pop("", None)
    return votes.most_common(1)[0][0] if votes else ""


def known_cells(root: Path) -> dict[str, str]:
    """By name of a cell, the released lesson that has it.  Names that several have say nothing."""
    places: dict[str, set[str]] = {}
    for lesson in LESSONS:
        path = root / "notebooks" / lesson / f"{lesson[3:]}.ipynb"
        if path.is_file():
            for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
                places.setdefault(_grade_id(cell), set()).add(lesson)
    places.pop("", None)
    return {name: next(iter(found)) for name, found in places.items() if len(found) == 1}


def most_named(lessons: Iterable[str]) -> str:
    """The lesson that more than half of those name, or ""."""
    votes = Counter(lesson for lesson in lessons if lesson)
    best = votes.most_common(1)
    return best[0][0] if best and 2 * best[0][1] > votes.total() else ""


def _grade_id(cell: object) -> str:
    metadata = cell.get("metadata") if isinstance(cell, dict) else None
    claimed = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = claimed.get("grade_id") if isinstance(claimed, dict) else None
    return name if isinstance(name, str) else ""
