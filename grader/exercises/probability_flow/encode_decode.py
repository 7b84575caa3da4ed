"""There and back: `encode_decode`."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.probability_flow.common import CALLS, WITHHOLDS, Velocity, criteria, random_times, random_velocity
from grader.exercises.probability_flow.heun_step import heun_step

Pair = tuple[Tensor, Tensor]


def encode_decode(v: Velocity, x: Tensor, times: Tensor) -> Pair:
    """Equation (9.6) along the times, and back again, by Heun's steps."""
    z = x
    for k in range(len(times) - 1):
        z = heun_step(v, z, float(times[k]), float(times[k + 1] - times[k]))
    back = z
    for k in range(len(times) - 1, 0, -1):
        back = heun_step(v, back, float(times[k]), float(times[k - 1] - times[k]))
    return z, back


def _walk(v: Velocity, x: Tensor, t: list[float], step: Callable[..., Tensor] = heun_step) -> Tensor:
    for now, after in pairwise(t):
        x = step(v, x, now, after - now)
    return x


Decode = Callable[[Velocity, Tensor, Tensor, list[float]], Tensor]  # v, z, x, times


def _decoding(decode: Decode) -> Callable[[Velocity, Tensor, Tensor], Pair]:
    def wrong(v: Velocity, x: Tensor, times: Tensor) -> Pair:
        z = _walk(v, x, times.tolist())
        return z, decode(v, z, x, times.tolist())

    return wrong


def _euler(v: Velocity, x: Tensor, t: float, dt: float) -> Tensor:
    return x + dt * v(x, t)


def _euler_both(v: Velocity, x: Tensor, times: Tensor) -> Pair:
    z = _walk(v, x, times.tolist(), _euler)
    return z, _walk(v, z, times.flip(0).tolist(), _euler)


def _noise_first(v: Velocity, x: Tensor, times: Tensor) -> Pair:
    return encode_decode(v, x, times.flip(0))


def _swapped(v: Velocity, x: Tensor, times: Tensor) -> Pair:
    z, back = encode_decode(v, x, times)
    return back, z


def _positive_steps(v: Velocity, z: Tensor, x: Tensor, t: list[float]) -> Tensor:
    for k in range(len(t) - 1, 0, -1):
        z = heun_step(v, z, t[k], t[k] - t[k - 1])
    return z


def _times_of_the_way_out(v: Velocity, z: Tensor, x: Tensor, t: list[float]) -> Tensor:
    for k in range(len(t) - 1, 0, -1):
        z = heun_step(v, z, t[k - 1], t[k - 1] - t[k])
    return z


def _in_place(v: Velocity, x: Tensor, times: Tensor) -> Pair:
    z, back = encode_decode(v, x, times)
    x.copy_(back)
    return z, back


def _draw_round_trip(d: Draw) -> Iterator[Case]:
    v, times = Served(random_velocity(d)), random_times(d, 4)
    x = d.randn(3, 2, dtype=torch.float64)
    yield Case("points in the plane", (v, x, times))
    yield Case("images", (v, d.randn(2, 1, 3, 3, dtype=torch.float64), random_times(d, 3)))
    yield Case("a single step", (v, x, times[:2]), "edges")
    yield Case("one example", (v, x[:1], times), "edges")
    yield Case("called twice", (v, x, times), "clean", "twice")
    yield Case("two calls per step", (v, x, times), "clean", max_calls=16)


EXERCISE = Exercise(
    name="flow.encode_decode",
    prompt="Encode by following the flow to the last time, decode by following it back.",
    signature="encode_decode(v: (x (B, *D), t float) -> (B, *D), x (B, *D), times (n+1,) rising) -> (code, x again)",
    reference=encode_decode,
    draw=_draw_round_trip,
    criteria=criteria(3, 1, 1, at="a single step, one example", clean_text=CALLS),
    equation="9.6",
    difficulty=2,
    minutes=12,
    hints=(
        "There is one velocity for both ways. Out: the times as they rise, with your heun_step. Back: the same times in "
        "reverse, so that each step is negative.",
        "Encode: heun_step(v, z, t_k, t_{k+1} - t_k) for k = 0, 1, ... Decode from the code: heun_step(v, y, t_k, t_{k-1} - t_k) "
        "for k = n, n-1, .., 1.",
        "write walk(x, t) that steps through a list of times; z = walk(x, times); return z, walk(z, times.flip(0))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "goes on instead of back",
            _decoding(lambda v, z, x, t: _walk(v, z, t)),
            "decoding walks the rising times a second time. It has to walk them back: times.flip(0).",
        ),
        Misconception(
            "steps back with positive dt",
            _decoding(_positive_steps),
            "decoding visits the times in reverse, but dt stays positive, so the points move away. On the way back dt < 0.",
        ),
        Misconception(
            "velocity turned as well",
            _decoding(lambda v, z, x, t: _walk(lambda y, s: -v(y, s), z, t[::-1])),
            "on the way back dt is negative and you also turned v. Two signs cancel: the points go on. Turn one only.",
        ),
        Misconception(
            "velocity turned, times forward",
            _decoding(lambda v, z, x, t: _walk(lambda y, s: -v(y, s), z, t)),
            "v is turned, but the times still rise, so the velocity is asked at the wrong times. Walk the times in reverse.",
        ),
        Misconception(
            "asked at the earlier time",
            _decoding(_times_of_the_way_out),
            "on the way back each step begins at the later time. Ask v at t_k first, then at t_{k-1}.",
        ),
        Misconception(
            "decodes the data",
            _decoding(lambda v, z, x, t: _walk(v, x, t[::-1])),
            "decoding starts at x. It starts at the code z.",
        ),
        Misconception(
            "hands x back",
            _decoding(lambda v, z, x, t: x.clone()),
            "you returned x itself. Decode the code by steps: the small difference to x is the solver's error, and worth seeing.",
        ),
        Misconception(
            "one step short",
            _decoding(lambda v, z, x, t: _walk(v, z, t[::-1][:-1]) if len(t) > 2 else z),
            "decoding stops at the second time: the last step is missing.",
        ),
        Misconception(
            "code and picture exchanged",
            _swapped,
            "the two results are exchanged: first the code, then x again.",
        ),
        Misconception(
            "noise first",
            _noise_first,
            "encoding walks the times in reverse. From data to noise they rise, as given.",
        ),
        Misconception(
            "Euler",
            _euler_both,
            "these are Euler's steps. Use your heun_step: the round trip is much better for twice the calls.",
        ),
        Misconception(
            "changes x in place",
            _in_place,
            "the numbers are right, but the caller's x was overwritten. Build new tensors.",
        ),
    ),
)
