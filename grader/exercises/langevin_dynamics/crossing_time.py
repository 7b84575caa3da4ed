"""How long it takes to cross a valley of the density: `crossing_time`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.langevin_dynamics.common import WITHHOLDS, criteria


def crossing_time(log_p: Tensor, x: Tensor, start: int, goal: int) -> Tensor:
    """Equation (7.12) by the trapezoidal rule; the normaliser of p cancels."""
    p = torch.exp(log_p - log_p.max())
    return torch.trapezoid((_below(p, x) / p)[start : goal + 1], x[start : goal + 1])


def _below(p: Tensor, x: Tensor) -> Tensor:
    """Mass of p below each point of x."""
    return torch.cat([torch.zeros_like(p[:1]), torch.cumulative_trapezoid(p, x)])


def _p(log_p: Tensor) -> Tensor:
    return torch.exp(log_p - log_p.max())


def _outer(inside: Tensor, x: Tensor, start: int, goal: int) -> Tensor:
    return torch.trapezoid(inside[start : goal + 1], x[start : goal + 1])


def _rectangles(log_p: Tensor, x: Tensor, start: int, goal: int) -> Tensor:
    p, width = _p(log_p), x.diff()
    below = torch.cat([torch.zeros_like(p[:1]), torch.cumsum(p[:-1] * width, 0)])
    return ((below / p)[start:goal] * width[start:goal]).sum()


def _draw_crossing(d: Draw) -> Iterator[Case]:
    gap, w = d.uniform(1.0, 1.4), d.uniform(0.3, 0.7)
    inner = torch.rand(58, generator=d.generator, dtype=torch.float64)
    x = torch.cat([torch.tensor([-4.0, 4.0]).double(), 8 * inner - 4]).sort().values  # no even spacing
    near = -0.5 * (x + gap) ** 2 / 0.25, -0.5 * (x - gap) ** 2 / 0.3
    log_p = torch.logsumexp(torch.stack([near[0] + torch.tensor(w).log(), near[1] + torch.tensor(1 - w).log()]), 0)
    start, goal = d.integer(17, 21), d.integer(40, 44)
    yield Case("over the valley", (log_p, x, start, goal))
    yield Case("another normaliser", (log_p + d.uniform(1, 2), x, start + 1, goal - 2))
    yield Case("neighbours", (log_p, x, start, start + 1), "edges")
    yield Case("from one end to the other", (log_p, x, 0, len(x) - 1), "edges")
    yield Case("log densities of -2000", (log_p - 2000, x, start, goal), "edges")
    yield Case("called twice", (log_p, x, start, goal), "edges", "twice")


EXERCISE = Exercise(
    name="langevin.crossing_time",
    prompt="How long does it take on average from x[start] to x[goal] for the first time?",
    signature="crossing_time(log_p (n,), x (n,) rising, start int, goal int) -> number",
    reference=crossing_time,
    draw=_draw_crossing,
    criteria=criteria(3, 2, at="neighbours, the whole line, densities that underflow, inputs untouched"),
    equation="7.12",
    difficulty=4,
    minutes=20,
    level="stretch",
    hints=(
        "Two integrals, one inside the other. The inner one is a running integral over the whole left side; the outer one "
        "runs only from start to goal.",
        "below = running trapezoidal integral of p from x[0]; then the trapezoidal integral of below/p over "
        "x[start:goal+1]. Subtract log_p.max() first: a constant factor of p cancels, and nothing is rounded to 0.",
        "p = torch.exp(log_p - log_p.max()); below = torch.cat([p.new_zeros(1), torch.cumulative_trapezoid(p, x)]); "
        "return torch.trapezoid((below / p)[start : goal + 1], x[start : goal + 1])",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "inner integral from the start",
            lambda log_p, x, i, j: _outer((_below(_p(log_p), x) - _below(_p(log_p), x)[i]) / _p(log_p), x, i, j),
            "the inner integral begins at x[start]. A particle may also go astray to the left; it begins at the far left.",
        ),
        Misconception(
            "mass above",
            lambda log_p, x, i, j: _outer((_below(_p(log_p), x)[-1] - _below(_p(log_p), x)) / _p(log_p), x, i, j),
            "the inner integral covers the mass above y. On the way up from a to b what holds a particle back lies below.",
        ),
        Misconception(
            "not divided by p",
            lambda log_p, x, i, j: _outer(_below(_p(log_p), x), x, i, j),
            "1/p(y) is missing in the outer integral. It is what makes a valley, where p is small, so slow to cross.",
        ),
        Misconception(
            "p and 1/p exchanged",
            lambda log_p, x, i, j: _outer(_p(log_p) * _below(1 / _p(log_p), x), x, i, j),
            "p and 1/p have changed places: p is integrated inside, 1/p outside.",
        ),
        Misconception(
            "two separate integrals",
            lambda log_p, x, i, j: _outer(1 / _p(log_p), x, i, j) * torch.trapezoid(_p(log_p), x),
            "this multiplies two integrals. The inner one ends at y, so it changes along the outer one.",
        ),
        Misconception(
            "goal left out",
            lambda log_p, x, i, j: _outer(_below(_p(log_p), x) / _p(log_p), x, i, j - 1),
            "the outer integral stops one point before the goal: a slice start:goal does not hold goal itself.",
        ),
        Misconception(
            "even spacing assumed",
            lambda log_p, x, i, j: _outer(
                _below(_p(log_p), torch.linspace(float(x[0]), float(x[-1]), len(x), dtype=x.dtype)) / _p(log_p),
                torch.linspace(float(x[0]), float(x[-1]), len(x), dtype=x.dtype),
                i,
                j,
            ),
            "you use one spacing for all points. These points are not evenly spaced: hand x to the trapezoidal rule.",
        ),
        Misconception(
            "rectangles",
            _rectangles,
            "these are sums of rectangles. The trapezoidal rule is asked for: torch.trapezoid, torch.cumulative_trapezoid.",
        ),
        Misconception(
            "densities rounded to 0",
            lambda log_p, x, i, j: _outer(_below(torch.exp(log_p), x) / torch.exp(log_p), x, i, j),
            "right where the densities are ordinary numbers. exp(-2000) is rounded to 0, and 0/0 is nan. Subtract the "
            "largest log_p first: a constant factor cancels.",
        ),
    ),
)
