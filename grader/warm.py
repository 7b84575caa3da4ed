"""nbgrader, warm: what it makes anew for every submission is made once per run.  Results stay the same.

nbgrader opens its gradebook some eighteen times per submission, each time with a new database engine that compiles
every statement again and looks for each table, commits some forty times, checks one JSON schema anew for each cell,
copies the notebook four times, looking at each value whether it was there before, and validates it six times, four of
them to log what it finds.  Grading one notebook, nobody notices; in a class this was most of the time that the
gradebook took.
"""

import copy
import gc
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import jsonschema
import nbformat
from nbformat.notebooknode import NotebookNode
from nbgrader import api
from nbgrader.nbgraderformat import common
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from grader.key import keeping

UNCHANGEABLE = (str, int, float, bool, type(None))  # copying one gives the same one, after a while

_state: "_Warm | None" = None


@contextmanager
def warm() -> Iterator[None]:
    """While open, nbgrader keeps its engines, its schema validators, and what it knows of each lesson."""
    global _state
    before, _state = _state, _Warm()
    schemas = SimpleNamespace(validate=_validate, ValidationError=jsonschema.ValidationError)
    try:
        with (
            keeping(),
            _seldom_collected(),
            patch.object(api, "create_engine", _state.engine),
            patch.object(api.Gradebook, "__init__", _state.opening(api.Gradebook.__init__)),
            patch.object(api.Gradebook, "close", lambda gradebook: gradebook.db.remove()),
            patch.object(common, "jsonschema", schemas),
            patch.object(NotebookNode, "__deepcopy__", _copied),
            patch.object(nbformat, "validate", _validate_notebook),
        ):
            yield
    finally:
        for engine in _state.engines.values():
            engine.dispose()
        _state = before


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """While open, Python looks for garbage in cycles a hundred times less often, and not among what is there already.

    Else it goes through all that torch has loaded, again and again: a third of the time that an entry takes.  And in a
    worker, going through it copies it from the process that it was forked from.
    """
    often = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100 * often[0], *often[1:])
    try:
        yield
    finally:
        gc.set_threshold(*often)
        gc.unfreeze()


@contextmanager
def one_transaction() -> Iterator[None]:
    """While open, all that nbgrader writes is one transaction: the database gets all of it at the end, or nothing.

    A student's entry can so never be found half written, and costs one wait for the disk instead of forty.
    Needs `warm`.
    """
    if _state is None:
        raise RuntimeError("one_transaction is for use inside of warm()")
    held: dict[Engine, _Held] = {}
    _state.held = held
    try:
        yield
        for session in held.values():
            Session.commit(session)
    finally:
        _state.held = None
        for session in held.values():
            session.close()


def in_transaction() -> bool:
    """Whether what is written now is not yet final."""
    return _state is not None and _state.held is not None


class _Held(Session):
    """A session whose commits wait: what was written can be read back, and is not yet final."""

    def commit(self) -> None:
        self.flush()
        self.expire_all()  # as after a real commit: what is computed by the database is asked for again


class _Warm:
    """What is kept while nbgrader is warm."""

    def __init__(self) -> None:
        self.engines: dict[str, Engine] = {}
        self.opened: set[tuple[str, str]] = set()  # gradebooks whose tables and course are known to exist
        self.held: dict[Engine, _Held] | None = None

    def engine(self, url: str, **options: Any) -> Engine:
        if url not in self.engines:
            self.engines[url] = create_engine(url, **options)
        return self.engines[url]

    def opening(self, original: Any) -> Any:
        """`Gradebook.__init__`, without looking again for what was there a moment ago."""

        def open_gradebook(
            gradebook: Any, db_url: str, course_id: str = "default_course", authenticator: Any = None
        ) -> None:
            if (db_url, course_id) not in self.opened:
                original(gradebook, db_url, course_id, authenticator)
                gradebook.db.remove()
                self.opened.add((db_url, course_id))
            gradebook.engine, gradebook.db = self.engine(db_url), self.session(db_url)
            gradebook.course_id, gradebook.authenticator = course_id, authenticator

        return open_gradebook

    def session(self, url: str) -> Any:
        engine = self.engine(url, echo=False, future=True)
        if self.held is None:
            return scoped_session(sessionmaker(autoflush=True, bind=engine, future=True))
        if engine not in self.held:
            self.held[engine] = _Held(bind=engine, autoflush=True, future=True)
        return _Shared(self.held[engine])


class _Shared:
    """The one session of a transaction, as the gradebook wants it: taking leave of it closes nothing."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def remove(self) -> None:
        """What a gradebook does when it is closed."""


def _validate(instance: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """`jsonschema.validate`, with the schema itself checked once."""
    error = jsonschema.exceptions.best_match(_validator(json.dumps(schema, sort_keys=True)).iter_errors(instance))
    if error is not None:
        raise error


def _validate_notebook(notebook: Any, **options: Any) -> None:
    """`nbformat.validate` for those who act on what it finds, who all give it options.

    nbformat reads and writes each notebook twice for nbgrader, and looks at all of it each time, to log what is wrong.
    """
    if options:
        nbformat.validator.validate(notebook, **options)


@cache
def _validator(schema: str) -> Any:
    parsed = json.loads(schema)
    kind = jsonschema.validators.validator_for(parsed)
    kind.check_schema(parsed)
    return kind(parsed)


def _copied(node: NotebookNode, memo: object) -> NotebookNode:
    """`NotebookNode.__deepcopy__` for what notebooks hold, which is no more than JSON; no part is there twice."""
    copied = NotebookNode()
    dict.update(copied, {key: _part(value) for key, value in node.items()})
    return copied


def _part(value: Any) -> Any:
    if type(value) in UNCHANGEABLE:
        return value
    if type(value) is NotebookNode:
        return _copied(value, None)
    if type(value) is list:
        return [_part(item) for item in value]
    return copy.deepcopy(value)
