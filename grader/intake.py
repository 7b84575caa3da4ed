"""The gate: what was handed in, looked at before nbgrader opens it.

A folder that cannot be graded is refused with one clear line, so that it stops nobody else.  Nothing is changed.
"""

import json
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import nbformat.validator

LARGEST_NOTEBOOK = 32 * 2**20
LARGEST_FILE = 16 * 2**20
MOST_FILES = 200
MOST_CELLS = 2000
LONGEST_SOURCE = 2**20
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}")  # nbgrader uses names in glob and regular expressions


class RefusedError(ValueError):
    """Why a submission cannot be graded, in a line that its author understands."""


@dataclass(frozen=True)
class Submission:
    """One student's folder for a lesson.  refused: why it is not graded, else empty."""

    student: str
    notebook: Path
    refused: str = ""


def submissions(root: Path, lesson: str) -> list[Submission]:
    """All submissions to a lesson, in the students' order.  root: the course folder."""
    found = []
    for folder in sorted((root / "submitted").glob(f"*/{lesson}")):
        notebook = folder / f"{lesson[3:]}.ipynb"
        try:
            inspect(folder, notebook)
            found.append(Submission(folder.parent.name, notebook))
        except RefusedError as error:
            found.append(Submission(folder.parent.name, notebook, str(error)))
    return found


def inspect(folder: Path, notebook: Path) -> None:
    """Raise RefusedError if the folder cannot be graded."""
    if not NAME.fullmatch(folder.parent.name):
        raise RefusedError(f"the folder name {folder.parent.name!r} is no student id: use letters, digits, . _ @ -")
    if folder.is_symlink() or folder.parent.is_symlink() or not folder.is_dir():
        raise RefusedError("the submission is not a plain folder")
    paths = list(folder.rglob("*"))
    if links := [p.name for p in paths if p.is_symlink()]:
        raise RefusedError(f"it contains a symbolic link ({links[0]!r}): hand in files")
    if odd := [p.name for p in paths if not (p.is_file() or p.is_dir())]:
        raise RefusedError(f"it contains {odd[0]!r}, which is neither file nor folder")
    if len(paths) > MOST_FILES:
        raise RefusedError(f"it contains {len(paths)} files; at most {MOST_FILES} are taken")
    if big := [p.name for p in paths if p != notebook and p.is_file() and p.stat().st_size > LARGEST_FILE]:
        raise RefusedError(f"{big[0]!r} is larger than {LARGEST_FILE >> 20} MiB")
    if not notebook.is_file():
        raise RefusedError(f"there is no {notebook.name} in it")
    _inspect_notebook(notebook)


def beside(folder: Path) -> dict[str, bytes]:
    """Files that lie beside the notebook, for the sandbox's working folder."""
    paths = (p for p in sorted(folder.rglob("*")) if p.suffix != ".ipynb" and ".ipynb_checkpoints" not in p.parts)
    plain = [p for p in paths if p.is_file() and not p.is_symlink() and p.stat().st_size <= LARGEST_FILE]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in plain[:MOST_FILES]}


def _inspect_notebook(path: Path) -> None:
    if path.stat().st_size > LARGEST_NOTEBOOK:
        raise RefusedError(f"the notebook is larger than {LARGEST_NOTEBOOK >> 20} MiB: clear its outputs and save it")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise RefusedError(f"the notebook is not valid JSON ({_short(error)}): save it again in JupyterLab") from error
    if not isinstance(data, dict) or data.get("nbformat") != 4 or not isinstance(data.get("cells"), list):
        raise RefusedError("the file is not a notebook of format 4: save it again in JupyterLab")
    if not 0 < len(data["cells"]) <= MOST_CELLS:
        raise RefusedError(f"the notebook has {len(data['cells'])} cells; between 1 and {MOST_CELLS} are taken")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # missing or double cell ids are no reason to refuse
            _, repaired = nbformat.validator.normalize(data)
            nbformat.validator.validate(repaired, relax_add_props=True)
    except Exception as error:  # jsonschema and nbformat raise many kinds for a damaged notebook
        raise RefusedError(f"the notebook is damaged ({_short(error)}): save it again in JupyterLab") from error
    if any(len(_source(c)) > LONGEST_SOURCE for c in data["cells"]):
        raise RefusedError(f"a cell holds more than {LONGEST_SOURCE >> 10} KiB of text")


def _source(cell: dict[str, object]) -> str:
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def _short(error: BaseException) -> str:
    return (str(error).strip().split("\n") or [""])[0][:120] or type(error).__name__
