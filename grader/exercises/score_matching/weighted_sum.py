"""All noise levels at once: `weighted_sum`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.score_matching.common import WITHHOLDS, criteria


def weighted_sum(scores: Tensor, noise: Tensor, sigmas: Tensor) -> Tensor:
    """Equation (6.33), averaged over the levels."""
    return (sigmas.unsqueeze(1) ** 2 * _each(scores, noise, sigmas)).mean(0)


def _each(scores: Tensor, noise: Tensor, sigmas: Tensor) -> Tensor:
    """The denoising loss at every level, (L, B)."""
    sd = sigmas.reshape(-1, *[1] * (noise.ndim - 1))
    return 0.5 * ((scores + noise / sd) ** 2).flatten(2).sum(2)


def _wrong(rule: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """A rule that adds up the losses (L, B) with the sigmas (L, 1)."""
    return lambda scores, noise, sigmas: rule(_each(scores, noise, sigmas), sigmas.unsqueeze(1))


def _last_axis(scores: Tensor, noise: Tensor, sigmas: Tensor) -> Tensor:
    return (sigmas**2 * 0.5 * (scores + noise / sigmas) ** 2).flatten(2).sum(2).mean(0)


def _draw_levels(d: Draw) -> Iterator[Case]:
    def levels(*shape: int) -> tuple[Tensor, Tensor, Tensor]:
        sigmas = 0.2 + 1.5 * torch.rand(shape[0], generator=d.generator, dtype=torch.float64)
        return d.randn(*shape, dtype=torch.float64), d.randn(*shape, dtype=torch.float64), sigmas

    three = levels(3, 4, 2)
    yield Case("three levels", three)
    yield Case("images as wide as there are levels", levels(4, 3, 1, 4, 4))
    yield Case("one level", levels(1, 4, 2), "edges")
    yield Case("one example", levels(3, 1, 2), "edges")
    yield Case("a transposed view", (d.randn(2, 4, 3, dtype=torch.float64).transpose(0, 2), *three[1:]), "edges")
    yield Case("gradient in the scores", three, "clean", "gradient", 0, d.randn(4, dtype=torch.float64))
    yield Case("called twice", three, "clean", "twice")


EXERCISE = Exercise(
    name="score.weighted_sum",
    prompt="The denoising losses of all noise levels, weighted by sigma^2 and averaged over the levels.",
    signature="weighted_sum(scores (L, B, *D), noise (L, B, *D), sigmas (L,)) -> (B,)",
    reference=weighted_sum,
    draw=_draw_levels,
    criteria=criteria(2, 1, 1, at="one level, one example, any memory layout"),
    equation="6.33",
    difficulty=3,
    minutes=12,
    hints=(
        "At each level the denoising loss, times sigma^2. Then the mean over the first axis. The batch stays.",
        "sd = sigmas reshaped to (L, 1, .., 1); sigma^2 / 2 ||s + eps / sigma||^2 = 1/2 ||sd * s + eps||^2: put the "
        "weight inside and nothing is divided.",
        "sd = sigmas.reshape(-1, *[1] * (noise.ndim - 1)); "
        "return (0.5 * (sd * scores + noise) ** 2).flatten(2).sum(2).mean(0)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "no weights",
            _wrong(lambda losses, sd: losses.mean(0)),
            "the weights sigma^2 are missing: the level with the least noise drowns all others.",
        ),
        Misconception(
            "weight sigma",
            _wrong(lambda losses, sd: (sd * losses).mean(0)),
            "the weight is sigma. The loss goes like 1 / sigma^2, so the weight that makes levels equal is sigma^2.",
        ),
        Misconception(
            "weight upside down",
            _wrong(lambda losses, sd: (losses / sd**2).mean(0)),
            "you divide by sigma^2. Multiply, to undo the 1 / sigma^2 of the target.",
        ),
        Misconception(
            "sum over levels",
            _wrong(lambda losses, sd: (sd**2 * losses).sum(0)),
            "you added over the levels. Take their mean, as when a level is drawn at random.",
        ),
        Misconception(
            "mean over the batch",
            _wrong(lambda losses, sd: (sd**2 * losses).mean(1)),
            "you averaged over the batch and kept the levels. Keep the batch: shape (B,).",
        ),
        Misconception(
            "half forgotten",
            _wrong(lambda losses, sd: 2 * (sd**2 * losses).mean(0)),
            "the factor 1/2 is missing. (The simple loss of DDPM has none; the denoising loss has one.)",
        ),
        Misconception(
            "sign of the target",
            lambda s, e, sd: weighted_sum(s, -e, sd),
            "the target has the wrong sign: the error is s + eps / sigma, because the target is -eps / sigma.",
        ),
        Misconception(
            "scores compared with noise",
            lambda s, e, sd: (0.5 * (s + e) ** 2).flatten(2).sum(2).mean(0),
            "you compare s with -eps. The model's noise is -sigma s: multiply the scores by sigma.",
        ),
        Misconception(
            "mean over coordinates",
            lambda s, e, sd: weighted_sum(s, e, sd) / e[0, 0].numel(),
            "you averaged over the coordinates. A squared length is their sum.",
        ),
        Misconception(
            "(L,) against the last axis",
            _last_axis,
            "sigmas has shape (L,) and lines up with the last axis. Reshape it to (L, 1, .., 1).",
        ),
    ),
)
