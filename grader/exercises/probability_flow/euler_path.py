"""The simplest solver: `euler_path`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.probability_flow.common import CALLS, WITHHOLDS, Velocity, criteria, random_times, random_velocity


def euler_path(v: Velocity, x: Tensor, times: Tensor) -> Tensor:
    """Equation (9.11) along the times."""
    path = [x]
    for k in range(len(times) - 1):
        h = float(times[k + 1] - times[k])
        path.append(path[k] + h * v(path[k], float(times[k])))
    return torch.stack(path)


Step = Callable[[Velocity, Tensor, list[float], int, Tensor], Tensor]  # v, x, times, k, start -> next x


def _walk(step: Step) -> Callable[[Velocity, Tensor, Tensor], Tensor]:
    def wrong(v: Velocity, x: Tensor, times: Tensor) -> Tensor:
        t, path = times.tolist(), [x]
        for k in range(len(t) - 1):
            path.append(step(v, path[-1], t, k, x))
        return torch.stack(path)

    return wrong


def _in_place(v: Velocity, x: Tensor, times: Tensor) -> Tensor:
    path = [x.clone()]
    for k in range(len(times) - 1):
        x += float(times[k + 1] - times[k]) * v(x, float(times[k]))
        path.append(x.clone())
    return torch.stack(path)


def _twice_asked(v: Velocity, x: Tensor, times: Tensor) -> Tensor:
    return euler_path(lambda y, t: (v(y, t) + v(y, t)) / 2, x, times)


def _draw_path(d: Draw) -> Iterator[Case]:
    v, times = Served(random_velocity(d)), random_times(d, 4)
    x = d.randn(3, 2, dtype=torch.float64)
    yield Case("from data to noise", (v, x, times))
    yield Case("from noise to data: the times fall", (v, x, times.flip(0)))
    yield Case("images", (v, d.randn(2, 1, 3, 3), random_times(d, 3)))
    yield Case("a single step", (v, x, times[:2]), "edges")
    yield Case("one example", (v, x[:1], times), "edges")
    yield Case("float32 stays float32", (v, d.randn(3, 2), times), "edges", strict_dtype=True)
    yield Case("called twice", (v, x, times), "clean", "twice")
    yield Case("one call per step", (v, x, times), "clean", max_calls=4)


EXERCISE = Exercise(
    name="flow.euler_path",
    prompt="Follow the flow by Euler's method, and keep every point of the way.",
    signature="euler_path(v: (x (B, *D), t float) -> (B, *D), x (B, *D), times (n+1,)) -> (n+1, B, *D)",
    reference=euler_path,
    draw=_draw_path,
    criteria=criteria(2, 1, 1, at="a single step, one example, float32", clean_text=CALLS),
    equation="9.11",
    difficulty=1,
    minutes=8,
    hints=(
        "Start at x. In each step ask for the velocity here and now, and go along it for the length of the step.",
        "x_{k+1} = x_k + (t_{k+1} - t_k) v(x_k, t_k). If the times fall, the step is negative by itself. Keep all points.",
        "path = [x]; for t, u in zip(times[:-1].tolist(), times[1:].tolist()): path.append(path[-1] + (u - t) * "
        "v(path[-1], t)); return torch.stack(path)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "length without sign",
            _walk(lambda v, x, t, k, x_0: x + abs(t[k + 1] - t[k]) * v(x, t[k])),
            "the step's length is taken without its sign. When the times fall, it must be negative: that is what turns "
            "the flow around.",
        ),
        Misconception(
            "sign turned",
            _walk(lambda v, x, t, k, x_0: x + (t[k] - t[k + 1]) * v(x, t[k])),
            "the step is t_k - t_{k+1}. It is the new time minus the old one.",
        ),
        Misconception(
            "velocity at the end of the step",
            _walk(lambda v, x, t, k, x_0: x + (t[k + 1] - t[k]) * v(x, t[k + 1])),
            "the velocity is asked at t_{k+1}. Euler's method asks where and when the step begins, at t_k.",
        ),
        Misconception(
            "velocity of the first time",
            _walk(lambda v, x, t, k, x_0: x + (t[k + 1] - t[k]) * v(x, t[0])),
            "the velocity is always asked at the first time. It changes with t: ask at t_k.",
        ),
        Misconception(
            "velocity at the start",
            _walk(lambda v, x, t, k, x_0: x + (t[k + 1] - t[k]) * v(x_0, t[k])),
            "the velocity is always asked at the first x. Ask at the present point.",
        ),
        Misconception(
            "every step from the start",
            _walk(lambda v, x, t, k, x_0: x_0 + (t[k + 1] - t[k]) * v(x_0, t[k])),
            "each step begins again at the first x. Go on from where the last one ended.",
        ),
        Misconception(
            "equal steps",
            _walk(lambda v, x, t, k, x_0: x + (t[-1] - t[0]) / (len(t) - 1) * v(x, t[k])),
            "all steps have the same length. These times are not evenly spaced: each step has its own.",
        ),
        Misconception(
            "velocity without the step",
            _walk(lambda v, x, t, k, x_0: x + v(x, t[k])),
            "the velocity is added as it is. A velocity times the length of the step is a distance.",
        ),
        Misconception(
            "start left out",
            lambda v, x, times: euler_path(v, x, times)[1:],
            "the first point is missing: n steps have n + 1 points, x included.",
        ),
        Misconception(
            "end only",
            lambda v, x, times: euler_path(v, x, times)[-1],
            "only the last point is returned. Keep all of them, stacked along a new first axis.",
        ),
        Misconception(
            "asked twice per step",
            _twice_asked,
            "right, but v is asked more than once per step. With a network that is the whole cost: keep its answer.",
        ),
        Misconception(
            "changes x in place",
            _in_place,
            "the numbers are right, but the caller's x is changed (x += ...). Build a new tensor in each step.",
        ),
    ),
)
