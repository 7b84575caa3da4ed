"""A badge and a first cell that open a lesson in Google Colab, in courses whose repository is public.

The address is `Repository` in `[project.urls]` of pyproject.toml.  A course without one gets no such cells: an address
that is not yours would have your students run somebody else's code.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

from grader.build.seal import seal
from grader.build.tags import LessonError

GITHUB = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?")
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
TAG = "colab"
PLACE = "/content/course"
# What Colab does not have, or not for sure.  Never torch: it is there, with a GPU, and takes minutes to install.
WANTED = ("anywidget", "filelock", "msgpack", "safetensors")


def repository(root: Path) -> str:
    """The public address of a course, https://github.com/owner/name; empty if it has none.

    Raises LessonError for an address elsewhere: Colab opens notebooks from GitHub alone.
    """
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    except (FileNotFoundError, KeyError):
        return ""
    address = project.get("urls", {}).get("Repository", "")
    if address and not GITHUB.fullmatch(address):
        raise LessonError(f"pyproject.toml: Repository is {address}; Colab opens https://github.com/owner/name only")
    return address.removesuffix("/").removesuffix(".git")


def with_colab(notebook: Any, path: str, address: str) -> Any:
    """The notebook with a badge and a first cell; unchanged without an address.  path: of the student's notebook."""
    if not address:
        return notebook
    import nbformat

    target = f"https://colab.research.google.com/github/{address.removeprefix('https://github.com/')}/blob/HEAD/{path}"
    badge = nbformat.v4.new_markdown_cell(f"[![Open in Colab]({BADGE})]({target})", id="colab-badge")
    first = nbformat.v4.new_code_cell(_first_cell(address, path), id="colab-first")
    badge.metadata["tags"] = [TAG]
    # Not run while grading, and folded: on the student's own machine it does nothing.
    first.metadata.update({"tags": ["explore", TAG], "jupyter": {"source_hidden": True}})
    notebook.cells = [badge, first, *notebook.cells]
    return seal(notebook)


def _first_cell(address: str, path: str) -> str:
    folder = path.rpartition("/")[0]
    return f"""import sys

if "google.colab" in sys.modules:  # on your own machine this cell does nothing
    !test -d {PLACE} || git clone --quiet --depth 1 {address} {PLACE}
    %pip install --quiet {" ".join(WANTED)}
    %cd -q {PLACE}/{folder}
    sys.path.insert(0, "{PLACE}")
    from google.colab import output

    output.enable_custom_widget_manager()"""
