"""Notebooks, warm: the text of a file is what nbformat writes."""

import copy
import dataclasses
import hashlib
import json
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as some
from nbformat.notebooknode import NotebookNode, from_dict

from grader.judge import Cell, GradeCell
from grader.records import fingerprint
from grader.warm import notebooks, warm

VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda parts: some.lists(parts, max_size=3) | some.dictionaries(some.text(), parts, max_size=3),
    max_leaves=12,
)
ODD = [
    b"bytes that are text",
    {"a": {"b": [True, 1, 1.0, -0.0, 10**30]}},
    {1: "a key that is a number"},
    ["lines", "and", 3, "a number between"],
    ("a", "tuple"),
]


def cold_and_warm(notebook: NotebookNode, **options: Any) -> tuple[str, str]:
    cold = nbformat.v4.writes_json(notebook, **options)
    with warm():
        return cold, nbformat.v4.writes_json(notebook, **options)


def made(value: Any) -> NotebookNode:
    """A notebook with this value in every place that may hold one, and with all that is left out of files."""
    output = {"output_type": "display_data", "data": {"text/plain": "a\nb", "x/y": value}, "metadata": {}}
    stream = {"output_type": "stream", "name": "stdout", "text": "one\ntwo"}
    cells = [
        {"cell_type": "code", "source": "a\nb\n", "metadata": {"trusted": True}, "outputs": [output, stream]},
        {"cell_type": "markdown", "source": "", "metadata": {"v": value}, "attachments": {"p": {"text/plain": "a\nb"}}},
        {"cell_type": "raw", "source": ["split", "already"], "metadata": {}, "id": "\ud800\x00é\u2028"},
    ]
    metadata = {"signature": "s", "orig_nbformat": 3, "more": value}
    return from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells})


@given(VALUES)
def test_a_notebook_is_written_as_nbformat_writes_it(value: Any) -> None:
    notebook = made(value)
    before = copy.deepcopy(notebook)
    cold, hot = nbformat.v4.writes_json(notebook), notebooks.writes(notebook)
    assert cold == hot
    assert repr(notebook) == repr(before)  # nan is not equal to itself


@pytest.mark.parametrize("value", ODD, ids=str)
def test_what_is_seldom_in_a_notebook_too(value: Any) -> None:
    cold, hot = cold_and_warm(made(value))
    assert cold == hot


@pytest.mark.parametrize("options", [{"split_lines": False}, {"ensure_ascii": True}, {"indent": 4}], ids=str)
def test_with_options_too(options: dict[str, Any]) -> None:
    cold, hot = cold_and_warm(made("é"), **options)
    assert cold == hot


def test_what_is_no_json_is_refused_with_the_same_words() -> None:
    said = []
    for write in (nbformat.v4.writes_json, notebooks.writes):
        with pytest.raises(TypeError) as error:
            write(made({"a", "set"}))
        said.append(str(error.value))
    assert said[0] == said[1]


def test_a_fingerprint_is_that_of_all_fields() -> None:
    """A record is kept under it: if it changed, every course would be judged again."""
    cells = [Cell(0, "a = 1"), Cell(2, "check()", ("explore",), GradeCell("a-step", "check()", 2.5))]
    text = json.dumps([dataclasses.asdict(c) for c in cells], sort_keys=True)
    assert json.loads(text)[1]["grade"] == {"name": "a-step", "points": 2.5, "source": "check()"}
    assert fingerprint(cells, {}) == hashlib.sha256(text.encode()).hexdigest()
