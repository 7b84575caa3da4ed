"""Divergence of two Gaussians with independent coordinates: `kl`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.graphical_models.common import WITHHOLDS, criteria


def kl(mean_q: Tensor, var_q: Tensor, mean_p: Tensor, var_p: Tensor) -> Tensor:
    """Equation (1.34)."""
    ratio = var_q / var_p
    parts = (mean_q - mean_p) ** 2 / var_p + ratio - 1 - torch.log(ratio)
    return 0.5 * parts.flatten(1).sum(1)


def _terms(mean_q: Tensor, var_q: Tensor, mean_p: Tensor, var_p: Tensor) -> Tensor:
    ratio = var_q / var_p
    return 0.5 * ((mean_q - mean_p) ** 2 / var_p + ratio - 1 - torch.log(ratio))


def _variance(d: Draw, *shape: int) -> Tensor:
    return 0.3 + torch.rand(shape, generator=d.generator, dtype=torch.float64)


def _four(d: Draw, *shape: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    double = torch.float64
    return d.randn(*shape, dtype=double), _variance(d, *shape), d.randn(*shape, dtype=double), 2 * _variance(d, *shape)


def _draw_pairs(d: Draw) -> Iterator[Case]:
    four = _four(d, 5, 3)
    yield Case("five pairs on three coordinates", four)
    yield Case("images", _four(d, 2, 1, 4, 4))
    yield Case("as many pairs as coordinates", _four(d, 4, 4), "edges")
    yield Case("one pair", _four(d, 1, 3), "edges")
    yield Case("one coordinate", _four(d, 5, 1), "edges")
    yield Case("equal variances", (four[0], four[1], four[2], four[1]), "edges")
    yield Case("equal means", (four[0], four[1], four[0], four[3]), "edges")
    yield Case("float32 stays float32", tuple(x.float() for x in four), "edges", strict_dtype=True)
    yield Case("a transposed view", tuple(x.mT for x in _four(d, 3, 5)), "edges")
    yield Case("called twice", four, "clean", "twice")
    yield Case("gradient in the mean of q", four, "clean", "gradient", cotangent=d.randn(5, dtype=torch.float64))


EXERCISE = Exercise(
    name="graphs.kl",
    prompt="Give KL(q || p) of two Gaussians with independent coordinates, in nats.",
    signature="kl(mean_q, var_q, mean_p, var_p, each (B, *D)) -> (B,)",
    reference=kl,
    draw=_draw_pairs,
    criteria=criteria(3, 1, 1, at="images, B = D, one pair, one coordinate, equal means or variances, dtypes"),
    equation="1.34",
    difficulty=2,
    minutes=10,
    hints=(
        "One number per example: each coordinate has its own divergence, and they add up.",
        "For each coordinate: (m_q - m_p)^2 / v_p + v_q/v_p - 1 - log(v_q/v_p), halved. Sum over all axes but the first.",
        "ratio = var_q / var_p; return 0.5 * ((mean_q - mean_p)**2 / var_p + ratio - 1 - ratio.log()).flatten(1).sum(1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "the other way round",
            lambda mq, vq, mp, vp: kl(mp, vp, mq, vq),
            "this is KL(p || q). The divergence is not symmetric: average over q, which stands first.",
        ),
        Misconception(
            "minus one forgotten",
            lambda mq, vq, mp, vp: (_terms(mq, vq, mp, vp) + 0.5).flatten(1).sum(1),
            "the -1 is missing. Test yourself: for q = p the divergence must be 0.",
        ),
        Misconception(
            "sign of the logarithm",
            lambda mq, vq, mp, vp: (_terms(mq, vq, mp, vp) + torch.log(vq / vp)).flatten(1).sum(1),
            "the logarithm has the wrong sign: minus log(v_q / v_p). A narrow q has a large divergence, not a small one.",
        ),
        Misconception(
            "half forgotten",
            lambda mq, vq, mp, vp: 2 * kl(mq, vq, mp, vp),
            "the factor 1/2 is missing.",
        ),
        Misconception(
            "mean over coordinates",
            lambda mq, vq, mp, vp: _terms(mq, vq, mp, vp).flatten(1).mean(1),
            "you averaged over the coordinates. Divergences of independent coordinates add up.",
        ),
        Misconception(
            "summed over the batch",
            lambda mq, vq, mp, vp: _terms(mq, vq, mp, vp).sum(),
            "you summed over the examples, too. One number per example is asked for: keep the first axis.",
        ),
        Misconception(
            "only the last axis",
            lambda mq, vq, mp, vp: _terms(mq, vq, mp, vp).sum(-1),
            "you summed over the last axis only. Images have more: flatten(1) first.",
        ),
        Misconception(
            "distance over the wrong variance",
            lambda mq, vq, mp, vp: (
                (_terms(mq, vq, mp, vp) + 0.5 * (mq - mp) ** 2 * (1 / vq - 1 / vp)).flatten(1).sum(1)
            ),
            "the squared distance is divided by v_q. It is p that judges: divide by v_p.",
        ),
        Misconception(
            "variances squared",
            lambda mq, vq, mp, vp: kl(mq, vq**2, mp, vp**2),
            "you squared the variances, as if they were standard deviations. They are variances already.",
        ),
    ),
)
