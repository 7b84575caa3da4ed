"""A class of a thousand: does the rate stay, does memory grow, and what does a submission need while it is judged?

Memory of the grader and of a worker is all that each has in use, the libraries included that they share; of the kernels
that run at a moment, what each has for itself alone, without the libraries that they share with the sandbox.

    python benchmarks/large_class.py [--submissions 1000] [--workers 2]
"""

import argparse
import logging
import math
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.grading import RIGHT, made_class  # noqa: E402
from grader.demo.classroom import FIRST as LESSON  # noqa: E402
from grader.meter import Meter  # noqa: E402
from grader.run import grade_class  # noqa: E402

MIB = 2**20


class Watch(Meter):
    """Notes the time and the memory of this process after every part of the class."""

    def __init__(self, part: int) -> None:
        self.part, self.done, self.started = part, 0, time.perf_counter()
        self.last = self.started

    def step(self) -> None:
        self.done += 1
        if self.done % self.part == 0:
            now = time.perf_counter()
            mine = f"{_in_use(psutil.Process()):12.1f}{_largest_worker():12.1f}"
            print(f"{self.done:6}{(now - self.last) / self.part:10.3f}{mine}{_in_flight():12.0f}", flush=True)
            self.last = now


def _in_use(process: psutil.Process) -> float:
    return float(process.memory_info().rss / MIB)


def _largest_worker() -> float:
    """MiB.  Workers are forks of this process, so they have its command line."""
    mine = _command(psutil.Process())
    return max((_in_use(p) for p in psutil.Process().children() if _command(p) == mine), default=0.0)


def _in_flight() -> float:
    """MiB of the kernels that run now, each counted without what it shares."""
    found = [p for p in psutil.Process().children(recursive=True) if "sandbox.inside" in " ".join(_command(p))]
    return sum(_private(p) for p in found) / MIB


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _private(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().uss)
    except (psutil.Error, OSError):
        return 0.0


def main() -> None:
    """Grade and print a line for every tenth of the class."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        n = made_class(Path(folder), math.ceil(options.submissions / len(RIGHT)))
        print(f"{n} submissions, {options.workers} workers")
        print(f"{'done':>6}{'s each':>10}{'grader MiB':>12}{'worker MiB':>12}{'kernels MiB':>12}")
        started = time.perf_counter()
        rows = grade_class(Path(folder), LESSON, workers=options.workers, feedback=False, meter=Watch(n // 10))
        seconds = time.perf_counter() - started
    full = sum(row.points == row.of - row.waits for row in rows)  # what waits is a person's to give
    print(f"{seconds:.0f} s, {seconds / n:.3f} s each, {full} of {n} with full marks")


if __name__ == "__main__":
    main()
