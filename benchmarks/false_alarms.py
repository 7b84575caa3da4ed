"""How often a right answer would be refused: right answers in other styles and by other roads, on many draws.

Each is compared with the reference at the tolerance, a tenth and a hundredth of it: rounding that never comes near a
hundredth does not reach the whole by chance.

    python benchmarks/false_alarms.py [--seeds 60] [--only WORD]
"""

import argparse
import math
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from grader import compare  # noqa: E402
from grader.answer import Answer, ask_here  # noqa: E402
from grader.exercise import Case, Exercise  # noqa: E402
from grader.exercises import EXERCISES  # noqa: E402
from grader.verdict import expected_answer, finding_in  # noqa: E402
from tests import styles  # noqa: E402
from tests.roads import roads  # noqa: E402
from tests.test_other_styles import AXES, DRAWS  # noqa: E402

PARTS = (1, 10, 100)  # of the tolerance
FIRST_SEED = 10_000  # none that the tests use
Function = Callable[..., Any]


def main() -> None:
    """Ask, count, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--only", default="", help="exercises whose name holds this")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    by_road: dict[str, list[Function]] = {}
    for name, road in roads():
        by_road.setdefault(name, []).append(road)
    asked, refused = Counter[str](), Counter[tuple[str, int]]()
    for name in (n for n in EXERCISES if options.only in n):
        for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
            for way, part in trials(EXERCISES[name], seed, by_road.get(name, [])):
                asked[way] += 1
                refused.update((way, p) for p in PARTS if p >= part)
                if part == 1:
                    print(f"refused: {name}, {way}, seed {seed}")
    show(asked, refused)


def trials(e: Exercise, seed: int, by_road: list[Function]) -> Iterator[tuple[str, float]]:
    """For each answer the way it was made and the largest part of the tolerance that refuses it; inf if none does."""
    for case in e.cases(seed):
        expected = expected_answer(e, case)
        for way, function in ways(e, case, expected, by_road):
            answer = ask_here(function, case)
            yield way, next((p for p in PARTS if not accepted(case, expected, answer, p)), math.inf)


def ways(e: Exercise, case: Case, expected: Answer, by_road: list[Function]) -> Iterator[tuple[str, Function]]:
    """Right answers to one case."""
    if e.name not in DRAWS:
        cast = styles.back_in(expected.value) if case.strict_dtype else styles.in_float64
        yield "in float64", cast(e.reference)
    yield "operations rewritten", styles.rewritten(e.reference, styles.Rewrite)
    yield "einsum and matmul", styles.rewritten(e.reference, styles.Einsum)
    if e.name in AXES:
        yield "one at a time", styles.one_at_a_time(e.reference, AXES[e.name])
    for road in by_road:
        yield "another road", road


def accepted(case: Case, expected: Answer, answer: Answer, part: int) -> bool:
    """Whether the answer is within 1/part of the tolerance."""
    tight = {dtype: tolerance / part for dtype, tolerance in compare.TOLERANCE.items()}
    with patch.object(compare, "TOLERANCE", tight):
        return finding_in(case, expected, answer) is None


def show(asked: Counter[str], refused: Counter[tuple[str, int]]) -> None:
    """One line per way, and what follows for the chance of a false alarm if there was none."""
    print(f"{'':24}{'answers':>10}{'refused':>10}{'at 1/10':>10}{'at 1/100':>10}")
    for way, n in asked.items():
        print(f"{way:24}{n:10}" + "".join(f"{refused[way, p]:10}" for p in PARTS))
    n, alarms, near = asked.total(), *(sum(refused[way, p] for way in asked) for p in PARTS[:2])
    print(f"{'all':24}{n:10}{alarms:10}{near:10}")
    if not alarms:
        print(f"no false alarm: their chance is below {-math.log(0.05) / n:.1e} (95 %)")


if __name__ == "__main__":
    main()
