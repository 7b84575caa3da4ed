"""The lessons in numbers, and how long each runs: the table of docs/lessons.md.

    python benchmarks/lesson_table.py [--no-run]

Seconds are those of nbconvert from the start of a kernel to its end, for the solved notebook and the blank one.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from diffkit.equations import EQUATIONS  # noqa: E402
from grader.exercises import LESSONS  # noqa: E402

HEADS = ["lesson", "exercises", "points", "equations", "errata", "misconceptions", "solved, s", "blank, s"]


def counts(lesson: str) -> list[str]:
    """Exercises, their points, numbered equations, refuted ones, named misconceptions."""
    number = str(int(lesson[:2]))
    own = [e for tag, e in EQUATIONS.items() if tag.split(".")[0] == number]
    exercises = LESSONS[lesson]
    wrong = sum(bool(e.erratum) for e in own)
    return [
        str(len(exercises)),
        f"{sum(e.points for e in exercises):g}",
        str(len(own) - wrong),
        str(wrong),
        str(sum(len(e.misconceptions) for e in exercises)),
    ]


def seconds(lesson: str, part: str) -> str:
    """How long the built notebook runs, from top to bottom."""
    notebook = ROOT / part / lesson / f"{lesson[3:]}.ipynb"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", str(notebook)]
        start = time.monotonic()
        environment = {**os.environ, "DIFFKIT_PROGRESS": f"{folder}/progress.json"}  # nobody's progress
        subprocess.run([*command, "--output-dir", folder], check=True, capture_output=True, env=environment)
        return f"{time.monotonic() - start:.0f}"


def row(cells: list[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-run", action="store_true", help="only count")
    options = parser.parse_args()
    heads = HEADS[:-2] if options.no_run else HEADS
    print(row(heads))
    print(row(["---"] * len(heads)))
    for lesson in LESSONS:
        times = [] if options.no_run else [seconds(lesson, part) for part in ("solutions", "notebooks")]
        print(row([lesson, *counts(lesson), *times]))


if __name__ == "__main__":
    main()
