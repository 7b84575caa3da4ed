"""2,000 damaged notebooks through the gate: how many are refused, how many can be graded, and that none stops it.

python benchmarks/fuzz_notebooks.py [--count 2000]
"""

import argparse
import collections
import sys
import tempfile
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.attacks.attack import LESSON  # noqa: E402
from tests.damaged_notebooks import damaged  # noqa: E402
from tests.test_fuzz_notebooks import GOOD, fate  # noqa: E402


def main() -> None:
    """Print the fates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    count = parser.parse_args().count
    warnings.simplefilter("ignore")
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "submitted", "anna", LESSON)
        place.mkdir(parents=True)
        fates = collections.Counter(fate(place, data).split("(")[0] for data in damaged(GOOD, count, seed=1))
    for said, number in fates.most_common():
        print(f"{number:6}  {said or 'can be graded'}")
    print(f"{count} notebooks, {1000 * (time.process_time() - started) / count:.1f} ms of CPU each")


if __name__ == "__main__":
    main()
