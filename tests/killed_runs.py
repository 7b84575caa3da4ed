"""Grading a class in a process of its own that may be killed, and all that it leaves, to be compared bit for bit."""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook

from grader.demo.classroom import course, hand_in, students
from grader.demo.student import Student
from grader.records import Records
from grader.run import prepare
from tests.attacks import secrets
from tests.attacks.arena import ROOT
from tests.attacks.attack import LESSON


def classroom(folder: Path, wanted: Sequence[str | Student]) -> None:
    """A course with these students, or students of the made-up class by name, and always the same key."""
    course(ROOT, folder, LESSON)
    known = {s.name: s for s in students(folder, LESSON)}
    hand_in(folder, LESSON, [s if isinstance(s, Student) else known[s] for s in wanted])
    prepare(folder, LESSON)
    secrets.plant(folder)


def grade(folder: Path, seconds: float | None = None) -> bool:
    """`grader grade`.  After these seconds it is killed with its workers; returns whether it came to its end."""
    command = [sys.executable, "-m", "grader.cli", "grade", LESSON, "--root", str(folder), "--no-feedback"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, start_new_session=True) as running:
        try:
            _, said = running.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            return False
    if running.returncode != 0:
        raise RuntimeError(said.decode()[-2000:])
    return True


def left(folder: Path) -> dict[str, Any]:
    """The grades in the gradebook, the records without their seconds, and the CSV file."""
    found: dict[str, Any] = {"csv": (folder / f"grades-{LESSON}.csv").read_bytes()}
    records = Records(folder)
    for path in sorted(records.folder.glob("*.json")):
        record = records.get(path.stem)
        found[path.stem.split("-")[0]] = record and dataclasses.replace(record, seconds=0.0)
    with contextlib.closing(Gradebook(f"sqlite:///{folder}/gradebook.db")) as gradebook:
        for submission in gradebook.find_assignment(LESSON).submissions:
            grades = [g for notebook in submission.notebooks for g in notebook.grades]
            scores = sorted((g.name, g.auto_score, g.manual_score, g.needs_manual_grade) for g in grades)
            found[f"grades of {submission.student.id}"] = scores
    return found
