"""From noise to data along the reverse equation: `reverse_sample`."""

from collections.abc import Callable, Iterator

from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.stochastic_differential_equations.common import (
    CLEAN,
    WITHHOLDS,
    Field,
    criteria,
    random_score,
    random_times,
)


def reverse_sample(score: Field, x: Tensor, times: Tensor, noises: Tensor, beta_min: float, beta_max: float) -> Tensor:
    """Equation (8.26) for VP, by steps (8.4) with dt < 0."""
    for i in range(len(noises)):
        t, dt = float(times[i]), float(times[i + 1] - times[i])
        beta = beta_min + t * (beta_max - beta_min)
        x = x + dt * (-0.5 * beta * x - beta * score(x, t)) + (-dt * beta) ** 0.5 * noises[i]
    return x


Advance = Callable[[Tensor, Tensor, float, float, Tensor], Tensor]  # x, score, beta, |dt|, noise -> x


def _by(advance: Advance, *, at_end: bool = False) -> Callable[..., Tensor]:
    def wrong(score: Field, x: Tensor, times: Tensor, noises: Tensor, low: float, high: float) -> Tensor:
        for i, z in enumerate(noises):
            t, dt = float(times[i]), float(times[i] - times[i + 1])
            at = float(times[i + 1]) if at_end else t
            x = advance(x, score(x, at), low + at * (high - low), dt, z)
        return x

    return wrong


def _right(x: Tensor, s: Tensor, beta: float, dt: float, z: Tensor) -> Tensor:
    return x + dt * beta * (x / 2 + s) + (beta * dt) ** 0.5 * z


def _no_noise_at_the_end(score: Field, x: Tensor, times: Tensor, noises: Tensor, low: float, high: float) -> Tensor:
    noises = noises.clone()
    noises[-1] = 0
    return reverse_sample(score, x, times, noises, low, high)


def _integers(score: Field, x: Tensor, times: Tensor, noises: Tensor, low: float, high: float) -> Tensor:
    for i, z in enumerate(noises):
        t, dt = float(times[i]), float(times[i] - times[i + 1])
        x = _right(x, score(x, len(noises) - i), low + t * (high - low), dt, z)
    return x


def _draw_sample(d: Draw) -> Iterator[Case]:
    score, low, high = Served(random_score(d)), d.uniform(0.2, 0.6), d.uniform(3, 6)
    times = random_times(d, 6, 0.02).flip(0)
    x, noises = d.randn(4, 2), d.randn(6, 4, 2)
    yield Case("six steps of different lengths", (score, x, times, noises, low, high))
    yield Case("images", (score, d.randn(2, 1, 3, 3), times, d.randn(6, 2, 1, 3, 3), low, high))
    yield Case("one step", (score, x, times[-2:], noises[:1], low, high), "edges")
    yield Case("beta that does not change", (score, x, times, noises, high, high), "edges")
    yield Case("float32 stays float32", (score, x, times, noises, low, high), "edges", strict_dtype=True)
    yield Case("float64", (score, x.double(), times, noises.double(), low, high), "edges", strict_dtype=True)
    yield Case("called twice", (score, x, times, noises, low, high), "clean", "twice")
    yield Case("one call a step", (score, x, times, noises, low, high), "clean", max_calls=6)


EXERCISE = Exercise(
    name="sde.reverse_sample",
    prompt="Run the reverse VP equation along falling times, by steps of Euler and Maruyama.",
    signature=(
        "reverse_sample(score: x, t -> (B, *D), x (B, *D), times (n+1,) falling, noises (n, B, *D), beta_min float, "
        "beta_max float) -> (B, *D)"
    ),
    reference=reverse_sample,
    draw=_draw_sample,
    criteria=criteria(3, 1, 1, at="one step, constant beta, dtypes", clean_text=CLEAN),
    equation="8.26",
    difficulty=3,
    minutes=15,
    hints=(
        "All the parts are there: the coefficients of VP, the reverse drift, and a step with dt < 0.",
        "dt = times[i+1] - times[i] < 0; drift = -beta/2 x - beta score(x, t); noise sqrt(beta |dt|) * noises[i].",
        "x = x + dt * (-0.5 * beta * x - beta * score(x, t)) + (-dt * beta) ** 0.5 * noises[i]",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "forward drift",
            _by(lambda x, s, beta, dt, z: x - dt * beta * x / 2 + dt * beta * s + (beta * dt) ** 0.5 * z),
            "x is still pulled towards 0. Backward in time dt is negative: the part -beta/2 x pushes outwards.",
        ),
        Misconception(
            "half the score",
            _by(lambda x, s, beta, dt, z: x + dt * beta / 2 * (x + s) + (beta * dt) ** 0.5 * z),
            "the score has the factor beta/2. With noise it is g^2 = beta; beta/2 belongs to the equation without noise.",
        ),
        Misconception(
            "minus the score",
            _by(lambda x, s, beta, dt, z: x + dt * beta * (x / 2 - s) + (beta * dt) ** 0.5 * z),
            "the steps go downhill in the density. -g^2 s times a negative dt is plus.",
        ),
        Misconception(
            "score forgotten",
            _by(lambda x, s, beta, dt, z: x + dt * beta * x / 2 + (beta * dt) ** 0.5 * z),
            "the score does not occur: this only blows the noise up.",
        ),
        Misconception(
            "no noise",
            _by(lambda x, s, beta, dt, z: x + dt * beta * (x / 2 + s)),
            "no noise is added. The reverse equation has noise too, of the same size as the forward one.",
        ),
        Misconception(
            "noise times dt",
            _by(lambda x, s, beta, dt, z: x + dt * beta * (x / 2 + s) + beta**0.5 * dt * z),
            "the noise is multiplied by dt. Its factor is sqrt(beta |dt|).",
        ),
        Misconception(
            "noise beta",
            _by(lambda x, s, beta, dt, z: x + dt * beta * (x / 2 + s) + beta * dt**0.5 * z),
            "the noise has the factor beta sqrt(dt). g is the root of beta.",
        ),
        Misconception(
            "asked at the end of the step",
            _by(_right, at_end=True),
            "score and beta are taken at the time where the step ends. x is still at times[i].",
        ),
        Misconception(
            "no noise in the last step",
            _no_noise_at_the_end,
            "the last step adds no noise. DDPM does that; here every step is a step of Euler and Maruyama.",
        ),
        Misconception(
            "score asked at a step number",
            _integers,
            "the score is asked at whole numbers n, .., 1. It wants the time, times[i].",
        ),
    ),
)
