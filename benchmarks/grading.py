"""Grading with the judge beside plain `nbgrader autograde`, on the same notebooks, in one run.

Both grade the same submissions to lesson 02 (right answers in three styles, copied under several names), with feedback
left out.  Plain nbgrader executes each notebook in a kernel of its own, without a sandbox; its test cells run the
visible check there.  The judge runs the cells in the sandbox and asks on fresh inputs.

    python benchmarks/grading.py [--copies 3] [--workers 2]
"""

import argparse
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from grader.demo.classroom import FIRST as LESSON  # noqa: E402
from grader.demo.classroom import course, hand_in, students  # noqa: E402
from grader.run import grade_class, prepare  # noqa: E402

STOCK = """
c = get_config()
c.CourseDirectory.course_id = "diffkit"
c.CourseDirectory.source_directory, c.CourseDirectory.release_directory = "solutions", "notebooks"
"""


def main() -> None:
    """Grade the same class twice and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as stock:
        n = _class(Path(ours), options.copies)
        _class(Path(stock), options.copies)
        prepare(Path(ours), LESSON)
        prepare(Path(stock), LESSON)
        Path(stock, "nbgrader_config.py").write_text(STOCK)
        judged = _measure(lambda: grade_class(Path(ours), LESSON, workers=options.workers, feedback=False))
        plain = _measure(lambda: _plain(Path(stock)))
    print(f"{n} submissions, seconds per submission, {os.cpu_count()} cores")
    print(f"{'':24}{'wall':>8}{'CPU':>8}")
    for name, (wall, cpu) in {"plain nbgrader autograde": plain, "judge and gradebook": judged}.items():
        print(f"{name:24}{wall / n:8.2f}{cpu / n:8.2f}")
    print(f"{'ratio':24}{plain[0] / judged[0]:8.2f}{plain[1] / judged[1]:8.2f}")


def _class(folder: Path, copies: int) -> int:
    course(ROOT, folder, LESSON)
    right = [
        s for s in students(folder, LESSON) if s.name in ("perfect", "perfect_with_loops", "perfect_other_formulas")
    ]
    everyone = [replace(s, name=f"{s.name}_{i}") for s in right for i in range(copies)]
    hand_in(folder, LESSON, everyone)
    return len(everyone)


def _plain(folder: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "DIFFKIT_DATA": str(ROOT / "data"),
    }
    command = [sys.executable, "-m", "nbgrader", "autograde", LESSON]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])


def _measure(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds, children included."""
    before, started = _cpu(), time.perf_counter()
    work()
    return time.perf_counter() - started, _cpu() - before


def _cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usages)


if __name__ == "__main__":
    main()
