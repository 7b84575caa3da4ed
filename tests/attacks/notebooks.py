"""What a notebook file may claim about itself."""

import json
from collections.abc import Callable
from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode

from grader.demo.cheats import delete_test, forge_outputs, function, more_points, retype_tests, rewrite_tests
from grader.demo.student import Edit, cell
from tests.attacks.attack import OTHERS, SOLVED, Attack

JSON = dict[str, Any]


def rewritten(change: Callable[[JSON], Any]) -> Edit:
    """Hand in the bytes of a notebook whose JSON was changed."""

    def edit(notebook: NotebookNode) -> bytes:
        data: JSON = json.loads(nbformat.writes(notebook))
        change(data)
        return json.dumps(data).encode()

    return edit


def each(change: Callable[[JSON], Any]) -> Edit:
    """Change every cell."""
    return rewritten(lambda data: [change(c) for c in data["cells"]])


def graded(change: Callable[[JSON], Any]) -> Edit:
    """Change nbgrader's metadata wherever there is some."""
    return each(lambda c: change(c["metadata"]["nbgrader"]) if "nbgrader" in c["metadata"] else None)


def _duplicate_tests(notebook: NotebookNode) -> None:
    """Five copies of every test that passes, under the names of those that fail."""
    for e in OTHERS:
        copy = nbformat.from_dict(cell(notebook, SOLVED[0].name))
        copy.metadata.nbgrader.grade_id = e.name.replace(".", "-")
        notebook.cells.append(copy)


def _all_ids_alike(data: JSON) -> None:
    for c in data["cells"]:
        c["id"] = "same"


def _hostile_ids(data: JSON) -> None:
    data["nbformat_minor"] = 4
    for i, c in enumerate(data["cells"]):
        c["id"] = f'x{i}"><script>alert(1)</script>'


def _swap_names(notebook: NotebookNode) -> None:
    """Every name that is tested stands for the one function that is right."""
    source = "\n".join(f"{function(e)} = {function(SOLVED[0])}" for e in OTHERS)
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    notebook.cells.sort(key=lambda c: bool(c.metadata.get("nbgrader", {}).get("grade")))


def _delete(data: JSON, *, keep: Callable[[JSON], bool]) -> None:
    data["cells"] = [c for c in data["cells"] if keep(c)]


def _exercise_gone(data: JSON) -> None:
    gone = OTHERS[0].name.replace(".", "-")
    _delete(data, keep=lambda c: not c["metadata"].get("nbgrader", {}).get("grade_id", "").startswith(gone))


FAMILY: tuple[Attack, ...] = (
    Attack("saved_outputs", "full marks as saved outputs, and tags that skip execution", forge_outputs),
    Attack("more_points", "a hundred points for each test", more_points),
    Attack("rewritten_tests", "every test tests the one function that is right",
           rewrite_tests(SOLVED[0], OTHERS)),
    Attack("deleted_test", "a test that fails is taken out", delete_test(OTHERS[0].name)),
    Attack("deleted_exercise", "an exercise is taken out with its test", rewritten(_exercise_gone)),
    Attack("deleted_all_tests", "no test at all", rewritten(lambda d: _delete(
        d, keep=lambda c: not c["metadata"].get("nbgrader", {}).get("grade")))),
    Attack("deleted_all_metadata", "nothing that nbgrader knows is left", each(lambda c: c.update(metadata={}))),
    Attack("only_one_cell", "one cell, `44.0`", rewritten(lambda d: d.update(cells=[
        {"cell_type": "code", "id": "a", "metadata": {}, "source": "44.0", "outputs": [], "execution_count": None}]))),
    Attack("duplicated_tests", "copies of a test that passes under the names of others", _duplicate_tests),
    Attack("retyped", "tests as Markdown, with another schema version, under another id",
           retype_tests(SOLVED[0], OTHERS)),
    Attack("all_raw", "every cell is raw text", each(lambda c: (
        c.update(cell_type="raw"), c.pop("outputs", 0), c.pop("execution_count", 0)))),
    Attack("reordered", "tests after a cell that gives every name the right function", _swap_names),
    Attack("reversed", "all cells backwards", rewritten(lambda d: d["cells"].reverse())),
    Attack("tags", "all tags that some tool acts on", each(lambda c: c["metadata"].update(
        tags=["skip-execution", "remove_cell", "raises-exception", "explore", "parameters"]))),
    Attack("explore_everything", "all cells are said to be for the eye", each(lambda c: c["metadata"].update(
        tags=["explore"]))),
    Attack("unlocked", "tests are neither locked nor graded", graded(lambda m: m.update(
        locked=False, grade=False, solution=True))),
    Attack("written_answer_graded", "the written question is said to be graded by a machine, and to have full marks",
           graded(lambda m: m.update(grade=True, solution=False, points=m.get("points", 6), auto_score=6))),
    Attack("schema_0", "an old schema version", graded(lambda m: m.update(schema_version=0))),
    Attack("schema_99", "a schema version that does not exist", graded(lambda m: m.update(schema_version=99))),
    Attack("schema_text", "a schema version that is no number", graded(lambda m: m.update(schema_version="3"))),
    Attack("metadata_types", "metadata of unexpected types", graded(lambda m: m.update(
        grade_id=["a"], points="44", checksum={"a": 1}))),
    Attack("path_as_id", "a path as the name of a cell", graded(lambda m: m.update(grade_id="../../gradebook.db"))),
    Attack("same_ids", "all cells have the same id", rewritten(_all_ids_alike)),
    Attack("script_in_ids", "script in the ids of cells, in a format that has none", rewritten(_hostile_ids)),
    Attack("kernelspec", "a kernel of its own, which would run a command", rewritten(lambda d: d["metadata"].update(
        kernelspec={"name": "../../evil", "display_name": "x", "language": "bash", "argv": ["touch", "/tmp/x"]},
        language_info={"name": "bash", "pygments_lexer": "../../evil", "nbconvert_exporter": "os.system"}))),
    Attack("nbgrader_in_notebook", "settings of nbgrader and nbconvert in the notebook's metadata",
           rewritten(lambda d: d["metadata"].update(
               nbgrader={"max_score": 44}, celltoolbar="x", nbconvert={"template": "../../evil"}, title="<script>"))),
    Attack("extra_keys", "keys that no format knows", each(lambda c: c.update(
        points=44, score=44, transient={"evil": 1}))),
    Attack("minor_99", "a minor version of the future", rewritten(lambda d: d.update(nbformat_minor=99))),
    Attack("format_3", "the format of 2012", rewritten(lambda d: d.update(nbformat=3, worksheets=[])), refused=True),
    Attack("attachments", "an attachment of HTML", each(lambda c: c.update(
        attachments={"a.html": {"text/html": "<script>alert(1)</script>"}}) if c["cell_type"] == "markdown" else 0)),
    Attack("deep_json", "metadata nested nine hundred deep", rewritten(lambda d: d["metadata"].update(
        a=json.loads("[" * 900 + "]" * 900))), refused=True),
    Attack("infinite_numbers", "numbers that JSON does not have", rewritten(lambda d: d["metadata"].update(
        a=float("nan"), b=float("inf")))),
    Attack("half_characters", "halves of characters in sources, names and outputs", rewritten(lambda d: d["cells"].insert(
        0, {"cell_type": "code", "id": "a", "metadata": {}, "source": "print('\ud800')  # \udfff", "outputs": [],
            "execution_count": None}))),
    Attack("tags_of_two_kinds", "tags that nobody can sort, so that each is compared with all others, for hours", rewritten(
        lambda d: d["cells"][0]["metadata"].update(tags=[x for i in range(20_000) for x in (i, f"a{i}")])), refused=True),
    Attack("outputs_of_no_kind", "outputs that are no outputs, each of which is tried as every kind, for minutes", rewritten(
        lambda d: d["cells"][0].update(outputs=[{"output_type": "x"}] * 60_000)), refused=True),
    Attack("minor_text", "a minor version that is no number", rewritten(lambda d: d.update(nbformat_minor="5")), refused=True),
    Attack("alike_letters", "names of cells in letters that only look the same", graded(lambda m: m.update(
        grade_id=m["grade_id"].replace("o", "\u043e")))),
    Attack("two_lists_of_cells", "a key that stands there twice, with other cells for each reader",
           lambda n: nbformat.writes(n).replace('"cells": [', '"cells": [{"cell_type": "raw"}], "cells": [', 1).encode()),
    Attack("cut_in_half", "half a file", lambda n: nbformat.writes(n).encode()[:5000], refused=True),
    Attack("no_cells", "a notebook without cells", rewritten(lambda d: d.update(cells=[])), refused=True),
    Attack("deep_brackets", "a hundred thousand brackets", lambda n: b"[" * 100_000, refused=True),
)  # fmt: skip
