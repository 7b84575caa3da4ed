"""nbgrader's converters, run from Python: what they log as an error is what is said.

And one of them for a whole class: nbgrader's autograding makes some twenty objects for each submission, each with a
copy of the configuration, and writes each notebook between its two halves, to read it again.
"""

import logging
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat.notebooknode import NotebookNode
from nbgrader import utils
from nbgrader.converters import Autograde, NbGraderException
from nbgrader.converters.base import BaseConverter
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SAWarning
from traitlets.config import Config

from grader.errors import GradingError

# The steps that the course comes with.  They keep nothing of one student for the next; of others nobody knows.
SANITIZE = ["grader.plugin.Restore"]
KEPT = {
    *SANITIZE,
    "grader.plugin.Judge",
    "nbgrader.preprocessors.LimitOutput",
    "grader.plugin.SaveJudgedScores",
    "grader.handed_in.TrustedTime",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
    "grader.graded.Remember",
}


def run(converter: BaseConverter, student: str = "") -> None:
    """Run one of nbgrader's converters, for one student if one is named.  Raises GradingError with nbgrader's words."""
    heard = _Errors()
    if student:
        converter.coursedir.student_id = student
    converter.log.handlers, converter.log.propagate = [heard], False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # nbgrader's own use of its database, nothing to act on
            converter.start()
    except NbGraderException as error:
        raise GradingError(heard.reason() or str(error)) from error


class Entry(Autograde):
    """nbgrader's autograding, kept for one student after the other.  Its settings are those of `Autograde`."""

    def __init__(self, config: Config) -> None:
        super().__init__(coursedir=CourseDirectory(config=config), config=config, force=True)
        self._made: dict[str, Any] = {}

    def start(self) -> None:
        """As nbgrader does, with the writer and the exporter of the last student."""
        if not self.trait_has_value("exporter"):
            super().start()
            return
        self.init_notebooks()
        with utils.chdir(self.coursedir.root):
            self.convert_notebooks()

    def convert_single_notebook(self, notebook_filename: str) -> None:
        """Sanitize and autograde.  In between the notebook is handed on as it is, if the settings are the course's own.

        `Restore` makes each notebook anew: nothing has to be put right in it, and nobody else has it.
        """
        exporter = self.exporter
        ours = list(self.sanitize_preprocessors) == SANITIZE and type(exporter) is NotebookExporter
        if not ours or not exporter.optimistic_validation or exporter.nbformat_version != 4:
            super().convert_single_notebook(notebook_filename)
            return
        notebook = nbformat.read(notebook_filename, as_version=4)
        notebook, resources = self._through(SANITIZE, notebook, self._resources(notebook_filename))
        where = resources["nbgrader"]
        folder = Path(self._format_dest(where["assignment"], where["student"]))
        self.writer._makedir(str(folder))
        self._sanitizing = False
        try:
            with utils.setenv(NBGRADER_EXECUTION="autograde"):
                resources = self._resources(str(folder / Path(notebook_filename).name))
                notebook, resources = self._through(self.autograde_preprocessors, notebook, resources)
                self._validate(notebook)
                self.write_single_notebook(nbformat.writes(notebook) + "\n", resources)
        finally:
            self._sanitizing = True

    def _validate(self, notebook: NotebookNode) -> None:
        """As the exporter does after the last step.  What has no outputs is as `Restore` made it, with our steps."""
        steps = self.autograde_preprocessors
        if all(step in KEPT for step in steps):
            notebook = NotebookNode(notebook | {"cells": [c for c in notebook.cells if c.get("outputs")]})
        self.exporter._validate_preprocessor(notebook, steps[-1])

    def _resources(self, notebook_filename: str) -> Any:
        """What the exporter tells the steps of a notebook."""
        resources = self.exporter._init_resources(self.init_single_notebook_resources(notebook_filename))
        today = datetime.now(UTC).strftime("%B %-d, %Y")
        resources["metadata"].update(
            name=resources["unique_key"], path=str(Path(notebook_filename).parent), modified_date=today
        )
        return resources

    def _through(self, steps: Iterable[Any], notebook: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        for step in steps:
            notebook, resources = self._step(step)(notebook, resources)
        return notebook, resources

    def _step(self, name: Any) -> Any:
        if name in self._made:
            return self._made[name]
        self.exporter._preprocessors = []
        self.exporter.register_preprocessor(name)
        (made,) = self.exporter._preprocessors
        if name in KEPT:
            self._made[name] = made
        return made


class _Errors(logging.Handler):
    """Keeps what nbgrader logs as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def reason(self) -> str:
        """nbgrader first logs what it worked on, then the traceback, then advice: the reason ends the traceback."""
        for line in self.lines:
            if line.startswith("Traceback"):
                lines = reversed(line.strip().split("\n"))
                return next(x for x in lines if not x.startswith(("(Background on", " ", "\t")))
        return self.lines[0] if self.lines else ""
