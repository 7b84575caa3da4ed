"""Integration by parts on a grid, where it is plain algebra: `sum_by_parts`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.score_matching.common import WITHHOLDS, criteria

Three = tuple[Tensor, Tensor, Tensor]


def sum_by_parts(s: Tensor, p: Tensor) -> Three:
    """Equation (6.9) for tables: cross = boundary - moved, to the last digit."""
    return (s[:-1] * p.diff()).sum(), s[-1] * p[-1] - s[0] * p[0], (p[1:] * s.diff()).sum()


def _draw_parts(d: Draw) -> Iterator[Case]:
    def table(low: float, high: float, n: int) -> tuple[Tensor, Tensor]:
        x = torch.linspace(low, high, n, dtype=torch.float64)
        k, m, c = d.uniform(0.6, 1.4), d.uniform(0.2, 1.2), d.uniform(-0.4, 0.4)
        return torch.sin(k * x + m) + 0.7 * m, torch.exp(-((x - c) ** 2) / 2) / (2 * torch.pi) ** 0.5

    yield Case("a density cut off in the middle", table(-0.5, 0.9, d.integer(7, 12)))
    yield Case("a density that dies out at both ends", table(-6, 6, 61))
    yield Case("any two tables", (d.randn(9, dtype=torch.float64), d.randn(9, dtype=torch.float64)))
    yield Case("two points", table(0.1, 0.8, 2), "edges")
    yield Case("called twice", table(-1, 1, 6), "edges", "twice")


EXERCISE = Exercise(
    name="score.sum_by_parts",
    prompt="Integration by parts for tables: give the three sums of which the first is the second minus the third.",
    signature="sum_by_parts(s (N,), p (N,)) -> (cross, boundary, moved), three numbers",
    reference=sum_by_parts,
    draw=_draw_parts,
    criteria=criteria(2, 1, at="two points, input untouched"),
    equation="6.9",
    difficulty=2,
    minutes=10,
    level="proof",
    hints=(
        "Write the difference s[i+1] p[i+1] - s[i] p[i] and add and take away s[i] p[i+1]. Then sum over i.",
        "cross = sum of s[i] (p[i+1] - p[i]); moved = sum of p[i+1] (s[i+1] - s[i]); boundary = last product minus first.",
        "return (s[:-1] * p.diff()).sum(), s[-1] * p[-1] - s[0] * p[0], (p[1:] * s.diff()).sum()",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "boundary dropped",
            lambda s, p: (sum_by_parts(s, p)[0], torch.zeros_like(p[0]), sum_by_parts(s, p)[2]),
            "the boundary is set to 0. It may be dropped only where s p vanishes at both ends, and that has to be known.",
        ),
        Misconception(
            "boundary added",
            lambda s, p: (sum_by_parts(s, p)[0], s[-1] * p[-1] + s[0] * p[0], sum_by_parts(s, p)[2]),
            "in the boundary the product at the lower end is subtracted, not added.",
        ),
        Misconception(
            "moved with a minus",
            lambda s, p: (*sum_by_parts(s, p)[:2], -sum_by_parts(s, p)[2]),
            "moved already carries the minus sign. Return the sum itself: cross = boundary - moved.",
        ),
        Misconception(
            "both from the left",
            lambda s, p: (*sum_by_parts(s, p)[:2], (p[:-1] * s.diff()).sum()),
            "moved takes p at the left end of each interval, as cross takes s. Then the three do not add up: one of the "
            "two factors must stand at the right end, p[i+1].",
        ),
        Misconception(
            "both from the right",
            lambda s, p: ((s[1:] * p.diff()).sum(), *sum_by_parts(s, p)[1:]),
            "cross takes s at the right end of each interval. Take s[i]; the right end is needed for p in moved.",
        ),
        Misconception(
            "cross and moved exchanged",
            lambda s, p: ((p[1:] * s.diff()).sum(), s[-1] * p[-1] - s[0] * p[0], (s[:-1] * p.diff()).sum()),
            "cross and moved are exchanged: cross holds the differences of p, moved those of s.",
        ),
        Misconception(
            "backward differences",
            lambda s, p: ((s[1:] * -p.diff()).sum(), s[0] * p[0] - s[-1] * p[-1], (p[:-1] * -s.diff()).sum()),
            "the differences are taken backwards, p[i] - p[i+1]. Integrals go from the lower to the higher end.",
        ),
        Misconception(
            "last interval forgotten",
            lambda s, p: (
                (s[:-2] * p[:-1].diff()).sum(),
                s[-2] * p[-2] - s[0] * p[0],
                (p[1:-1] * s[:-1].diff()).sum(),
            ),
            "the last interval is missing: N values have N - 1 differences.",
        ),
    ),
)
