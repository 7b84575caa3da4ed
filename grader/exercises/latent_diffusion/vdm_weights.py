"""The weights of the bound from the log ratio alone: `vdm_weights`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.latent_diffusion.common import F64, WITHHOLDS, criteria


def vdm_weights(log_snr: Tensor) -> Tensor:
    """Equation (12.18) for t = 2..T."""
    return 0.5 * torch.expm1(log_snr[:-1] - log_snr[1:])


def _of(rule: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """rule(ratio of t - 1, ratio of t)."""
    return lambda log_snr: rule(log_snr[:-1], log_snr[1:])


def _draw_weights(d: Draw) -> Iterator[Case]:
    def ratios(n: int, step: float, near: float = 4.0) -> Tensor:
        steps = step * (0.5 + torch.rand(n, generator=d.generator, dtype=F64))
        return near * d.uniform(0.8, 1.2) - torch.cumsum(steps, 0)

    asked = ratios(8, 1.0)
    yield Case("eight steps", (asked,))
    yield Case("large steps", (ratios(5, 3.0),))
    yield Case("two steps", (ratios(2, 1.0),), "edges")
    yield Case("steps so small that exp cannot tell them from 1", (ratios(6, 1e-12, near=1e-6),), "edges")
    yield Case("small steps in 32 bits", (ratios(6, 1e-5, near=1e-3).float(),), "edges")
    yield Case("float32 stays float32", (ratios(6, 1.0).float(),), "edges", strict_dtype=True)
    yield Case("called twice", (asked,), "clean", "twice")
    yield Case("gradient", (asked,), "clean", "gradient", cotangent=d.randn(7, dtype=F64))


EXERCISE = Exercise(
    name="latent.vdm_weights",
    prompt="Give the weights of the squared noise error in the bound, from the log signal-to-noise ratios.",
    signature="vdm_weights(log_snr (T,), entry i belongs to t = i + 1) -> (T-1,), for t = 2..T",
    reference=vdm_weights,
    draw=_draw_weights,
    criteria=criteria(2, 1, 1, at="two steps, tiny steps, float32"),
    equation="12.18",
    difficulty=2,
    minutes=8,
    hints=(
        "The weight of a step is half of the relative growth of the signal-to-noise ratio in that step, going back.",
        "(exp(lambda_{t-1} - lambda_t) - 1)/2. For small steps exp(x) - 1 loses its digits; torch has a function that does not.",
        "return 0.5 * torch.expm1(log_snr[:-1] - log_snr[1:])",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "half forgotten",
            _of(lambda before, now: torch.expm1(before - now)),
            "the factor 1/2 of the divergence of two normal densities is missing.",
        ),
        Misconception(
            "difference the other way round",
            _of(lambda before, now: 0.5 * torch.expm1(now - before)),
            "these weights are negative: the ratio of the earlier step is the larger one, so it comes first.",
        ),
        Misconception(
            "one not subtracted",
            _of(lambda before, now: 0.5 * torch.exp(before - now)),
            "1 is missing: a step that adds no noise costs nothing.",
        ),
        Misconception(
            "one subtracted after rounding",
            _of(lambda before, now: 0.5 * (torch.exp(before - now) - 1)),
            "right in formula, but exp(x) - 1 has no digits left for tiny steps: torch.expm1 computes it as a whole.",
        ),
        Misconception(
            "limit of small steps",
            _of(lambda before, now: 0.5 * (before - now)),
            "this is the limit for infinitely many steps. With a finite number the weight is (exp(difference) - 1)/2.",
        ),
        Misconception(
            "weights of the data error",
            _of(lambda before, now: 0.5 * (torch.exp(before) - torch.exp(now))),
            "these are the weights of ||x_0 - x_0_hat||^2. The squared error of the noise is larger by SNR(t): divide by it.",
        ),
        Misconception(
            "divided by the earlier ratio",
            _of(lambda before, now: 0.5 * -torch.expm1(now - before)),
            "you divided the difference by SNR(t-1). The noise is that of x_t, so divide by SNR(t).",
        ),
        Misconception(
            "logarithms as ratios",
            _of(lambda before, now: 0.5 * (before / now - 1)),
            "you divided logarithms. The quotient of two ratios is exp of the difference of their logarithms.",
        ),
    ),
)
