"""How the rate of grading grows with cores: the same class on one core with one worker, and on more with as many.

    python benchmarks/cores.py [--copies 40] [--cores 2]

Efficiency is the rate on n cores over n times the rate on one.  The sandbox starts once per run, on one core, so the
larger the class the less of that is in the figure; it is told apart by a run of a single submission.
"""

import argparse
import logging
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.grading import made_class  # noqa: E402
from benchmarks.stopwatch import Spent, spent_by  # noqa: E402
from grader.demo.classroom import FIRST as LESSON  # noqa: E402
from grader.intake import submissions  # noqa: E402
from grader.run import grade_class  # noqa: E402


def main() -> None:
    """Grade the same class on one core and on more, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=40, help="of each of three styles")
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    here = sorted(os.sched_getaffinity(0))
    if not 2 <= options.cores <= len(here):
        parser.error(f"--cores: two or more, and this process may use {len(here)}")
    logging.disable(logging.WARNING)
    table, single = {}, {}
    for cores in (1, options.cores):
        table[cores], n = graded(options.copies, here[:cores])
        single[cores], _ = graded(options.copies, here[:cores], only_one=True)
    print(f"{n} submissions; seconds on the clock")
    for cores, spent in table.items():
        each = (spent.wall - single[cores].wall) / (n - 1)
        print(
            f"{cores} cores: {spent.wall:7.1f} in all, {each:.3f} per submission more, {spent.cpu / n:.3f} of CPU each"
        )
    print(f"efficiency: {table[1].wall / table[options.cores].wall / options.cores:.2f} in all, ", end="")
    more = [(table[cores].wall - single[cores].wall) for cores in table]
    print(f"{more[0] / more[1] / options.cores:.2f} per submission more")


def graded(copies: int, cores: list[int], only_one: bool = False) -> tuple[Spent, int]:
    """Grade a fresh class, or one student of it, on these cores with as many workers."""
    with tempfile.TemporaryDirectory() as folder:
        n = made_class(Path(folder), copies)
        only = {submissions(Path(folder), LESSON)[0].student} if only_one else None

        def work() -> None:
            os.sched_setaffinity(0, cores)
            grade_class(Path(folder), LESSON, workers=len(cores), feedback=False, only=only)

        return spent_by(work), n


if __name__ == "__main__":
    main()
