"""A run that is killed at any moment is finished by the next one, and nobody can tell the difference."""

import random
import time
from pathlib import Path

import pytest

from tests.killed_runs import classroom, grade, left
from tests.sandbox_helpers import needs_bubblewrap

NAMES = ["perfect", "blank", "wrong_q_sample_6", "broken_json"]
pytestmark = [needs_bubblewrap, pytest.mark.filterwarnings("ignore")]  # of nbgrader's libraries


def test_a_run_that_was_killed_thrice_ends_like_one_that_was_not(tmp_path: Path) -> None:
    for name in ("calm", "killed"):
        classroom(tmp_path / name, NAMES)
    started = time.monotonic()
    assert grade(tmp_path / "calm")
    seconds = time.monotonic() - started
    draw, kills = random.Random(7), 0
    for part in (0.5, 0.75, 0.95):  # start-up, judging, the gradebook
        kills += not grade(tmp_path / "killed", seconds * part * draw.uniform(0.9, 1.0))
    assert kills > 0
    assert grade(tmp_path / "killed")
    assert left(tmp_path / "killed") == left(tmp_path / "calm")
    assert len(left(tmp_path / "calm")) == 1 + 3 + 3  # the CSV file, three records, three students with grades
