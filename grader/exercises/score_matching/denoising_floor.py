"""The least value of the denoising loss: `denoising_floor`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.score_matching.common import WITHHOLDS, criteria


def denoising_floor(variances: Tensor, sigma: float) -> Tensor:
    """Equation (6.23)."""
    return 0.5 * (variances / (sigma**2 * (variances + sigma**2))).sum()


def _draw_floor(d: Draw) -> Iterator[Case]:
    v = 0.1 + 2 * torch.rand(3, generator=d.generator, dtype=torch.float64)
    more = 0.1 + torch.rand(6, generator=d.generator, dtype=torch.float64)
    sigma = d.uniform(0.3, 0.8)
    yield Case("three directions", (v, sigma))
    yield Case("much noise", (more, d.uniform(1.5, 3)))
    yield Case("little noise", (more, d.uniform(0.02, 0.05)))
    yield Case("a flat direction, variance 0", (torch.cat([v, torch.zeros(2, dtype=torch.float64)]), sigma), "edges")
    yield Case("one direction", (v[:1], sigma), "edges")
    yield Case("gradient in the variances", (v, sigma), "clean", "gradient", 0, torch.ones((), dtype=torch.float64))
    yield Case("called twice", (v, sigma), "clean", "twice")


def _wrong(rule: Callable[[Tensor, float], Tensor]) -> Callable[[Tensor, float], Tensor]:
    """A rule per direction from its variance and sigma^2, summed."""
    return lambda v, sigma: rule(v, sigma**2).sum()


EXERCISE = Exercise(
    name="score.denoising_floor",
    prompt="The least value that the denoising loss can have, for Gaussian data with the given variances.",
    signature="denoising_floor(variances (d,), sigma float) -> a number",
    reference=denoising_floor,
    draw=_draw_floor,
    criteria=criteria(2, 1, 1, at="a flat direction, one direction"),
    equation="6.23",
    difficulty=2,
    minutes=10,
    hints=(
        "The floor is half of what the noise costs minus what the true score explains, added over the directions.",
        "Per direction: E[eps^2] / sigma^2 = 1 / sigma^2, and the score -x / (v + sigma^2) has mean square 1 / (v + sigma^2). "
        "Half the difference is v / (2 sigma^2 (v + sigma^2)).",
        "return 0.5 * (variances / (sigma**2 * (variances + sigma**2))).sum()",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "zero",
            _wrong(lambda v, s2: torch.zeros_like(v)),
            "the floor is not 0: x does not tell which noise was added, so even the true score misses -eps / sigma.",
        ),
        Misconception(
            "noise alone",
            _wrong(lambda v, s2: torch.full_like(v, 0.5 / s2)),
            "this is the loss of the model s = 0. The true score explains a part of it: subtract 1/2 E||score||^2.",
        ),
        Misconception(
            "score alone",
            _wrong(lambda v, s2: 0.5 / (v + s2)),
            "this is 1/2 E||score||^2, the part that the true score explains. The floor is what is left of 1/2 d / sigma^2.",
        ),
        Misconception(
            "half forgotten",
            _wrong(lambda v, s2: v / (s2 * (v + s2))),
            "the factor 1/2 is missing.",
        ),
        Misconception(
            "score of the clean data",
            _wrong(lambda v, s2: 0.5 * (1 / s2 - 1 / v)),
            "you used the score of the clean data. The loss is about the noisy data, whose variance is v + sigma^2.",
        ),
        Misconception(
            "in units of noise",
            _wrong(lambda v, s2: 0.5 * v / (v + s2)),
            "this is sigma^2 times the floor: the floor of the noise predictor, not of the score.",
        ),
        Misconception(
            "posterior variance",
            _wrong(lambda v, s2: 0.5 * v * s2 / (v + s2)),
            "this is half the variance of x_0 given x. Divide by sigma^4 to get from positions to scores.",
        ),
        Misconception(
            "sigma not squared",
            lambda v, sigma: 0.5 * (v / (sigma * (v + sigma))).sum(),
            "sigma is a standard deviation. Square it before it meets variances.",
        ),
        Misconception(
            "mean over directions",
            lambda v, sigma: denoising_floor(v, sigma) / len(v),
            "you averaged over the directions. The loss is a squared length, so the parts add up.",
        ),
        Misconception(
            "variances squared",
            _wrong(lambda v, s2: 0.5 * v**2 / (s2 * (v**2 + s2))),
            "variances are variances already; do not square them.",
        ),
    ),
)
