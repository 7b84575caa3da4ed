"""Classifier guidance of a noise prediction: `guided_eps`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.controllable_generation.common import (
    FLOWS,
    WITHHOLDS,
    bars,
    criteria,
    per_example,
    random_beta,
)


def guided_eps(eps: Tensor, grad: Tensor, s: float, t: Tensor, alpha_bar: Tensor) -> Tensor:
    """Equation (11.7)."""
    sigma = (1 - alpha_bar[t]).sqrt().to(eps).reshape(-1, *[1] * (eps.ndim - 1))
    return eps - s * sigma * grad


def _factor(factor: Callable[[Tensor, Tensor], Tensor], sign: float = -1.0) -> Callable[..., Tensor]:
    """eps + sign * s * factor(t, alpha_bar) * grad."""

    def wrong(eps: Tensor, grad: Tensor, s: float, t: Tensor, alpha_bar: Tensor) -> Tensor:
        return eps + sign * s * per_example(factor(t, alpha_bar), eps) * grad

    return wrong


def _last_axis(eps: Tensor, grad: Tensor, s: float, t: Tensor, alpha_bar: Tensor) -> Tensor:
    return eps - s * (1 - alpha_bar[t]).sqrt().to(eps) * grad


def _no_cast(eps: Tensor, grad: Tensor, s: float, t: Tensor, alpha_bar: Tensor) -> Tensor:
    return guided_eps(eps.double(), grad, s, t, alpha_bar)


def _sigma(t: Tensor, alpha_bar: Tensor) -> Tensor:
    return (1 - alpha_bar[t]).sqrt()


def _in_place(eps: Tensor, grad: Tensor, s: float, t: Tensor, alpha_bar: Tensor) -> Tensor:
    eps.detach().sub_(s * per_example(_sigma(t, alpha_bar), eps) * grad.detach())
    return eps


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(8, 14)
    alpha_bar, s = bars(random_beta(d, T)), d.uniform(1.5, 4)
    eps, grad, t = d.randn(3, 5), d.randn(3, 5), d.integers(2, T - 1, 3)
    images = (d.randn(4, 1, 4, 4), d.randn(4, 1, 4, 4))
    yield Case("one t per example", (eps, grad, s, t, alpha_bar))
    yield Case("images as wide as the batch is long", (*images, s, d.integers(1, T, 4), alpha_bar))
    yield Case("t = 1, 2 and T", (eps, grad, s, torch.tensor([1, 2, T]), alpha_bar), "edges")
    yield Case("strength 0", (eps, grad, 0.0, t, alpha_bar), "edges")
    yield Case("one example", (eps[:1], grad[:1], s, t[:1], alpha_bar), "edges")
    yield Case("float32 stays float32", (eps, grad, s, t, alpha_bar), "edges", strict_dtype=True)
    yield Case("float64", (eps.double(), grad.double(), s, t, alpha_bar), "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(5, 3).mT, grad, s, t, alpha_bar), "edges")
    yield Case("called twice", (eps, grad, s, t, alpha_bar), "clean", "twice")
    yield Case("gradient in grad", (eps, grad, s, t, alpha_bar), "clean", "gradient", wrt=1, cotangent=d.randn(3, 5))


EXERCISE = Exercise(
    name="guidance.guided_eps",
    prompt="Guide a noise prediction by the gradient of a classifier, with strength s.",
    signature="guided_eps(eps (B, *D), grad (B, *D), s float, t (B,) int in 1..T, alpha_bar (T+1,)) -> (B, *D)",
    reference=guided_eps,
    draw=_draw,
    criteria=criteria(
        2, 2, 1, at="t = 1, 2 and T, strength 0, one example, dtypes, any memory layout", clean_text=FLOWS
    ),
    equation="11.7",
    difficulty=2,
    minutes=8,
    hints=(
        "Scores add up. A score is minus the noise over its standard deviation: what is added to a score is subtracted, "
        "times that deviation, from a noise.",
        "eps - s sqrt(1 - alpha_bar_t) grad, with the factor reshaped to (B, 1, .., 1) and cast to eps's dtype.",
        "sigma = (1 - alpha_bar[t]).sqrt().to(eps).reshape(-1, *[1] * (eps.ndim - 1)); return eps - s * sigma * grad",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "sign",
            _factor(_sigma, 1.0),
            "the gradient is added. It is added to a score; a noise is minus sqrt(1 - alpha_bar_t) times a score, so here "
            "it is subtracted. Yours leads away from the class.",
        ),
        Misconception(
            "score and noise mixed",
            _factor(lambda t, ab: torch.ones_like(ab[t])),
            "the gradient is a score, eps is a noise: between them stands sqrt(1 - alpha_bar_t).",
        ),
        Misconception(
            "variance for deviation",
            _factor(lambda t, ab: 1 - ab[t]),
            "you multiply by 1 - alpha_bar_t, the variance of the noise. Its root belongs there.",
        ),
        Misconception(
            "divided",
            _factor(lambda t, ab: 1 / (1 - ab[t]).sqrt()),
            "you divide by sqrt(1 - alpha_bar_t). That turns a noise into a score; here a score becomes a noise: multiply.",
        ),
        Misconception(
            "signal for noise",
            _factor(lambda t, ab: ab[t].sqrt()),
            "the factor is sqrt(alpha_bar_t), the share of the signal. The noise has sqrt(1 - alpha_bar_t).",
        ),
        Misconception(
            "index t-1",
            _factor(lambda t, ab: (1 - ab[t - 1]).sqrt()),
            "alpha_bar is read at t - 1. The prediction belongs to x_t.",
        ),
        Misconception(
            "strength on both",
            lambda eps, grad, s, t, ab: s * guided_eps(eps, grad, 1.0, t, ab),
            "s multiplies the noise prediction too. Only the classifier is made stronger.",
        ),
        Misconception(
            "the other convention",
            lambda eps, grad, s, t, ab: guided_eps(eps, grad, 1 + s, t, ab),
            "you use 1 + s. In this lesson s = 0 means no guidance at all and s = 1 is Bayes' rule.",
        ),
        Misconception(
            "(B,) against the last axis",
            _last_axis,
            "the factor has shape (B,) and lines up with the last axis, not the first. Reshape it to (B, 1, .., 1).",
        ),
        Misconception(
            "float64 comes out",
            _no_cast,
            "the values are right, but float32 became float64, because the table is float64. Cast the factor.",
        ),
        Misconception(
            "changes eps in place",
            _in_place,
            "the numbers are right, but eps itself was changed. Build a new tensor.",
        ),
    ),
)
