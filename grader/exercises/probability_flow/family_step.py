"""Between ODE and reverse SDE: `family_step`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.probability_flow.common import WITHHOLDS, criteria


def family_step(x: Tensor, score: Tensor, f: float, g: float, dt: float, lam: float, noise: Tensor) -> Tensor:
    """One Euler-Maruyama step of the family (9.8), dt < 0."""
    drift = f * x - (1 + lam**2) / 2 * g**2 * score
    return x + dt * drift + lam * g * abs(dt) ** 0.5 * noise


def _wrong(
    weight: Callable[[float], float] = lambda lam: (1 + lam**2) / 2,
    size: Callable[[float, float, float], float] = lambda lam, g, h: lam * g * h**0.5,
    sign: float = 1.0,
) -> Callable[..., Tensor]:
    """weight of g^2 score by lambda; size of the noise by lambda, g and |dt|; sign of the score."""

    def step(x: Tensor, score: Tensor, f: float, g: float, dt: float, lam: float, noise: Tensor) -> Tensor:
        return x + dt * (f * x - sign * weight(lam) * g**2 * score) + size(lam, g, abs(dt)) * noise

    return step


def _up(x: Tensor, score: Tensor, f: float, g: float, dt: float, lam: float, noise: Tensor) -> Tensor:
    return x - dt * (f * x - (1 + lam**2) / 2 * g**2 * score) + lam * g * abs(dt) ** 0.5 * noise


def _root_of_negative(x: Tensor, score: Tensor, f: float, g: float, dt: float, lam: float, noise: Tensor) -> Tensor:
    root = torch.tensor(dt, dtype=x.dtype).sqrt()
    return x + dt * (f * x - (1 + lam**2) / 2 * g**2 * score) + lam * g * root * noise


def _in_place(x: Tensor, score: Tensor, f: float, g: float, dt: float, lam: float, noise: Tensor) -> Tensor:
    x.copy_(family_step(x, score, f, g, dt, lam, noise))
    return x


def _draw_family(d: Draw) -> Iterator[Case]:
    f, g, dt, lam = d.uniform(-1.5, -0.5), d.uniform(1.2, 2.0), -d.uniform(0.1, 0.3), d.uniform(0.3, 0.7)
    x, score, noise = (d.randn(4, 3, dtype=torch.float64) for _ in range(3))
    images = d.randn(2, 1, 3, 3), d.randn(2, 1, 3, 3)
    yield Case("a lambda between", (x, score, f, g, dt, lam, noise))
    yield Case("images", (*images, f, g, dt, 2 * lam, d.randn(2, 1, 3, 3)))
    yield Case("lambda = 0: the flow", (x, score, f, g, dt, 0.0, noise), "edges")
    yield Case("lambda = 1: the reverse SDE", (x, score, f, g, dt, 1.0, noise), "edges")
    yield Case("one example", (x[:1], score[:1], f, g, dt, lam, noise[:1]), "edges")
    yield Case("float32 stays float32", (*images, f, g, dt, lam, images[1]), "edges", strict_dtype=True)
    yield Case("called twice", (x, score, f, g, dt, lam, noise), "clean", "twice")


EXERCISE = Exercise(
    name="flow.family_step",
    prompt="One Euler-Maruyama step back in time, for any amount lambda of noise.",
    signature=(
        "family_step(x (B, *D), score (B, *D), f float, g float, dt float < 0, lam float, noise (B, *D)) -> (B, *D)"
    ),
    reference=family_step,
    draw=_draw_family,
    criteria=criteria(2, 1, 1, at="lambda = 0, lambda = 1, one example, dtypes", clean_text="inputs untouched"),
    equation="9.8",
    difficulty=2,
    minutes=10,
    hints=(
        "The noise has the size lam * g. It spreads the points, so more score is needed to hold them: half of g^2 carries, "
        "and another lam^2 g^2/2 makes up for the noise.",
        "x + dt * (f x - (1 + lam^2)/2 g^2 score) + lam g sqrt(-dt) noise. dt is negative, the root takes its length.",
        "return x + dt * (f * x - (1 + lam**2) / 2 * g**2 * score) + lam * g * (-dt) ** 0.5 * noise",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "always half",
            _wrong(lambda lam: 0.5),
            "the score always has the weight 1/2. That is right without noise; noise of size lam g spreads the points, and "
            "lam^2/2 more is needed to hold them.",
        ),
        Misconception(
            "always whole",
            _wrong(lambda lam: 1.0),
            "the score always has the weight 1, that of the reverse SDE. It is right for lam = 1 only.",
        ),
        Misconception(
            "lambda not squared",
            _wrong(lambda lam: (1 + lam) / 2),
            "the weight is (1 + lam)/2. The noise counts with its variance: (1 + lam^2)/2.",
        ),
        Misconception(
            "weight not halved",
            _wrong(lambda lam: 1 + lam**2),
            "the weight is 1 + lam^2. Half of it is right: at lam = 0 half of g^2 must be left.",
        ),
        Misconception(
            "only what the noise needs",
            _wrong(lambda lam: lam**2 / 2),
            "the weight is lam^2/2. That only makes up for the noise; the half that carries the points is missing.",
        ),
        Misconception(
            "the family of the way out",
            _wrong(lambda lam: (1 - lam**2) / 2),
            "the weight is (1 - lam^2)/2. That is right when time runs from data to noise. Backwards the noise has to be "
            "made up for: plus.",
        ),
        Misconception(
            "minus the score turned",
            _wrong(sign=-1.0),
            "the score has the wrong sign. The drift is f x - weight g^2 score; dt < 0 turns it uphill.",
        ),
        Misconception(
            "noise of the full size",
            _wrong(size=lambda lam, g, h: g * h**0.5),
            "the noise has the size g whatever lambda is. It is lam * g: none at lam = 0.",
        ),
        Misconception(
            "noise times dt",
            _wrong(size=lambda lam, g, h: lam * g * h),
            "the noise is multiplied by |dt|. Its variance grows with time, so its size with the root: sqrt(-dt).",
        ),
        Misconception(
            "lambda squared in the noise",
            _wrong(size=lambda lam, g, h: lam**2 * g * h**0.5),
            "the noise has the size lam^2 g. Its variance has lam^2, its size lam.",
        ),
        Misconception(
            "root of a negative number",
            _root_of_negative,
            "sqrt(dt) with dt < 0 is not a number. The length of the step counts: sqrt(-dt).",
        ),
        Misconception(
            "forward in time",
            _up,
            "the step goes along +|dt|. dt is negative already: x + dt * drift.",
        ),
        Misconception(
            "changes x in place",
            _in_place,
            "the numbers are right, but the caller's x was overwritten. Build a new tensor.",
        ),
    ),
)
