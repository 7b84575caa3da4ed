"""A second look at the end of the step: `heun_step`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.probability_flow.common import CALLS, WITHHOLDS, Velocity, criteria, random_velocity


def heun_step(v: Velocity, x: Tensor, t: float, dt: float) -> Tensor:
    """Equation (9.12)."""
    k_1 = v(x, t)
    k_2 = v(x + dt * k_1, t + dt)
    return x + dt / 2 * (k_1 + k_2)


def _combined(
    mix: Callable[[Tensor, Tensor], Tensor], reach: float = 1.0, later: float = 1.0
) -> Callable[[Velocity, Tensor, float, float], Tensor]:
    """k_2 at a share `reach` of the way and `later` of the time; mix gives the velocity of the step."""

    def wrong(v: Velocity, x: Tensor, t: float, dt: float) -> Tensor:
        k_1 = v(x, t)
        return x + dt * mix(k_1, v(x + reach * dt * k_1, t + later * dt))

    return wrong


def _mean(k_1: Tensor, k_2: Tensor) -> Tensor:
    return (k_1 + k_2) / 2


def _three_calls(v: Velocity, x: Tensor, t: float, dt: float) -> Tensor:
    return x + dt / 2 * (v(x, t) + v(x + dt * v(x, t), t + dt))


def _from_the_guess(v: Velocity, x: Tensor, t: float, dt: float) -> Tensor:
    guess = x + dt * v(x, t)
    return guess + dt / 2 * (v(x, t) + v(guess, t + dt))


def _in_place(v: Velocity, x: Tensor, t: float, dt: float) -> Tensor:
    x.copy_(heun_step(v, x, t, dt))
    return x


def _draw_heun(d: Draw) -> Iterator[Case]:
    v, t, dt = Served(random_velocity(d)), d.uniform(0.5, 0.9), d.uniform(0.2, 0.4)
    x = d.randn(4, 3, dtype=torch.float64)
    yield Case("a step forward", (v, x, t, dt))
    yield Case("images, a step back", (v, d.randn(2, 1, 3, 3), t, -dt))
    yield Case("a step back", (v, x, t + dt, -dt), "edges")
    yield Case("one example, a large step", (v, x[:1], t, 3 * dt), "edges")
    yield Case("no step at all", (v, x, t, 0.0), "edges")
    yield Case("float32 stays float32", (v, d.randn(4, 3), t, dt), "edges", strict_dtype=True)
    yield Case("called twice", (v, x, t, dt), "clean", "twice")
    yield Case("two calls of v", (v, x, t, dt), "clean", max_calls=2)


EXERCISE = Exercise(
    name="flow.heun_step",
    prompt="One step with the mean of the velocities at both ends.",
    signature="heun_step(v: (x (B, *D), t float) -> (B, *D), x (B, *D), t float, dt float) -> (B, *D)",
    reference=heun_step,
    draw=_draw_heun,
    criteria=criteria(2, 1, 1, at="a step back, one example, dt = 0, float32", clean_text=CALLS),
    equation="9.12",
    difficulty=2,
    minutes=8,
    hints=(
        "Take Euler's step on trial. Ask for the velocity where it ends. Then step again from x, with the mean of both.",
        "k_1 = v(x, t); k_2 = v(x + dt k_1, t + dt); the step is x + dt (k_1 + k_2)/2.",
        "k_1 = v(x, t); k_2 = v(x + dt * k_1, t + dt); return x + dt / 2 * (k_1 + k_2)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "Euler",
            _combined(lambda k_1, k_2: k_1),
            "this is Euler's step. k_2 is not used: average both velocities.",
        ),
        Misconception(
            "midpoint",
            _combined(lambda k_1, k_2: k_2, 0.5, 0.5),
            "this is the midpoint method: a good one, of the same order. Heun's asks at the *end* of the trial step and "
            "takes the mean.",
        ),
        Misconception(
            "only the end",
            _combined(lambda k_1, k_2: k_2),
            "only the velocity at the end is used. It errs as much as Euler's, the other way; their mean is better.",
        ),
        Misconception(
            "mean not halved",
            _combined(lambda k_1, k_2: k_1 + k_2),
            "k_1 + k_2 is a sum. The mean has a 1/2: dt/2 (k_1 + k_2).",
        ),
        Misconception(
            "half the way",
            _combined(_mean, reach=0.5),
            "the trial step goes half the way, but the time runs to its end. Go the whole way: x + dt k_1.",
        ),
        Misconception(
            "end asked at the old time",
            _combined(_mean, later=0.0),
            "k_2 is asked at t. The trial step ends at t + dt, and the velocity depends on the time.",
        ),
        Misconception(
            "end asked at the old place",
            _combined(_mean, reach=0.0),
            "k_2 is asked at x. It belongs where the trial step ends, x + dt k_1.",
        ),
        Misconception(
            "trial step without dt",
            lambda v, x, t, dt: x + dt / 2 * (v(x, t) + v(x + v(x, t), t + dt)),
            "the trial step is x + k_1. A velocity times dt is a distance: x + dt k_1.",
        ),
        Misconception(
            "from the trial point",
            _from_the_guess,
            "the mean is added to the trial point, so the way is gone twice. Step from x.",
        ),
        Misconception(
            "three calls",
            _three_calls,
            "right, but v(x, t) is asked twice. With a network a call is the whole cost: keep k_1.",
        ),
        Misconception(
            "changes x in place",
            _in_place,
            "the numbers are right, but the caller's x was overwritten. Build a new tensor.",
        ),
    ),
)
