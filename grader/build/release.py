"""The student's notebooks, made by nbgrader's own `generate_assignment` and two steps of ours.

The steps are named in `nbgrader_config.py`, so that the command `nbgrader generate_assignment` writes the
same bytes.
"""

import logging
from pathlib import Path

from nbformat.notebooknode import NotebookNode
from nbgrader.converters import GenerateAssignment, NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearSolutions, NbGraderPreprocessor
from traitlets.config.loader import Config, PyFileConfigLoader

from grader.build.rules import function_at
from grader.build.seal import seal
from grader.build.tags import LessonError

NAME = "{name}"  # in ClearSolutions.code_stub


class NamedStub(ClearSolutions):
    """Clears solutions as nbgrader does, then writes the name of the function into the stub."""

    def _replace_solution_region(self, cell: NotebookNode, language: str) -> bool:
        replaced = bool(super()._replace_solution_region(cell, language))
        lines = cell.source.split("\n")
        for number, line in enumerate(lines, start=1):
            if replaced and NAME in line and line.strip() in self.code_stub[language]:
                lines[number - 1] = line.replace(NAME, function_at(cell.source, number) or "this cell")
        cell.source = "\n".join(lines)
        return replaced


class Seal(NbGraderPreprocessor):
    """Seals the finished notebook; must be the last step."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, object]) -> tuple[NotebookNode, dict[str, object]]:
        return seal(nb), resources


def generate(course: Path, config_file: Path) -> None:
    """Write the release of every assignment in `course`, a folder that holds instructor notebooks.

    Keeps no gradebook: the release does not depend on one, and a build must leave nothing behind.
    Raises LessonError with nbgrader's message if it refuses a notebook.
    """
    overrides = {
        "CourseDirectory": {"root": str(course), "assignment_id": "*"},
        "GenerateAssignment": {"no_database": True},
        "SaveCells": {"enabled": False},
    }
    config = PyFileConfigLoader(str(config_file)).load_config()
    config.merge(Config(overrides))
    converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
    errors = _Errors()
    converter.log.addHandler(errors)
    try:
        converter.start()
    except NbGraderException as error:
        raise LessonError("nbgrader refused a lesson:\n" + "\n".join(errors.messages)) from error
    finally:
        converter.log.removeHandler(errors)


class _Errors(logging.Handler):
    """Keeps nbgrader's messages, which carry the reason; its exception only says that there is one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
