"""From one convention to the other: `to_alpha`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.langevin_dynamics.common import WITHHOLDS, criteria

Three = tuple[Tensor, Tensor, Tensor]


def to_alpha(eta: Tensor) -> Three:
    """Equation (7.7)."""
    alpha = 2 * eta
    return alpha, alpha / 2, alpha.sqrt()


def _draw_alpha(d: Draw) -> Iterator[Case]:
    def etas(n: int) -> Tensor:
        return torch.tensor([d.uniform(0.02, 0.9) for _ in range(n)], dtype=torch.float64)

    yield Case("several steps", (etas(4),))
    yield Case("a table of steps", (etas(6).reshape(2, 3),))
    yield Case("one step", (etas(1),), "edges")
    yield Case("step 0 and a tiny step", (torch.tensor([0.0, 1e-8], dtype=torch.float64),), "edges")
    yield Case("called twice", (etas(3),), "edges", "twice")


def _in_place(eta: Tensor) -> Three:
    eta *= 2
    return eta, eta / 2, eta.sqrt()


EXERCISE = Exercise(
    name="langevin.to_alpha",
    prompt="Write a step of size eta in Song & Ermon's convention: alpha, the factor of the score, the factor of the noise.",
    signature="to_alpha(eta (N,)) -> (alpha (N,), factor of the score (N,), factor of the noise (N,))",
    reference=to_alpha,
    draw=_draw_alpha,
    criteria=criteria(2, 1, at="one step, steps near 0, inputs untouched"),
    equation="7.7",
    difficulty=1,
    minutes=4,
    hints=(
        "The same step in two ways of writing. The particle moves as before, so the two factors must not change.",
        "Drift: alpha/2 = eta, so alpha = 2 eta. Noise: sqrt(alpha) = sqrt(2 eta), which is what it was.",
        "alpha = 2 * eta; return alpha, alpha / 2, alpha.sqrt()",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "alpha is eta",
            lambda eta: (eta + 0, eta / 2, eta.sqrt()),
            "you put alpha = eta. Then the drift is only half of what it was; alpha = 2 eta.",
        ),
        Misconception(
            "alpha is half of eta",
            lambda eta: (eta / 2, eta / 4, (eta / 2).sqrt()),
            "you put alpha = eta/2. The drift is alpha/2, and it must equal eta: alpha is twice eta.",
        ),
        Misconception(
            "drift alpha",
            lambda eta: (2 * eta, 2 * eta, (2 * eta).sqrt()),
            "alpha is right, but the factor of the score is alpha/2 in this convention.",
        ),
        Misconception(
            "noise of the other convention",
            lambda eta: (2 * eta, eta + 0, (4 * eta).sqrt()),
            "the noise is sqrt(2 alpha): the 2 is in alpha already. Mixed like this, N(0, 1) comes out with variance 2.",
        ),
        Misconception(
            "noise without root",
            lambda eta: (2 * eta, eta + 0, 2 * eta),
            "the noise is multiplied by alpha, its variance. The factor is the standard deviation, sqrt(alpha).",
        ),
        Misconception(
            "half under the root",
            lambda eta: (2 * eta, eta + 0, eta.sqrt()),
            "the noise is sqrt(alpha/2). The half belongs to the drift alone.",
        ),
        Misconception(
            "changes eta in place",
            _in_place,
            "the numbers are right, but eta itself was doubled (eta *= 2). The caller's table is spoilt.",
        ),
    ),
)
