"""Two Gaussian densities multiplied, by completing the square: `fuse`."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.graphical_models.common import WITHHOLDS, criteria

Three = tuple[Tensor, Tensor, Tensor]


def fuse(m_1: Tensor, v_1: Tensor, m_2: Tensor, v_2: Tensor) -> Three:
    """Equation (1.29)."""
    v = 1 / (1 / v_1 + 1 / v_2)
    m = v * (m_1 / v_1 + m_2 / v_2)
    return m, v, -0.5 * ((m_1 - m_2) ** 2 / (v_1 + v_2) + torch.log(2 * torch.pi * (v_1 + v_2)))


def _variance(d: Draw, *shape: int) -> Tensor:
    return 0.3 + torch.rand(shape, generator=d.generator, dtype=torch.float64)


def _draw_pairs(d: Draw) -> Iterator[Case]:
    double = torch.float64
    m_1, m_2 = d.randn(6, dtype=double), d.randn(6, dtype=double)
    v_1, v_2 = _variance(d, 6), 3 * _variance(d, 6)
    yield Case("six pairs", (m_1, v_1, m_2, v_2))
    yield Case("the other way round", (m_2, v_2, m_1, v_1))
    yield Case("one pair", (m_1[:1], v_1[:1], m_2[:1], v_2[:1]), "edges")
    yield Case("equal means", (m_1, v_1, m_1, v_2), "edges")
    yield Case("equal variances", (m_1, v_1, m_2, v_1), "edges")
    yield Case("one much surer than the other", (m_1, 1e-6 * v_1, m_2, v_2), "edges")
    yield Case("far apart", (m_1 - 60, v_1, m_2 + 60, v_2), "edges")
    yield Case("images", tuple(f(d, 2, 1, 3, 3) for f in (_mean, _variance, _mean, _variance)), "edges")
    yield Case("float32 stays float32", tuple(x.float() for x in (m_1, v_1, m_2, v_2)), "edges", strict_dtype=True)
    yield Case("called twice", (m_1, v_1, m_2, v_2), "clean", "twice")


def _mean(d: Draw, *shape: int) -> Tensor:
    return d.randn(*shape, dtype=torch.float64)


def _with(change: Callable[[Tensor, Tensor, Tensor, Tensor, Three], Three]) -> Callable[..., Three]:
    return lambda m_1, v_1, m_2, v_2: change(m_1, v_1, m_2, v_2, fuse(m_1, v_1, m_2, v_2))


EXERCISE = Exercise(
    name="graphs.fuse",
    prompt="Multiply two Gaussian densities: mean and variance of the product, and the logarithm of its constant.",
    signature="fuse(m_1, v_1, m_2, v_2, all of one shape) -> (mean, variance, log_constant), each of that shape",
    reference=fuse,
    draw=_draw_pairs,
    criteria=criteria(3, 1, 1, at="one pair, equal means, very different variances, far apart, images, dtypes"),
    equation="1.29",
    difficulty=3,
    minutes=15,
    hints=(
        "Add the two exponents and sort by powers of x. That gives lambda and eta; complete the square.",
        "lambda = 1/v_1 + 1/v_2 and eta = m_1/v_1 + m_2/v_2. The new mean is eta/lambda, the new variance 1/lambda. What "
        "is left over is log N(m_1; m_2, v_1 + v_2).",
        "v = 1 / (1/v_1 + 1/v_2); m = v * (m_1/v_1 + m_2/v_2); "
        "log_z = -0.5 * ((m_1 - m_2)**2 / (v_1 + v_2) + torch.log(2 * torch.pi * (v_1 + v_2)))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "plain average",
            _with(lambda m1, v1, m2, v2, r: ((m1 + m2) / 2, r[1], r[2])),
            "the mean is a weighted average: the surer of the two, with the smaller variance, counts more.",
        ),
        Misconception(
            "weights exchanged",
            _with(lambda m1, v1, m2, v2, r: ((v1 * m1 + v2 * m2) / (v1 + v2), r[1], r[2])),
            "the weights are exchanged: the mean with the *smaller* variance counts more. Weigh by 1/v.",
        ),
        Misconception(
            "sum of variables",
            lambda m1, v1, m2, v2: (m1 + m2, v1 + v2, fuse(m1, v1, m2, v2)[2]),
            "this is the distribution of the sum of two independent variables. Here two densities of the same variable "
            "are multiplied: precisions add.",
        ),
        Misconception(
            "precision as variance",
            _with(lambda m1, v1, m2, v2, r: (r[0], 1 / r[1], r[2])),
            "the second value is the precision lambda. The variance is 1/lambda.",
        ),
        Misconception(
            "harmonic mean",
            _with(lambda m1, v1, m2, v2, r: (r[0], 2 * r[1], r[2])),
            "the variance is twice too large: precisions add, they are not averaged. Two sources know more than one.",
        ),
        Misconception(
            "eta as mean",
            _with(lambda m1, v1, m2, v2, r: (m1 / v1 + m2 / v2, r[1], r[2])),
            "this is eta. Divide by lambda: the mean is eta/lambda.",
        ),
        Misconception(
            "constant without its root",
            _with(lambda m1, v1, m2, v2, r: (r[0], r[1], -0.5 * (m1 - m2) ** 2 / (v1 + v2))),
            "the constant lacks the factor in front of the exponential, one over the root of 2 pi (v_1 + v_2).",
        ),
        Misconception(
            "constant, not its logarithm",
            _with(lambda m1, v1, m2, v2, r: (r[0], r[1], r[2].exp())),
            "this is the constant. Its logarithm is asked for: far apart, the constant itself is rounded to 0.",
        ),
        Misconception(
            "constant without 2 pi",
            _with(lambda m1, v1, m2, v2, r: (r[0], r[1], r[2] + 0.5 * math.log(2 * math.pi))),
            "the constant lacks 2 pi: it is a full normal density, N(m_1; m_2, v_1 + v_2).",
        ),
        Misconception(
            "standard deviation",
            _with(lambda m1, v1, m2, v2, r: (r[0], r[1].sqrt(), r[2])),
            "the second value is the standard deviation. The variance is asked for.",
        ),
    ),
)
