"""Many steps, the slow way: `q_sample_loop`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.forward_process.common import (
    WITHHOLDS,
    criteria,
    random_beta,
)


def q_sample_loop(x_0: Tensor, t: int, beta: Tensor, noises: Tensor) -> Tensor:
    """Equation (2.3), t times."""
    x = x_0
    for s in range(1, t + 1):
        x = (1 - beta[s]).sqrt().to(x) * x + beta[s].sqrt().to(x) * noises[s]
    return x


def _loop(steps: range, x: Tensor, beta: Tensor, noises: Tensor, shift: int = 0) -> Tensor:
    for s in steps:
        x = (1 - beta[s + shift]).sqrt() * x + beta[s + shift].sqrt() * noises[s]
    return x


def _loop_in_place(x_0: Tensor, t: int, beta: Tensor, noises: Tensor) -> Tensor:
    with torch.no_grad():
        for s in range(1, t + 1):
            x_0.mul_((1 - beta[s]).sqrt()).add_(beta[s].sqrt() * noises[s])
    return x_0


def _loop_no_root(x_0: Tensor, t: int, beta: Tensor, noises: Tensor) -> Tensor:
    for s in range(1, t + 1):
        x_0 = (1 - beta[s]) * x_0 + beta[s].sqrt() * noises[s]
    return x_0


def _loop_same_noise(x_0: Tensor, t: int, beta: Tensor, noises: Tensor) -> Tensor:
    for s in range(1, t + 1):
        x_0 = (1 - beta[s]).sqrt() * x_0 + beta[s].sqrt() * noises[t]
    return x_0


def _loop_from_x_0(x_0: Tensor, t: int, beta: Tensor, noises: Tensor) -> Tensor:
    x = x_0
    for s in range(1, t + 1):
        x = (1 - beta[s]).sqrt() * x_0 + beta[s].sqrt() * noises[s]
    return x


def _draw_loop(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 10)
    beta, t = random_beta(d, T), d.integer(3, T - 2)
    x, noises = d.randn(3, 5), d.randn(T + 1, 3, 5)
    yield Case("a few steps", (x, t, beta, noises))
    yield Case("a few steps of images", (d.randn(2, 1, 4, 4), t + 1, beta, d.randn(T + 1, 2, 1, 4, 4)))
    yield Case("no step at all, t = 0", (x, 0, beta, noises), "edges")
    yield Case("one step, t = 1", (x, 1, beta, noises), "edges")
    yield Case("all steps, t = T", (x, T, beta, noises), "edges")
    yield Case("float64", (x.double(), t, beta, noises.double()), "edges", strict_dtype=True)
    yield Case("called twice", (x, t, beta, noises), "clean", "twice")
    yield Case("gradient in x_0", (x, t, beta, noises), "clean", "gradient", cotangent=d.randn(3, 5))


EXERCISE = Exercise(
    name="forward.q_sample_loop",
    prompt="Walk the chain from x_0 to x_t, one step after the other.",
    signature="q_sample_loop(x_0 (B, *D), t int in 0..T, beta (T+1,), noises (T+1, B, *D)) -> x_t (B, *D)",
    reference=q_sample_loop,
    draw=_draw_loop,
    criteria=criteria(2, 1, 1, at="t = 0, t = 1, t = T, float64"),
    equation="2.3",
    difficulty=2,
    minutes=8,
    hints=(
        "This is the slow form: repeat the single step, for s = 1, 2, .., t, and hand each result to the next step.",
        "x = x_0; for s in 1..t: x = sqrt(1 - beta_s) x + sqrt(beta_s) noises_s. Entry 0 of noises is never used.",
        "for s in range(1, t + 1): x = (1 - beta[s]).sqrt() * x + beta[s].sqrt() * noises[s]",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "one step short",
            lambda x, t, beta, noises: _loop(range(1, t), x, beta, noises),
            "the last step is missing: range(1, t) and range(t) both end at t - 1. Use range(1, t + 1).",
        ),
        Misconception(
            "table read one early",
            lambda x, t, beta, noises: _loop(range(1, t + 1), x, beta, noises, shift=-1),
            "step s reads beta[s - 1]. The table has T+1 entries, so step s uses beta[s]; beta[0] = 0 belongs to no step.",
        ),
        Misconception(
            "all T steps",
            lambda x, t, beta, noises: _loop(range(1, len(beta)), x, beta, noises),
            "the loop runs to T whatever t is. Stop after step t.",
        ),
        Misconception(
            "same noise every step",
            _loop_same_noise,
            "every step uses the same noise. The steps are independent: step s uses noises[s].",
        ),
        Misconception(
            "every step from x_0",
            _loop_from_x_0,
            "every step starts from x_0 again, so only the last one counts. Start from the previous result.",
        ),
        Misconception(
            "scale without root",
            _loop_no_root,
            "x is multiplied by 1 - beta_s; its square root belongs there.",
        ),
        Misconception(
            "changes x_0 in place",
            _loop_in_place,
            "the numbers are right, but x_0 itself was overwritten. Use x = ... with a new tensor in each step.",
        ),
    ),
)
