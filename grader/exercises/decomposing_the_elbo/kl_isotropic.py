"""The divergence of two round Gaussians: `kl_isotropic`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.decomposing_the_elbo.common import WITHHOLDS, criteria, dims, random_var, sum_of_squares


def kl_isotropic(mean_q: Tensor, var_q: Tensor, mean_p: Tensor, var_p: Tensor) -> Tensor:
    """Equation (4.14)."""
    ratio = var_q / var_p
    return sum_of_squares(mean_q - mean_p) / (2 * var_p) + dims(mean_q) / 2 * (ratio - 1 - torch.log(ratio))


def _rule(rule: Callable[[Tensor, Tensor, Tensor, int], Tensor]) -> Callable[..., Tensor]:
    """A wrong function from the squared distance, the two variances and d."""
    return lambda mean_q, var_q, mean_p, var_p: rule(sum_of_squares(mean_q - mean_p), var_q, var_p, dims(mean_q))


def _shape_part(v: Tensor, w: Tensor) -> Tensor:
    return v / w - 1 - torch.log(v / w)


def _draw(d: Draw) -> Iterator[Case]:
    m, other = d.randn(3, 5, dtype=torch.float64), d.randn(3, 5, dtype=torch.float64)
    v, w = random_var(d, 3), random_var(d, 3) + 0.3
    square = d.randn(4, 1, 4, 4, dtype=torch.float64), random_var(d, 4), d.randn(4, 1, 4, 4, dtype=torch.float64)
    yield Case("vectors", (m, v, other, w))
    yield Case("images as wide as the batch is long", (*square, random_var(d, 4)))
    yield Case("equal variances", (m, v, other, v), "edges")
    yield Case("one example", (m[:1], v[:1], other[:1], w[:1]), "edges")
    yield Case("float32", (m.float(), v.float(), other.float(), w.float()), "edges")
    yield Case("gradient in the mean of p", (m, v, other, w), "clean", "gradient", wrt=2, cotangent=random_var(d, 3))
    yield Case("called twice", (m, v, other, w), "clean", "twice")


EXERCISE = Exercise(
    name="elbo.kl_isotropic",
    prompt="Give the divergence of two Gaussians whose covariances are multiples of the identity.",
    signature="kl_isotropic(mean_q (B, *D), var_q (B,), mean_p (B, *D), var_p (B,)) -> (B,) nats",
    reference=kl_isotropic,
    draw=_draw,
    criteria=criteria(2, 1, 1, at="equal variances, one example, float32"),
    equation="4.14",
    difficulty=2,
    minutes=8,
    hints=(
        "There are two parts. One asks how far the means are apart; the other would be there even if they were equal.",
        "|m_q - m_p|^2 / (2 v_p) + d/2 (r - 1 - log r) with r = v_q / v_p and d numbers per example.",
        "r = var_q / var_p; d = mean_q[0].numel(); "
        "return ((mean_q - mean_p) ** 2).flatten(1).sum(1) / (2 * var_p) + d / 2 * (r - 1 - torch.log(r))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "the other way round",
            lambda mean_q, var_q, mean_p, var_p: kl_isotropic(mean_p, var_p, mean_q, var_q),
            "this is KL(p || q). The divergence is not symmetric: q, the first one, is the one that is averaged over.",
        ),
        Misconception(
            "distance over the wrong variance",
            _rule(lambda s, v, w, d: s / (2 * v) + d / 2 * _shape_part(v, w)),
            "the distance of the means is divided by q's variance. It is p that is asked how surprising a point is: 2 v_p.",
        ),
        Misconception(
            "d forgotten",
            _rule(lambda s, v, w, d: s / (2 * w) + 0.5 * _shape_part(v, w)),
            "the part from the variances is there once per coordinate: multiply by d.",
        ),
        Misconception(
            "means alone",
            _rule(lambda s, v, w, d: s / (2 * w)),
            "only the distance of the means is there. That is the whole divergence if the variances are equal, and only then.",
        ),
        Misconception(
            "half forgotten",
            _rule(lambda s, v, w, d: s / w + d * _shape_part(v, w)),
            "the factor 1/2 is missing in both parts.",
        ),
        Misconception(
            "mean over coordinates",
            _rule(lambda s, v, w, d: (s / (2 * w) + d / 2 * _shape_part(v, w)) / d),
            "you averaged over the coordinates. Divergences of independent coordinates add up.",
        ),
        Misconception(
            "sign of the logarithm",
            _rule(lambda s, v, w, d: s / (2 * w) + d / 2 * (v / w - 1 + torch.log(v / w))),
            "the logarithm has the wrong sign: r - 1 - log r is never negative, r - 1 + log r is for r < 1.",
        ),
        Misconception(
            "deviations for variances",
            _rule(lambda s, v, w, d: s / (2 * w) + d / 2 * _shape_part(v.sqrt(), w.sqrt())),
            "in the second part you used the ratio of standard deviations. r is the ratio of the variances.",
        ),
    ),
)
