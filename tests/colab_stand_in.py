"""A stand-in for Google Colab: its package `google.colab`, and a folder that is its /content.

`files.upload` does as in https://github.com/googlecolab/colabtools, google/colab/files.py: it gives the bytes by name,
and leaves a copy in the current folder, under another name if that one is taken.
"""

import json
from contextlib import suppress
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.notebooknode import NotebookNode

from grader.build.colab import CONTENT

FILES = """
import json
from pathlib import Path

WAITING = Path(__file__).with_name("waiting.json")


def upload():
    chosen, *later = json.loads(WAITING.read_text())
    WAITING.write_text(json.dumps(later))
    print("asked for files")
    for path in map(Path, chosen):
        here, number = Path(path.name), 0
        while here.exists():
            number += 1
            here = Path(f"{path.stem} ({number}){path.suffix}")
        here.write_bytes(path.read_bytes())
    return {Path(path).name: Path(path).read_bytes() for path in chosen}
"""
OUTPUT = """
from types import SimpleNamespace

_widgets = SimpleNamespace(_installed_url=None)  # anywidget looks here


def enable_custom_widget_manager():
    _widgets._installed_url = "https://..."
    print("custom widgets enabled")
"""
# The kernel of Colab has its package loaded, and lacks some of what the course depends on elsewhere.  Nothing is
# installed here; what would be, is printed.
ABSENT = ("jupyterlab", "jupytext", "latex2mathml", "nbgrader")
BEGIN = """import sys
sys.modules.update(dict.fromkeys({absent}))
sys.path.insert(0, {stand_in!r})
import google.colab
get_ipython().register_magic_function(lambda line: print("pip", line), magic_name="pip")"""


class Colab:
    """A virtual machine of Colab.  Every call of `run` is a new kernel on it."""

    def __init__(self, folder: Path) -> None:
        self.content, self.package = folder / "content", folder / "stand_in" / "google" / "colab"
        self.content.mkdir()
        self.package.mkdir(parents=True)
        (self.package / "__init__.py").write_text("")
        (self.package / "files.py").write_text(FILES)
        (self.package / "output.py").write_text(OUTPUT)
        self.chooses()

    def chooses(self, *uploads: list[Path]) -> None:
        """What the person at the browser will choose, each time that files are asked for."""
        (self.package / "waiting.json").write_text(json.dumps([[str(path) for path in files] for files in uploads]))

    def run(self, *sources: str, stop: bool = False) -> list[NotebookNode]:
        """Run cells and return them.  stop: as *Run all* does at an error, instead of going on with the next cell."""
        begin = BEGIN.format(absent=ABSENT, stand_in=str(self.package.parents[1]))
        cells = [nbformat.v4.new_code_cell(source.replace(CONTENT, str(self.content))) for source in (begin, *sources)]
        notebook = nbformat.v4.new_notebook(cells=cells)
        here = {"metadata": {"path": str(self.content)}}
        with suppress(CellExecutionError):
            NotebookClient(notebook, timeout=120, resources=here, allow_errors=not stop).execute()
        return notebook.cells[1:]

    def files(self) -> set[str]:
        """The names in /content."""
        return {path.name for path in self.content.iterdir()}


def said(cell: NotebookNode, stream: str = "stdout") -> str:
    """What a cell printed."""
    return "".join(output.text for output in cell.outputs if output.get("name") == stream)


def errors(*cells: NotebookNode) -> list[str]:
    """The errors that cells show with a traceback."""
    return [output.evalue for cell in cells for output in cell.outputs if output.output_type == "error"]
