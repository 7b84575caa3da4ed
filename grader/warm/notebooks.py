"""Notebooks, while nbgrader is warm: checked once.  What is said about them is the same.

Everything here stands in the place of a function of nbformat or nbgrader while `grader.warm.warm` is open.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import nbformat
from nbgrader.nbgraderformat import common

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
