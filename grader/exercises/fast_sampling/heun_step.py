"""One step of second order: `heun_step`."""

from collections.abc import Callable, Iterator

from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.fast_sampling.common import F64, WITHHOLDS, Predict, criteria, wavy


def heun_step(predict: Predict, y: Tensor, u: float, u_next: float) -> Tensor:
    """Equation (10.20)."""
    slope = predict(y, u)
    ahead = y + (u_next - u) * slope
    if u_next == 0:
        return ahead
    return y + (u_next - u) / 2 * (slope + predict(ahead, u_next))


Inner = Callable[[Predict, Tensor, float, float], Tensor]


def _euler_at_zero(inner: Inner) -> Inner:
    """A step that goes wrong in the middle, and is right where it ends at u = 0."""

    def wrong(predict: Predict, y: Tensor, u: float, u_next: float) -> Tensor:
        return y + (u_next - u) * predict(y, u) if u_next == 0 else inner(predict, y, u, u_next)

    return wrong


def _asks_at_zero(predict: Predict, y: Tensor, u: float, u_next: float) -> Tensor:
    slope = predict(y, u)
    return y + (u_next - u) / 2 * (slope + predict(y + (u_next - u) * slope, u_next))


def _midpoint(predict: Predict, y: Tensor, u: float, v: float) -> Tensor:
    return y + (v - u) * predict(y + (v - u) / 2 * predict(y, u), (u + v) / 2)


def _three_calls(predict: Predict, y: Tensor, u: float, u_next: float) -> Tensor:
    ahead = y + (u_next - u) * predict(y, u)
    return y + (u_next - u) / 2 * (predict(y, u) + predict(ahead, u_next))


def _from_ahead(predict: Predict, y: Tensor, u: float, v: float) -> Tensor:
    slope = predict(y, u)
    ahead = y + (v - u) * slope
    return ahead + (v - u) / 2 * (slope + predict(ahead, v))


def _half_ahead(predict: Predict, y: Tensor, u: float, v: float) -> Tensor:
    slope = predict(y, u)
    return y + (v - u) / 2 * (slope + predict(y + (v - u) / 2 * slope, v))


def _old_place(predict: Predict, y: Tensor, u: float, v: float) -> Tensor:
    return y + (v - u) / 2 * (predict(y, u) + predict(y, v))


def _old_level(predict: Predict, y: Tensor, u: float, v: float) -> Tensor:
    slope = predict(y, u)
    return y + (v - u) / 2 * (slope + predict(y + (v - u) * slope, u))


def _sum(predict: Predict, y: Tensor, u: float, v: float) -> Tensor:
    slope = predict(y, u)
    return y + (v - u) * (slope + predict(y + (v - u) * slope, v))


def _last_slope(predict: Predict, y: Tensor, u: float, v: float) -> Tensor:
    return y + (v - u) * predict(y + (v - u) * predict(y, u), v)


def _in_place(predict: Predict, y: Tensor, u: float, u_next: float) -> Tensor:
    return y.copy_(heun_step(predict, y, u, u_next))


def _draw(d: Draw) -> Iterator[Case]:
    predict, y = Served(wavy), 2 * d.randn(4, 2, dtype=F64)
    u, u_next = d.uniform(1.5, 2.5), d.uniform(0.5, 1.0)
    yield Case("a step down", (predict, y, u, u_next))
    yield Case("images", (predict, d.randn(2, 1, 3, 3, dtype=F64), u, u_next))
    yield Case("the last step, to u = 0", (predict, y, u_next, 0.0), "edges")
    yield Case("a step up", (predict, y, u_next, u), "edges")
    yield Case("one example", (predict, y[:1], u, u_next), "edges")
    yield Case("float32 stays float32", (predict, y.float(), u, u_next), "edges", strict_dtype=True)
    yield Case("called twice", (predict, y, u, u_next), "clean", "twice")
    yield Case("two calls", (predict, y, u, u_next), "clean", max_calls=2)
    yield Case("one call in the last step", (predict, y, u_next, 0.0), "clean", max_calls=1)


EXERCISE = Exercise(
    name="fast.heun_step",
    prompt="Take one step of Heun's method, or of Euler's if it ends at u = 0.",
    signature="heun_step(predict: (y (B, *D), u float) -> (B, *D), y (B, *D), u float, u_next float) -> (B, *D)",
    reference=heun_step,
    draw=_draw,
    criteria=criteria(2, 2, 1, at="the step to 0, upwards, one example, float32"),
    equation="10.20",
    difficulty=2,
    minutes=12,
    hints=(
        "Go ahead by Euler, look at the slope there, come back, and go with the mean of both slopes.",
        "ahead = y + h eps(y, u); y + h/2 (eps(y, u) + eps(ahead, u_next)) with h = u_next - u. At u_next = 0 return ahead.",
        "return y + (u_next - u) / 2 * (slope + predict(ahead, u_next))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "Euler throughout",
            lambda p, y, u, v: y + (v - u) * p(y, u),
            "this is Euler's step: first order. Heun asks a second time, at the place where Euler arrives.",
        ),
        Misconception(
            "asks at u = 0",
            _asks_at_zero,
            "the network is asked at u = 0, where no noise is left to predict. In the last step return Euler's step.",
        ),
        Misconception(
            "midpoint rule",
            _euler_at_zero(_midpoint),
            "this is the midpoint rule: second order too, but another method. Heun takes the mean of the slopes at both ends.",
        ),
        Misconception(
            "starts from ahead",
            _euler_at_zero(_from_ahead),
            "the mean slope is applied from the Euler point on, so the step is made twice. Start from y.",
        ),
        Misconception(
            "half way ahead",
            _euler_at_zero(_half_ahead),
            "the second slope is taken at the level u_next, but at a place only half way there. Go the whole step ahead.",
        ),
        Misconception(
            "second slope at the old place",
            _euler_at_zero(_old_place),
            "the second slope is taken at the old place with the new level. Place and level belong together: move first.",
        ),
        Misconception(
            "second slope at the old level",
            _euler_at_zero(_old_level),
            "the second slope is taken at the new place, but the network is told the old level. Tell it u_next.",
        ),
        Misconception(
            "sum of slopes",
            _euler_at_zero(_sum),
            "the slopes are added, not averaged: the step is twice too long. Divide by 2.",
        ),
        Misconception(
            "second slope alone",
            _euler_at_zero(_last_slope),
            "only the slope at the end is used. That is first order again. Take the mean of both.",
        ),
        Misconception(
            "three calls",
            _euler_at_zero(_three_calls),
            "right, but the slope at y is asked for twice. Keep it: two calls are enough.",
        ),
        Misconception(
            "changes y in place",
            _in_place,
            "the numbers are right, but the caller's y was changed in place. Build a new tensor.",
        ),
    ),
)
