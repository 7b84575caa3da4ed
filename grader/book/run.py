"""Running a lesson for the book: its solutions compute the pictures, and are not shown."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nbformat
from nbclient import NotebookClient
from nbformat.notebooknode import NotebookNode

from grader.build.colab import TAG as COLAB
from grader.learner.place import VARIABLE

LIVE = "application/vnd.jupyter.widget-view+json"
# A kernel warns that it talks over this machine's loopback; it would frighten, and there is nothing to do about it.
CALM = ["--log-level=ERROR"]
SECONDS_PER_CELL = 600
# What these show would be about the run that made the book, not about the reader.
QUIET = re.compile(r"^\s*(check|hint|solution|progress)\b[.(]", re.MULTILINE)
MARKER = re.compile(r"^\s*(###|<!--) (BEGIN|END) SOLUTION( -->)?\s*\n?", re.MULTILINE)


class RunError(RuntimeError):
    """A lesson does not run.  The message shows its error."""


def executed(path: Path, cache: Path, library: str) -> NotebookNode:
    """The notebook at `path` with outputs, from the cache if nothing has changed since.

    library: a checksum of the code that lessons use.  Raises RunError with the message of a cell that failed.
    """
    key = hashlib.sha256(path.read_bytes() + library.encode()).hexdigest()[:32]
    kept = cache / f"{path.stem}-{key}.ipynb"
    if not kept.exists():
        notebook = nbformat.read(path, as_version=4)
        run(notebook, path.parent)
        cache.mkdir(parents=True, exist_ok=True)
        for old in cache.glob(f"{path.stem}-*.ipynb"):
            old.unlink()
        whole = kept.with_suffix(".new")  # else a run that is stopped here leaves half a notebook in the cache
        nbformat.write(notebook, whole)
        whole.replace(kept)
    return nbformat.read(kept, as_version=4)


def run(notebook: NotebookNode, folder: Path) -> None:
    """Fill in the outputs."""
    with _nobodys_progress():
        resources = {"metadata": {"path": str(folder)}}
        try:
            NotebookClient(notebook, timeout=SECONDS_PER_CELL, resources=resources, extra_arguments=CALM).execute()
        except Exception as error:  # nbclient has several, and all mean that the lesson is to be mended
            raise RunError(f"{folder.name} does not run:\n{error}") from error


@contextmanager
def _nobodys_progress() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, {VARIABLE: f"{folder}/progress.json"}):
        yield


def for_readers(solved: NotebookNode, student: NotebookNode | None) -> NotebookNode:
    """The executed notebook as a reader gets it: static pictures, and the student's cells for those to be filled in.

    student: the release of the same lesson; None shows the solutions.
    """
    solved.cells = [cell for cell in solved.cells if COLAB not in cell.metadata.get("tags", [])]
    blank = {cell.id: cell.source for cell in student.cells if _is_solution(cell)} if student else {}
    for cell in solved.cells:
        if _is_solution(cell):
            cell.source = blank[cell.id] if student else MARKER.sub("", cell.source)
        if cell.cell_type == "code":
            quiet = QUIET.search(cell.source) and "equation(" not in cell.source
            cell.outputs = [] if quiet else _joined([_still(output) for output in cell.outputs])
    solved.metadata.pop("widgets", None)
    return solved


def _is_solution(cell: Any) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Pieces of one text that were sent one after the other are one text."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == "stream" == joined[-1].output_type and output.name == joined[-1].name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def _still(output: NotebookNode) -> NotebookNode:
    """An output without life: the picture of an explorer, the last state of a progress bar."""
    if output.output_type == "stream":
        output.text = re.sub(r"[^\n]*\r(?=[^\n])", "", output.text)
    elif "data" in output:
        output.data.pop(LIVE, None)
        if "text/html" in output.data:
            output.data.pop("image/png", None)  # the same picture, with the words in its alt
    return output
