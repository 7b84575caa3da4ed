"""The denoising loss by value: `denoising_loss`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception, Served
from grader.exercises.score_matching.common import WITHHOLDS, criteria, event, per_example

Score = Callable[[Tensor], Tensor]


def denoising_loss(score: Score, x_0: Tensor, sigma: Tensor, noise: Tensor) -> Tensor:
    """The inside of J_D in equation (6.21)."""
    sd = per_example(sigma, x_0)
    return 0.5 * event((score(x_0 + sd * noise) + noise / sd) ** 2)


def _wrong(
    noisy: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda x, sd, e: x + sd * e,
    target: Callable[[Tensor, Tensor], Tensor] = lambda sd, e: -e / sd,
    out: Callable[[Tensor, Tensor], Tensor] = lambda error, sd: 0.5 * event(error**2),
) -> Callable[..., Tensor]:
    """The loss with another noisy point, another target, or another sum."""

    def wrong(score: Score, x_0: Tensor, sigma: Tensor, noise: Tensor) -> Tensor:
        sd = per_example(sigma, x_0)
        return out(score(noisy(x_0, sd, noise)) - target(sd, noise), sd)

    return wrong


def _last_axis(score: Score, x_0: Tensor, sigma: Tensor, noise: Tensor) -> Tensor:
    sd = sigma.to(x_0)
    return 0.5 * event((score(x_0 + sd * noise) + noise / sd) ** 2)


def _one_by_one(score: Score, x_0: Tensor, sigma: Tensor, noise: Tensor) -> Tensor:
    rows = range(len(x_0))
    return torch.cat([denoising_loss(score, x_0[i : i + 1], sigma[i : i + 1], noise[i : i + 1]) for i in rows])


def _draw_denoising(d: Draw) -> Iterator[Case]:
    k, m = d.uniform(0.6, 1.4), d.uniform(0.2, 0.6)
    score = Served(lambda x: torch.sin(k * x + m) - 0.4 * x)

    def batch(*shape: int) -> tuple[Tensor, Tensor, Tensor]:
        sigma = 0.3 + 1.2 * torch.rand(shape[0], generator=d.generator, dtype=torch.float64)
        return d.randn(*shape, dtype=torch.float64), sigma, d.randn(*shape, dtype=torch.float64)

    x, sigma, noise = batch(3, 5)
    yield Case("vectors, one sigma each", (score, x, sigma, noise))
    yield Case("images as wide as the batch is long", (score, *batch(4, 1, 4, 4)))
    yield Case("one example", (score, x[:1], sigma[:1], noise[:1]), "edges")
    yield Case("float32 stays float32", (score, x.float(), sigma, noise.float()), "edges", strict_dtype=True)
    yield Case("a transposed view", (score, d.randn(5, 3, dtype=torch.float64).mT, sigma, noise), "edges")
    yield Case("called twice", (score, x, sigma, noise), "edges", "twice")
    yield Case("one call of the model", (score, x, sigma, noise), "calls", max_calls=1)


EXERCISE = Exercise(
    name="score.denoising_loss",
    prompt="The denoising loss of a score model, one value per example.",
    signature="denoising_loss(score: x -> (B, *D), x_0 (B, *D), sigma (B,) float64, noise (B, *D)) -> (B,)",
    reference=denoising_loss,
    draw=_draw_denoising,
    criteria=(
        *criteria(2, 2, at="one example, float32, any memory layout, inputs untouched"),
        Criterion("calls", 1, "the model is called once"),
    ),
    equation="6.21",
    difficulty=3,
    minutes=12,
    hints=(
        "Make the noisy point, ask the model there, and compare with what the noise says: the arrow back to the clean point.",
        "x = x_0 + sigma eps; the target is -eps / sigma; half the squared distance, summed over everything but the batch. "
        "sigma has shape (B,): reshape it to (B, 1, .., 1) and cast it to x_0's dtype.",
        "sd = sigma.to(x_0).reshape(-1, *[1] * (x_0.ndim - 1)); "
        "return 0.5 * ((score(x_0 + sd * noise) + noise / sd) ** 2).flatten(1).sum(1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "sign of the target",
            _wrong(target=lambda sd, e: e / sd),
            "the target has the wrong sign. The noise led away from the data; the score leads back: -eps / sigma.",
        ),
        Misconception(
            "target is the noise",
            _wrong(target=lambda sd, e: -e),
            "the target is not divided by sigma. -eps is the target for sigma times the score.",
        ),
        Misconception(
            "divided by the variance",
            _wrong(target=lambda sd, e: -e / sd**2),
            "the target is divided by sigma^2. That belongs to x - x_0; the noise eps has been divided by sigma once already.",
        ),
        Misconception(
            "model asked at the clean point",
            _wrong(noisy=lambda x, sd, e: x),
            "the model is asked at x_0. It must see the noisy point x_0 + sigma eps.",
        ),
        Misconception(
            "noise not scaled",
            _wrong(noisy=lambda x, sd, e: x + e),
            "the noisy point is x_0 + eps. The noise must be multiplied by sigma.",
        ),
        Misconception(
            "noise scaled by the variance",
            _wrong(noisy=lambda x, sd, e: x + sd**2 * e),
            "the noise is multiplied by sigma^2. Multiply by sigma, its standard deviation.",
        ),
        Misconception(
            "half forgotten",
            _wrong(out=lambda error, sd: event(error**2)),
            "the factor 1/2 is missing.",
        ),
        Misconception(
            "mean over coordinates",
            _wrong(out=lambda error, sd: 0.5 * (error**2).flatten(1).mean(1)),
            "you averaged over the coordinates. A squared length is their sum.",
        ),
        Misconception(
            "weighted already",
            _wrong(out=lambda error, sd: 0.5 * event((sd * error) ** 2)),
            "the loss is multiplied by sigma^2. That weight comes later, when levels are added; here the plain loss is asked for.",
        ),
        Misconception(
            "(B,) against the last axis",
            _last_axis,
            "sigma has shape (B,) and lines up with the last axis of x, not the first. It fails, or worse: when an image is as "
            "wide as the batch is long it runs and is wrong. Reshape it to (B, 1, .., 1).",
        ),
        Misconception(
            "one by one",
            _one_by_one,
            "right, but the model is called for each example. One call on the whole batch is enough, and many times faster.",
        ),
    ),
)
