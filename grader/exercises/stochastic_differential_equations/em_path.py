"""A path of Euler and Maruyama: `em_path`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.stochastic_differential_equations.common import CLEAN, WITHHOLDS, Field, criteria, random_times


def em_path(drift: Field, diffusion: Field, x: Tensor, times: Tensor, noises: Tensor) -> Tensor:
    """Equation (8.4), step after step; the diffusion may depend on x."""
    path = [x]
    for i in range(len(noises)):
        t, dt = float(times[i]), float(times[i + 1] - times[i])
        now = path[i]
        path.append(now + dt * drift(now, t) + abs(dt) ** 0.5 * diffusion(now, t) * noises[i])
    return torch.stack(path)


Advance = Callable[[Field, Field, Tensor, float, float, Tensor], Tensor]


def _by(advance: Advance) -> Callable[..., Tensor]:
    """The path of another step: advance(drift, diffusion, x, t, dt, noise)."""

    def wrong(drift: Field, diffusion: Field, x: Tensor, times: Tensor, noises: Tensor) -> Tensor:
        path = [x]
        for i, z in enumerate(noises):
            path.append(advance(drift, diffusion, path[-1], float(times[i]), float(times[i + 1] - times[i]), z))
        return torch.stack(path)

    return wrong


def _end_point(f: Field, g: Field, x: Tensor, t: float, dt: float, z: Tensor) -> Tensor:
    return x + dt * f(x, t + dt) + abs(dt) ** 0.5 * g(x, t + dt) * z


def _noise_first(f: Field, g: Field, x: Tensor, t: float, dt: float, z: Tensor) -> Tensor:
    x = x + abs(dt) ** 0.5 * g(x, t) * z
    return x + dt * f(x, t)


def _drift_first(f: Field, g: Field, x: Tensor, t: float, dt: float, z: Tensor) -> Tensor:
    x = x + dt * f(x, t)
    return x + abs(dt) ** 0.5 * g(x, t) * z


def _noise_dt(f: Field, g: Field, x: Tensor, t: float, dt: float, z: Tensor) -> Tensor:
    return x + dt * (f(x, t) + g(x, t) * z)


def _equal_steps(drift: Field, diffusion: Field, x: Tensor, times: Tensor, noises: Tensor) -> Tensor:
    even = times[0] + (times[1] - times[0]) * torch.arange(len(times), dtype=times.dtype)
    return em_path(drift, diffusion, x, even, noises)


def _frozen(drift: Field, diffusion: Field, x: Tensor, times: Tensor, noises: Tensor) -> Tensor:
    path = [x]
    for i, z in enumerate(noises):
        t, dt = float(times[i]), float(times[i + 1] - times[i])
        path.append(path[-1] + dt * drift(x, t) + abs(dt) ** 0.5 * diffusion(x, t) * z)
    return torch.stack(path)


def _one_noise(drift: Field, diffusion: Field, x: Tensor, times: Tensor, noises: Tensor) -> Tensor:
    return em_path(drift, diffusion, x, times, noises[:1].expand_as(noises))


def _only_the_end(drift: Field, diffusion: Field, x: Tensor, times: Tensor, noises: Tensor) -> Tensor:
    return em_path(drift, diffusion, x, times, noises)[-1]


def _without_start(drift: Field, diffusion: Field, x: Tensor, times: Tensor, noises: Tensor) -> Tensor:
    return em_path(drift, diffusion, x, times, noises)[1:]


def _fields(d: Draw) -> tuple[Served, Served]:
    a, b, c = d.uniform(0.6, 1.2), d.uniform(0.4, 0.8), d.uniform(0.3, 0.6)

    def drift(x: Tensor, t: float) -> Tensor:
        return -a * torch.sin(x) - (1 + t) * x

    def diffusion(x: Tensor, t: float) -> Tensor:
        return b + c * torch.cos(x + t)

    return Served(drift), Served(diffusion)


def _draw_path(d: Draw) -> Iterator[Case]:
    fields, times = _fields(d), random_times(d, 5)
    x, noises = d.randn(4, 2), d.randn(5, 4, 2)
    yield Case("forward, steps of different lengths", (*fields, x, times, noises))
    yield Case("backward in time", (*fields, x, times.flip(0), noises))
    yield Case("one step", (*fields, x, times[:2], noises[:1]), "edges")
    yield Case("one image", (*fields, d.randn(1, 1, 3, 3), times, d.randn(5, 1, 1, 3, 3)), "edges")
    yield Case("float32 stays float32", (*fields, x, times, noises), "edges", strict_dtype=True)
    yield Case("float64", (*fields, x.double(), times, noises.double()), "edges", strict_dtype=True)
    yield Case("called twice", (*fields, x, times, noises), "clean", "twice")
    yield Case("two calls a step", (*fields, x, times, noises), "clean", max_calls=10)


EXERCISE = Exercise(
    name="sde.em_path",
    prompt="Follow an SDE along a list of times by steps of Euler and Maruyama, and keep every point.",
    signature=(
        "em_path(drift: x, t -> (B, *D), diffusion: x, t -> (B, *D), x (B, *D), times (n+1,), noises (n, B, *D)) "
        "-> (n+1, B, *D)"
    ),
    reference=em_path,
    draw=_draw_path,
    criteria=criteria(3, 1, 1, at="one step, one image, dtypes", clean_text=CLEAN),
    equation="8.4",
    difficulty=2,
    minutes=12,
    hints=(
        "A loop over the steps. In each, drift and diffusion are asked at the point and the time where the step begins.",
        "dt = times[i+1] - times[i]; next = now + dt * drift(now, t) + sqrt(|dt|) * diffusion(now, t) * noises[i].",
        "path.append(path[-1] + dt * drift(path[-1], t) + abs(dt) ** 0.5 * diffusion(path[-1], t) * noises[i])",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "asked at the end of the step",
            _by(_end_point),
            "drift and diffusion are asked at the time where the step ends. They belong to its start, times[i].",
        ),
        Misconception(
            "noise before drift",
            _by(_noise_first),
            "the drift is asked after the noise was added. Both start from the same point.",
        ),
        Misconception(
            "drift before noise",
            _by(_drift_first),
            "the diffusion is asked after the drift was added. Both start from the same point.",
        ),
        Misconception(
            "noise times dt",
            _by(_noise_dt),
            "the noise is multiplied by dt. Its factor is the diffusion times sqrt(|dt|).",
        ),
        Misconception(
            "always forward",
            _by(lambda f, g, x, t, dt, z: x + abs(dt) * f(x, t) + abs(dt) ** 0.5 * g(x, t) * z),
            "along falling times the drift still goes forward. It is multiplied by dt with its sign.",
        ),
        Misconception(
            "all steps as long as the first",
            _equal_steps,
            "every step is taken to be as long as the first. The times need not be even.",
        ),
        Misconception(
            "drift and diffusion of the start",
            _frozen,
            "drift and diffusion are always asked at the first x. The path has moved on.",
        ),
        Misconception(
            "one noise for all steps",
            _one_noise,
            "all the steps use the first noise. Step i has noises[i].",
        ),
        Misconception("only the end", _only_the_end, "this is the last point. Return all n+1 points, stacked."),
        Misconception(
            "start missing",
            _without_start,
            "the start is missing: n steps make n+1 points.",
        ),
    ),
)
