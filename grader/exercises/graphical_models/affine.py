"""A Gaussian through an affine map: `affine`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.graphical_models.common import WITHHOLDS, criteria, random_cov

Moments = tuple[Tensor, Tensor]


def affine(mean: Tensor, cov: Tensor, A: Tensor, b: Tensor, noise_cov: Tensor) -> Moments:
    """Equation (1.26)."""
    return A @ mean + b, A @ cov @ A.mT + noise_cov


def _draw_maps(d: Draw) -> Iterator[Case]:
    double = torch.float64
    square = d.randn(3, dtype=double), random_cov(d, 3), d.randn(3, 3, dtype=double), d.randn(3, dtype=double)
    wide = d.randn(4, dtype=double), random_cov(d, 4), d.randn(2, 4, dtype=double), d.randn(2, dtype=double)
    noise = random_cov(d, 3)
    yield Case("three to three coordinates", (*square, noise))
    yield Case("four to two coordinates", (*wide, random_cov(d, 2)))
    line = d.randn(1, dtype=double), random_cov(d, 1), d.randn(3, 1, dtype=double), d.randn(3, dtype=double)
    yield Case("one to three coordinates", (*line, noise), "edges")
    yield Case("no noise", (*square, torch.zeros(3, 3, dtype=double)), "edges")
    yield Case("float32 stays float32", tuple(x.float() for x in (*square, noise)), "edges", strict_dtype=True)
    yield Case("a transposed view", (square[0], square[1], square[2].mT, square[3], noise), "edges")
    yield Case("called twice", (*square, noise), "clean", "twice")


EXERCISE = Exercise(
    name="graphs.affine",
    prompt="Give mean and covariance of A x + b + noise.",
    signature="affine(mean (d,), cov (d, d), A (m, d), b (m,), noise_cov (m, m)) -> (mean (m,), cov (m, m))",
    reference=affine,
    draw=_draw_maps,
    criteria=criteria(2, 1, 1, at="one coordinate, no noise, dtypes, any memory layout"),
    equation="1.26",
    difficulty=2,
    minutes=8,
    hints=(
        "The mean goes through the map as a point does. The covariance is about differences from the mean, so b drops out.",
        "E[y] = A mean + b. Cov[y] = A cov A^T + noise_cov: the matrix stands on both sides, as a scale stands squared.",
        "return A @ mean + b, A @ cov @ A.mT + noise_cov",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "noise forgotten",
            lambda m, S, A, b, R: (A @ m + b, A @ S @ A.mT),
            "the covariance of the noise is missing. Independent parts add their covariances.",
        ),
        Misconception(
            "shift forgotten",
            lambda m, S, A, b, R: (A @ m, A @ S @ A.mT + R),
            "the mean lacks b. A shift moves the mean; only the covariance does not feel it.",
        ),
        Misconception(
            "matrix on the wrong sides",
            lambda m, S, A, b, R: (A @ m + b, A.mT @ S @ A + R),
            "A stands on the wrong sides of the covariance: A cov A^T has the shape (m, m), A^T cov A fits only by accident.",
        ),
        Misconception(
            "matrix on one side",
            lambda m, S, A, b, R: (A @ m + b, A @ S + R),
            "the covariance needs A on both sides. A scale leaves a variance squared.",
        ),
        Misconception(
            "noise through the map",
            lambda m, S, A, b, R: (A @ m + b, A @ (S + R) @ A.mT),
            "you added the noise before the map. It is added after it: R stands outside.",
        ),
        Misconception(
            "shift through the map",
            lambda m, S, A, b, R: (A @ (m + b), A @ S @ A.mT + R),
            "you added b before the map. It is added after it.",
        ),
        Misconception(
            "shift in the covariance",
            lambda m, S, A, b, R: (A @ m + b, A @ S @ A.mT + R + torch.outer(b, b)),
            "b b^T does not belong into the covariance: a constant does not vary. (In E[y y^T] it would.)",
        ),
        Misconception(
            "entry by entry",
            lambda m, S, A, b, R: (A @ m + b, A * S * A + R),
            "you multiplied entry by entry (*). Matrices are multiplied with @.",
        ),
    ),
)
