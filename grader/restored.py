"""A submission's cells, rebuilt.  A student can write anything into a notebook file; this keeps what was asked for.

Of every cell stay its type, its source and a few harmless tags.  What is known about a cell comes from the gradebook;
known cells that are missing come back, each after the one that it follows there, and locked ones say what they said.
The badge and the first cell of Colab go: they do nothing while grading, and are no part of an answer.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from nbformat.notebooknode import NotebookNode

from grader.defang import defang

KEPT_TAGS = {"explore", "hide-input"}
COLAB = "colab"  # grader.build.colab.TAG: the builder stays on its side of the trust border


def rebuilt(cells: Sequence[NotebookNode], known: Mapping[str, NotebookNode]) -> list[NotebookNode]:
    """The cells of a submission as they are graded.

    known: by grade_id in the order of the lesson, a cell with nbgrader's metadata and the released source.
    """
    found: list[NotebookNode] = []
    seen: set[str] = set()
    for cell in reversed(cells):  # of duplicates the last one counts, as in nbgrader
        grade_id = _claimed_id(cell)
        if grade_id in known and grade_id not in seen:
            seen.add(grade_id)
            found.append(_known(known[grade_id], cell.source))
        elif COLAB not in _tags(cell):
            found.append(_cell(cell.cell_type, cell.source, NotebookNode(_kept_tags(cell))))
    found.reverse()
    _put_back(found, known)
    for number, cell in enumerate(found):
        cell["id"] = f"cell-{number}"  # ids end up in HTML, and must differ
    return found


def repairs(cells: Sequence[NotebookNode], known: Mapping[str, NotebookNode]) -> list[str]:
    """What had to be put right, in words for the report: the same arguments as `rebuilt`."""
    handed_in: dict[str, list[NotebookNode]] = {name: [] for name in known}
    for cell in cells:
        if (name := _claimed_id(cell)) in handed_in:
            handed_in[name].append(cell)
    return [said for name, found in handed_in.items() if (said := _repair(name, found, known[name]))]


def _repair(name: str, found: Sequence[NotebookNode], released: NotebookNode) -> str:
    if not found:
        return f"cell {name} was missing and is put back"
    if len(found) > 1:
        return f"cell {name} stood there {len(found)} times: the last one counts"
    if found[0].cell_type != released.cell_type:
        return f"cell {name} was no {released.cell_type} cell: it is one again"
    locked = released.metadata.nbgrader.get("locked")
    if locked and str(found[0].source).strip() != released.source.strip():
        return f"cell {name} was changed: it says again what it said"
    return ""


def _known(released: NotebookNode, source: str) -> NotebookNode:
    """A cell of the lesson: what the student wrote into it, or what stands in it if it is locked."""
    nbgrader = NotebookNode(released.metadata.nbgrader)  # a copy: there are texts and numbers in it
    cell = _cell(released.cell_type, source, NotebookNode(nbgrader=nbgrader))
    if nbgrader.get("locked"):
        cell["source"] = released.source
    return cell


def _cell(kind: str, source: str, metadata: NotebookNode) -> NotebookNode:
    source = source.encode(errors="replace").decode()  # JSON may hold halves of characters, files may not
    if kind == "code":
        return NotebookNode(cell_type=kind, source=source, metadata=metadata, outputs=[], execution_count=None)
    return NotebookNode(cell_type=kind, source=_defanged(source), metadata=metadata)


@lru_cache(maxsize=500)
def _defanged(source: str) -> str:
    """A class hands in the same prose again and again."""
    return defang(source)


def _put_back(cells: list[NotebookNode], known: Mapping[str, NotebookNode]) -> None:
    """nbgrader can do this only for test cells whose exercise is still there."""
    place = {c.metadata.nbgrader.grade_id: c for c in cells if "nbgrader" in c.metadata}
    if known.keys() <= place.keys():
        return
    before = -1
    for name, cell in known.items():
        if name in place:
            before = next(i for i, c in enumerate(cells) if c is place[name])
        else:
            before += 1
            cells.insert(before, _known(cell, cell.source))


def _kept_tags(cell: NotebookNode) -> dict[str, list[str]]:
    tags = [t for t in _tags(cell) if t in KEPT_TAGS]
    return {"tags": tags} if tags else {}


def _tags(cell: NotebookNode) -> list[str]:
    return [t for t in cell.metadata.get("tags", []) if isinstance(t, str)]


def _claimed_id(cell: NotebookNode) -> str:
    claimed = cell.metadata.get("nbgrader")
    name = claimed.get("grade_id") if isinstance(claimed, dict) else None
    return name if isinstance(name, str) else ""
