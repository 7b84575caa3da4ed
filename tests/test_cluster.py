"""Judging on a cluster gives what judging here gives, also when a worker dies in the middle."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.cluster import on_cluster
from grader.config import load_config
from grader.errors import GradingError
from grader.executors import in_processes, job_of
from grader.intake import submissions
from grader.records import course_secret
from grader.run import grade_class
from tests.attacks.attack import LESSON
from tests.house_files import ROOT
from tests.killed_runs import classroom, left
from tests.sandbox_helpers import needs_bubblewrap

pytest.importorskip("distributed", reason="Dask is not installed: pip install -e '.[cluster]'")
pytestmark = [needs_bubblewrap, pytest.mark.filterwarnings("ignore")]
NAMES = ["perfect", "blank", "wrong_q_sample_6", "exits", "broken_json"]

# A scheduler and two worker processes of their own; on a line from us, the first worker that is at work is killed.
CLUSTER = """
import os, signal, sys, time
from distributed import Client, LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        print(cluster.scheduler_address.removeprefix("tcp://"), flush=True)
        sys.stdin.readline()
        with Client(cluster, set_as_default=False) as client:
            pids, busy = client.run(os.getpid), []
            while not busy:
                busy = [worker for worker, work in client.processing().items() if work]
                time.sleep(0.01)
        os.kill(pids[busy[0]], signal.SIGKILL)
        print("killed", flush=True)
        sys.stdin.read()
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator["subprocess.Popen[str]"]:
    folder = tmp_path_factory.mktemp("cluster")
    script = folder / "cluster.py"
    script.write_text(CLUSTER)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, str(script)], cwd=folder, env=environment, stdin=pipe, stdout=pipe, stderr=log, text=True
        ) as running,
    ):
        try:
            yield running
        finally:
            assert running.stdin is not None
            running.stdin.close()


def read_line(cluster: "subprocess.Popen[str]") -> str:
    assert cluster.stdout is not None
    return cluster.stdout.readline().strip()


def test_the_cluster_gives_the_same_grades_though_a_worker_dies(
    cluster: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    address = read_line(cluster)
    for name in ("here", "there"):
        classroom(tmp_path / name, NAMES)
        (tmp_path / name / f"grades-{LESSON}.csv").touch()
    here = grade_class(tmp_path / "here", LESSON, workers=1, feedback=False)
    assert cluster.stdin is not None
    cluster.stdin.write("kill one\n")
    cluster.stdin.flush()
    there = grade_class(tmp_path / "there", LESSON, executor=f"dask://{address}", feedback=False)
    assert read_line(cluster) == "killed"
    assert [(r.student, r.points) for r in there] == [(r.student, r.points) for r in here]
    assert left(tmp_path / "there") == left(tmp_path / "here")


def test_no_scheduler_and_no_such_executor_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classroom(tmp_path, ["perfect"])
    monkeypatch.setattr("grader.cluster.START_SECONDS", 1)
    with pytest.raises(GradingError, match="dask scheduler"):
        grade_class(tmp_path, LESSON, executor="dask://127.0.0.1:9")
    for wrong in ("dask", "dask://", "slurm://x"):
        with pytest.raises(GradingError, match="dask://host:port"):
            grade_class(tmp_path, LESSON, executor=wrong)


def test_what_is_judged_already_needs_no_cluster(tmp_path: Path) -> None:
    classroom(tmp_path, ["blank"])
    place: dict[str, object] = {"root": str(tmp_path), "assignment_id": LESSON}
    config = load_config(tmp_path, CourseDirectory=place, Judge={"sandbox_mode": "bwrap"})
    found = submissions(tmp_path, LESSON)
    assert [j.problem for j in in_processes(tmp_path, LESSON, found, config, workers=1)] == [""]
    assert [j.submission.student for j in on_cluster(tmp_path, LESSON, found, config, "127.0.0.1:9")] == ["blank"]


def test_a_job_holds_no_secret_of_the_course(tmp_path: Path) -> None:
    classroom(tmp_path, ["blank", "perfect"])
    place: dict[str, object] = {"root": str(tmp_path), "assignment_id": LESSON}
    config = load_config(tmp_path, CourseDirectory=place)
    jobs = [job_of(tmp_path, LESSON, s, config) for s in submissions(tmp_path, LESSON)]
    assert jobs[0].key != jobs[1].key  # each draws the inputs of one submission
    for job in jobs:
        written = repr(job)
        assert course_secret(tmp_path).hex() not in written
        assert repr(course_secret(tmp_path)) not in written
        assert str(tmp_path) not in written
