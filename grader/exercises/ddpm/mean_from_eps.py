"""The mean of a reverse step from a noise prediction: `mean_from_eps`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.ddpm.common import WITHHOLDS, bars, criteria, per_example, random_beta


def mean_from_eps(x_t: Tensor, eps: Tensor, t: Tensor, alpha: Tensor, alpha_bar: Tensor) -> Tensor:
    """Equation (5.4)."""
    weight = (1 - alpha[t]) / (1 - alpha_bar[t]).sqrt()
    return (x_t - per_example(weight, x_t) * eps) / per_example(alpha[t].sqrt(), x_t)


def _mean(x_t: Tensor, eps: Tensor, scale: Tensor, weight: Tensor) -> Tensor:
    return per_example(scale, x_t) * (x_t - per_example(weight, x_t) * eps)


def _through_alpha_bar_t(x_t: Tensor, eps: Tensor, t: Tensor, alpha: Tensor, alpha_bar: Tensor) -> Tensor:
    """Posterior mean with the x_0 coefficient as it was printed on a slide."""
    ab, before, beta = alpha_bar[t], alpha_bar[t - 1], 1 - alpha[t]
    x_0 = _mean(x_t, eps, 1 / ab.sqrt(), (1 - ab).sqrt())
    from_x_0, from_x_t = ab.sqrt() * beta / (1 - ab), alpha[t].sqrt() * (1 - before) / (1 - ab)
    return per_example(from_x_0, x_t) * x_0 + per_example(from_x_t, x_t) * x_t


def _no_cast(x_t: Tensor, eps: Tensor, t: Tensor, alpha: Tensor, alpha_bar: Tensor) -> Tensor:
    shape = (-1, *[1] * (x_t.ndim - 1))
    weight = ((1 - alpha[t]) / (1 - alpha_bar[t]).sqrt()).reshape(shape)
    return (x_t - weight * eps) / alpha[t].sqrt().reshape(shape)


def _along_the_last_axis(x_t: Tensor, eps: Tensor, t: Tensor, alpha: Tensor, alpha_bar: Tensor) -> Tensor:
    weight = ((1 - alpha[t]) / (1 - alpha_bar[t]).sqrt()).to(x_t)
    return (x_t - weight * eps) / alpha[t].sqrt().to(x_t)


def _in_place(x_t: Tensor, eps: Tensor, t: Tensor, alpha: Tensor, alpha_bar: Tensor) -> Tensor:
    with torch.no_grad():
        x_t -= per_example((1 - alpha[t]) / (1 - alpha_bar[t]).sqrt(), x_t) * eps
        x_t /= per_example(alpha[t].sqrt(), x_t)
    return x_t


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 12)
    beta = random_beta(d, T)
    tables = (1 - beta, bars(beta))
    x, eps, t = d.randn(3, 5), d.randn(3, 5), d.integers(2, T - 1, 3)
    square, noise, steps = d.randn(4, 1, 4, 4), d.randn(4, 1, 4, 4), d.integers(1, T, 4)
    yield Case("one t per example", (x, eps, t, *tables))
    yield Case("images as wide as the batch is long", (square, noise, steps, *tables))
    yield Case("t = 1, 2 and T", (x, eps, torch.tensor([1, 2, T]), *tables), "edges")
    yield Case("one example", (x[:1], eps[:1], t[:1], *tables), "edges")
    yield Case("float32 stays float32", (square, noise, steps, *tables), "edges", strict_dtype=True)
    yield Case("float64", (x.double(), eps.double(), t, *tables), "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(5, 3).mT, eps, t, *tables), "edges")
    yield Case("called twice", (x, eps, t, *tables), "clean", "twice")
    yield Case("gradient in eps", (x, eps, t, *tables), "clean", "gradient", wrt=1, cotangent=d.randn(3, 5))


EXERCISE = Exercise(
    name="ddpm.mean_from_eps",
    prompt="Compute the mean of the reverse step from the predicted noise.",
    signature="mean_from_eps(x_t (B, *D), eps (B, *D), t (B,) int in 1..T, alpha (T+1,), alpha_bar (T+1,)) -> mean (B, *D)",
    reference=mean_from_eps,
    draw=_draw,
    criteria=criteria(2, 1, 1, at="t = 1, 2 and T, one example, dtypes, any memory layout"),
    equation="5.4",
    difficulty=2,
    minutes=10,
    hints=(
        "A part of the noise is taken away, and the shrinking of one step is undone. Which of the two numbers belongs to one "
        "step, and which to the whole chain?",
        "mean = (x_t - beta_t / sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_t), with beta_t = 1 - alpha_t, each coefficient "
        "reshaped to (B, 1, .., 1) and cast to x_t's dtype.",
        "c = ((1 - alpha[t]) / (1 - alpha_bar[t]).sqrt()).to(x_t).reshape(-1, *[1] * (x_t.ndim - 1)); "
        "return (x_t - c * eps) / alpha[t].sqrt().to(x_t).reshape(c.shape)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "no bar under the root",
            lambda x, e, t, a, ab: _mean(x, e, 1 / a[t].sqrt(), (1 - a[t]) / (1 - a[t]).sqrt()),
            "you divide by sqrt(1 - alpha_t). The noise in x_t came from the whole chain, so its size is sqrt(1 - alpha_bar_t).",
        ),
        Misconception(
            "bar in front",
            lambda x, e, t, a, ab: _mean(x, e, 1 / ab[t].sqrt(), (1 - a[t]) / (1 - ab[t]).sqrt()),
            "you divide by sqrt(alpha_bar_t): that undoes the shrinking of all steps at once. One step back undoes one: "
            "divide by sqrt(alpha_t).",
        ),
        Misconception(
            "no root in the denominator",
            lambda x, e, t, a, ab: _mean(x, e, 1 / a[t].sqrt(), (1 - a[t]) / (1 - ab[t])),
            "you divide by 1 - alpha_bar_t, a variance. The standard deviation belongs there: take its root.",
        ),
        Misconception(
            "root of beta",
            lambda x, e, t, a, ab: _mean(x, e, 1 / a[t].sqrt(), (1 - a[t]).sqrt() / (1 - ab[t]).sqrt()),
            "the numerator is beta_t itself, without a root. Follow the algebra from the posterior mean.",
        ),
        Misconception(
            "shrinking not undone",
            lambda x, e, t, a, ab: _mean(x, e, torch.ones_like(a[t]), (1 - a[t]) / (1 - ab[t]).sqrt()),
            "the factor 1/sqrt(alpha_t) in front is missing: the forward step shrank x, going back must stretch it.",
        ),
        Misconception(
            "shrinks once more",
            lambda x, e, t, a, ab: _mean(x, e, a[t].sqrt(), (1 - a[t]) / (1 - ab[t]).sqrt()),
            "you multiply by sqrt(alpha_t). The forward step did that; going back divides by it.",
        ),
        Misconception(
            "noise added",
            lambda x, e, t, a, ab: _mean(x, e, 1 / a[t].sqrt(), -(1 - a[t]) / (1 - ab[t]).sqrt()),
            "the predicted noise is added. Going back takes it away: a minus sign.",
        ),
        Misconception(
            "all the noise at once",
            lambda x, e, t, a, ab: _mean(x, e, 1 / ab[t].sqrt(), (1 - ab[t]).sqrt()),
            "this is the guess of x_0: all the noise is taken away. The mean of x_{t-1} goes one step only.",
        ),
        Misconception(
            "slide's posterior mean",
            _through_alpha_bar_t,
            "you went through x_0 with sqrt(alpha_bar_t) beta_t/(1 - alpha_bar_t), as printed on a slide. "
            "It is sqrt(alpha_bar_{t-1}).",
        ),
        Misconception(
            "index t-1",
            lambda x, e, t, a, ab: mean_from_eps(x, e, t - 1, a, ab),
            "you read the tables at t - 1. They have T+1 entries, so step t uses entry t.",
        ),
        Misconception(
            "(B,) against the last axis",
            _along_the_last_axis,
            "the coefficients have shape (B,) and line up with the last axis of x_t. It fails, or, when an image is as wide "
            "as the batch is long, is wrong without a word. Reshape them to (B, 1, .., 1).",
        ),
        Misconception(
            "float64 comes out",
            _no_cast,
            "the values are right, but float32 images became float64, because the tables are float64. Cast the coefficients.",
        ),
        Misconception(
            "changes x_t in place",
            _in_place,
            "the numbers are right, but x_t itself is changed (x_t -= ..), and autograd cannot see through it. "
            "Build a new tensor.",
        ),
    ),
)
