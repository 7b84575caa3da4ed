"""nbgrader, warm: what it makes anew for every submission is made once per run.  Results stay the same.

nbgrader opens its gradebook some eighteen times per submission, each time with a new database engine that compiles
every statement again and looks for each table, commits some forty times, checks one JSON schema anew for each cell, and
validates the notebook six times, four of them to log what it finds.  Grading one notebook, nobody notices; in a class
this was most of the time that the gradebook took.
"""

import gc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import jsonschema
import nbformat
from nbgrader import api
from nbgrader.nbgraderformat import common
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from grader.key import keeping
from grader.warm import book, notebooks
from grader.warm.sessions import Books, Held

NEW = 7_000  # objects that may hold others, from one search for garbage to the next; Python waits for 700 or 2,000
_state: Books | None = None


@contextmanager
def warm() -> Iterator[None]:
    """While open, nbgrader keeps its engines, its schema validators, and what it knows of each lesson."""
    global _state
    before, _state = _state, Books()
    schemas = SimpleNamespace(validate=notebooks.validate, ValidationError=jsonschema.ValidationError)
    try:
        with (
            keeping(),
            _seldom_collected(),
            _replaced(api, create_engine=_state.engine),
            _replaced(
                api.Gradebook,
                __init__=_state.opening(api.Gradebook.__init__),
                close=lambda gradebook: gradebook.db.remove(),
                add_submission=book.add_submission,
                update_or_create_student=book.update_or_create_student,
                **book.FINDS,
            ),
            _replaced(common, jsonschema=schemas),
            _replaced(common.BaseMetadataValidator, __init__=notebooks.begin_metadata_validator),
            _replaced(nbformat, validate=notebooks.validate_notebook),
        ):
            yield
    finally:
        for engine in _state.engines.values():
            engine.dispose()
        _state = before


@contextmanager
def _replaced(owner: object, **new: Any) -> Iterator[None]:
    """While open, other attributes."""
    with ExitStack() as stack:
        for name, value in new.items():
            stack.enter_context(patch.object(owner, name, value))
        yield


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """While open, Python looks for garbage in cycles less often, and not among what is there already.

    Else it goes through all that torch has loaded, again and again: a third of the time that an entry takes.  And in a
    worker, going through it copies it from the process that it was forked from.  What comes after is little: it is gone
    through as a whole at every fourth search, not every hundredth, or a class of a thousand would keep its garbage.
    """
    often, already = gc.get_threshold(), gc.get_freeze_count()  # a worker is forked from a process that is warm
    gc.freeze()
    gc.collect()  # Python searches as a whole only when enough is new, and has to be told that nothing is old
    gc.set_threshold(NEW, 1, 1)
    try:
        yield
    finally:
        gc.set_threshold(*often)
        if not already:
            gc.unfreeze()


def kept(name: object, make: Any) -> Any:
    """What was made under this name while nbgrader is warm; made now if nothing was, and not kept if it is not warm."""
    if _state is None:
        return make()
    if name not in _state.kept:
        _state.kept[name] = make()
    return _state.kept[name]


@contextmanager
def one_transaction() -> Iterator[None]:
    """While open, all that nbgrader writes is one transaction: the database gets all of it at the end, or nothing.

    A student's entry can so never be found half written, and costs one wait for the disk instead of forty.
    Needs `warm`.
    """
    if _state is None:
        raise RuntimeError("one_transaction is for use inside of warm()")
    held: dict[Engine, Held] = {}
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
