"""The gate refuses what cannot be graded, with a reason, and lets everything else through."""

import json
from pathlib import Path

import nbformat
import pytest
from nbgrader.utils import parse_utc

from grader.intake import beside, inspect, submissions
from grader.notebook_file import LARGEST_NOTEBOOK, RefusedError

LESSON = "02_forward_process"
GOOD = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])).encode()


def folder(tmp_path, student="anna", notebook=GOOD):
    place = tmp_path / "submitted" / student / LESSON
    place.mkdir(parents=True)
    if notebook is not None:
        (place / "forward_process.ipynb").write_bytes(notebook)
    return place


def changed(**changes):
    data = json.loads(GOOD)
    data.update(changes)
    return json.dumps(data).encode()


def with_cell(**parts):
    cell = {"cell_type": "code", "metadata": {}, "source": "", "outputs": [], "execution_count": None}
    return changed(cells=[cell | parts])


BAD = {
    "cut": (GOOD[: len(GOOD) // 2], "not valid JSON"),
    "empty": (b"", r"not valid JSON \(Expecting value"),
    "bytes": (b"\x80\x81\x82", "not valid JSON"),
    "deep": (b"[" * 100_000, "not valid JSON"),
    "list": (b"[]", "not a notebook of format 4"),
    "number": (b"7", "not a notebook of format 4"),
    "old": (changed(nbformat=3), "not a notebook of format 4"),
    "no cells": (changed(cells=[]), "0 cells"),
    "cells no list": (changed(cells={"a": 1}), "not a notebook of format 4"),
    "cell no object": (changed(cells=[1, 2]), "damaged"),
    "cell of unknown type": (
        changed(cells=[{"cell_type": "spell", "metadata": {}, "source": ""}]),
        "damaged",
    ),
    "source no text": (changed(cells=[{"cell_type": "markdown", "metadata": {}, "source": 7}]), "damaged"),
    "long cell": (
        changed(cells=[{"cell_type": "markdown", "metadata": {}, "source": "x" * 2**21}]),
        "a cell may hold",
    ),
    "tags that are no texts": (with_cell(metadata={"tags": [1]}), "tags"),
    "many tags": (with_cell(metadata={"tags": [f"a{i}" for i in range(101)]}), "tags"),
    "many outputs": (with_cell(outputs=[{"output_type": "x"}] * 5001), "more than 5000 outputs"),
    "minor version no number": (changed(nbformat_minor="5"), "not a notebook of format 4"),
    "minor version that never was": (changed(nbformat_minor=-1), "damaged"),
    "large": (b" " * (LARGEST_NOTEBOOK + 1), "larger than"),
}


@pytest.mark.parametrize(("content", "says"), BAD.values(), ids=BAD.keys())
def test_a_damaged_notebook_is_refused_with_a_reason(tmp_path, content, says):
    place = folder(tmp_path, notebook=content)
    with pytest.raises(RefusedError, match=says) as caught:
        inspect(place, place / "forward_process.ipynb")
    assert "\n" not in str(caught.value)


def test_a_notebook_that_has_passed_is_looked_at_again_when_it_has_changed(tmp_path):
    place = folder(tmp_path)
    notebook = place / "forward_process.ipynb"
    inspect(place, notebook)
    notebook.write_bytes(changed(cells=[1, 2]))
    with pytest.raises(RefusedError, match="damaged"):
        inspect(place, notebook)
    notebook.write_bytes(GOOD)
    inspect(place, notebook)


def test_a_notebook_that_was_refused_is_refused_again(tmp_path):
    place = folder(tmp_path, notebook=BAD["cell no object"][0])
    for _ in range(2):
        with pytest.raises(RefusedError, match="damaged"):
            inspect(place, place / "forward_process.ipynb")


def test_one_bad_submission_does_not_hide_the_others(tmp_path):
    folder(tmp_path, "anna")
    folder(tmp_path, "bela", b"{")
    folder(tmp_path, "cleo", None)
    found = submissions(tmp_path, LESSON)
    assert [s.student for s in found] == ["anna", "bela", "cleo"]
    assert not found[0].refused
    assert "JSON" in found[1].refused
    assert "there is no forward_process.ipynb" in found[2].refused


def test_links_are_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("solutions")
    place = folder(tmp_path)
    (place / "data.txt").symlink_to(secret)
    with pytest.raises(RefusedError, match="symbolic link"):
        inspect(place, place / "forward_process.ipynb")
    linked = tmp_path / "submitted" / "dora" / LESSON
    linked.parent.mkdir()
    linked.symlink_to(folder(tmp_path, "emil"))
    with pytest.raises(RefusedError, match="not a plain folder"):
        inspect(linked, linked / "forward_process.ipynb")


@pytest.mark.parametrize("student", ["a[b]c", "*", "a b", "-x", "ümlaut", "a+b", "x" * 101])
def test_names_that_nbgrader_would_take_for_patterns_are_refused(tmp_path, student):
    place = folder(tmp_path, student)
    with pytest.raises(RefusedError, match="no student id"):
        inspect(place, place / "forward_process.ipynb")


def test_crowds_of_files_and_large_files_are_refused(tmp_path):
    place = folder(tmp_path)
    for i in range(201):
        (place / f"{i}.txt").touch()
    with pytest.raises(RefusedError, match="files"):
        inspect(place, place / "forward_process.ipynb")
    place = folder(tmp_path, "bela")
    with (place / "big.bin").open("wb") as file:
        file.truncate(17 * 2**20)
    with pytest.raises(RefusedError, match="larger than"):
        inspect(place, place / "forward_process.ipynb")


def some_files(place, count):
    for i in range(count):
        (place / f"{i}").touch()


def a_large_file(place, size):
    with (place / "big").open("wb") as file:
        file.truncate(size)


def a_long_path(place, length):
    inner = place / ("d" * 200)
    inner.mkdir()
    (inner / ("é" * 99 + "x" * (length - 200 - 1 - 2 * 99))).touch()


def a_nest(place, depth):
    for _ in range(depth):
        place = place / "d"
        place.mkdir()


@pytest.mark.parametrize(
    ("fill", "most", "says"),
    [
        (some_files, 199, "more than 200 files"),  # and the notebook
        (a_large_file, 16 * 2**20, "larger than 16 MiB"),
        (a_long_path, 400, "longer than 400 bytes"),
        (a_nest, 7, "nested more than 8 deep"),  # with the folder itself
    ],
)
def test_as_much_as_is_allowed_passes_and_one_more_is_refused(tmp_path, fill, most, says):
    place = folder(tmp_path)
    fill(place, most)
    inspect(place, place / "forward_process.ipynb")
    place = folder(tmp_path, "bela")
    fill(place, most + 1)
    with pytest.raises(RefusedError, match=says):
        inspect(place, place / "forward_process.ipynb")


def test_missing_and_double_cell_ids_are_no_reason_to_refuse(tmp_path):
    cell = {"cell_type": "code", "metadata": {}, "source": "1", "outputs": [], "execution_count": None}
    for student, cells in {
        "anna": [cell, cell],
        "bela": [{**cell, "id": "same"}, {**cell, "id": "same"}],
    }.items():
        place = folder(tmp_path, student, changed(cells=cells))
        inspect(place, place / "forward_process.ipynb")


def test_files_beside_the_notebook_are_found_by_relative_name(tmp_path):
    place = folder(tmp_path)
    (place / "sub").mkdir()
    (place / "sub" / "helper.py").write_bytes(b"x = 1")
    (place / "link.py").symlink_to(place / "sub" / "helper.py")
    (place / ".ipynb_checkpoints").mkdir()
    (place / ".ipynb_checkpoints" / "old.py").write_bytes(b"")
    assert beside(place) == {"sub/helper.py": b"x = 1"}


def test_a_nest_of_folders_is_refused_and_stops_nobody(tmp_path):
    """Python's own walk over folders ends in a RecursionError after about a thousand."""
    inner = folder(tmp_path, "anna")
    folder(tmp_path, "bela")
    for _ in range(20):
        inner = inner / "d"
        inner.mkdir()
    found = submissions(tmp_path, LESSON)
    assert [bool(s.refused) for s in found] == [True, False]
    assert "nested" in found[0].refused


def test_what_cannot_be_read_is_refused_and_stops_nobody(tmp_path, monkeypatch):
    folder(tmp_path, "anna")
    real = Path.read_bytes

    def locked(self, *args, **kwargs):
        if self.suffix == ".ipynb":
            raise PermissionError(13, "Permission denied")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "read_bytes", locked)
    assert "it cannot be read (Permission denied)" in submissions(tmp_path, LESSON)[0].refused


def test_files_that_are_large_together_are_refused(tmp_path):
    place = folder(tmp_path)
    for i in range(3):
        with (place / f"{i}.bin").open("wb") as file:
            file.truncate(15 * 2**20)
    with pytest.raises(RefusedError, match="together"):
        inspect(place, place / "forward_process.ipynb")


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "\u202egnp.exe", "\udcff"])
def test_names_that_cannot_be_shown_are_refused(tmp_path, name):
    place = folder(tmp_path)
    (place / name).touch()
    with pytest.raises(RefusedError, match="cannot be shown") as caught:
        inspect(place, place / "forward_process.ipynb")
    assert str(caught.value).isprintable()


def test_a_time_that_is_none_is_refused(tmp_path):
    place = folder(tmp_path)
    (place / "timestamp.txt").write_text("2026-01-31 12:00:00 UTC\n")
    inspect(place, place / "forward_process.ipynb")
    for content in (b"soon", b"\xff", b"9" * 99):
        (place / "timestamp.txt").write_bytes(content)
        with pytest.raises(RefusedError, match="timestamp"):
            inspect(place, place / "forward_process.ipynb")


@pytest.mark.parametrize(
    "time",
    [
        "2026-01-31 12:00:00",
        "2026-01-31T12:00:00+02:00",
        "2026-01-31 12:00:00 7200",
        "2026-01-31 12:00:00 Europe/Berlin",
        "2026-13-31 12:00:00",
        "0001-01-01 00:30:00 3600",  # in UTC that was the year before the first
        "0001-01-01 00:30:00 -3600",
        "9999-12-31 23:30:00 3600",
        "9999-12-31 23:30:00 -3600",  # in UTC that is after the last
        "9999-12-31T23:30:00-01:00",
    ],
)
def test_a_time_is_refused_if_nbgrader_would_stop_at_it(tmp_path, time):
    place = folder(tmp_path)
    (place / "timestamp.txt").write_text(f"{time}\n")
    try:
        parse_utc(time)
    except (ValueError, OverflowError):
        with pytest.raises(RefusedError, match="holds no time"):
            inspect(place, place / "forward_process.ipynb")
    else:
        inspect(place, place / "forward_process.ipynb")


def test_a_notebook_of_many_values_is_taken_and_of_a_million_refused(tmp_path):
    place = folder(tmp_path, "many", changed(metadata={"a": [0] * 190_000}))
    inspect(place, place / "forward_process.ipynb")
    place = folder(tmp_path, notebook=changed(metadata={"a": [0] * 300_000}))
    with pytest.raises(RefusedError, match="values"):
        inspect(place, place / "forward_process.ipynb")


def test_what_nbgrader_leaves_behind_is_not_taken(tmp_path):
    place = folder(tmp_path)
    for name in ("__pycache__/a.txt", "feedback/a.txt", "x.pyc", "kept/a.txt"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).touch()
    assert list(beside(place)) == ["kept/a.txt"]
