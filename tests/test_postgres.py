"""The gradebook may live in PostgreSQL: a real server, started here from Debian's package."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from grader.run import grade_class, prepare
from tests.attacks.attack import LESSON
from tests.killed_runs import classroom
from tests.sandbox_helpers import needs_bubblewrap

pytest.importorskip("psycopg", reason="psycopg is not installed: pip install -e '.[cluster]'")
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
pytestmark = [
    needs_bubblewrap,
    pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed"),
    pytest.mark.filterwarnings("ignore"),  # of nbgrader's libraries
]
NAMES = ["perfect", "blank", "wrong_q_sample_6"]


def as_nobody_special() -> dict[str, str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("running as root, and there is no user postgres")
    return {"user": "postgres"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    who = as_nobody_special()
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short
    if who:
        shutil.chown(folder, "postgres")
    programs, data = PROGRAMS[-1].parent, folder / "data"

    def run(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True, cwd=folder, timeout=60, **who)  # type: ignore[call-overload]

    try:
        run(str(programs / "initdb"), "-D", str(data), "-U", "teacher", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"-c listen_addresses='' -k {folder} -F"
        run(str(programs / "pg_ctl"), "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
        yield f"postgresql+psycopg://teacher@/postgres?host={folder}"
        run(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scores(url: str) -> dict[str, list[tuple[str, float | None, bool]]]:
    with Gradebook(url) as gradebook:
        return {
            s.student.id: sorted((g.name, g.auto_score, g.needs_manual_grade) for n in s.notebooks for g in n.grades)
            for s in gradebook.find_assignment(LESSON).submissions
        }


def test_a_class_graded_into_postgresql_has_the_same_gradebook(url: str, tmp_path: Path) -> None:
    for name in ("sqlite", "postgres"):
        classroom(tmp_path / name, NAMES)
    with (tmp_path / "postgres" / "nbgrader_config.py").open("a") as config:
        config.write(f"\nc.CourseDirectory.db_url = {url!r}\n")
    (tmp_path / "postgres" / "gradebook.db").unlink()
    prepare(tmp_path / "postgres", LESSON)
    rows = {name: grade_class(tmp_path / name, LESSON, workers=1, feedback=False) for name in ("sqlite", "postgres")}
    assert [(r.student, r.points) for r in rows["postgres"]] == [(r.student, r.points) for r in rows["sqlite"]]
    assert not (tmp_path / "postgres" / "gradebook.db").exists()
    assert scores(url) == scores(f"sqlite:///{tmp_path / 'sqlite' / 'gradebook.db'}")
    assert len(scores(url)) == len(NAMES)
    again = grade_class(tmp_path / "postgres", LESSON, workers=1, feedback=False)
    assert [(r.student, r.points) for r in again] == [(r.student, r.points) for r in rows["postgres"]]
