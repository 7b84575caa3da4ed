"""A Wiener process from its increments: `wiener_path`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.stochastic_differential_equations.common import WITHHOLDS, criteria, random_times


def wiener_path(times: Tensor, noise: Tensor) -> Tensor:
    """Equation (8.1): independent increments of variance dt, added up."""
    scale = times.diff().sqrt().to(noise).reshape(-1, *[1] * (noise.ndim - 1))
    return torch.cat([torch.zeros_like(noise[:1]), (scale * noise).cumsum(0)])


def _column(values: Tensor, noise: Tensor) -> Tensor:
    return values.to(noise).reshape(-1, *[1] * (noise.ndim - 1))


def _grown(increments: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(increments[:1]), increments.cumsum(0)])


def _start_missing(times: Tensor, noise: Tensor) -> Tensor:
    return wiener_path(times, noise)[1:]


def _not_added(times: Tensor, noise: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(noise[:1]), _column(times.diff().sqrt(), noise) * noise])


def _each_anew(times: Tensor, noise: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(noise[:1]), _column((times[1:] - times[0]).sqrt(), noise) * noise])


def _last_axis(times: Tensor, noise: Tensor) -> Tensor:
    return _grown(times.diff().sqrt().to(noise) * noise)


def _draw_path(d: Draw) -> Iterator[Case]:
    times, noise = random_times(d, 6), d.randn(6, 4, 3)
    yield Case("steps of different lengths", (times, noise))
    yield Case("as many steps as coordinates", (random_times(d, 4), d.randn(4, 2, 4)))
    yield Case("one step", (times[:2], noise[:1]), "edges")
    yield Case("times that start at 1", (1 + times, noise), "edges")
    yield Case("one path on the line", (times, d.randn(6)), "edges")
    yield Case("float32 stays float32", (times, noise), "edges", strict_dtype=True)
    yield Case("a transposed view", (times, d.randn(3, 4, 6).mT.transpose(0, 1)), "edges")
    yield Case("called twice", (times, noise), "clean", "twice")


EXERCISE = Exercise(
    name="sde.wiener_path",
    prompt="Make Wiener paths out of standard normal noise.",
    signature="wiener_path(times (n+1,) float64 rising, noise (n, *D)) -> (n+1, *D)",
    reference=wiener_path,
    draw=_draw_path,
    criteria=criteria(2, 1, 1, at="one step, a late start, one path, dtype, any memory layout"),
    equation="8.1",
    difficulty=1,
    minutes=6,
    hints=(
        "An increment over a time dt has variance dt. Increments that follow each other are added up.",
        "The increment i is sqrt(times[i+1] - times[i]) * noise[i]. A running sum, with zeros in front.",
        "scale = times.diff().sqrt().to(noise).reshape(-1, *[1] * (noise.ndim - 1)); "
        "return torch.cat([torch.zeros_like(noise[:1]), (scale * noise).cumsum(0)])",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "variance as standard deviation",
            lambda times, noise: _grown(_column(times.diff(), noise) * noise),
            "the noise is multiplied by dt. That is the variance of an increment; its standard deviation is sqrt(dt). Your "
            "paths become flat when the steps shrink.",
        ),
        Misconception(
            "noise without the step",
            lambda times, noise: _grown(noise),
            "the increments do not know how long the step is. Over a time dt the variance is dt: multiply by sqrt(dt).",
        ),
        Misconception(
            "increments not added up",
            _not_added,
            "these are the increments. The path is their running sum.",
        ),
        Misconception(
            "every time drawn anew",
            _each_anew,
            "each point has the right variance t, but no point knows the one before: sqrt(t) * noise is not a path. Add up "
            "the increments.",
        ),
        Misconception(
            "one noise for all times",
            lambda times, noise: torch.cat(
                [torch.zeros_like(noise[:1]), _column((times[1:] - times[0]).sqrt(), noise) * noise[:1]]
            ),
            "only the first noise is used, scaled by sqrt(t): that is a smooth curve. Every step brings a new increment.",
        ),
        Misconception(
            "start missing",
            _start_missing,
            "the start w = 0 is missing: n steps make n+1 points.",
        ),
        Misconception(
            "all steps as long as the first",
            lambda times, noise: _grown((times[1] - times[0]).sqrt().to(noise) * noise),
            "every step is taken to be as long as the first. Use times.diff().",
        ),
        Misconception(
            "steps along the last axis",
            _last_axis,
            "the n step lengths line up with the last axis of the noise. Steps are its first axis: reshape to (n, 1, .., 1).",
        ),
    ),
)
