"""nbgrader, warm: what it makes anew for every submission is made once per run.  Results stay the same.

nbgrader opens its gradebook some eighteen times per submission, each time with a new database engine that compiles
every statement again, and it checks one JSON schema anew for each cell.  Grading one notebook, nobody notices; in a
class this was half of the time that the gradebook took.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any

import jsonschema
from nbgrader import api
from nbgrader.nbgraderformat import common
from sqlalchemy import Engine, create_engine


@contextmanager
def warm() -> Iterator[None]:
    """While open, nbgrader keeps its database engines and its schema validators."""
    engines: dict[str, Engine] = {}

    def kept_engine(url: str, **options: Any) -> Engine:
        if url not in engines:
            engines[url] = create_engine(url, **options)
        return engines[url]

    before = api.create_engine, common.jsonschema
    api.create_engine = kept_engine
    common.jsonschema = SimpleNamespace(validate=_validate, ValidationError=jsonschema.ValidationError)
    try:
        yield
    finally:
        api.create_engine, common.jsonschema = before
        for engine in engines.values():
            engine.dispose()


def _validate(instance: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """`jsonschema.validate`, with the schema itself checked once."""
    error = jsonschema.exceptions.best_match(_validator(json.dumps(schema, sort_keys=True)).iter_errors(instance))
    if error is not None:
        raise error


@cache
def _validator(schema: str) -> Any:
    parsed = json.loads(schema)
    kind = jsonschema.validators.validator_for(parsed)
    kind.check_schema(parsed)
    return kind(parsed)
