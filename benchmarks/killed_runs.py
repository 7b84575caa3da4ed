"""Kill `grader grade` at random moments, run it again each time, and compare what is left with an undisturbed run.

python benchmarks/killed_runs.py [--kills 50] [--only NAME]
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from grader.demo.classroom import course, students  # noqa: E402
from tests.attacks.attack import LESSON  # noqa: E402
from tests.killed_runs import classroom, grade, left  # noqa: E402


def main() -> int:
    """Returns 0 if there is no difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--only", default="wrong_", help="students with this in their name")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="killed-") as temporary:
        folder = Path(temporary)
        course(ROOT, folder, LESSON)
        names = [s.name for s in students(folder, LESSON) if options.only in s.name]
        for name in ("calm", "killed"):
            classroom(folder / name, names)
        started = time.monotonic()
        grade(folder / "calm")
        seconds = time.monotonic() - started
        draw, kills, finished = random.Random(0), 0, 0
        while kills < options.kills:
            done = grade(folder / "killed", draw.uniform(0, seconds))
            kills, finished = kills + (not done), finished + done
        grade(folder / "killed")
        same = left(folder / "killed") == left(folder / "calm")
    print(f"{len(names)} submissions, {kills} kills, {finished} runs that came to their end before: ", end="")
    print("equal bit for bit" if same else "NOT EQUAL")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
