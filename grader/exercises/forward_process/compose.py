"""The jump from s to t: `compose`."""

from collections.abc import Iterator

from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.forward_process.common import (
    WITHHOLDS,
    criteria,
    random_alpha_bar,
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
    yield Case("called twice", (alpha_bar, s, s + 3), "edges", "twice")


EXERCISE = Exercise(
    name="forward.compose",
    prompt="Give scale and variance of the jump from x_s to x_t.",
    signature="compose(alpha_bar (T+1,), s int, t int, 0 <= s <= t <= T) -> (scale, variance)",
    reference=compose,
    draw=_draw_compose,
    criteria=criteria(2, 1, at="s = t - 1, s = 0, s = t, t = T, input untouched"),
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
