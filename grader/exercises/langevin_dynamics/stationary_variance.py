"""Where the particles settle: `stationary_variance`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.langevin_dynamics.common import FLOWS, WITHHOLDS, criteria


def stationary_variance(v: Tensor, eta: float) -> Tensor:
    """Equation (7.6), and infinity where the step is too large to settle."""
    return torch.where(eta < 2 * v, v / (1 - eta / (2 * v)), torch.inf)


def _settles(v: Tensor, eta: float, value: Tensor) -> Tensor:
    return torch.where(eta < 2 * v, value, torch.inf)


def _draw_stationary(d: Draw) -> Iterator[Case]:
    v = torch.tensor([d.uniform(0.5, 3.0) for _ in range(5)], dtype=torch.float64)
    eta = d.uniform(0.3, 0.8)
    some = [d.uniform(0.05, 0.1), 0.2, 0.25, d.uniform(0.3, 0.45), d.uniform(0.55, 0.9), d.uniform(2.0, 4.0)]
    mixed = torch.tensor(some, dtype=torch.float64)
    yield Case("five directions", (v, eta))
    yield Case("a small step", (v, eta / 50))
    yield Case("some directions do not settle", (mixed, 0.5), "edges")
    yield Case("none settles", (v, 7.0), "edges")
    yield Case("one direction", (v[:1], eta), "edges")
    yield Case("gradient in v", (v, eta), "clean", "gradient", cotangent=d.randn(5, dtype=torch.float64))
    yield Case("called twice", (v, eta), "clean", "twice")


EXERCISE = Exercise(
    name="langevin.stationary_variance",
    prompt="At which variance do Langevin steps of size eta settle on N(m, v)?  inf where they do not settle.",
    signature="stationary_variance(v (D,) float64, eta float) -> (D,)",
    reference=stationary_variance,
    draw=_draw_stationary,
    criteria=criteria(2, 2, 1, at="steps of size 2v and more give inf", clean_text=FLOWS),
    equation="7.6",
    difficulty=2,
    minutes=10,
    hints=(
        "When the variance has settled, one more step does not change it: put v_next = v_now in the recursion and solve.",
        "V = (1 - eta/v)^2 V + 2 eta gives V = v/(1 - eta/(2v)). It settles only if |1 - eta/v| < 1, that is eta < 2v.",
        "return torch.where(eta < 2 * v, v / (1 - eta / (2 * v)), torch.inf)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "no bias",
            lambda v, eta: _settles(v, eta, v + 0 * eta),
            "this is the target's own variance. It is reached only as eta goes to 0; a finite step leaves a bias.",
        ),
        Misconception(
            "formula for v = 1",
            lambda v, eta: _settles(v, eta, v / (1 - eta / 2)),
            "the bias is v/(1 - eta/2) only for v = 1. What counts is the step compared with the variance, eta/v.",
        ),
        Misconception(
            "two forgotten",
            lambda v, eta: _settles(v, eta, v / (1 - eta / v)),
            "you have 1 - eta/v below the line. Solving the recursion leaves 1 - eta/(2v).",
        ),
        Misconception(
            "bias downwards",
            lambda v, eta: _settles(v, eta, v / (1 + eta / (2 * v))),
            "the sign below the line is turned: the particles settle too *wide*, not too narrow.",
        ),
        Misconception(
            "the other convention",
            lambda v, eta: _settles(v, eta, v / (1 - eta / (4 * v))),
            "this is the bias of a step with drift eta/2. Here the drift is eta.",
        ),
        Misconception(
            "negative variance",
            lambda v, eta: v / (1 - eta / (2 * v)),
            "the formula holds for eta < 2v. Beyond, every step overshoots by more than it corrects, the variance grows "
            "for ever, and the formula gives a negative number. Return inf there.",
        ),
        Misconception(
            "unstable from v on",
            lambda v, eta: torch.where(eta < v, v / (1 - eta / (2 * v)), torch.inf),
            "you give inf from eta = v on. Between v and 2v a step jumps over the mean but still comes nearer: it settles.",
        ),
        Misconception(
            "standard deviation",
            lambda v, eta: stationary_variance(v, eta).sqrt(),
            "this is the standard deviation. The variance is asked for.",
        ),
    ),
)
