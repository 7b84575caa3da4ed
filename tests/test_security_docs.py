"""docs/security.md promises nothing without a test, and its table is the attack suite's."""

import ast
import re

import pytest

from tests.attacks.families import ATTACKS, CONTROLS
from tests.house_files import ROOT

TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", TEXT)))
PROMISES = TEXT.split("## What is guaranteed")[1].split("\n## ")[0]


@pytest.mark.parametrize(("file", "function"), NAMED, ids=[f"{f}::{n}" if n else f for f, n in NAMED])
def test_every_test_that_is_named_exists(file: str, function: str) -> None:
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert not function or function in names


def test_every_guarantee_names_a_test() -> None:
    rows = [line for line in PROMISES.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 15
    for row in rows:
        assert re.search(r"`test_\w+\.py", row) or row.startswith("| --- "), row


def test_the_table_of_attacks_is_that_of_the_suite() -> None:
    listed = {name: int(count) for name, count in re.findall(r"^\| ([\w ]+) \| (\d+) \|", TEXT, re.MULTILINE)}
    assert {name: listed.get(name) for name in ATTACKS} == {name: len(attacks) for name, attacks in ATTACKS.items()}
    assert listed.get("honest controls") == len(CONTROLS)


def test_the_table_says_that_nothing_was_gained() -> None:
    (line,) = re.findall(r"^\| \*\*all\*\* \|.*$", TEXT, re.MULTILINE)
    assert [int(n) for n in re.findall(r"\*\*(\d+)\*\*", line)][2:] == [0, 0, 0, 0]
