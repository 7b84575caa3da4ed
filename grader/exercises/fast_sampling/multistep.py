"""Second order from one call: `multistep`."""

import math
from collections.abc import Callable, Iterator

from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.fast_sampling.common import F64, WITHHOLDS, criteria, noise_std, signal

Guess = Callable[[Tensor, Tensor, float], Tensor]


def multistep(x: Tensor, x_0: Tensor, before: Tensor, lams: tuple[float, float, float]) -> Tensor:
    """Equation (10.26)."""
    lam_before, lam, lam_next = lams
    h = lam_next - lam
    r = 0.0 if math.isinf(h) else h / (2 * (lam - lam_before))
    keep, keep_next = 1 / (1 + math.exp(-2 * lam)), 1 / (1 + math.exp(-2 * lam_next))
    guess = x_0 + r * (x_0 - before)
    return ((1 - keep_next) / (1 - keep)) ** 0.5 * x + keep_next**0.5 * (1 - math.exp(-h)) * guess


def _step(x: Tensor, guess: Tensor, lam: float, lam_next: float) -> Tensor:
    """The first-order step in data form, with any guess of the data."""
    left = noise_std(lam_next) / noise_std(lam) if math.isfinite(lam_next) else 0.0
    return left * x + signal(lam_next) * (1 - math.exp(lam - lam_next)) * guess


def _with(guess: Guess) -> Callable[[Tensor, Tensor, Tensor, tuple[float, float, float]], Tensor]:
    """Another guess of the data, from the new one, the old one and the ratio h / h_before; right at the last step."""

    def wrong(x: Tensor, x_0: Tensor, before: Tensor, lams: tuple[float, float, float]) -> Tensor:
        ratio = (lams[2] - lams[1]) / (lams[1] - lams[0])
        return _step(x, x_0 if math.isinf(ratio) else guess(x_0, before, ratio), lams[1], lams[2])

    return wrong


def _as_noise(x: Tensor, x_0: Tensor, before: Tensor, lams: tuple[float, float, float]) -> Tensor:
    h = lams[2] - lams[1]
    guess = x_0 if math.isinf(h) else x_0 + h / (2 * (lams[1] - lams[0])) * (x_0 - before)
    if math.isinf(h):
        return guess
    return signal(lams[2]) / signal(lams[1]) * x - noise_std(lams[2]) * math.expm1(h) * guess


def _unguarded(x: Tensor, x_0: Tensor, before: Tensor, lams: tuple[float, float, float]) -> Tensor:
    h = lams[2] - lams[1]
    return _step(x, x_0 + h / (2 * (lams[1] - lams[0])) * (x_0 - before), lams[1], lams[2])


def _plain_length(x: Tensor, x_0: Tensor, before: Tensor, lams: tuple[float, float, float]) -> Tensor:
    h = lams[2] - lams[1]
    if math.isinf(h):
        return x_0.clone()
    guess = x_0 + h / (2 * (lams[1] - lams[0])) * (x_0 - before)
    return noise_std(lams[2]) / noise_std(lams[1]) * x + signal(lams[2]) * h * guess


def _in_place(x: Tensor, x_0: Tensor, before: Tensor, lams: tuple[float, float, float]) -> Tensor:
    return x.copy_(multistep(x, x_0, before, lams))


def _draw(d: Draw) -> Iterator[Case]:
    x, x_0, before = (d.randn(4, 2, dtype=F64) for _ in range(3))
    first = d.uniform(-1.5, -0.5)
    second = first + d.uniform(0.3, 0.6)
    lams = (first, second, second + d.uniform(0.8, 1.2))
    images = tuple(d.randn(2, 1, 3, 3, dtype=F64) for _ in range(3))
    yield Case("a long step after a short one", (x, x_0, before, lams))
    yield Case("images, a short step after a long one", (*images, (first - 1, second, second + 0.4)))
    yield Case("steps of one length", (x, x_0, before, (first, first + 0.7, first + 1.4)), "edges")
    yield Case("the last step, to no noise", (x, x_0, before, (first, second, math.inf)), "edges")
    yield Case("one example", (x[:1], x_0[:1], before[:1], lams), "edges")
    yield Case("float32 stays float32", (x.float(), x_0.float(), before.float(), lams), "edges", strict_dtype=True)
    yield Case("called twice", (x, x_0, before, lams), "clean", "twice")


EXERCISE = Exercise(
    name="fast.multistep",
    prompt="Take one multistep step: lean on the previous guess of the data instead of asking again.",
    signature="multistep(x (B, *D), x_0 (B, *D), before (B, *D), lams (lam_before, lam, lam_next)) -> (B, *D)",
    reference=multistep,
    draw=_draw,
    criteria=criteria(
        3, 1, 1, at="equal steps, the step to no noise, one example, float32", clean_text="inputs untouched"
    ),
    equation="10.26",
    difficulty=4,
    minutes=20,
    level="stretch",
    hints=(
        "Draw a line through the last two guesses of the data and read it in the middle of the step that is to come.",
        "r = h/(2 h_before); guess = x_0 + r (x_0 - before); sqrt((1 - bar_s)/(1 - bar_t)) x + sqrt(bar_s) (1 - exp(-h)) guess. If "
        "lam_next is infinite, r = 0.",
        "r = 0.0 if math.isinf(h) else h / (2 * (lam - lam_before)); guess = x_0 + r * (x_0 - before)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "previous guess unused",
            _with(lambda new, old, ratio: new),
            "the previous guess is not used: this is DDIM, first order.",
        ),
        Misconception(
            "read at the end of the step",
            _with(lambda new, old, ratio: new + ratio * (new - old)),
            "the line is read at the end of the step. Its mean over the step is its value in the middle: h/(2 h_before).",
        ),
        Misconception(
            "equal steps assumed",
            _with(lambda new, old, ratio: new + 0.5 * (new - old)),
            "r = 1/2 is right only if both steps are equally long. In general r = h/(2 h_before).",
        ),
        Misconception(
            "ratio upside down",
            _with(lambda new, old, ratio: new + (new - old) / (2 * ratio)),
            "the ratio of the two steps is upside down: a longer step to come leans farther, r = h/(2 h_before).",
        ),
        Misconception(
            "leans backwards",
            _with(lambda new, old, ratio: new - ratio / 2 * (new - old)),
            "the line is followed backwards. The step to come lies on the other side of the previous guess: plus r.",
        ),
        Misconception(
            "mean of the guesses",
            _with(lambda new, old, ratio: (new + old) / 2),
            "the two guesses are averaged: that is the line read behind the step. Extrapolate forward.",
        ),
        Misconception(
            "coefficients for noise",
            _as_noise,
            "these are the coefficients for a prediction of the noise. For the data: sqrt((1 - bar_s)/(1 - bar_t)) x + sqrt(bar_s) "
            "(1 - exp(-h)) guess.",
        ),
        Misconception(
            "step length for its exponential",
            _plain_length,
            "the factor of the guess has h where 1 - exp(-h) belongs: the integral of the exponential.",
        ),
        Misconception(
            "infinite last step",
            _unguarded,
            "at the last step h is infinite, and so is r. There, take the newest guess as it is.",
        ),
        Misconception(
            "changes x in place",
            _in_place,
            "the numbers are right, but the caller's x was changed in place. Build a new tensor.",
        ),
    ),
)
