"""One step of Langevin dynamics: `ula_step`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.langevin_dynamics.common import WITHHOLDS, Score, criteria, random_density


def ula_step(score: Score, x: Tensor, eta: float, noise: Tensor) -> Tensor:
    """Equation (7.1)."""
    return x + eta * score(x) + (2 * eta) ** 0.5 * noise


def _draw_step(d: Draw) -> Iterator[Case]:
    score, eta = Served(random_density(d)[1]), d.uniform(0.1, 0.4)
    x, noise = d.randn(4, 3), d.randn(4, 3)
    yield Case("a batch of points", (score, x, eta, noise))
    yield Case("a batch of images, a small step", (score, d.randn(2, 1, 3, 3), eta / 5, d.randn(2, 1, 3, 3)))
    yield Case("one example, a large step", (score, x[:1], 3 * eta, noise[:1]), "edges")
    yield Case("no noise at all", (score, x, eta, torch.zeros(4, 3)), "edges")
    yield Case("float32 stays float32", (score, x, eta, noise), "edges", strict_dtype=True)
    yield Case("float64", (score, x.double(), eta, noise.double()), "edges", strict_dtype=True)
    yield Case("a transposed view", (score, d.randn(3, 4).mT, eta, noise), "edges")
    yield Case("called twice", (score, x, eta, noise), "clean", "twice")
    yield Case("one call of the score", (score, x, eta, noise), "clean", max_calls=1)


def _in_place(score: Score, x: Tensor, eta: float, noise: Tensor) -> Tensor:
    x += eta * score(x)
    x += (2 * eta) ** 0.5 * noise
    return x


EXERCISE = Exercise(
    name="langevin.ula_step",
    prompt="Take one step of Langevin dynamics: a little uphill, and a little at random.",
    signature="ula_step(score: x -> (B, *D), x (B, *D), eta float, noise (B, *D)) -> (B, *D)",
    reference=ula_step,
    draw=_draw_step,
    criteria=criteria(2, 1, 1, at="one example, no noise, dtypes, any memory layout"),
    equation="7.1",
    difficulty=1,
    minutes=5,
    hints=(
        "Two moves from the same place: along the score, which points uphill, and along the noise. Add both to x.",
        "x + eta * score(x) + sqrt(2 eta) * noise. The noise has variance 2 eta, so its factor is the root of that.",
        "return x + eta * score(x) + (2 * eta) ** 0.5 * noise",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "minus the score",
            lambda score, x, eta, noise: x - eta * score(x) + (2 * eta) ** 0.5 * noise,
            "the score is subtracted, as on the slide with the slip. The score points uphill in log p, and that is where "
            "samples should go: add it. (Descent is for losses.)",
        ),
        Misconception(
            "noise of variance eta",
            lambda score, x, eta, noise: x + eta * score(x) + eta**0.5 * noise,
            "drift eta needs noise of variance 2 eta. With variance eta the samples are too cold: on N(0, 1) they settle "
            "near variance 1/2.",
        ),
        Misconception(
            "variance as standard deviation",
            lambda score, x, eta, noise: x + eta * score(x) + 2 * eta * noise,
            "the noise is multiplied by 2 eta. That is its variance; multiply by the standard deviation, sqrt(2 eta).",
        ),
        Misconception(
            "half the drift",
            lambda score, x, eta, noise: x + eta / 2 * score(x) + (2 * eta) ** 0.5 * noise,
            "the drift is eta/2, the noise sqrt(2 eta): two conventions mixed. On N(0, 1) the variance becomes about 2.",
        ),
        Misconception(
            "the other convention",
            lambda score, x, eta, noise: x + eta / 2 * score(x) + eta**0.5 * noise,
            "this is the convention of Song & Ermon, alpha/2 and sqrt(alpha), with eta in the place of alpha. It is a "
            "valid step, of half the size. Here the drift is eta and the noise sqrt(2 eta).",
        ),
        Misconception(
            "root of two, eta without",
            lambda score, x, eta, noise: x + eta * score(x) + 2**0.5 * eta * noise,
            "the root covers only the 2: sqrt(2) * eta instead of sqrt(2 * eta). Mind the brackets.",
        ),
        Misconception(
            "no noise",
            lambda score, x, eta, noise: x + eta * score(x),
            "without noise this is gradient ascent. All points run to the nearest peak, which is not sampling.",
        ),
        Misconception(
            "score at the moved point",
            lambda score, x, eta, noise: x + (2 * eta) ** 0.5 * noise + eta * score(x + (2 * eta) ** 0.5 * noise),
            "the score is taken after the noise was added. Both moves start from x: score(x).",
        ),
        Misconception(
            "x forgotten",
            lambda score, x, eta, noise: eta * score(x) + (2 * eta) ** 0.5 * noise,
            "this is the move alone. The step starts at x: add the move to it.",
        ),
        Misconception(
            "changes x in place",
            _in_place,
            "the numbers are right, but x itself is changed (x += ...). The caller still needs the old place, for "
            "example to refuse the move. Build a new tensor.",
        ),
    ),
)
