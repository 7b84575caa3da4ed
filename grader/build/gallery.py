"""The notebook of all explorers, built from `course/explorers.py` and the registry of explorers.

A cell with the header `explorer="name"` belongs to that explorer.  One that has no cells of its own gets some: its
docstring, and a call.  So a new explorer is in the gallery as soon as it is in `diffkit.explorers.__all__`.
"""

import inspect
from pathlib import Path
from typing import Any

from grader.build.colab import repository, with_colab
from grader.build.seal import seal
from grader.build.source import METADATA
from grader.build.tags import LessonError

SOURCE, NOTEBOOK = "course/explorers.py", "notebooks/explorers.ipynb"
KEY = "explorer"


def build_gallery(root: Path) -> dict[str, str]:
    """{path relative to root: content} of the gallery; empty for a course without one.  Raises LessonError."""
    source = root / SOURCE
    if not source.is_file():
        return {}
    import nbformat  # slow, as are jupytext and torch: only who builds has to wait

    notebook = gallery(source.read_text(encoding="utf-8"), registry())
    notebook = with_colab(notebook, NOTEBOOK, repository(root))
    return {NOTEBOOK: nbformat.writes(notebook).rstrip("\n") + "\n"}


def registry() -> dict[str, Any]:
    """{name: function} of all explorers."""
    from diffkit import explorers

    return {name: getattr(explorers, name) for name in explorers.__all__}


def gallery(text: str, explorers: dict[str, Any]) -> Any:
    """The notebook.  text: of the source; explorers: {name: function}."""
    import jupytext
    import nbformat

    cells, shown = [], set()
    for raw in jupytext.reads(text, fmt="py:percent").cells:
        name = raw.metadata.get(KEY)
        if name is not None and name not in explorers:
            continue  # one that this course does not have, or not yet
        if name is not None and raw.cell_type == "code":
            shown.add(name)
        cells.append((name, raw.cell_type, raw.source))
    for name, function in explorers.items():
        if name not in shown:
            cells += [(name, kind, source) for kind, source in _of_docstring(name, function).items()]
    notebook = nbformat.v4.new_notebook(cells=_nodes(cells), metadata=dict(METADATA))
    notebook.nbformat_minor = 5
    return seal(notebook)


def _of_docstring(name: str, function: Any) -> dict[str, str]:
    needed = [p.name for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    if needed:
        raise LessonError(
            f"the explorer {name} needs {', '.join(needed)}: show it in {SOURCE}, in a cell with the header "
            f'# %% explorer="{name}"'
        )
    first = (inspect.getdoc(function) or name).split("\n\n")[0].replace("\n", " ")
    return {"markdown": f"## {name.replace('_', ' ').capitalize()}\n\n{first}", "code": f"explorers.{name}()"}


def _nodes(cells: list[tuple[str | None, str, str]]) -> list[Any]:
    """Cells with ids that depend on nothing but their explorer and their place in its section."""
    import nbformat

    nodes: list[Any] = []
    seen: dict[str, int] = {}
    for name, kind, source in cells:
        anchor = (name or "gallery").replace("_", "-")
        number = seen[anchor] = seen.get(anchor, -1) + 1
        new = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
        nodes.append(new(source, id=f"{anchor}-{number}"))
    return nodes
