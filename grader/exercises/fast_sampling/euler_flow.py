"""DDIM as Euler's method: `euler_flow`."""

from collections.abc import Iterator

from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.fast_sampling.common import F64, WITHHOLDS, Predict, criteria, falling, wavy


def euler_flow(predict: Predict, y: Tensor, u: Tensor) -> Tensor:
    """Equation (10.12), step after step."""
    for k in range(len(u) - 1):
        y = y + (u[k + 1] - u[k]).to(y) * predict(y, float(u[k]))
    return y


def _at_the_end(predict: Predict, y: Tensor, u: Tensor) -> Tensor:
    for k in range(len(u) - 1):
        y = y + (u[k + 1] - u[k]) * predict(y, float(u[k + 1]))
    return y


def _once(predict: Predict, y: Tensor, u: Tensor) -> Tensor:
    return y + (u[-1] - u[0]) * predict(y, float(u[0]))


def _twice(predict: Predict, y: Tensor, u: Tensor) -> Tensor:
    return euler_flow(lambda x, v: (predict(x, v) + predict(x, v)) / 2, y, u)


def _full_levels(predict: Predict, y: Tensor, u: Tensor) -> Tensor:
    for k in range(len(u) - 1):
        y = y - u[k] * predict(y, float(u[k]))
    return y


def _squares(predict: Predict, y: Tensor, u: Tensor) -> Tensor:
    for k in range(len(u) - 1):
        y = y + (u[k + 1] ** 2 - u[k] ** 2) * predict(y, float(u[k]))
    return y


def _in_place(predict: Predict, y: Tensor, u: Tensor) -> Tensor:
    for k in range(len(u) - 1):
        y += (u[k + 1] - u[k]) * predict(y, float(u[k]))
    return y


def _draw(d: Draw) -> Iterator[Case]:
    n, predict = d.integer(4, 6), Served(wavy)
    u, y = falling(d, n), 2 * d.randn(4, 2, dtype=F64)
    yield Case("down to the data", (predict, y, u))
    yield Case("images, not to the end", (predict, d.randn(2, 1, 3, 3, dtype=F64), falling(d, n, to_zero=False)))
    yield Case("one step", (predict, y, falling(d, 1)), "edges")
    yield Case("one example", (predict, y[:1], u), "edges")
    yield Case("upwards, to the noise", (predict, y, u.flip(0)), "edges")
    yield Case("float32 stays float32", (predict, y.float(), u), "edges", strict_dtype=True)
    yield Case("called twice", (predict, y, u), "clean", "twice")
    yield Case("one call per step", (predict, y, u), "clean", max_calls=n)


EXERCISE = Exercise(
    name="fast.euler_flow",
    prompt="Follow dy/du = eps(y, u) by Euler's method along the levels u.",
    signature="euler_flow(predict: (y (B, *D), u float) -> (B, *D), y (B, *D), u (n+1,) float64) -> (B, *D)",
    reference=euler_flow,
    draw=_draw,
    criteria=criteria(2, 1, 1, at="one step, one example, upwards, float32"),
    equation="10.12",
    difficulty=2,
    minutes=10,
    hints=(
        "Stand at level u_k, ask for the slope there, and walk along it until level u_{k+1}.",
        "y <- y + (u_{k+1} - u_k) predict(y, u_k) for k = 0, .., n-1. Downwards the difference is negative.",
        "for k in range(len(u) - 1): y = y + (u[k + 1] - u[k]).to(y) * predict(y, float(u[k]))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "wrong direction",
            lambda p, y, u: euler_flow(lambda x, v: -p(x, v), y, u),
            "the sign of the step is wrong. It is u_{k+1} - u_k, whichever way the levels go; there is no further minus.",
        ),
        Misconception(
            "asks about the level of arrival",
            _at_the_end,
            "predict is told u_{k+1} while y is still at u_k. Euler takes the slope where the step begins.",
        ),
        Misconception(
            "one step from end to end",
            _once,
            "this is a single step from the first level to the last, with the slope of the first. Ask again at every level.",
        ),
        Misconception(
            "always to zero",
            _full_levels,
            "each step goes all the way to u = 0. Go only to the next level: multiply by u_{k+1} - u_k.",
        ),
        Misconception(
            "variances",
            _squares,
            "the step is the difference of u^2. The equation is dy/du = eps: use the difference of u.",
        ),
        Misconception(
            "last step forgotten",
            lambda p, y, u: euler_flow(p, y, u[:-1]),
            "the last step is missing. n + 1 levels make n steps: k = 0, .., n - 1.",
        ),
        Misconception(
            "two calls per step",
            _twice,
            "right, but the network is called more than once per step, and calls are what sampling costs.",
        ),
        Misconception(
            "changes y in place",
            _in_place,
            "the numbers are right, but the caller's y was changed in place (y += ...). Build a new tensor.",
        ),
    ),
)
