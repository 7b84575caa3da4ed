"""One pass of Algorithm 1 for a small predictor: `train_step`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.ddpm.common import WITHHOLDS, bars, criteria, random_beta


def train_step(line: Tensor, x_0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor, eta: float) -> Tensor:
    """Equation (5.16) for the predictor line[t, 0] x_t + line[t, 1]."""
    x_t = alpha_bar[t].sqrt() * x_0 + (1 - alpha_bar[t]).sqrt() * noise
    error = line[t, 0] * x_t + line[t, 1] - noise
    slopes = 2 / len(t) * torch.stack([error * x_t, error], dim=1)
    return line - eta * torch.zeros_like(line).index_add(0, t, slopes)


def _gradient(line: Tensor, x_t: Tensor, t: Tensor, wanted: Tensor) -> Tensor:
    """Of the mean over the batch of (wanted - prediction)^2, by hand."""
    error = line[t, 0] * x_t + line[t, 1] - wanted
    rows = 2 / len(t) * torch.stack([error * x_t, error], dim=1)
    return torch.zeros_like(line).index_add(0, t, rows)


def _step(line: Tensor, x_t: Tensor, t: Tensor, wanted: Tensor, eta: float) -> Tensor:
    return line - eta * _gradient(line, x_t, t, wanted)


def _x_t(x_0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    return alpha_bar[t].sqrt() * x_0 + (1 - alpha_bar[t]).sqrt() * noise


def _doubles_lost(line: Tensor, x_0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor, eta: float) -> Tensor:
    x_t = _x_t(x_0, t, noise, alpha_bar)
    error = line[t, 0] * x_t + line[t, 1] - noise
    out = line.clone()
    for b in range(len(t)):  # the last example of a step wins, as in out[t] -= ...
        out[t[b]] = line[t[b]] - eta * 2 / len(t) * torch.stack([error[b] * x_t[b], error[b]])
    return out


def _mean_per_step(line: Tensor, x_0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor, eta: float) -> Tensor:
    gradient = _gradient(line, _x_t(x_0, t, noise, alpha_bar), t, noise) * len(t)
    count = torch.bincount(t, minlength=len(line)).clamp(min=1).to(line)
    return line - eta * gradient / count.unsqueeze(1)


def _in_place(line: Tensor, x_0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor, eta: float) -> Tensor:
    line -= eta * _gradient(line, _x_t(x_0, t, noise, alpha_bar), t, noise)
    return line


def _offset_only(line: Tensor, x_0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor, eta: float) -> Tensor:
    gradient = _gradient(line, _x_t(x_0, t, noise, alpha_bar), t, noise)
    return line - eta * torch.stack([gradient[:, 1], gradient[:, 1]], 1)


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(4, 7)
    alpha_bar = bars(random_beta(d, T))

    def batch(B: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        f64 = torch.float64
        return d.randn(T + 1, 2, dtype=f64), d.randn(B, dtype=f64), d.integers(1, T, B), d.randn(B, dtype=f64)

    line, x_0, t, noise = batch(12)  # more examples than steps: some step comes twice
    yield Case("a batch", (line, x_0, t, noise, alpha_bar, d.uniform(0.1, 0.5)))
    yield Case("another rate", (*batch(15), alpha_bar, d.uniform(0.01, 0.05)))
    yield Case("one example", (line, x_0[:1], t[:1], noise[:1], alpha_bar, 0.2), "edges")
    yield Case("every example at t = T", (line, x_0, torch.full_like(t, T), noise, alpha_bar, 0.2), "edges")
    yield Case("every example at t = 1", (line, x_0, torch.ones_like(t), noise, alpha_bar, 0.2), "edges")
    yield Case("called twice", (line, x_0, t, noise, alpha_bar, 0.3), "clean", "twice")


EXERCISE = Exercise(
    name="ddpm.train_step",
    prompt="Take one gradient step of Algorithm 1 for a predictor that is a straight line at each t.",
    signature="train_step(line (T+1, 2), x_0 (B,), t (B,), noise (B,), alpha_bar (T+1,), eta float) -> line (T+1, 2)",
    reference=train_step,
    draw=_draw,
    criteria=criteria(3, 1, 1, at="one example, all at t = 1, all at t = T"),
    equation="5.16",
    difficulty=3,
    minutes=20,
    hints=(
        "Write the loss as a function of `line` and let autograd find its slope; or find the slope by hand: it has two numbers "
        "per step.",
        "loss = mean over the batch of (noise - line[t, 0] x_t - line[t, 1])^2 with x_t from the jump; new = line - eta * slope.",
        "w = line.clone().requires_grad_(); loss = ((noise - w[t, 0] * x_t - w[t, 1]) ** 2).mean(); "
        "(g,) = torch.autograd.grad(loss, w); return line - eta * g",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "uphill",
            lambda w, x, t, n, ab, eta: _step(w, _x_t(x, t, n, ab), t, n, -eta),
            "you add the gradient: the loss grows. Subtract it.",
        ),
        Misconception(
            "sum over the batch",
            lambda w, x, t, n, ab, eta: _step(w, _x_t(x, t, n, ab), t, n, eta * len(t)),
            "you sum over the batch. Take the mean, or the step grows with the batch.",
        ),
        Misconception(
            "the 2 of the square forgotten",
            lambda w, x, t, n, ab, eta: _step(w, _x_t(x, t, n, ab), t, n, eta / 2),
            "the derivative of a square has a factor 2; it is missing.",
        ),
        Misconception(
            "doubles lost",
            _doubles_lost,
            "when two examples have the same t, only one of them counts: `line[t] -= ...` writes each row once. "
            "Add them up (index_add), or let autograd do it.",
        ),
        Misconception(
            "mean per step",
            _mean_per_step,
            "you average over the examples of each step. The loss is the mean over the whole batch.",
        ),
        Misconception(
            "clean data shown",
            lambda w, x, t, n, ab, eta: _step(w, x, t, n, eta),
            "the predictor sees x_0. It must see x_t, made by the jump.",
        ),
        Misconception(
            "learns x_0",
            lambda w, x, t, n, ab, eta: _step(w, _x_t(x, t, n, ab), t, x, eta),
            "the prediction is compared with x_0. This predictor guesses the noise.",
        ),
        Misconception(
            "roots missing",
            lambda w, x, t, n, ab, eta: _step(w, ab[t] * x + (1 - ab[t]) * n, t, n, eta),
            "the roots in the jump are missing: sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise.",
        ),
        Misconception(
            "noise of t-1",
            lambda w, x, t, n, ab, eta: _step(w, _x_t(x, t - 1, n, ab), t, n, eta),
            "x_t is made with alpha_bar at t - 1. The tables have T+1 entries, so it is alpha_bar[t].",
        ),
        Misconception(
            "slope without x_t",
            _offset_only,
            "the derivative with respect to the slope line[t, 0] has a factor x_t; yours is the one for the offset.",
        ),
        Misconception(
            "changes line in place",
            _in_place,
            "the numbers are right, but `line` itself is changed (line -= ...). Return a new tensor.",
        ),
    ),
)
