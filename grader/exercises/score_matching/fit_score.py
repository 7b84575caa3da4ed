"""The best sum of features: `fit_score`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.score_matching.common import WITHHOLDS, criteria


def fit_score(phi: Tensor, dphi: Tensor) -> Tensor:
    """Equation (6.13) with means over the data."""
    return -torch.linalg.solve(phi.mT @ phi / len(phi), dphi.mean(0))


def _with(rule: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> Callable[[Tensor, Tensor], Tensor]:
    """-G^{-1} h for another G and h."""

    def wrong(phi: Tensor, dphi: Tensor) -> Tensor:
        return -torch.linalg.solve(*rule(phi, dphi))

    return wrong


def _draw_fit(d: Draw) -> Iterator[Case]:
    def powers(n: int, highest: int) -> tuple[Tensor, Tensor]:
        x = d.uniform(0.7, 1.2) * d.randn(n, dtype=torch.float64) + d.uniform(0.3, 0.8)
        zero = torch.zeros_like(x)
        slopes = [zero if j == 0 else j * x ** (j - 1) for j in range(highest + 1)]
        return torch.stack([x**j for j in range(highest + 1)], 1), torch.stack(slopes, 1)

    x = d.randn(60, 1, dtype=torch.float64)
    bumps = torch.exp(-((x - torch.tensor([-1.2, 0.0, 1.5], dtype=torch.float64)) ** 2) / 2)
    slopes = -(x - torch.tensor([-1.2, 0.0, 1.5], dtype=torch.float64)) * bumps
    line = powers(30, 1)
    yield Case("features 1 and x", line)
    yield Case("powers of x", powers(40, 3))
    yield Case("three bumps", (bumps, slopes))
    yield Case("one feature", (line[0][:, 1:], line[1][:, 1:]), "edges")
    yield Case("a transposed view", (line[0].mT.contiguous().mT, line[1]), "edges")
    yield Case("gradient in dphi", line, "clean", "gradient", 1, d.randn(2, dtype=torch.float64))
    yield Case("called twice", line, "clean", "twice")


EXERCISE = Exercise(
    name="score.fit_score",
    prompt="The best score that is a sum of given features, from their values and slopes at the data alone.",
    signature="fit_score(phi (N, J), dphi (N, J)) -> theta (J,)",
    reference=fit_score,
    draw=_draw_fit,
    criteria=criteria(2, 1, 1, at="one feature, any memory layout"),
    equation="6.13",
    difficulty=3,
    minutes=12,
    hints=(
        "The implicit loss of a sum of features is a quadratic in theta. Where is its slope zero?",
        "G theta + h = 0 with G[j, k] = mean of phi_j phi_k and h[j] = mean slope of phi_j.",
        "return -torch.linalg.solve(phi.mT @ phi / len(phi), dphi.mean(0))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "sign",
            lambda phi, dphi: -fit_score(phi, dphi),
            "the sign is wrong: G theta + h = 0, so theta = -G^{-1} h. With the features 1 and x your arrows point away from the data.",
        ),
        Misconception(
            "sum for mean in G",
            _with(lambda phi, dphi: (phi.mT @ phi, dphi.mean(0))),
            "G is a sum over the data and h a mean. Both must be means (or both sums).",
        ),
        Misconception(
            "sum for mean in h",
            _with(lambda phi, dphi: (phi.mT @ phi / len(phi), dphi.sum(0))),
            "h is a sum over the data and G a mean. Both must be means (or both sums).",
        ),
        Misconception(
            "values for slopes",
            _with(lambda phi, dphi: (phi.mT @ phi / len(phi), phi.mean(0))),
            "h is made of the features' values. It needs their slopes: the trace of the Jacobian came from the derivative.",
        ),
        Misconception(
            "slopes in G",
            _with(lambda phi, dphi: (dphi.mT @ dphi / len(phi), dphi.mean(0))),
            "G is made of the slopes. It comes from 1/2 s^2, so it needs the values of the features.",
        ),
        Misconception(
            "diagonal of G only",
            lambda phi, dphi: -dphi.mean(0) / (phi**2).mean(0),
            "each feature is fitted by itself. Features overlap: the whole matrix G must be solved.",
        ),
        Misconception(
            "half kept",
            lambda phi, dphi: 2 * fit_score(phi, dphi),
            "the answer is twice too long: the slope of 1/2 theta G theta is G theta, without the 1/2.",
        ),
        Misconception(
            "entries of G inverted",
            lambda phi, dphi: -(1 / (phi.mT @ phi / len(phi))) @ dphi.mean(0),
            "1 / G inverts each entry. Solve the linear equations: torch.linalg.solve(G, h).",
        ),
        Misconception(
            "regression onto a constant",
            _with(lambda phi, dphi: (phi.mT @ phi / len(phi), (phi * dphi).mean(0))),
            "h holds products of features and slopes. It is the mean slope alone.",
        ),
    ),
)
