"""A schedule that can be learned: `monotone_log_snr`."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.latent_diffusion.common import F64, WITHHOLDS, criteria

Positive = Callable[[Tensor], Tensor]


def monotone_log_snr(
    u: Tensor, slope: Tensor, middle: Tensor, steepness: Tensor, height: Tensor, highest: float, lowest: float
) -> Tensor:
    """Equation (12.22)."""
    times = torch.cat([u, u.new_tensor([0.0, 1.0])]).unsqueeze(1)
    hidden = torch.sigmoid(softplus(steepness) * (times - middle))
    rise = softplus(slope) * times[:, 0] + (softplus(height) * hidden).sum(1)
    return highest + (lowest - highest) * (rise[:-2] - rise[-2]) / (rise[-1] - rise[-2])


def _rise(
    u: Tensor,
    slope: Tensor,
    middle: Tensor,
    steepness: Tensor,
    height: Tensor,
    of: tuple[Positive, Positive, Positive] = (softplus, softplus, softplus),
) -> Tensor:
    hidden = torch.sigmoid(of[1](steepness) * (u.unsqueeze(1) - middle))
    return of[0](slope) * u + (of[2](height) * hidden).sum(1)


def _net(
    of: tuple[Positive, Positive, Positive] = (softplus, softplus, softplus),
    ends: Callable[[Tensor, float, float], Tensor] = lambda share, high, low: high + (low - high) * share,
) -> Callable[..., Tensor]:
    """The network with other functions on slope, steepness and height, and another use of the share of the way."""

    def wrong(
        u: Tensor, slope: Tensor, middle: Tensor, steepness: Tensor, height: Tensor, highest: float, lowest: float
    ) -> Tensor:
        start, end = (_rise(u.new_tensor([v]), slope, middle, steepness, height, of) for v in (0.0, 1.0))
        return ends((_rise(u, slope, middle, steepness, height, of) - start) / (end - start), highest, lowest)

    return wrong


def _free_ends(
    u: Tensor, slope: Tensor, middle: Tensor, steepness: Tensor, height: Tensor, highest: float, lowest: float
) -> Tensor:
    return highest - _rise(u, slope, middle, steepness, height)


def _middle_outside(
    u: Tensor, slope: Tensor, middle: Tensor, steepness: Tensor, height: Tensor, highest: float, lowest: float
) -> Tensor:
    def rise(times: Tensor) -> Tensor:
        hidden = torch.sigmoid(softplus(steepness) * times.unsqueeze(1) - middle)
        return softplus(slope) * times + (softplus(height) * hidden).sum(1)

    start, end = rise(u.new_zeros(1)), rise(u.new_ones(1))
    return highest + (lowest - highest) * (rise(u) - start) / (end - start)


def _same(x: Tensor) -> Tensor:
    return x


def _draw_net(d: Draw) -> Iterator[Case]:
    def question(B: int, n: int, dtype: torch.dtype = F64) -> tuple[Any, ...]:
        u = torch.rand(B, generator=d.generator, dtype=F64).to(dtype)
        weights = (0.5 + d.randn(n, dtype=dtype) for _ in range(3))
        return u, d.randn(1, dtype=dtype)[0], *weights, d.uniform(5, 9), d.uniform(-9, -5)

    asked = question(4, 3)
    yield Case("three hidden units", asked)
    yield Case(
        "negative weights", (asked[0], -1 - asked[1].abs(), asked[2], -asked[3].abs(), -asked[4].abs(), *asked[5:])
    )
    yield Case("both ends", (torch.tensor([0.0, 1.0], dtype=F64), *question(1, 4)[1:]), "edges")
    yield Case("one time", question(1, 3), "edges")
    yield Case("as many times as hidden units", question(5, 5), "edges")
    u, slope, *weights = question(4, 2, torch.float32)
    steady = 4 + slope.abs()  # so that g(1) - g(0) keeps its digits
    yield Case("float32 stays float32", (u, steady, *weights), "edges", strict_dtype=True)
    yield Case("called twice", asked, "clean", "twice")
    cotangent = d.randn(4, dtype=F64)
    yield Case("gradient in the heights", asked, "clean", "gradient", wrt=4, cotangent=cotangent)
    yield Case("gradient in the time", asked, "clean", "gradient", cotangent=cotangent)


EXERCISE = Exercise(
    name="latent.monotone_log_snr",
    prompt="Code a log signal-to-noise ratio that falls from one given end to the other, whatever its weights are.",
    signature=(
        "monotone_log_snr(u (B,) in [0, 1], slope (), middle, steepness, height (n,), highest float, lowest float) -> (B,)"
    ),
    reference=monotone_log_snr,
    draw=_draw_net,
    criteria=criteria(3, 1, 1, at="both ends, one time, B = n, float32"),
    equation="12.22",
    difficulty=3,
    minutes=15,
    hints=(
        "A sum of rising functions rises. Make every weight positive that could turn one of them round, then stretch the "
        "result so that it starts and ends where it must.",
        "g(u) = softplus(slope) u + sum of softplus(height) sigmoid(softplus(steepness) (u - middle)); "
        "highest + (lowest - highest) (g(u) - g(0))/(g(1) - g(0)).",
        "write a function g(u) for (B,) times, then: share = (g(u) - g(zero)) / (g(one) - g(zero)); "
        "return highest + (lowest - highest) * share",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "heights may be negative",
            _net((softplus, softplus, _same)),
            "the heights are used as they are. A negative one makes its step fall, and the ratio may rise: softplus(height).",
        ),
        Misconception(
            "steepness may be negative",
            _net((softplus, _same, softplus)),
            "the steepness is used as it is. A negative one turns its step round: softplus(steepness).",
        ),
        Misconception(
            "slope may be negative",
            _net((_same, softplus, softplus)),
            "the slope of the straight part is used as it is. It may be negative: softplus(slope).",
        ),
        Misconception(
            "no weight made positive",
            _net((_same, _same, _same)),
            "no weight is made positive, so nothing keeps the ratio from rising: softplus on slope, steepness and height.",
        ),
        Misconception(
            "exponential for softplus",
            _net((torch.exp, torch.exp, torch.exp)),
            "positive it is, but by exp, not by softplus. This exercise asks for softplus, log(1 + exp x).",
        ),
        Misconception(
            "absolute values",
            _net((torch.abs, torch.abs, torch.abs)),
            "absolute values are positive but have a kink at 0, where a weight gets stuck. Use softplus.",
        ),
        Misconception(
            "ends exchanged",
            _net(ends=lambda share, high, low: low + (high - low) * share),
            "the ratio rises from lowest to highest. At u = 0 there is the least noise: highest.",
        ),
        Misconception(
            "ends not fixed",
            _free_ends,
            "the ends are not where they must be: stretch g so that it goes from 0 at u = 0 to 1 at u = 1.",
        ),
        Misconception(
            "middle outside the steepness",
            _middle_outside,
            "the middle is subtracted after multiplying. (u - middle) is multiplied as a whole: then it is the place of the step.",
        ),
        Misconception(
            "share of the way",
            _net(ends=lambda share, high, low: share),
            "this is the share of the way from 0 to 1. Go from highest to lowest with it.",
        ),
    ),
)
