"""The file of progress: damaged, cut off, written by two at once, it loses nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader import check, progress
from grader.learner import kept
from grader.learner.kept import Entry, TooNew, from_text, read, to_text, union, write
from grader.learner.place import VARIABLE
from tests.house_files import ROOT
from tests.progress_entries import SNR, STEP, passed

pytest_plugins = ["tests.progress_fixtures"]


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        "null",
        '{"diffkit progress": 1}',
        '{"diffkit progress": 1, "exercises": {"a": 3}}',
        '{"diffkit progress": 1, "exercises": {"a": {"points": 5, "of": 4, "when": "2026-01-01"}}}',
        '{"diffkit progress": 1, "exercises": {"a": {"points": NaN, "of": 4, "when": "2026-01-01"}}}',
        '{"diffkit progress": 1, "exercises": {"a": {"points": 0, "of": 0, "when": "2026-01-01"}}}',
        '{"diffkit progress": 1, "exercises": {"a": {"points": 1, "of": 1, "when": "yesterday"}}}',
        f'{{"diffkit progress": 1, "exercises": {{"a": {{"points": {10**400}, "of": 1, "when": "2026-01-01"}}}}}}',
        "\x00" * 300,
        "[" * 100_000,
    ],
    ids=lambda text: ascii(text[-70:]),
)
def test_a_damaged_file_is_set_aside_and_said(file, damage):
    file.parent.mkdir()
    file.write_text(damage, encoding="utf-8")
    outcome = check(STEP.name, STEP.reference)
    words = outcome._repr_mimebundle_()["text/markdown"]
    assert "was damaged" in words
    assert "progress.damaged-1.json" in words
    assert (file.parent / "progress.damaged-1.json").read_text(encoding="utf-8") == damage
    assert read(file)[STEP.name].passed


def test_looking_sets_a_damaged_file_aside_too_and_a_second_one_beside_it(file):
    file.parent.mkdir()
    for n in (1, 2):
        file.write_bytes(b"\xff\xfe rubbish")
        assert f"damaged-{n}.json" in str(progress())
        assert (file.parent / f"progress.damaged-{n}.json").exists()


def test_a_file_of_a_later_version_is_left_as_it_is(file):
    file.parent.mkdir()
    later = to_text(passed(SNR.name)).replace('progress": 1', 'progress": 2')
    file.write_text(later, encoding="utf-8")
    assert "update diffkit" in str(progress())
    assert "update diffkit" in check(STEP.name, STEP.reference).said
    assert file.read_text(encoding="utf-8") == later
    with pytest.raises(TooNew):
        progress.export(file.parent / "copy.json")


def test_a_place_that_cannot_be_written_spoils_no_check(tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("a file where a folder should be")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "taken" / "progress.json"))
    outcome = check(STEP.name, STEP.reference)
    assert outcome.points == STEP.points
    assert "could not be kept" in outcome.said
    assert "cannot be read: Not a directory" in str(progress())


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_while_writing_leaves_the_old_file(file, monkeypatch, step):
    file.parent.mkdir()
    write(file, passed(SNR.name))

    def crash(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(*((kept.os, "fsync") if step == "fsync" else (Path, "replace")), crash)
        with pytest.raises(KeyboardInterrupt):
            check(STEP.name, STEP.reference)
    assert read(file) == passed(SNR.name)
    assert sorted(p.name for p in file.parent.iterdir() if p.suffix != ".lock") == ["progress.json"]


WRITER = """
import sys
from pathlib import Path
from grader.learner.kept import Entry, change
file, who = Path(sys.argv[1]), sys.argv[2]
for n in range(int(sys.argv[3])):
    change(file, lambda mine: {**mine, f"{who}.{n}": Entry(1, 1, "2026-01-01")})
    print(n, flush=True)
"""


def writer(file, who, count):
    command = [sys.executable, "-c", WRITER, str(file), who, str(count)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


def test_a_writer_killed_at_any_moment_loses_nothing_that_it_had_kept(file):
    process = writer(file, "killed", 10**6)
    for _ in range(20):
        told = int(process.stdout.readline())
    time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    told = max([told, *map(int, process.stdout.read().split())])
    process.stdout.close()
    entries = read(file)
    assert told <= len(entries) - 1 <= told + 1
    assert check(STEP.name, STEP.reference).said == ""  # the lock of the dead one is no obstacle


def test_two_kernels_at_once_lose_nothing(file):
    both = [writer(file, who, 30) for who in ("one", "two")]
    assert [process.communicate(timeout=60)[0].count("\n") for process in both] == [30, 30]
    assert len(read(file)) == 60


ENTRIES = st.dictionaries(
    st.sampled_from("abc"),
    st.tuples(st.integers(0, 4), st.integers(4, 6), st.sampled_from(["2026-01-01", "2026-02-01"])).map(
        lambda e: Entry(*e)
    ),
)


@given(ENTRIES, ENTRIES, ENTRIES)
def test_merging_is_a_union_with_the_best_kept_in_any_order(a, b, c):
    assert union(a, b) == union(b, a)
    assert union(union(a, b), c) == union(a, union(b, c))
    assert union(a, a) == a
    merged = union(a, b)
    assert set(merged) == {*a, *b}
    for one in (a, b):
        assert all(merged[n].points / merged[n].of >= e.points / e.of for n, e in one.items())
    assert from_text(to_text(merged)) == merged
