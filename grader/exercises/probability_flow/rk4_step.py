"""Four looks: `rk4_step`."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.probability_flow.common import CALLS, WITHHOLDS, Velocity, criteria, random_velocity


def rk4_step(v: Velocity, x: Tensor, t: float, dt: float) -> Tensor:
    """Equation (9.13)."""
    k_1 = v(x, t)
    k_2 = v(x + dt / 2 * k_1, t + dt / 2)
    k_3 = v(x + dt / 2 * k_2, t + dt / 2)
    k_4 = v(x + dt * k_3, t + dt)
    return x + dt / 6 * (k_1 + 2 * k_2 + 2 * k_3 + k_4)


Wrong = Callable[[Velocity, Tensor, float, float], Tensor]


def _by(
    weights: Sequence[float] = (1 / 6, 1 / 3, 1 / 3, 1 / 6),
    reach: Sequence[float] = (0.5, 0.5, 1.0),
    later: Sequence[float] = (0.5, 0.5, 1.0),
    behind: Sequence[int] = (0, 1, 2),
) -> Wrong:
    """Look i + 1 goes `reach[i]` of the step along look `behind[i]`, at `later[i]` of the time."""

    def wrong(v: Velocity, x: Tensor, t: float, dt: float) -> Tensor:
        k = [v(x, t)]
        for share, time, base in zip(reach, later, behind, strict=True):
            k.append(v(x + share * dt * k[base], t + time * dt))
        return x + dt * sum((w * k_i for w, k_i in zip(weights, k, strict=True)), torch.zeros_like(x))

    return wrong


def _in_place(v: Velocity, x: Tensor, t: float, dt: float) -> Tensor:
    x.copy_(rk4_step(v, x, t, dt))
    return x


def _draw_rk4(d: Draw) -> Iterator[Case]:
    v, t, dt = Served(random_velocity(d)), d.uniform(0.15, 0.4), d.uniform(0.5, 0.8)
    x = d.randn(4, 3, dtype=torch.float64)
    yield Case("a step forward", (v, x, t, dt))
    yield Case("images, a step back", (v, d.randn(2, 1, 3, 3, dtype=torch.float64), t, -dt))
    yield Case("a step back", (v, x, t + dt, -dt), "edges")
    yield Case("one example, a large step", (v, x[:1], t, 2 * dt), "edges")
    yield Case("float32 stays float32", (v, d.randn(4, 3), t, dt), "edges", strict_dtype=True)
    yield Case("called twice", (v, x, t, dt), "clean", "twice")
    yield Case("four calls of v", (v, x, t, dt), "clean", max_calls=4)


EXERCISE = Exercise(
    name="flow.rk4_step",
    prompt="One step of the classical Runge-Kutta method: four velocities, weights 1, 2, 2, 1.",
    signature="rk4_step(v: (x (B, *D), t float) -> (B, *D), x (B, *D), t float, dt float) -> (B, *D)",
    reference=rk4_step,
    draw=_draw_rk4,
    criteria=criteria(2, 1, 1, at="a step back, one example, float32", clean_text=CALLS),
    equation="9.13",
    difficulty=2,
    minutes=10,
    hints=(
        "One look at the start, two in the middle, one at the end. Each goes along the velocity found just before.",
        "k_2 at x + dt/2 k_1, k_3 at x + dt/2 k_2, both at t + dt/2; k_4 at x + dt k_3 and t + dt; weights 1, 2, 2, 1 over 6.",
        "return x + dt / 6 * (k_1 + 2 * k_2 + 2 * k_3 + k_4)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "equal weights",
            _by(weights=(0.25,) * 4),
            "all four velocities count alike. The two in the middle count twice: 1, 2, 2, 1 over 6.",
        ),
        Misconception(
            "not divided by six",
            _by(weights=(1.0, 2.0, 2.0, 1.0)),
            "the weights 1, 2, 2, 1 sum to 6. Divide by 6.",
        ),
        Misconception(
            "weights outside in",
            _by(weights=(1 / 3, 1 / 6, 1 / 6, 1 / 3)),
            "the ends count twice and the middle once. It is the other way round: 1, 2, 2, 1.",
        ),
        Misconception(
            "both middles along k_1",
            _by(behind=(0, 0, 2)),
            "k_3 goes along k_1 again, so it is k_2 once more. The second look in the middle goes along k_2.",
        ),
        Misconception(
            "end along k_2",
            _by(behind=(0, 1, 1)),
            "k_4 goes along k_2. The last look goes along the latest velocity, k_3.",
        ),
        Misconception(
            "whole steps to the middle",
            _by(reach=(1.0, 1.0, 1.0)),
            "the looks in the middle go the whole way in space, but half of the time. Go dt/2 in both.",
        ),
        Misconception(
            "half a step to the end",
            _by(reach=(0.5, 0.5, 0.5)),
            "the last look goes half the way. It is at the end: x + dt k_3.",
        ),
        Misconception(
            "all looks at the old time",
            _by(later=(0.0, 0.0, 0.0)),
            "all velocities are asked at t. The middle is at t + dt/2, the end at t + dt.",
        ),
        Misconception(
            "all looks at the new time",
            _by(later=(1.0, 1.0, 1.0)),
            "the looks in the middle are asked at t + dt. The middle is at t + dt/2.",
        ),
        Misconception(
            "Heun",
            _by(weights=(0.5, 0.5), reach=(1.0,), later=(1.0,), behind=(0,)),
            "this is Heun's step, with two velocities. Runge and Kutta take four.",
        ),
        Misconception(
            "changes x in place",
            _in_place,
            "the numbers are right, but the caller's x was overwritten. Build a new tensor.",
        ),
    ),
)
