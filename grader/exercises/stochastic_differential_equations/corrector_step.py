"""A corrector step with its step size: `corrector_step`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.stochastic_differential_equations.common import WITHHOLDS, criteria


def corrector_step(x: Tensor, score: Tensor, z: Tensor, rho: float) -> Tensor:
    """Equation (8.31), with the mean length over the batch, as in algorithms 4 and 5 of Song et al."""
    ratio = z.flatten(1).norm(dim=1).mean() / score.flatten(1).norm(dim=1).mean()
    eta = 2 * (rho * ratio) ** 2
    return x + eta * score + (2 * eta).sqrt() * z


def _lengths(score: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    return z.flatten(1).norm(dim=1).mean(), score.flatten(1).norm(dim=1).mean()


Size = Callable[[Tensor, Tensor, float], Tensor]


def _with(size: Size) -> Callable[[Tensor, Tensor, Tensor, float], Tensor]:
    """A Langevin step of another size: size(|z|, |score|, rho)."""

    def wrong(x: Tensor, score: Tensor, z: Tensor, rho: float) -> Tensor:
        eta = size(*_lengths(score, z), rho)
        return x + eta * score + (2 * eta).sqrt() * z

    return wrong


def _with_noise(factor: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor, Tensor, float], Tensor]:
    def wrong(x: Tensor, score: Tensor, z: Tensor, rho: float) -> Tensor:
        long, steep = _lengths(score, z)
        eta = 2 * (rho * long / steep) ** 2
        return x + eta * score + factor(eta) * z

    return wrong


def _minus(x: Tensor, score: Tensor, z: Tensor, rho: float) -> Tensor:
    return 2 * x - corrector_step(x, score, -z, rho)


def _one_by_one(x: Tensor, score: Tensor, z: Tensor, rho: float) -> Tensor:
    return torch.cat([corrector_step(x[i : i + 1], score[i : i + 1], z[i : i + 1], rho) for i in range(len(x))])


def _whole_batch(x: Tensor, score: Tensor, z: Tensor, rho: float) -> Tensor:
    eta = 2 * (rho * z.norm() / score.norm()) ** 2
    return x + eta * score + (2 * eta).sqrt() * z


def _last_axis(x: Tensor, score: Tensor, z: Tensor, rho: float) -> Tensor:
    eta = 2 * (rho * z.norm(dim=-1).mean() / score.norm(dim=-1).mean()) ** 2
    return x + eta * score + (2 * eta).sqrt() * z


def _draw_corrector(d: Draw) -> Iterator[Case]:
    rho = d.uniform(0.1, 0.25)
    x, z = d.randn(5, 3), d.randn(5, 3)
    score = d.randn(5, 3) * torch.tensor([0.5, 1.0, 2.0, 3.0, 4.0]).unsqueeze(1)
    images = [d.randn(3, 1, 4, 4) * k for k in (1, 2, 1)]
    images[1] = images[1] * torch.tensor([0.1, 0.2, 0.5, 4.0]).unsqueeze(1)  # rows of different steepness
    yield Case("a batch of points", (x, score, z, rho))
    yield Case("images", (*images, rho))
    yield Case("one example", (x[:1], score[:1], z[:1], rho), "edges")
    yield Case("float64", (x.double(), score.double(), z.double(), rho), "edges", strict_dtype=True)
    yield Case("a transposed view", (x, score, d.randn(3, 5).mT, rho), "edges")
    yield Case("called twice", (x, score, z, rho), "clean", "twice")


EXERCISE = Exercise(
    name="sde.corrector_step",
    prompt="Take a Langevin step whose size comes from the signal-to-noise ratio rho.",
    signature="corrector_step(x (B, *D), score (B, *D), z (B, *D), rho float) -> (B, *D)",
    reference=corrector_step,
    draw=_draw_corrector,
    criteria=criteria(3, 1, 1, at="one example, dtype, any memory layout"),
    equation="8.31",
    difficulty=3,
    minutes=12,
    hints=(
        "First the two lengths: one number for each example, over all its entries; then the mean over the batch. "
        "Then eta, then the Langevin step of lesson 07.",
        "eta = 2 (rho |z|/|score|)^2; x + eta * score + sqrt(2 eta) * z.",
        "ratio = z.flatten(1).norm(dim=1).mean() / score.flatten(1).norm(dim=1).mean(); eta = 2 * (rho * ratio) ** 2; "
        "return x + eta * score + (2 * eta).sqrt() * z",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "square forgotten",
            _with(lambda long, steep, rho: 2 * rho * long / steep),
            "eta is 2 rho |z|/|s|. Drift over noise is sqrt(eta/2) |s|/|z|, so eta is the square.",
        ),
        Misconception(
            "only the ratio of lengths squared",
            _with(lambda long, steep, rho: 2 * rho * (long / steep) ** 2),
            "rho is not squared. The bracket holds rho and the ratio, and all of it is squared.",
        ),
        Misconception(
            "two forgotten",
            _with(lambda long, steep, rho: (rho * long / steep) ** 2),
            "eta lacks the factor 2, which comes from the noise sqrt(2 eta).",
        ),
        Misconception(
            "lengths exchanged",
            _with(lambda long, steep, rho: 2 * (rho * steep / long) ** 2),
            "the ratio is upside down: a steep score would make large steps. It is |z| over |score|.",
        ),
        Misconception(
            "noise of variance eta",
            _with_noise(lambda eta: eta.sqrt()),
            "the noise has variance eta. With drift eta it is 2 eta, as in lesson 07; otherwise p_t does not stay in place.",
        ),
        Misconception(
            "variance as standard deviation",
            _with_noise(lambda eta: 2 * eta),
            "the noise is multiplied by 2 eta, its variance. Take the root.",
        ),
        Misconception("minus the score", _minus, "the score is subtracted. A Langevin step goes uphill."),
        Misconception(
            "one step size for each example",
            _one_by_one,
            "every example has its own step size, from its own noise. Then a long z makes its own step longer, and the step is "
            "no longer a Langevin step. Average the lengths over the batch.",
        ),
        Misconception(
            "length of the whole batch",
            _whole_batch,
            "you take one length for the whole batch at once. Take the length of each example, then the mean.",
        ),
        Misconception(
            "length of the last axis",
            _last_axis,
            "the lengths run over the last axis only: for images that is one row. Flatten each example first.",
        ),
    ),
)
