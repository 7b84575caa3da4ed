"""How strong the checks are: wrong copies of every reference, and how many of them the graded cases refuse.

`python benchmarks/mutation_score.py` prints one line per exercise and one per lesson.  A mutant counts as refused if
it loses points on each of three draws.
"""

import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from grader.exercise import Exercise  # noqa: E402
from grader.exercises import LESSONS  # noqa: E402
from tests.equivalents import EQUIVALENT  # noqa: E402
from tests.mutant_trial import asked, passes  # noqa: E402

SEEDS = range(3)
LINE = "{:<48}{:>8}{:>9}{:>12}{:>15}"


def score(e: Exercise) -> tuple[int, int, int, int]:
    """Mutants that differ from the reference, those refused, equivalent ones, named misconceptions."""
    tried = asked(e)
    refused = sum(not any(passes(e, m.function, seed) for seed in SEEDS) for m in tried)
    return len(tried), refused, len(EQUIVALENT.get(e.name, {})), len(e.misconceptions)


def main() -> int:
    """Print the table.  Returns 0 if every mutant was refused."""
    warnings.simplefilter("ignore")  # mutants divide by zero
    print(LINE.format("exercise", "mutants", "refused", "equivalent", "misconceptions"))
    everything = []
    for lesson, exercises in LESSONS.items():
        scores = [score(e) for e in exercises]
        for e, numbers in zip(exercises, scores, strict=True):
            print(LINE.format(f"  {e.name}", *numbers))
        print(LINE.format(lesson, *(sum(column) for column in zip(*scores, strict=True))))
        everything += scores
    mutants, refused, *_ = totals = [sum(column) for column in zip(*everything, strict=True)]
    print(LINE.format("all", *totals))
    return 0 if mutants == refused else 1


if __name__ == "__main__":
    sys.exit(main())
