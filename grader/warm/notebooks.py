"""Notebooks, while nbgrader is warm: checked once, copied and written faster.  What is said and written is the same.

Everything here stands in the place of a function of nbformat or nbgrader while `grader.warm.warm` is open.
"""

import copy
import json
from collections.abc import Mapping
from functools import cache
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any

import jsonschema
import nbformat
from nbformat.notebooknode import NotebookNode
from nbformat.v4.nbjson import BytesEncoder
from nbformat.v4.rwbase import split_lines, strip_transient
from nbgrader.nbgraderformat import common

UNCHANGEABLE = (str, int, float, bool, type(None))  # copying one gives the same one, after a while
NAMES = {None: "null", True: "true", False: "false"}
MOST_KNOWN = 10_000

_sound: set[tuple[Any, ...]] = set()  # metadata that passed: a class's notebooks hold the same cells again and again
_validators: list[tuple[Mapping[str, Any], Any]] = []  # the last schema object that was asked for, and its validator


def validate(instance: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """`jsonschema.validate`, with the schema itself checked once, and what has passed not looked at again."""
    asked = _validators[-1][1] if _validators and _validators[-1][0] is schema else _of(schema)
    seen = (id(asked), *((key, type(value), value) for key, value in instance.items()))  # else 1 would pass for True
    try:
        if seen in _sound:
            return
    except TypeError:  # a list or dict in it
        seen = ()
    error = jsonschema.exceptions.best_match(asked.iter_errors(instance))
    if error is not None:
        raise error
    if seen and len(_sound) < MOST_KNOWN:
        _sound.add(seen)


def _of(schema: Mapping[str, Any]) -> Any:
    found = validator(json.dumps(schema, sort_keys=True))
    _validators[:] = [(schema, found)]
    return found


@cache
def validator(schema: str) -> Any:
    """The validator of a schema that is given as JSON."""
    parsed = json.loads(schema)
    kind = jsonschema.validators.validator_for(parsed)
    kind.check_schema(parsed)
    return kind(parsed)


def begin_metadata_validator(asked: Any) -> None:
    """`BaseMetadataValidator.__init__`, with the schema's file read once."""
    asked.schema = _schema(Path(common.root) / f"v{asked.schema_version}.json")


@cache
def _schema(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def validate_notebook(notebook: Any, **options: Any) -> None:
    """`nbformat.validate` for those who act on what it finds, who all give it options.

    nbformat reads and writes each notebook twice for nbgrader, and looks at all of it each time, to log what is wrong.
    """
    if options:
        nbformat.validator.validate(notebook, **options)


def copied(node: NotebookNode, memo: object) -> NotebookNode:
    """`NotebookNode.__deepcopy__` for what notebooks hold, which is no more than JSON; no part is there twice."""
    return NotebookNode({key: _part(value) for key, value in node.items()})


def _part(value: Any) -> Any:
    if type(value) in UNCHANGEABLE:
        return value
    if type(value) is NotebookNode:
        return copied(value, None)
    if type(value) is list:
        return [_part(item) for item in value]
    return copy.deepcopy(value)


def writes(notebook: NotebookNode, **options: Any) -> str:
    """`nbformat.v4.writes_json`: a copy of what it changes, and no encoder that is written in Python."""
    new = NotebookNode(notebook)
    new["metadata"] = NotebookNode(notebook.metadata)
    new["cells"] = [_shallow(cell) for cell in notebook.cells]
    if options.pop("split_lines", True):
        new = split_lines(new)
    new = strip_transient(new)
    if not options:
        try:
            return _text(new, "\n")
        except TypeError:  # something that is no JSON: nbformat knows what to do with it, or what to say
            pass
    layout = {"cls": BytesEncoder, "indent": 1, "sort_keys": True, "separators": (",", ": ")}
    return json.dumps(new, **({"ensure_ascii": False} | options | layout))


def _shallow(cell: NotebookNode) -> NotebookNode:
    """A copy that splitting lines may change."""
    new = NotebookNode(cell)
    new["metadata"] = NotebookNode(cell.metadata)
    for key in ("outputs", "attachments"):
        if cell.get(key):
            dict.__setitem__(new, key, copy.deepcopy(cell[key]))
    return new


def _text(value: Any, margin: str) -> str:
    """JSON as `json.dumps(..., indent=1, sort_keys=True, separators=(",", ": "), ensure_ascii=False)` writes it.

    With an indent, Python's own encoder asks in Python for each word.  margin: a new line and the spaces after it.
    Raises TypeError for what is no JSON, and for keys that are no texts.
    """
    kind = type(value)
    if kind is str:
        return encode_basestring(value)
    inner = margin + " "
    between = "," + inner
    if kind is list:
        if not value:
            return "[]"
        if type(value[0]) is str and type(value[-1]) is str:  # lines, as a rule; TypeError if not all are
            return f"[{inner}{between.join(map(encode_basestring, value))}{margin}]"
        return f"[{inner}{between.join([_text(item, inner) for item in value])}{margin}]"
    if kind is NotebookNode or kind is dict:
        if not value:
            return "{}"
        items = [f"{encode_basestring(key)}: {_text(item, inner)}" for key, item in sorted(value.items())]
        return f"{{{inner}{between.join(items)}{margin}}}"
    if value is None or kind is bool:
        return NAMES[value]
    if kind is int or kind is float:
        return json.dumps(value)
    raise TypeError(f"{kind.__name__} is no JSON")
