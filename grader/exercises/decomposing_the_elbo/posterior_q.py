"""Mean and variance of the posterior in closed form: `posterior_q`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.decomposing_the_elbo.common import WITHHOLDS, criteria, per_example, random_alpha_bar

Pair = tuple[Tensor, Tensor]


def posterior_q(x_0: Tensor, x_t: Tensor, t: Tensor, alpha_bar: Tensor) -> Pair:
    """Equations (4.11) and (4.12)."""
    now, before = alpha_bar[t], alpha_bar[t - 1]
    alpha = now / before
    return _mix(
        x_0,
        x_t,
        before.sqrt() * (1 - alpha) / (1 - now),
        alpha.sqrt() * (1 - before) / (1 - now),
        (1 - before) / (1 - now) * (1 - alpha),
    )


def _mix(x_0: Tensor, x_t: Tensor, of_x_0: Tensor, of_x_t: Tensor, var: Tensor) -> Pair:
    return per_example(of_x_0, x_0) * x_0 + per_example(of_x_t, x_t) * x_t, var.to(x_0)


Rule = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


def _rule(rule: Rule) -> Callable[[Tensor, Tensor, Tensor, Tensor], Pair]:
    """A wrong function from the coefficients that it makes of alpha_bar_t, alpha_bar_{t-1} and alpha_t."""

    def wrong(x_0: Tensor, x_t: Tensor, t: Tensor, alpha_bar: Tensor) -> Pair:
        now, before = alpha_bar[t], alpha_bar[t - 1]
        return _mix(x_0, x_t, *rule(now, before, now / before))

    return wrong


def _right(now: Tensor, before: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    share = 1 / (1 - now)
    return before.sqrt() * (1 - alpha) * share, alpha.sqrt() * (1 - before) * share, (1 - before) * share * (1 - alpha)


def _last_axis(x_0: Tensor, x_t: Tensor, t: Tensor, alpha_bar: Tensor) -> Pair:
    of_x_0, of_x_t, var = _right(alpha_bar[t], alpha_bar[t - 1], alpha_bar[t] / alpha_bar[t - 1])
    return of_x_0.to(x_0) * x_0 + of_x_t.to(x_t) * x_t, var.to(x_0)


def _no_cast(x_0: Tensor, x_t: Tensor, t: Tensor, alpha_bar: Tensor) -> Pair:
    of_x_0, of_x_t, var = _right(alpha_bar[t], alpha_bar[t - 1], alpha_bar[t] / alpha_bar[t - 1])
    shape = (-1, *[1] * (x_0.ndim - 1))
    return of_x_0.reshape(shape) * x_0 + of_x_t.reshape(shape) * x_t, var


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 9)
    alpha_bar = random_alpha_bar(d, T)
    x_0, x_t = d.randn(3, 5, dtype=torch.float64), d.randn(3, 5, dtype=torch.float64)
    t, steps = d.integers(2, T - 1, 3), d.integers(2, T, 4)
    image = d.randn(4, 1, 4, 4), d.randn(4, 1, 4, 4)
    yield Case("vectors, one t each", (x_0, x_t, t, alpha_bar))
    yield Case("images as wide as the batch is long", (*image, steps, alpha_bar))
    yield Case("t = 1: the point x_0, without variance", (x_0, x_t, torch.tensor([1, 1, 2]), alpha_bar), "edges")
    yield Case("t = T", (x_0, x_t, torch.tensor([T, 2, T]), alpha_bar), "edges")
    yield Case("one example", (x_0[:1], x_t[:1], t[:1], alpha_bar), "edges")
    yield Case("float32 stays float32", (*image, steps, alpha_bar), "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(5, 3).mT, d.randn(5, 3).mT, t, alpha_bar), "edges")
    yield Case("called twice", (x_0, x_t, t, alpha_bar), "clean", "twice")


EXERCISE = Exercise(
    name="elbo.posterior_q",
    prompt="Give mean and variance of q(x_{t-1} | x_t, x_0) in closed form, with a different t for every example.",
    signature="posterior_q(x_0 (B, *D), x_t (B, *D), t (B,) int in 1..T, alpha_bar (T+1,) float64) -> "
    "(mean (B, *D), variance (B,)), both in x_0's dtype",
    reference=posterior_q,
    draw=_draw,
    criteria=criteria(3, 2, 1, at="t = 1, t = T, one example, float32, any memory layout"),
    equation="4.12",
    difficulty=3,
    minutes=15,
    hints=(
        "The mean is a mix of x_0 and x_t. Which of the two should win at t = 1? Check your coefficients there.",
        "With a = alpha_bar_t, b = alpha_bar_{t-1}, alpha_t = a/b: factor of x_0 sqrt(b)(1 - alpha_t)/(1 - a), factor of "
        "x_t sqrt(alpha_t)(1 - b)/(1 - a), variance (1 - b)/(1 - a) (1 - alpha_t).",
        "a, b = alpha_bar[t], alpha_bar[t - 1]; c_0 = b.sqrt() * (1 - a / b) / (1 - a); c_t = (a / b).sqrt() * (1 - b) / (1 - a); "
        "reshape both to (B, 1, .., 1) and cast them to x_0's dtype",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "sqrt(alpha_bar_t) with x_0",
            _rule(lambda a, b, alpha: (a.sqrt() * (1 - alpha) / (1 - a), *_right(a, b, alpha)[1:])),
            "the factor of x_0 has sqrt(alpha_bar_{t-1}), not sqrt(alpha_bar_t). At t = 1 the mean must be x_0 itself: with "
            "alpha_bar_0 = 1 it is.",
        ),
        Misconception(
            "swapped",
            _rule(lambda a, b, alpha: (_right(a, b, alpha)[1], _right(a, b, alpha)[0], _right(a, b, alpha)[2])),
            "the two factors are swapped: at t = 1 the mean must be x_0.",
        ),
        Misconception(
            "beta for beta_tilde",
            _rule(lambda a, b, alpha: (*_right(a, b, alpha)[:2], 1 - alpha)),
            "the variance is beta_t, that of the forward step. Knowing x_0 narrows it: multiply by "
            "(1 - alpha_bar_{t-1})/(1 - alpha_bar_t).",
        ),
        Misconception(
            "ratio of the variances turned over",
            _rule(lambda a, b, alpha: (*_right(a, b, alpha)[:2], (1 - a) / (1 - b).clamp(min=1e-12) * (1 - alpha))),
            "the ratio in the variance is upside down: (1 - alpha_bar_{t-1}) is above, so that it is 0 at t = 1.",
        ),
        Misconception(
            "standard deviation",
            _rule(lambda a, b, alpha: (*_right(a, b, alpha)[:2], _right(a, b, alpha)[2].sqrt())),
            "the second value is the standard deviation. The variance is asked for.",
        ),
        Misconception(
            "alpha_bar for alpha",
            _rule(lambda a, b, alpha: (_right(a, b, alpha)[0], a.sqrt() * (1 - b) / (1 - a), _right(a, b, alpha)[2])),
            "the factor of x_t has sqrt(alpha_t), one step's share, not sqrt(alpha_bar_t).",
        ),
        Misconception(
            "no roots",
            _rule(
                lambda a, b, alpha: (b * (1 - alpha) / (1 - a), alpha * (1 - b) / (1 - a), _right(a, b, alpha)[2]),
            ),
            "the roots are missing in the mean: sqrt(alpha_bar_{t-1}) and sqrt(alpha_t).",
        ),
        Misconception(
            "(B,) against the last axis",
            _last_axis,
            "the factors have shape (B,) and line up with the last axis of x, not the first. When an image is as wide as the "
            "batch is long it runs and is wrong. Reshape them to (B, 1, .., 1).",
        ),
        Misconception(
            "float64 comes out",
            _no_cast,
            "the values are right, but float32 images became float64, because alpha_bar is float64. Cast the factors and the "
            "variance to x_0's dtype.",
        ),
    ),
)
