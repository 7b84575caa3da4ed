"""What a hostile or honest submission is, as data, and short ways to write one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import nbformat
from nbformat.notebooknode import NotebookNode

from grader.demo.cheats import function
from grader.demo.student import Edit, answers, both, first
from grader.exercises import LESSONS

LESSON = "02_forward_process"
SOLVED, OTHERS = LESSONS[LESSON][:2], LESSONS[LESSON][2:]
MARK = "PWNED-5e1d"  # what an attack leaves wherever it manages to write


def unchanged(notebook: NotebookNode) -> None:
    """Hand in the notebook as it is."""


@dataclass(frozen=True)
class Attack:
    """A submission.  It starts from a notebook in which the first two exercises are right (all, if it is a control).

    tries: what its author hopes for; edit: what is done to the notebook; files: what lies beside it; lay: what else is
    done to the folder; refused: whether the gate must refuse it; control: an
    honest submission, which must have full marks.
    """

    name: str
    tries: str
    edit: Edit = unchanged
    files: Mapping[str, bytes] = field(default_factory=dict)
    lay: Callable[[Path], None] | None = None
    refused: bool = False
    control: bool = False


def last(source: str) -> Edit:
    """Append a code cell."""

    def edit(notebook: NotebookNode) -> None:
        notebook.cells.append(nbformat.v4.new_code_cell(source))

    return edit


def runs(name: str, tries: str, source: str, files: Mapping[str, bytes] = MappingProxyType({})) -> Attack:
    """Runs a cell before all others."""
    return Attack(name, tries, first(source), files)


def returns(name: str, tries: str, value: str, setup: str = "") -> Attack:
    """Every exercise that was not done returns the value of an expression in `args`."""
    stubs = answers({e.name: f"def {function(e)}(*args):\n    return {value}" for e in OTHERS})
    return Attack(name, tries, both(stubs, first("import torch\n" + setup)))


def honest(name: str, does: str, source: str, answer: str = "") -> Attack:
    """A control: a cell before all others, and perhaps another way to write `q_sample`."""
    written = answers({"forward.q_sample": answer}) if answer else unchanged
    return Attack(name, does, both(written, first("import torch\n" + source)), control=True)
