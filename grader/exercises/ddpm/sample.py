"""Algorithm 2 from noise to data: `sample`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception, Served
from grader.exercises.ddpm.ancestral_step import ancestral_step
from grader.exercises.ddpm.common import WITHHOLDS, criteria, random_beta, random_variance, wavy

Predict = Callable[[Tensor, Tensor], Tensor]


def sample(predict: Predict, x_T: Tensor, noises: Tensor, beta: Tensor, sigma2: Tensor) -> Tensor:
    """Equation (5.20) for t = T, .., 1."""
    x = x_T
    for t in range(len(beta) - 1, 0, -1):
        eps = predict(x, torch.full((len(x),), t))
        x = ancestral_step(x, eps, t, noises[t], beta, sigma2)
    return x


def _chain(
    predict: Predict,
    x: Tensor,
    noises: Tensor,
    beta: Tensor,
    sigma2: Tensor,
    steps: range,
    asked: Callable[[int], int] = lambda t: t,
    drawn: Callable[[int], int] = lambda t: t,
) -> Tensor:
    for t in steps:
        eps = predict(x, torch.full((len(x),), asked(t)))
        x = ancestral_step(x, eps, t, noises[drawn(t)], beta, sigma2)
    return x


def _down(beta: Tensor) -> range:
    return range(len(beta) - 1, 0, -1)


def _noisy_end(predict: Predict, x_T: Tensor, noises: Tensor, beta: Tensor, sigma2: Tensor) -> Tensor:
    return sample(predict, x_T, noises, beta, sigma2) + sigma2[1].sqrt().to(x_T) * noises[1]


def _deterministic(predict: Predict, x_T: Tensor, noises: Tensor, beta: Tensor, sigma2: Tensor) -> Tensor:
    return sample(predict, x_T, torch.zeros_like(noises), beta, sigma2)


def _one_prediction(predict: Predict, x_T: Tensor, noises: Tensor, beta: Tensor, sigma2: Tensor) -> Tensor:
    eps = predict(x_T, torch.full((len(x_T),), len(beta) - 1))
    return sample(lambda x, t: eps, x_T, noises, beta, sigma2)


def _jump(predict: Predict, x_T: Tensor, noises: Tensor, beta: Tensor, sigma2: Tensor) -> Tensor:
    ab = torch.cumprod(1 - beta, 0)[-1].to(x_T)
    return (x_T - (1 - ab).sqrt() * predict(x_T, torch.full((len(x_T),), len(beta) - 1))) / ab.sqrt()


def _asked_twice(predict: Predict, x_T: Tensor, noises: Tensor, beta: Tensor, sigma2: Tensor) -> Tensor:
    def twice(x: Tensor, t: Tensor) -> Tensor:
        return (predict(x, t) + predict(x, t)) / 2

    return sample(twice, x_T, noises, beta, sigma2)


def _in_place(predict: Predict, x_T: Tensor, noises: Tensor, beta: Tensor, sigma2: Tensor) -> Tensor:
    x_T.copy_(sample(predict, x_T, noises, beta, sigma2))
    return x_T


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(4, 7)
    beta = random_beta(d, T)
    sigma2 = random_variance(d, beta)
    predict = Served(wavy)
    x, noises = d.randn(3, 2, dtype=torch.float64), d.randn(T + 1, 3, 2, dtype=torch.float64)
    images = (d.randn(2, 1, 3, 3, dtype=torch.float64), d.randn(T + 1, 2, 1, 3, 3, dtype=torch.float64))
    yield Case("a chain of points", (predict, x, noises, beta, sigma2))
    yield Case("images", (predict, *images, beta, beta.clone()))
    one = random_beta(d, 1)
    yield Case("a single step, T = 1", (predict, x, noises[:2], one, one.clone()), "edges")
    two = random_beta(d, 2)
    yield Case("two steps", (predict, x, noises[:3], two, 0.5 * two), "edges")
    yield Case("one example", (predict, x[:1], noises[:, :1], beta, sigma2), "edges")
    yield Case("called twice", (predict, x, noises, beta, sigma2), "edges", "twice")
    yield Case("one call per step", (predict, x, noises, beta, sigma2), "calls", max_calls=T)


EXERCISE = Exercise(
    name="ddpm.sample",
    prompt="Write Algorithm 2: from x_T down to x_0.",
    signature="sample(predict: (x (B, *D), t (B,)) -> eps, x_T (B, *D), noises (T+1, B, *D), beta (T+1,), sigma2 (T+1,)) -> x_0",
    reference=sample,
    draw=_draw,
    criteria=(
        *criteria(3, 1, at="T = 1, T = 2, one example, inputs untouched"),
        Criterion("calls", 1, "one call of the network per step"),
    ),
    equation="5.20",
    difficulty=3,
    minutes=15,
    hints=(
        "A loop from t = T down to t = 1. In each round: ask the network about the present x, take one step.",
        "for t = T, .., 1: eps = predict(x, t for every example); x = ancestral_step(x, eps, t, noises[t], beta, sigma2).",
        "for t in range(T, 0, -1): x = ancestral_step(x, predict(x, torch.full((len(x),), t)), t, noises[t], beta, sigma2)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "upwards",
            lambda p, x, n, b, s2: _chain(p, x, n, b, s2, range(1, len(b))),
            "your loop runs from 1 to T. Generation starts at the noisy end: t = T, T-1, .., 1.",
        ),
        Misconception(
            "stops at t = 2",
            lambda p, x, n, b, s2: _chain(p, x, n, b, s2, range(len(b) - 1, 1, -1)),
            "the loop ends at t = 2, so x_1 is returned. range(T, 1, -1) leaves out 1: use range(T, 0, -1).",
        ),
        Misconception(
            "starts at T-1",
            lambda p, x, n, b, s2: _chain(p, x, n, b, s2, range(len(b) - 2, 0, -1)),
            "the loop starts at T-1. x_T belongs to t = T, so the first step is t = T.",
        ),
        Misconception(
            "network told t-1",
            lambda p, x, n, b, s2: _chain(p, x, n, b, s2, _down(b), asked=lambda t: t - 1),
            "the network is told t - 1 while x is x_t. With a real network no picture would show it.",
        ),
        Misconception(
            "noise of another step",
            lambda p, x, n, b, s2: _chain(p, x, n, b, s2, _down(b), drawn=lambda t: t - 1),
            "step t uses noises[t]; you use noises[t - 1].",
        ),
        Misconception(
            "one noise for all steps",
            lambda p, x, n, b, s2: _chain(p, x, n, b, s2, _down(b), drawn=lambda t: 1),
            "every step adds the same noise. It must be fresh: noises[t].",
        ),
        Misconception(
            "noise after the last step",
            _noisy_end,
            "the last step adds noise too. At t = 1 the mean is returned.",
        ),
        Misconception(
            "no noise",
            _deterministic,
            "no noise is added on the way. The samples then crowd together.",
        ),
        Misconception(
            "network asked once",
            _one_prediction,
            "the network is asked at x_T only. Ask it again at every step, about the x of that step.",
        ),
        Misconception(
            "one big step",
            _jump,
            "you jump from x_T to a guess of x_0 in one step. That guess is near the mean of the data. Walk down step by step.",
        ),
        Misconception(
            "network asked twice per step",
            _asked_twice,
            "right, but the network is called more than once per step. It is the whole cost of sampling: keep its answer.",
        ),
        Misconception(
            "overwrites x_T",
            _in_place,
            "the numbers are right, but x_T is overwritten. Who asks again with the same x_T gets something else.",
        ),
    ),
)
