"""Processor time of entering a judged submission into the gradebook, beside others there, and of taking one in.

Run: python benchmarks/entry.py [--copies 10] [--others 30 1000]
"""

import argparse
import logging
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

from nbgrader.api import Gradebook

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.grading import made_class  # noqa: E402
from grader.config import load_config  # noqa: E402
from grader.demo.classroom import FIRST as LESSON  # noqa: E402
from grader.entry import enter  # noqa: E402
from grader.executors import job_of  # noqa: E402
from grader.intake import Submission, submissions  # noqa: E402
from grader.run import grade_class, ready_gradebook  # noqa: E402
from grader.warm import one_transaction, warm  # noqa: E402


def main() -> None:
    """Judge a class once, and enter it into gradebooks of several sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=10, help="of each of three styles")
    parser.add_argument("--others", type=int, nargs="*", default=[30, 1000])
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")  # of nbgrader's libraries
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        made_class(root, options.copies)
        shutil.copy(root / "gradebook.db", root / "empty.db")
        grade_class(root, LESSON, feedback=False)
        for number in options.others:
            shutil.copy(root / "empty.db", root / "gradebook.db")
            show(root, number)


def show(root: Path, others: int) -> None:
    """Median and least milliseconds of each part."""
    config = load_config(root, CourseDirectory={"root": str(root), "assignment_id": LESSON})
    url, (first, *found) = f"sqlite:///{root}/gradebook.db", submissions(root, LESSON)
    ready_gradebook(url, LESSON)
    with warm():
        with one_transaction(), Gradebook(url) as gradebook:
            for number in range(others):
                gradebook.update_or_create_student(f"other_{number}")
                gradebook.add_submission(LESSON, f"other_{number}")
        parts: dict[str, Callable[[Submission], object]] = {
            "entered first": lambda s: enter(root, config, LESSON, s, False),
            "entered again": lambda s: enter(root, config, LESSON, s, False),
            "taken in": lambda s: job_of(root, LESSON, s, config),
        }
        print(f"beside {others}:", end="")
        for name, work in parts.items():
            work(first)  # what is made once per run is made
            spent = list(_milliseconds(work, found))
            print(f"  {name} {statistics.median(spent):.1f} ms (least {min(spent):.1f})", end="")
        print()


def _milliseconds(work: Callable[[Submission], object], found: Iterable[Submission]) -> Iterable[float]:
    for s in found:
        started = time.process_time()
        work(s)
        yield 1000 * (time.process_time() - started)


if __name__ == "__main__":
    main()
