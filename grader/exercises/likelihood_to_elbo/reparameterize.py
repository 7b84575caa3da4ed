"""A draw that a gradient can pass: `reparameterize`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.likelihood_to_elbo.common import F64, WITHHOLDS, criteria


def reparameterize(mean: Tensor, log_var: Tensor, noise: Tensor) -> Tensor:
    """z = mu + sigma eps, inside equation (3.18)."""
    return mean + torch.exp(0.5 * log_var) * noise


def _in_place(mean: Tensor, log_var: Tensor, noise: Tensor) -> Tensor:
    with torch.no_grad():
        return mean.add_(torch.exp(0.5 * log_var) * noise)


def _draw_sample(d: Draw) -> Iterator[Case]:
    mean, log_var, noise = (d.randn(4, 3, dtype=F64) for _ in range(3))
    yield Case("a batch of codes", (mean, log_var, noise))
    yield Case("codes with two axes", tuple(d.randn(2, 3, 2, dtype=F64) for _ in range(3)))
    yield Case("nearly no variance", (mean, log_var - 30, noise), "edges")
    yield Case("one code", (mean[:1], log_var[:1], noise[:1]), "edges")
    yield Case("float32 stays float32", (mean.float(), log_var.float(), noise.float()), "edges", strict_dtype=True)
    yield Case("called twice", (mean, log_var, noise), "clean", "twice")
    cotangent = d.randn(4, 3, dtype=F64)
    yield Case("gradient in the mean", (mean, log_var, noise), "clean", "gradient", cotangent=cotangent)
    yield Case("gradient in log_var", (mean, log_var, noise), "clean", "gradient", wrt=1, cotangent=cotangent)


EXERCISE = Exercise(
    name="bound.reparameterize",
    prompt="Draw a code from N(mean, exp(log_var)), with the noise given, so that gradients pass.",
    signature="reparameterize(mean (B, *D), log_var (B, *D), noise (B, *D)) -> z (B, *D)",
    reference=reparameterize,
    draw=_draw_sample,
    criteria=criteria(1, 1, 1, at="tiny variance, one code, float32"),
    equation="3.18",
    difficulty=1,
    minutes=4,
    hints=(
        "A normal variable is its mean plus its standard deviation times standard noise. The network gives the logarithm of "
        "the variance.",
        "z = mean + sigma * noise with sigma = exp(log_var / 2), because the root of exp(v) is exp(v/2).",
        "return mean + torch.exp(0.5 * log_var) * noise",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "variance as standard deviation",
            lambda m, lv, e: m + torch.exp(lv) * e,
            "exp(log_var) is the variance. The noise is multiplied by the standard deviation, exp(log_var / 2).",
        ),
        Misconception(
            "logarithm as it is",
            lambda m, lv, e: m + lv * e,
            "log_var is a logarithm and may be negative. Undo it first: the standard deviation is exp(log_var / 2).",
        ),
        Misconception(
            "root of the logarithm",
            lambda m, lv, e: m + lv.abs().sqrt() * e,
            "you take the root of log_var. Take the root of the variance, exp(log_var): that is exp(log_var / 2).",
        ),
        Misconception(
            "sign of the exponent",
            lambda m, lv, e: m + torch.exp(-0.5 * lv) * e,
            "the exponent has the wrong sign: a large variance must give a large standard deviation.",
        ),
        Misconception(
            "no gradient",
            lambda m, lv, e: (m + torch.exp(0.5 * lv) * e).detach(),
            "the numbers are right, but no gradient passes. That it does is the whole point: the encoder learns through z.",
        ),
        Misconception(
            "noise not centred on the mean",
            lambda m, lv, e: torch.exp(0.5 * lv) * (m + e),
            "the mean is scaled too. Scale the noise alone, then add the mean.",
        ),
        Misconception(
            "mean only",
            lambda m, lv, e: m + 0 * lv * e,
            "this is the mean of the code. A draw is asked for: without the noise the decoder never meets the spread of q.",
        ),
        Misconception(
            "minus the noise",
            lambda m, lv, e: m - torch.exp(0.5 * lv) * e,
            "the noise is subtracted. In distribution that is the same, but the equation adds it.",
        ),
        Misconception(
            "changes the mean in place",
            _in_place,
            "the code overwrote the mean, and autograd cannot see through that. Build a new tensor.",
        ),
    ),
)
