"""A seal on a built notebook, so that the builder never overwrites what a person wrote in it.

Students work in the built notebooks.  The seal is a checksum of the cells' text, kept in the notebook's
metadata; it breaks when somebody changes a cell, and a notebook with a broken seal is not replaced without
`--force`.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, TypeVar

KEY = "diffkit"
Notebook = TypeVar("Notebook", bound=dict[str, Any])


def digest(notebook: dict[str, Any]) -> str:
    """A checksum of the ids, types and sources of the cells; running a notebook does not change it."""
    cells = [[cell.get("id"), cell["cell_type"], "".join(cell["source"])] for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def seal(notebook: Notebook) -> Notebook:
    """Write the checksum into the notebook's metadata, and return the notebook."""
    notebook["metadata"][KEY] = {"sha256": digest(notebook)}
    return notebook


def is_edited(path: Path) -> bool:
    """True if the notebook at `path` is not as the builder wrote it, or cannot be read as a notebook."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        return bool(notebook["metadata"][KEY]["sha256"] != digest(notebook))
    except (ValueError, LookupError, TypeError, AttributeError):
        return True  # not ours, so keep it
