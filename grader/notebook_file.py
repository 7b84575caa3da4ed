"""A submitted notebook, looked at before nbgrader opens it: whether it can be graded, in good time.

Whatever nbformat, the checks and the pages walk through has a limit, because a student can write anything into a file.
"""

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import nbformat.validator

LARGEST_NOTEBOOK = 32 * 2**20
MOST_CELLS = 2000
LONGEST_SOURCE, LONGEST_TOGETHER = 50_000, 400_000  # to colour and render more than this can take hours
MOST_VALUES = 200_000  # in the JSON: what checks and copies it walks through all of them
MOST_OUTPUTS, MOST_TAGS = 5000, 100  # nbformat tries every kind on each output, and compares each tag with all others


class RefusedError(ValueError):
    """Why a submission cannot be graded, in a line that its author understands."""


_sound: set[bytes] = set()  # digests of notebooks that passed: in a run, each comes to be listed, judged, and entered


def inspect_notebook(path: Path) -> None:
    """Raise RefusedError if the notebook cannot be graded."""
    if path.stat().st_size > LARGEST_NOTEBOOK:
        raise RefusedError(f"the notebook is larger than {LARGEST_NOTEBOOK >> 20} MiB: clear its outputs and save it")
    content = path.read_bytes()
    digest = hashlib.sha256(content).digest()
    if digest not in _sound:
        _inspect_content(content)
        _sound.add(digest)


def _inspect_content(content: bytes) -> None:
    try:
        data = json.loads(content.decode())
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise RefusedError(f"the notebook is not valid JSON ({_short(error)}): save it again in JupyterLab") from error
    known = isinstance(data, dict) and data.get("nbformat") == 4 and type(data.get("nbformat_minor")) is int
    if not known or not isinstance(data.get("cells"), list):
        raise RefusedError("the file is not a notebook of format 4: save it again in JupyterLab")
    if not 0 < len(data["cells"]) <= MOST_CELLS:
        raise RefusedError(f"the notebook has {len(data['cells'])} cells; between 1 and {MOST_CELLS} are taken")
    if _values(data) > MOST_VALUES:
        raise RefusedError(f"the notebook holds more than {MOST_VALUES} values: clear its outputs and save it")
    _inspect_lists([c for c in data["cells"] if isinstance(c, dict)])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # missing or double cell ids are no reason to refuse
            _, repaired = nbformat.validator.normalize(data)
            _validate(repaired)
    except Exception as error:  # jsonschema and nbformat raise many kinds for a damaged notebook
        raise RefusedError(f"the notebook is damaged ({_short(error)}): save it again in JupyterLab") from error
    lengths = [len(_source(c)) for c in data["cells"]]
    if max(lengths) > LONGEST_SOURCE or sum(lengths) > LONGEST_TOGETHER:
        most = f"{LONGEST_SOURCE} characters, all together {LONGEST_TOGETHER}"
        raise RefusedError(f"a cell may hold {most}; the longest has {max(lengths)}: move data into a file")


def _inspect_lists(cells: list[dict[str, Any]]) -> None:
    """Refuse the lists that nbformat would look at for hours."""
    outputs = [c["outputs"] for c in cells if isinstance(c.get("outputs"), list)]
    if sum(map(len, outputs)) > MOST_OUTPUTS:
        raise RefusedError(f"the notebook has more than {MOST_OUTPUTS} outputs: clear its outputs and save it")
    metadata = [c["metadata"] for c in cells if isinstance(c.get("metadata"), dict)]
    for tags in (m["tags"] for m in metadata if isinstance(m.get("tags"), list)):
        if len(tags) > MOST_TAGS or not all(isinstance(tag, str) for tag in tags):
            raise RefusedError(f"a cell's tags are no texts, or more than {MOST_TAGS}: remove them")


def _validate(notebook: Any) -> None:
    """As nbformat does, but its search for the best words about an error can take minutes: here the first will do."""
    validator = nbformat.validator.get_validator(4, notebook["nbformat_minor"], relax_add_props=True)
    if validator is None:
        raise ValueError(f"there is no format 4.{notebook['nbformat_minor']}")
    for error in validator.iter_errors(notebook):
        raise error


def _values(data: object) -> int:
    """How many values a JSON document holds, counted up to the limit."""
    waiting, count = [data], 0
    while waiting and count <= MOST_VALUES:
        value = waiting.pop()
        count += 1
        if isinstance(value, dict | list):
            waiting.extend(value.values() if isinstance(value, dict) else value)
    return count


def _source(cell: dict[str, object]) -> str:
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def _short(error: BaseException) -> str:
    first = str(error).strip().split("\n")[0][:120]
    return "".join(c if c.isprintable() else "?" for c in first) or type(error).__name__
