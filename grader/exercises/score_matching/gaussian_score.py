"""The score of a Gaussian: `gaussian_score`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.score_matching.common import WITHHOLDS, criteria


def gaussian_score(x: Tensor, mean: Tensor, cov: Tensor) -> Tensor:
    """Equation (6.3)."""
    return -torch.linalg.solve(cov, (x - mean).mT).mT


def _draw_gaussian(d: Draw) -> Iterator[Case]:
    def problem(B: int, dims: int) -> tuple[Tensor, Tensor, Tensor]:
        root = d.randn(dims, dims, dtype=torch.float64)
        cov = root @ root.mT + 0.3 * torch.eye(dims, dtype=torch.float64)
        return d.randn(B, dims, dtype=torch.float64), d.randn(dims, dtype=torch.float64), cov

    x, mean, cov = problem(5, 3)
    yield Case("points in three dimensions", (x, mean, cov))
    yield Case("points in the plane", problem(4, 2))
    yield Case("as many points as dimensions", problem(3, 3), "edges")
    yield Case("one point", (x[:1], mean, cov), "edges")
    yield Case("on the line", problem(4, 1), "edges")
    yield Case("a transposed view", (d.randn(3, 4, dtype=torch.float64).mT, mean, cov), "edges")
    yield Case("gradient in x", (x, mean, cov), "clean", "gradient", cotangent=d.randn(5, 3, dtype=torch.float64))
    yield Case("called twice", (x, mean, cov), "clean", "twice")


def _log_density(x: Tensor, mean: Tensor, cov: Tensor) -> Tensor:
    z = ((x - mean) * torch.linalg.solve(cov, (x - mean).mT).mT).sum(1)
    return -0.5 * (z + torch.logdet(2 * torch.pi * cov))


EXERCISE = Exercise(
    name="score.gaussian_score",
    prompt="The score of a Gaussian with any covariance, at each point.",
    signature="gaussian_score(x (B, d), mean (d,), cov (d, d)) -> (B, d)",
    reference=gaussian_score,
    draw=_draw_gaussian,
    criteria=criteria(1, 1, 1, at="one point, one dimension, as many points as dimensions"),
    equation="6.3",
    difficulty=1,
    minutes=6,
    hints=(
        "The arrow points back to the mean. Where the data is narrow, the density falls fast, so the arrow is long.",
        "-S^{-1} (x - mean), for every row of x. torch.linalg.solve(S, y) gives S^{-1} y and wants y as columns.",
        "return -torch.linalg.solve(cov, (x - mean).mT).mT",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "sign",
            lambda x, m, S: torch.linalg.solve(S, (x - m).mT).mT,
            "the sign is wrong: this arrow points away from the mean. The density grows towards the mean.",
        ),
        Misconception(
            "mean forgotten",
            lambda x, m, S: -torch.linalg.solve(S, x.mT).mT,
            "the mean is not subtracted: the arrows should point to the mean, not to the origin.",
        ),
        Misconception(
            "covariance not inverted",
            lambda x, m, S: -(x - m) @ S,
            "you multiply by the covariance. Multiply by its inverse: where the data is narrow the score is large.",
        ),
        Misconception(
            "covariance forgotten",
            lambda x, m, S: -(x - m),
            "this is the score for covariance I. Multiply by the inverse of the covariance.",
        ),
        Misconception(
            "variances only",
            lambda x, m, S: -(x - m) / S.diagonal(),
            "you divide by the variances on the diagonal. With correlated coordinates the whole matrix must be inverted.",
        ),
        Misconception(
            "entries inverted",
            lambda x, m, S: -(x - m) @ (1 / S),
            "1 / cov inverts each entry. The inverse of the matrix is another thing: torch.linalg.inv or solve.",
        ),
        Misconception(
            "factor two",
            lambda x, m, S: -2 * torch.linalg.solve(S, (x - m).mT).mT,
            "there is a 2 too much: the square in the exponent brings a 2, and the 1/2 before it takes it away.",
        ),
        Misconception(
            "log density",
            _log_density,
            "this is the log density, one number per point. The score is its gradient: one vector per point.",
        ),
        Misconception(
            "rows taken for columns",
            lambda x, m, S: -torch.linalg.solve(S, x - m),
            "solve treats the rows of x as coordinates. It fails, or runs and is wrong when there are as many points as "
            "dimensions. Transpose before and after: solve(cov, (x - mean).mT).mT.",
        ),
    ),
)
