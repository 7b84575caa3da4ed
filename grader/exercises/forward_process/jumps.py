"""Many steps: the loop, the jump, one noise for many, and the jump from s to t."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.forward_process.common import (
    WITHHOLDS,
    criteria,
    per_example,
    random_alpha_bar,
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


LOOP = Exercise(
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


def q_sample(x_0: Tensor, t: Tensor, alpha_bar: Tensor, noise: Tensor) -> Tensor:
    """Equation (2.11)."""
    a = alpha_bar[t]
    return per_example(a.sqrt(), x_0) * x_0 + per_example((1 - a).sqrt(), x_0) * noise


def _jump(signal: Tensor, sigma: Tensor, x_0: Tensor, noise: Tensor) -> Tensor:
    return per_example(signal, x_0) * x_0 + per_example(sigma, x_0) * noise


def _draw_sample(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 12)
    alpha_bar = random_alpha_bar(d, T)
    x, t, noise = d.randn(3, 5), d.integers(2, T - 1, 3), d.randn(3, 5)
    square, square_noise, square_t = d.randn(4, 1, 4, 4), d.randn(4, 1, 4, 4), d.integers(1, T, 4)
    yield Case("one t per example", (x, t, alpha_bar, noise))
    yield Case("images as wide as the batch is long", (square, square_t, alpha_bar, square_noise))
    yield Case("t = 0, 1 and T", (x, torch.tensor([0, 1, T]), alpha_bar, noise), "edges")
    yield Case("one example", (x[:1], t[:1], alpha_bar, noise[:1]), "edges")
    yield Case("float32 stays float32", (square, square_t, alpha_bar, square_noise), "edges", strict_dtype=True)
    yield Case("float64", (x.double(), t, alpha_bar, noise.double()), "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(5, 3).mT, t, alpha_bar, noise), "edges")
    yield Case("called twice", (x, t, alpha_bar, noise), "clean", "twice")
    yield Case("gradient in x_0", (x, t, alpha_bar, noise), "clean", "gradient", cotangent=d.randn(3, 5))


def _one_step_alpha(x_0: Tensor, t: Tensor, alpha_bar: Tensor, noise: Tensor) -> Tensor:
    alpha = alpha_bar / torch.cat([alpha_bar[:1], alpha_bar[:-1]])
    return _jump(alpha[t].sqrt(), (1 - alpha[t]).sqrt(), x_0, noise)


def _no_cast(x_0: Tensor, t: Tensor, alpha_bar: Tensor, noise: Tensor) -> Tensor:
    a = alpha_bar[t].reshape(-1, *[1] * (x_0.ndim - 1))
    return a.sqrt() * x_0 + (1 - a).sqrt() * noise


SAMPLE = Exercise(
    name="forward.q_sample",
    prompt="Jump from x_0 to x_t at once, with a different t for every example.",
    signature="q_sample(x_0 (B, *D), t (B,) int in 0..T, alpha_bar (T+1,) float64, noise (B, *D)) -> x_t (B, *D)",
    reference=q_sample,
    draw=_draw_sample,
    criteria=criteria(2, 2, 1, at="t = 0, 1 and T, one example, dtypes, any memory layout"),
    equation="2.11",
    difficulty=2,
    minutes=10,
    hints=(
        "Two coefficients per example, both from alpha_bar[t]. They have shape (B,); x_0 has shape (B, *D).",
        "x_t = sqrt(a) x_0 + sqrt(1 - a) noise with a = alpha_bar[t], reshaped to (B, 1, .., 1) and cast to x_0's dtype.",
        "a = alpha_bar[t].to(x_0).reshape(-1, *[1] * (x_0.ndim - 1)); return a.sqrt() * x_0 + (1 - a).sqrt() * noise",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "signal without root",
            lambda x, t, ab, noise: _jump(ab[t], (1 - ab[t]).sqrt(), x, noise),
            "x_0 is multiplied by alpha_bar_t; its square root belongs there. alpha_bar is a share of the variance.",
        ),
        Misconception(
            "noise without root",
            lambda x, t, ab, noise: _jump(ab[t].sqrt(), 1 - ab[t], x, noise),
            "the noise is multiplied by 1 - alpha_bar_t, the variance. Multiply by the standard deviation, its square root.",
        ),
        Misconception(
            "alpha for alpha_bar",
            _one_step_alpha,
            "you used one step's alpha_t. A jump over t steps needs the product, alpha_bar_t.",
        ),
        Misconception(
            "index t-1",
            lambda x, t, ab, noise: _jump(ab[t - 1].sqrt(), (1 - ab[t - 1]).sqrt(), x, noise),
            "you read the table at t - 1. It has T+1 entries with alpha_bar[0] = 1, so x_t uses alpha_bar[t].",
        ),
        Misconception(
            "swapped",
            lambda x, t, ab, noise: _jump((1 - ab[t]).sqrt(), ab[t].sqrt(), x, noise),
            "the coefficients are swapped: at t = 0 alpha_bar is 1 and x_0 must come back unchanged.",
        ),
        Misconception(
            "(B,) against the last axis",
            lambda x, t, ab, noise: ab[t].sqrt().to(x) * x + (1 - ab[t]).sqrt().to(x) * noise,
            "the coefficients have shape (B,) and line up with the last axis of x, not the first. It fails, or worse: "
            "when an image is as wide as the batch is long it runs and is wrong. Reshape them to (B, 1, .., 1).",
        ),
        Misconception(
            "first t for all",
            lambda x, t, ab, noise: ab[t[0]].sqrt() * x + (1 - ab[t[0]]).sqrt() * noise,
            "every example gets the first example's t. Each one has its own.",
        ),
        Misconception(
            "float64 comes out",
            _no_cast,
            "the values are right, but float32 images became float64, because alpha_bar is float64. Cast the "
            "coefficients to x_0's dtype: a batch that doubles its memory is slow everywhere after.",
        ),
        Misconception(
            "one noise for the batch",
            lambda x, t, ab, noise: _jump(ab[t].sqrt(), (1 - ab[t]).sqrt(), x, noise[:1]),
            "all examples share the first example's noise. Use each row of noise for its own example.",
        ),
    ),
)


def collapse_noise(noises: Tensor, t: int, beta: Tensor) -> Tensor:
    """Equation (2.12)."""
    alpha_bar = torch.cumprod(1 - beta, 0)
    weights = (alpha_bar[t] / alpha_bar[1 : t + 1] * beta[1 : t + 1]).sqrt()
    return torch.einsum("s,s...->...", weights.to(noises), noises[1 : t + 1]) / (1 - alpha_bar[t]).sqrt().to(noises)


def _weighted(noises: Tensor, weights: Tensor, total: Tensor) -> Tensor:
    return torch.einsum("s,s...->...", weights.to(noises), noises) / total.to(noises)


def _collapse_with(noises: Tensor, t: int, beta: Tensor, rule: str) -> Tensor:
    ab = torch.cumprod(1 - beta, 0)
    now, before, steps = ab[1 : t + 1], ab[:t], beta[1 : t + 1]
    weights = {
        "no root": ab[t] / now * steps,
        "not shrunk": steps.sqrt(),
        "shrunk once more": (ab[t] / before * steps).sqrt(),
        "undone": (now / ab[t] * steps).sqrt(),
    }[rule]
    return _weighted(noises[1 : t + 1], weights, (1 - ab[t]).sqrt())


def _draw_collapse(d: Draw) -> Iterator[Case]:
    T = d.integer(7, 10)
    beta, noises, t = random_beta(d, T), d.randn(T + 1, 3, 4, dtype=torch.float64), d.integer(3, T - 2)
    yield Case("a few steps", (noises, t, beta))
    yield Case("a few steps more", (d.randn(T + 1, 2, 1, 3, 3, dtype=torch.float64), t + 1, beta))
    yield Case("one step, t = 1", (noises, 1, beta), "edges")
    yield Case("all steps, t = T", (noises, T, beta), "edges")


COLLAPSE = Exercise(
    name="forward.collapse_noise",
    prompt="Find the single noise with which the jump lands where the loop lands.",
    signature="collapse_noise(noises (T+1, B, *D), t int in 1..T, beta (T+1,)) -> eps (B, *D)",
    reference=collapse_noise,
    draw=_draw_collapse,
    criteria=criteria(3, 1, at="t = 1, t = T"),
    equation="2.12",
    difficulty=4,
    minutes=20,
    level="stretch",
    hints=(
        "Follow one noise, eps_s. It enters with sqrt(beta_s) and is then shrunk by every later step. What is left of it at t?",
        "eps_s survives with the factor sqrt(beta_s alpha_{s+1} .. alpha_t) = sqrt(beta_s alpha_bar_t / alpha_bar_s). "
        "Add them up and divide by sqrt(1 - alpha_bar_t).",
        "w = (ab[t] / ab[1:t+1] * beta[1:t+1]).sqrt(); eps = torch.einsum('s,s...->...', w, noises[1:t+1]) / (1 - ab[t]).sqrt()",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "plain average",
            lambda n, t, beta: n[1 : t + 1].mean(0),
            "this is the average of the noises. Its variance is 1/t, and early noise has been shrunk more than late noise.",
        ),
        Misconception(
            "equal weights",
            lambda n, t, beta: n[1 : t + 1].sum(0) / t**0.5,
            "the noises get equal weights. The variance is 1, but early noise has been shrunk more than late noise.",
        ),
        Misconception(
            "not divided",
            lambda n, t, beta: collapse_noise(n, t, beta) * (1 - torch.cumprod(1 - beta, 0)[t]).sqrt(),
            "this is the noise part of x_t. Divide it by sqrt(1 - alpha_bar_t), so that its variance is 1.",
        ),
        Misconception(
            "divided by the variance",
            lambda n, t, beta: collapse_noise(n, t, beta) / (1 - torch.cumprod(1 - beta, 0)[t]).sqrt(),
            "you divide by 1 - alpha_bar_t, the variance. Divide by its square root.",
        ),
        Misconception(
            "later shrinking forgotten",
            lambda n, t, beta: _collapse_with(n, t, beta, "not shrunk"),
            "each noise keeps its sqrt(beta_s), but every later step shrinks it: the factor sqrt(alpha_bar_t/alpha_bar_s) is missing.",
        ),
        Misconception(
            "own step shrinks too",
            lambda n, t, beta: _collapse_with(n, t, beta, "shrunk once more"),
            "you use alpha_bar_t/alpha_bar_{s-1}. Step s adds eps_s after shrinking, so only steps s+1 .. t shrink it.",
        ),
        Misconception(
            "weights without root",
            lambda n, t, beta: _collapse_with(n, t, beta, "no root"),
            "the weights are variances. Noises add with standard deviations: take the square root of each weight.",
        ),
        Misconception(
            "ratio upside down",
            lambda n, t, beta: _collapse_with(n, t, beta, "undone"),
            "the ratio is upside down: early noise must get less weight, not more.",
        ),
    ),
)


def compose(alpha_bar: Tensor, s: int, t: int) -> tuple[Tensor, Tensor]:
    """Equation (2.14)."""
    ratio = alpha_bar[t] / alpha_bar[s]
    return ratio.sqrt(), 1 - ratio


def _draw_compose(d: Draw) -> Iterator[Case]:
    T = d.integer(8, 12)
    alpha_bar, s = random_alpha_bar(d, T), d.integer(2, 4)
    yield Case("from s to t", (alpha_bar, s, s + 3))
    yield Case("from another s to t", (alpha_bar, s - 1, T - 1))
    yield Case("one step, s = t - 1", (alpha_bar, s, s + 1), "edges")
    yield Case("from the data, s = 0", (alpha_bar, 0, s + 2), "edges")
    yield Case("nowhere, s = t", (alpha_bar, s, s), "edges")
    yield Case("to the end, t = T", (alpha_bar, s, T), "edges")


COMPOSE = Exercise(
    name="forward.compose",
    prompt="Give scale and variance of the jump from x_s to x_t.",
    signature="compose(alpha_bar (T+1,), s int, t int, 0 <= s <= t <= T) -> (scale, variance)",
    reference=compose,
    draw=_draw_compose,
    criteria=criteria(2, 1, at="s = t - 1, s = 0, s = t, t = T"),
    equation="2.14",
    difficulty=2,
    minutes=8,
    hints=(
        "Which of the alphas act between s and t? Write their product with two entries of alpha_bar.",
        "alpha_{s+1} .. alpha_t = alpha_bar_t / alpha_bar_s. Use it as alpha_bar was used in the jump from 0.",
        "r = alpha_bar[t] / alpha_bar[s]; return r.sqrt(), 1 - r",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "scale without root",
            lambda ab, s, t: (ab[t] / ab[s], 1 - ab[t] / ab[s]),
            "the scale is the square root of the ratio: the ratio is the share of the variance that is kept.",
        ),
        Misconception(
            "difference of variances",
            lambda ab, s, t: ((ab[t] / ab[s]).sqrt(), ab[s] - ab[t]),
            "you subtracted the variances at s and t. But the noise that x_s carries is shrunk on the way: the "
            "variance added between s and t is 1 - alpha_bar_t/alpha_bar_s.",
        ),
        Misconception(
            "standard deviation",
            lambda ab, s, t: ((ab[t] / ab[s]).sqrt(), (1 - ab[t] / ab[s]).sqrt()),
            "the second value is the standard deviation. The variance is asked for.",
        ),
        Misconception(
            "jump from the data",
            lambda ab, s, t: (ab[t].sqrt(), 1 - ab[t]),
            "this is the jump from x_0. The steps 1 .. s have already happened: divide by alpha_bar_s.",
        ),
        Misconception(
            "step s counted too",
            lambda ab, s, t: compose(ab, s - 1, t),
            "the product includes alpha_s. x_s has that step behind it: start the product at s + 1.",
        ),
        Misconception(
            "one step only",
            lambda ab, s, t: compose(ab, max(t - 1, 0), t),
            "this is the last step alone, from t - 1 to t.",
        ),
        Misconception(
            "ratio upside down",
            lambda ab, s, t: ((ab[s] / ab[t]).sqrt(), 1 - ab[s] / ab[t]),
            "the ratio is upside down: the scale is above 1 and the variance negative. Divide alpha_bar_t by alpha_bar_s.",
        ),
    ),
)
