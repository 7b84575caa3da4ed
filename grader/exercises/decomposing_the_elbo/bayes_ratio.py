"""The reverse of a forward step, given x_0, by Bayes' rule: `bayes_ratio`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.decomposing_the_elbo.common import WITHHOLDS, criteria, dims, log_normal, random_beta


def bayes_ratio(x_prev: Tensor, x_t: Tensor, x_0: Tensor, t: int, beta: Tensor) -> Tensor:
    """Equation (4.5), solved for the posterior."""
    step, before, now = _parts(x_prev, x_t, x_0, t, beta)
    return step + before - now


def _parts(x_prev: Tensor, x_t: Tensor, x_0: Tensor, t: int, beta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """log q(x_t | x_{t-1}), log q(x_{t-1} | x_0), log q(x_t | x_0)."""
    ab = torch.cumprod(1 - beta, 0)
    step = log_normal(x_t, (1 - beta[t]).sqrt().to(x_t) * x_prev, beta[t])
    before = log_normal(x_prev, ab[t - 1].sqrt().to(x_t) * x_0, 1 - ab[t - 1])
    return step, before, log_normal(x_t, ab[t].sqrt().to(x_t) * x_0, 1 - ab[t])


def _of_parts(rule: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda x_prev, x_t, x_0, t, beta: rule(*_parts(x_prev, x_t, x_0, t, beta))


def _prior_for_jumps(x_prev: Tensor, x_t: Tensor, x_0: Tensor, t: int, beta: Tensor) -> Tensor:
    step, _, _ = _parts(x_prev, x_t, x_0, t, beta)
    zero = torch.zeros_like(x_t)
    return step + log_normal(x_prev, zero, 1.0) - log_normal(x_t, zero, 1.0)


def _one_jump_twice(x_prev: Tensor, x_t: Tensor, x_0: Tensor, t: int, beta: Tensor) -> Tensor:
    step, _, now = _parts(x_prev, x_t, x_0, t, beta)
    ab = torch.cumprod(1 - beta, 0)
    return step + log_normal(x_prev, ab[t].sqrt().to(x_t) * x_0, 1 - ab[t]) - now


def _deviation(x_prev: Tensor, x_t: Tensor, x_0: Tensor, t: int, beta: Tensor) -> Tensor:
    ab = torch.cumprod(1 - beta, 0)
    step = log_normal(x_t, (1 - beta[t]).sqrt().to(x_t) * x_prev, beta[t].sqrt())
    before = log_normal(x_prev, ab[t - 1].sqrt().to(x_t) * x_0, (1 - ab[t - 1]).sqrt())
    return step + before - log_normal(x_t, ab[t].sqrt().to(x_t) * x_0, (1 - ab[t]).sqrt())


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(5, 8)
    beta, t = random_beta(d, T), d.integer(3, 4)
    x_prev, x_t, x_0 = (d.randn(3, 5, dtype=torch.float64) for _ in range(3))
    image = [d.randn(2, 1, 3, 3, dtype=torch.float64) for _ in range(3)]
    yield Case("vectors", (x_prev, x_t, x_0, t, beta))
    yield Case("images", (*image, t, beta))
    yield Case("t = 2", (x_prev, x_t, x_0, 2, beta), "edges")
    yield Case("t = T", (x_prev, x_t, x_0, T, beta), "edges")
    yield Case("one example", (x_prev[:1], x_t[:1], x_0[:1], t, beta), "edges")
    yield Case("gradient in x_{t-1}", (x_prev, x_t, x_0, t, beta), "clean", "gradient", cotangent=x_0[:, 0])
    yield Case("called twice", (x_prev, x_t, x_0, t, beta), "clean", "twice")


EXERCISE = Exercise(
    name="elbo.bayes_ratio",
    prompt="Give log q(x_{t-1} | x_t, x_0) by Bayes' rule, from three forward densities.",
    signature="bayes_ratio(x_prev (B, *D), x_t (B, *D), x_0 (B, *D), t int in 2..T, beta (T+1,)) -> (B,)",
    reference=bayes_ratio,
    draw=_draw,
    criteria=criteria(2, 1, 1, at="t = 2, t = T, one example"),
    equation="4.5",
    difficulty=2,
    minutes=10,
    hints=(
        "Three densities are needed, and you can write each one down: one step, and two jumps from x_0.",
        "log q(x_{t-1} | x_t, x_0) = log q(x_t | x_{t-1}) + log q(x_{t-1} | x_0) - log q(x_t | x_0). Write one helper for "
        "log N(x; mean, variance I), summed over the coordinates, and call it three times.",
        "return log_normal(x_t, (1 - beta[t]).sqrt() * x_prev, beta[t]) + log_normal(x_prev, ab[t - 1].sqrt() * x_0, "
        "1 - ab[t - 1]) - log_normal(x_t, ab[t].sqrt() * x_0, 1 - ab[t])",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "ratio upside down",
            _of_parts(lambda step, before, now: step - before + now),
            "the two jumps are exchanged. Bayes' rule multiplies by q(x_{t-1} | x_0) and divides by q(x_t | x_0).",
        ),
        Misconception(
            "not normalised",
            _of_parts(lambda step, before, now: step + before),
            "the division by q(x_t | x_0) is missing. As a function of x_{t-1} the shape is right, but it does not "
            "integrate to one, and the telescoping sum needs just this factor.",
        ),
        Misconception(
            "the forward step",
            _of_parts(lambda step, before, now: step),
            "this is the forward step q(x_t | x_{t-1}). Its reverse needs the two jumps from x_0 as well.",
        ),
        Misconception(
            "jumps as N(0, I)",
            _prior_for_jumps,
            "you used N(0, I) for the two jumps. That is where the chain ends; given x_0, x_{t-1} is "
            "N(sqrt(alpha_bar_{t-1}) x_0, (1 - alpha_bar_{t-1}) I).",
        ),
        Misconception(
            "both jumps to t",
            _one_jump_twice,
            "both jumps use alpha_bar_t. The point x_{t-1} has one step less behind it: alpha_bar_{t-1}.",
        ),
        Misconception(
            "mean over coordinates",
            lambda x_prev, x_t, x_0, t, beta: bayes_ratio(x_prev, x_t, x_0, t, beta) / dims(x_0),
            "you averaged over the coordinates. The log of a product of densities is a sum.",
        ),
        Misconception(
            "variance and deviation",
            _deviation,
            "you put standard deviations where variances belong: beta_t and 1 - alpha_bar_t are variances already.",
        ),
        Misconception(
            "no logarithm",
            _of_parts(lambda step, before, now: torch.exp(step + before - now)),
            "this is the density. Its logarithm is asked for: in many dimensions the density itself is rounded to 0.",
        ),
    ),
)
