"""How many particles are in which mode: `mode_weights`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.langevin_dynamics.common import WITHHOLDS, criteria


def mode_weights(x: Tensor, means: Tensor) -> Tensor:
    """Equation (7.11)."""
    nearest = ((x.unsqueeze(1) - means) ** 2).sum(2).argmin(1)
    return torch.bincount(nearest, minlength=len(means)) / len(x)


def _square(x: Tensor, means: Tensor) -> Tensor:
    return ((x.unsqueeze(1) - means) ** 2).sum(2)


def _share(nearest: Tensor, K: int) -> Tensor:
    return torch.bincount(nearest, minlength=K) / len(nearest)


def _draw_weights(d: Draw) -> Iterator[Case]:
    means = 2 * d.randn(4, 2, dtype=torch.float64)
    means[0] = 0.1 * means[0]  # near the origin, so that a product with it is small
    x = means[d.integers(0, 3, 241)] + d.randn(241, 2, dtype=torch.float64)
    high = d.randn(3, 16, dtype=torch.float64)
    yield Case("four modes in the plane", (x, means))
    yield Case("three modes in 16 dimensions", (1.5 * d.randn(157, 16, dtype=torch.float64), high))
    far = torch.cat([means, torch.full((1, 2), 90.0, dtype=torch.float64)])
    yield Case("a mode that nobody found", (x, far), "edges")
    yield Case("the first mode is empty", (x, far.flip(0)), "edges")
    yield Case("one particle", (x[:1], means), "edges")
    yield Case("one mode", (x, means[:1]), "edges")
    yield Case("called twice", (x, means), "edges", "twice")


EXERCISE = Exercise(
    name="langevin.mode_weights",
    prompt="What share of the particles is nearest to each mode?",
    signature="mode_weights(x (N, d), means (K, d)) -> (K,), summing to 1",
    reference=mode_weights,
    draw=_draw_weights,
    criteria=criteria(2, 1, at="modes without particles, one particle, one mode"),
    equation="7.11",
    difficulty=2,
    minutes=8,
    hints=(
        "First find for each particle the mean that is nearest. Then count how often each mean was the nearest.",
        "torch.cdist(x, means) is the table of distances (N, K); argmin over K; torch.bincount(.., minlength=K) / N.",
        "return torch.bincount(torch.cdist(x, means).argmin(1), minlength=len(means)) / len(x)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "counts",
            lambda x, means: mode_weights(x, means) * len(x),
            "these are counts. Divide by the number of particles.",
        ),
        Misconception(
            "empty modes dropped",
            lambda x, means: torch.unique(_square(x, means).argmin(1), return_counts=True)[1] / len(x),
            "modes without particles are left out, so the rest has moved up. A mode that nobody found has weight 0: that "
            "is just what we look for.",
        ),
        Misconception(
            "trailing modes dropped",
            lambda x, means: torch.bincount(_square(x, means).argmin(1)) / len(x),
            "the list ends at the last mode that was found. Pass minlength=K to bincount.",
        ),
        Misconception(
            "largest product",
            lambda x, means: _share((x @ means.mT).argmax(1), len(means)),
            "you take the mean with the largest scalar product. That favours means far from the origin; use the distance.",
        ),
        Misconception(
            "farthest",
            lambda x, means: _share(_square(x, means).argmax(1), len(means)),
            "this takes the farthest mean (argmax). The nearest has the smallest distance.",
        ),
        Misconception(
            "first coordinate only",
            lambda x, means: _share((x[:, None, 0] - means[:, 0]).abs().argmin(1), len(means)),
            "only the first coordinate is compared. The distance sums over all d coordinates.",
        ),
        Misconception(
            "difference not squared",
            lambda x, means: _share((x.unsqueeze(1) - means).sum(2).abs().argmin(1), len(means)),
            "the differences are summed with their signs, so they cancel. Square them before you sum.",
        ),
        Misconception(
            "means per particle",
            lambda x, means: _share(_square(x, means).argmin(0), len(x))[: len(means)],
            "the argmin runs over the particles: for each mean the nearest particle. Take it over the means, dim 1.",
        ),
        Misconception(
            "shared out softly",
            lambda x, means: torch.softmax(-_square(x, means) / 2, 1).mean(0),
            "each particle is shared out over all modes. That is a sensible measure too, but here each counts once, for the nearest.",
        ),
    ),
)
