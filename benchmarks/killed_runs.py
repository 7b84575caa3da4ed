"""Kill `grader grade` at random moments, run it again each time, and compare what is left with an undisturbed run.

The class is the demo's students with mistakes, as often as needed.

    python benchmarks/killed_runs.py [--kills 50] [--submissions 200]
"""

import argparse
import math
import random
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from grader.demo.classroom import course, students  # noqa: E402
from grader.demo.student import copies  # noqa: E402
from tests.attacks.attack import LESSON  # noqa: E402
from tests.killed_runs import classroom, grade, left  # noqa: E402


def main() -> int:
    """Returns 0 if there is no difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--submissions", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="killed-") as temporary:
        folder = Path(temporary)
        course(ROOT, folder, LESSON)
        wrong = [s for s in students(folder, LESSON) if s.name.startswith("wrong_")]
        number = math.ceil(options.submissions / len(wrong))
        everyone = [one for s in wrong for one in copies(s, number)][: options.submissions]
        for name in ("calm", "killed"):
            classroom(folder / name, everyone)
        started = time.monotonic()
        grade(folder / "calm")
        seconds = time.monotonic() - started
        draw, kills, finished = random.Random(0), 0, 0
        while kills < options.kills:
            # An eighth of the whole, so that kills fall while the class is judged and not all after it.
            whole = grade(folder / "killed", draw.uniform(0, seconds / 8))
            kills, finished = kills + (not whole), finished + whole
            print(f"\r{kills} kills", end="", flush=True)
        grade(folder / "killed")
        same = left(folder / "killed") == left(folder / "calm")
    done = f"{len(everyone)} submissions, {seconds:.0f} s undisturbed"
    print(f"\r{done}; {kills} kills, {finished} runs that came to their end before: ", end="")
    print("equal bit for bit" if same else "NOT EQUAL")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
