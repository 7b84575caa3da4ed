"""The best prediction when the data are a finite set: `best_eps`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception
from grader.exercises.ddpm.common import WITHHOLDS, bars, criteria, per_example, random_beta


def best_eps(x_t: Tensor, t: Tensor, data: Tensor, alpha_bar: Tensor) -> Tensor:
    """Equation (5.14), then eps from x_0."""
    a = alpha_bar[t].to(x_t)
    shrunk = a.sqrt().reshape(-1, 1, 1) * data.flatten(1)
    square = ((x_t.flatten(1).unsqueeze(1) - shrunk) ** 2).sum(2)
    w = torch.softmax(-square / (2 * (1 - a)).unsqueeze(1), dim=1)
    x_0 = (w @ data.flatten(1)).reshape(x_t.shape)
    return (x_t - per_example(a.sqrt(), x_t) * x_0) / per_example((1 - a).sqrt(), x_t)


def _square(x_t: Tensor, data: Tensor, scale: Tensor) -> Tensor:
    """||x_t - scale x^(i)||^2, (B, N)."""
    return ((x_t.flatten(1).unsqueeze(1) - scale.reshape(-1, 1, 1) * data.flatten(1)) ** 2).sum(2)


def _guess(x_t: Tensor, data: Tensor, log_w: Tensor) -> Tensor:
    return (torch.softmax(log_w, dim=1) @ data.flatten(1)).reshape(x_t.shape)


def _noise(x_t: Tensor, x_0: Tensor, a: Tensor) -> Tensor:
    return (x_t - per_example(a.sqrt(), x_t) * x_0) / per_example((1 - a).sqrt(), x_t)


def _by(x_t: Tensor, t: Tensor, data: Tensor, alpha_bar: Tensor, rule: str) -> Tensor:
    a = alpha_bar[t].to(x_t)
    near = -_square(x_t, data, a.sqrt())
    var = (1 - a).unsqueeze(1)
    log_w = {
        "no 2": near / var,
        "deviation": near / (2 * var.sqrt()),
        "not shrunk": -_square(x_t, data, torch.ones_like(a)) / (2 * var),
        "not squared": -(-near).sqrt() / (2 * var),
        "far": -near / (2 * var),
        "no variance": near / 2,
    }[rule]
    return _noise(x_t, _guess(x_t, data, log_w), a)


def _nearest(x_t: Tensor, t: Tensor, data: Tensor, alpha_bar: Tensor) -> Tensor:
    a = alpha_bar[t].to(x_t)
    return _noise(x_t, data[_square(x_t, data, a.sqrt()).argmin(1)], a)


def _mean_image(x_t: Tensor, t: Tensor, data: Tensor, alpha_bar: Tensor) -> Tensor:
    return _noise(x_t, data.mean(0).expand_as(x_t), alpha_bar[t].to(x_t))


def _x_0(x_t: Tensor, t: Tensor, data: Tensor, alpha_bar: Tensor) -> Tensor:
    a = alpha_bar[t].to(x_t)
    log_w = -_square(x_t, data, a.sqrt()) / (2 * (1 - a)).unsqueeze(1)
    return _guess(x_t, data, log_w)


def _underflow(x_t: Tensor, t: Tensor, data: Tensor, alpha_bar: Tensor) -> Tensor:
    a = alpha_bar[t].to(x_t)
    w = torch.exp(-_square(x_t, data, a.sqrt()) / (2 * (1 - a)).unsqueeze(1))
    x_0 = ((w / w.sum(1, keepdim=True)) @ data.flatten(1)).reshape(x_t.shape)
    return _noise(x_t, x_0, a)


def _over_the_batch(x_t: Tensor, t: Tensor, data: Tensor, alpha_bar: Tensor) -> Tensor:
    a = alpha_bar[t].to(x_t)
    w = torch.softmax(-_square(x_t, data, a.sqrt()) / (2 * (1 - a)).unsqueeze(1), dim=0)
    return _noise(x_t, (w @ data.flatten(1)).reshape(x_t.shape), a)


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(8, 12)
    alpha_bar = bars(random_beta(d, T, 0.05, 0.3))
    data = d.randn(7, 4, dtype=torch.float64)
    x, t = d.randn(3, 4, dtype=torch.float64), d.integers(2, T, 3)
    images, noisy = d.randn(9, 1, 3, 3, dtype=torch.float64), d.randn(4, 1, 3, 3, dtype=torch.float64)
    yield Case("points", (x, t, data, alpha_bar))
    yield Case("images", (noisy, d.integers(1, T, 4), images, alpha_bar))
    yield Case("t = 1, 2 and T", (x, torch.tensor([1, 2, T]), data, alpha_bar), "edges")
    yield Case("one noisy point", (x[:1], t[:1], data, alpha_bar), "edges")
    yield Case("a single training example", (x, t, data[:1], alpha_bar), "edges")
    yield Case(
        "as many noisy points as examples",
        (d.randn(4, 4, dtype=torch.float64), d.integers(1, T, 4), data[:4], alpha_bar),
        "edges",
    )
    yield Case("called twice", (x, t, data, alpha_bar), "edges", "twice")
    yield Case("far from every example", (60 + 5 * x, t, data, alpha_bar), "far")
    # There the nearest example takes nearly all, whatever the weights are; nearer it does not.
    yield Case("a little out", (2 * x, t, data, alpha_bar), "far")


EXERCISE = Exercise(
    name="ddpm.best_eps",
    prompt="Compute E[eps | x_t], the best noise prediction that there is, when x_0 is drawn from a finite set of examples.",
    signature="best_eps(x_t (B, *D), t (B,) int in 1..T, data (N, *D), alpha_bar (T+1,)) -> eps (B, *D)",
    reference=best_eps,
    draw=_draw,
    criteria=(
        *criteria(3, 1, at="t = 1, 2 and T, one noisy point, one example, inputs untouched"),
        Criterion("far", 1, "points far from every example"),
    ),
    equation="5.14",
    difficulty=4,
    minutes=25,
    hints=(
        "First E[x_0 | x_t]: a weighted mean of the examples. The weight of an example says how likely it is that x_t was made "
        "from it. Then turn the guess of x_0 into a guess of eps.",
        "log w_i = -||x_t - sqrt(alpha_bar_t) x^(i)||^2 / (2 (1 - alpha_bar_t)) up to a constant; softmax over i; "
        "eps = (x_t - sqrt(alpha_bar_t) x_0) / sqrt(1 - alpha_bar_t).",
        "square = ((x_t.flatten(1)[:, None] - a.sqrt()[:, None, None] * data.flatten(1)) ** 2).sum(2); "
        "w = torch.softmax(-square / (2 * (1 - a))[:, None], dim=1); x_0 = (w @ data.flatten(1)).reshape(x_t.shape)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "nearest example",
            _nearest,
            "you take the nearest example alone. Others may have made x_t as well: weigh all of them.",
        ),
        Misconception(
            "mean of the data",
            _mean_image,
            "every example gets the same weight. That is right at t = T only; x_t tells more.",
        ),
        Misconception(
            "x_0 returned",
            _x_0,
            "this is E[x_0 | x_t]. The last line is missing: eps = (x_t - sqrt(alpha_bar_t) x_0) / sqrt(1 - alpha_bar_t).",
        ),
        Misconception(
            "examples not shrunk",
            lambda x, t, data, ab: _by(x, t, data, ab, "not shrunk"),
            "you measure the distance to x^(i). The noise sits around sqrt(alpha_bar_t) x^(i).",
        ),
        Misconception(
            "the 2 forgotten",
            lambda x, t, data, ab: _by(x, t, data, ab, "no 2"),
            "the exponent of a normal density is -square / (2 variance): the 2 is missing.",
        ),
        Misconception(
            "divided by the deviation",
            lambda x, t, data, ab: _by(x, t, data, ab, "deviation"),
            "you divide by the standard deviation. The exponent has the variance, 1 - alpha_bar_t.",
        ),
        Misconception(
            "variance forgotten",
            lambda x, t, data, ab: _by(x, t, data, ab, "no variance"),
            "the squared distance is not divided by the variance 1 - alpha_bar_t: how near is near depends on the noise.",
        ),
        Misconception(
            "distance not squared",
            lambda x, t, data, ab: _by(x, t, data, ab, "not squared"),
            "the distance in the exponent is squared; yours is not.",
        ),
        Misconception(
            "far ones weigh most",
            lambda x, t, data, ab: _by(x, t, data, ab, "far"),
            "the minus sign in the exponent is missing: now the farthest example gets the largest weight.",
        ),
        Misconception(
            "normalised over the batch",
            _over_the_batch,
            "the weights sum to 1 over the batch. For each noisy point they must sum to 1 over the examples: dim=1.",
        ),
        Misconception(
            "exp first",
            _underflow,
            "far from the data every exp(..) is rounded to 0, and 0/0 is nan. torch.softmax takes the logarithms and is safe.",
        ),
    ),
)
