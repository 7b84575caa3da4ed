"""The loss of an autoencoder with one level: `vae_loss`."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.likelihood_to_elbo.common import F64, WITHHOLDS, criteria, log_normal, per_number

Code = Callable[[Tensor, Tensor], Tensor]


def _kl(mean: Tensor, log_var: Tensor) -> Tensor:
    return 0.5 * (mean**2 + torch.exp(log_var) - 1 - log_var).flatten(1).sum(1)


def vae_loss(x: Tensor, mean_z: Tensor, log_var_z: Tensor, mean_x: Tensor, var_x: float) -> Tensor:
    """The right side of equation (3.16), for one draw of z; its divergence by (3.17)."""
    divergence = 0.5 * (mean_z**2 + torch.exp(log_var_z) - 1 - log_var_z).sum(1)
    return -log_normal(x, mean_x, var_x) + divergence


def _with_kl(rule: Code) -> Callable[..., Tensor]:
    return lambda x, m, lv, mx, var: -log_normal(x, mx, var) + rule(m, lv)


def _with_fit(rule: Callable[[Tensor, Tensor, float], Tensor]) -> Callable[..., Tensor]:
    return lambda x, m, lv, mx, var: rule(x, mx, var) + _kl(m, lv)


def _summed(values: Tensor) -> Tensor:
    return values.flatten(1).sum(1)


def _draw_loss(d: Draw) -> Iterator[Case]:
    def question(B: int, k: int, *D: int) -> tuple[Tensor | float, ...]:
        code = d.randn(B, k, dtype=F64), d.randn(B, k, dtype=F64)
        return d.randn(B, *D, dtype=F64), *code, d.randn(B, *D, dtype=F64), d.uniform(0.2, 0.7)

    asked = question(3, 2, 5)
    yield Case("vectors", asked)
    yield Case("images", question(2, 4, 1, 3, 3))
    yield Case("one example", question(1, 2, 5), "edges")
    yield Case("one latent number", question(3, 1, 5), "edges")
    yield Case("equal sizes", question(4, 4, 4), "edges")
    small = tuple(a.float() if isinstance(a, Tensor) else a for a in question(2, 2, 3))
    yield Case("float32 stays float32", small, "edges", strict_dtype=True)
    yield Case("called twice", asked, "clean", "twice")
    cotangent = d.randn(3, dtype=F64)
    yield Case("gradient in the log variance", asked, "clean", "gradient", wrt=2, cotangent=cotangent)
    yield Case("gradient in the reconstruction", asked, "clean", "gradient", wrt=3, cotangent=cotangent)


EXERCISE = Exercise(
    name="bound.vae_loss",
    prompt="Give the loss of a variational autoencoder for one draw of the code.",
    signature="vae_loss(x (B, *D), mean_z (B, k), log_var_z (B, k), mean_x (B, *D), var_x float) -> (B,)",
    reference=vae_loss,
    draw=_draw_loss,
    criteria=criteria(3, 1, 1, at="one example, one latent number, equal sizes, float32"),
    equation="3.16",
    difficulty=3,
    minutes=12,
    hints=(
        "Two terms: how badly the decoder describes x, as minus a log density; and what the code costs, as a divergence "
        "from the prior.",
        "-log N(x; mean_x, var_x I) + sum over the code of (mean^2 + var - 1 - log var)/2, with var = exp(log_var_z).",
        "kl = 0.5 * (mean_z**2 + log_var_z.exp() - 1 - log_var_z).sum(1); return -log_normal(x, mean_x, var_x) + kl",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "fit averaged over the pixels",
            _with_fit(lambda x, mx, var: -per_number(x, mx, var).flatten(1).mean(1)),
            "the first term is averaged over the pixels, the second is summed. Then the code costs too much by the number of "
            "pixels: sum both.",
        ),
        Misconception(
            "squared error for the density",
            _with_fit(lambda x, mx, var: _summed((x - mx) ** 2)),
            "the squared error alone is no log density: divide it by 2 var_x and add the logarithm of the normaliser.",
        ),
        Misconception(
            "normaliser forgotten",
            _with_fit(lambda x, mx, var: _summed((x - mx) ** 2) / (2 * var)),
            "log(2 pi var_x)/2 per pixel is missing. It does not change where the minimum is, but this is a bound in nats.",
        ),
        Misconception(
            "variance as standard deviation",
            _with_fit(lambda x, mx, var: -log_normal(x, mx, var**2)),
            "var_x is a variance; you square it once more.",
        ),
        Misconception(
            "divergence subtracted",
            _with_kl(lambda m, lv: -_kl(m, lv)),
            "the divergence is subtracted. In the loss both terms are costs: add it.",
        ),
        Misconception(
            "half forgotten",
            _with_kl(lambda m, lv: 2 * _kl(m, lv)),
            "the factor 1/2 of the divergence is missing.",
        ),
        Misconception(
            "log variance as variance",
            _with_kl(lambda m, lv: 0.5 * _summed(m**2 + lv - 1 - torch.log(lv.abs()))),
            "log_var_z is the logarithm of the variance already: the variance is exp(log_var_z).",
        ),
        Misconception(
            "minus one forgotten",
            _with_kl(lambda m, lv: 0.5 * _summed(m**2 + torch.exp(lv) - lv)),
            "-1 per latent number is missing: for q equal to the prior the divergence must be 0.",
        ),
        Misconception(
            "standard deviation in the divergence",
            _with_kl(lambda m, lv: 0.5 * _summed(m**2 + torch.exp(0.5 * lv) - 1 - lv)),
            "inside the divergence stands the variance, exp(log_var_z), not the standard deviation.",
        ),
        Misconception(
            "divergence the other way round",
            _with_kl(lambda m, lv: 0.5 * _summed((1 + m**2) / torch.exp(lv) - 1 + lv)),
            "this is KL(prior || q). The expectation is over q, so q comes first.",
        ),
        Misconception(
            "mean over the batch",
            lambda *args: vae_loss(*args).mean(),
            "you averaged over the batch. One number per example is asked for; average when you train.",
        ),
        Misconception(
            "fit with the wrong sign",
            _with_fit(lambda x, mx, var: log_normal(x, mx, var)),
            "the first term is minus a log density: a good description must make the loss small.",
        ),
        Misconception(
            "in bits",
            lambda *args: vae_loss(*args) / math.log(2),
            "this is the loss in bits. Nats are asked for.",
        ),
    ),
)
