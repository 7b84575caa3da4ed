"""The leak scan finds solution lines wherever they hide, and raises no false alarm on open text."""

import json

import pytest

from grader.build.leaks import leaks, secret_lines
from tests.small_lesson import NAME, TEXT

SOURCES = {NAME: TEXT}
FILE = "notebooks/07_small/small.ipynb"


def notebook(**parts: object) -> bytes:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": [], "outputs": []} | parts
    return json.dumps({"cells": [cell], "metadata": {}}).encode()


def test_the_secrets_of_a_lesson_are_the_lines_that_only_its_solutions_hold() -> None:
    assert set(secret_lines(SOURCES).values()) == {
        "secret_double = x + x  # adding is enough",
        "return secret_double",
        "# Because addition is repeated here.",
    }


HIDING_PLACES = {
    "a source": notebook(source=["x = 1\n", "secret_double = x + x"]),
    "another indentation": notebook(source="if x:\n        return   secret_double"),
    "a comment": notebook(source="# was: secret_double = x + x"),
    "an output": notebook(outputs=[{"data": {"text/plain": "Because addition is repeated here."}}]),
    "metadata": notebook(metadata={"note": {"deep": ["return secret_double"]}}),
    "a key": notebook(metadata={"return secret_double": 1}),
    "an attachment": notebook(attachments={"a.txt": {"text/plain": "secret_double = x + x"}}),
    "a marker": notebook(source="### BEGIN SOLUTION"),
    "an end marker": notebook(source="<!--  END   SOLUTION -->"),
    "hidden tests": notebook(source="### BEGIN HIDDEN TESTS"),
}


@pytest.mark.parametrize("place", HIDING_PLACES)
def test_a_solution_is_found_in(place: str) -> None:
    assert leaks(SOURCES, {FILE: HIDING_PLACES[place]})


def test_a_solution_is_found_in_a_file_that_is_no_notebook() -> None:
    assert leaks(SOURCES, {"notebooks/07_small/helper.py": TEXT.encode()})
    assert leaks(SOURCES, {"notebooks/07_small/x.bin": b"\xff\xfereturn secret_double\x00"})


def test_open_text_is_no_leak() -> None:
    assert not leaks(SOURCES, {FILE: notebook(source='def twice(x: float) -> float:\n    """Twice x."""')})


def test_a_line_that_is_shown_elsewhere_is_no_secret() -> None:
    shown = TEXT.replace("import math", "def quick(x):\n    return secret_double")
    assert "return secret_double" not in secret_lines({NAME: shown}).values()


def test_a_trivial_line_is_no_secret() -> None:
    assert "y=x+1" not in secret_lines({NAME: TEXT.replace("secret_double = x + x", "y = x + 1")})
