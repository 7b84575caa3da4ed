"""Which Gaussian steps keep the marginals: `keep`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.fast_sampling.common import F64, WITHHOLDS, criteria, two_bars

Pair = tuple[Tensor, Tensor]


def keep(bar_t: Tensor, bar_s: Tensor, sigma2: Tensor) -> Pair:
    """Equation (10.2)."""
    a = ((1 - bar_s - sigma2) / (1 - bar_t)).sqrt()
    return a, bar_s.sqrt() - a * bar_t.sqrt()


def _with(a: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor, Tensor], Pair]:
    """b follows from a as it should; a is another one."""
    return lambda bt, bs, s2: (a(bt, bs, s2), bs.sqrt() - a(bt, bs, s2) * bt.sqrt())


def _draw(d: Draw) -> Iterator[Case]:
    bar_t, bar_s = two_bars(d, 5)
    share = 0.1 + 0.8 * torch.rand(5, generator=d.generator, dtype=F64)
    sigma2 = share * (1 - bar_s)
    one = torch.ones(1, dtype=F64)
    yield Case("five pairs of steps", (bar_t, bar_s, sigma2))
    yield Case("little noise", (bar_t, bar_s, 0.1 * sigma2))
    yield Case("no noise at all", (bar_t, bar_s, 0 * sigma2), "edges")
    yield Case("nearly as much noise as there may be", (bar_t, bar_s, 0.9999 * (1 - bar_s)), "edges")
    yield Case("s = 0, the data", (bar_t[:1], one, 0 * one), "edges")
    yield Case("float64 stays float64", (bar_t, bar_s, sigma2), "edges", strict_dtype=True)
    yield Case("called twice", (bar_t, bar_s, sigma2), "edges", "twice")


EXERCISE = Exercise(
    name="fast.keep",
    prompt="Find the two coefficients with which the step x_s = a x_t + b x_0 + sigma z keeps q(x_s | x_0).",
    signature="keep(bar_t (B,), bar_s (B,), sigma2 (B,)) -> (a (B,), b (B,))",
    reference=keep,
    draw=_draw,
    criteria=criteria(3, 1, at="no noise, nearly the most noise, s = 0, inputs untouched"),
    equation="10.2",
    difficulty=2,
    minutes=10,
    hints=(
        "Two conditions. The variance after the step must be 1 - alpha_bar_s, the factor of x_0 must be sqrt(alpha_bar_s).",
        "a^2 (1 - alpha_bar_t) + sigma^2 = 1 - alpha_bar_s and a sqrt(alpha_bar_t) + b = sqrt(alpha_bar_s).",
        "a = ((1 - bar_s - sigma2) / (1 - bar_t)).sqrt(); return a, bar_s.sqrt() - a * bar_t.sqrt()",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "fresh noise on top",
            _with(lambda bt, bs, s2: ((1 - bs) / (1 - bt)).sqrt()),
            "a carries all of the variance 1 - alpha_bar_s, and sigma^2 comes on top. The fresh noise has to make room for "
            "itself: a^2 (1 - alpha_bar_t) is only 1 - alpha_bar_s - sigma^2.",
        ),
        Misconception(
            "noise added instead of taken off",
            _with(lambda bt, bs, s2: ((1 - bs + s2) / (1 - bt)).sqrt()),
            "sigma^2 has the wrong sign in a: solve a^2 (1 - alpha_bar_t) + sigma^2 = 1 - alpha_bar_s for a.",
        ),
        Misconception(
            "root forgotten",
            _with(lambda bt, bs, s2: (1 - bs - s2) / (1 - bt)),
            "this is a squared. A factor enters the variance as its square: take the root.",
        ),
        Misconception(
            "variance squared",
            _with(lambda bt, bs, s2: ((1 - bs - s2**2) / (1 - bt)).sqrt()),
            "sigma2 is already a variance; do not square it again.",
        ),
        Misconception(
            "s and t exchanged",
            lambda bt, bs, s2: keep(bs, bt, s2),
            "alpha_bar_s and alpha_bar_t are exchanged. The step goes from t, the noisier one, to s.",
        ),
        Misconception(
            "x_t brings no data",
            lambda bt, bs, s2: (keep(bt, bs, s2)[0], bs.sqrt()),
            "b is sqrt(alpha_bar_s), as if x_t held no data. It holds sqrt(alpha_bar_t) x_0, so a of that is there already.",
        ),
        Misconception(
            "data of x_t not shrunk",
            lambda bt, bs, s2: (keep(bt, bs, s2)[0], bs.sqrt() - bt.sqrt()),
            "the data in x_t is multiplied by a as well: b = sqrt(alpha_bar_s) - a sqrt(alpha_bar_t).",
        ),
        Misconception(
            "shares for factors",
            lambda bt, bs, s2: (keep(bt, bs, s2)[0], bs - keep(bt, bs, s2)[0] * bt),
            "alpha_bar is a share of variance. x_0 is multiplied by its root.",
        ),
        Misconception(
            "undoes the shrinking only",
            _with(lambda bt, bs, s2: (bs / bt).sqrt()),
            "a undoes the shrinking from s to t. Then the noise of x_t is blown up instead of reduced. Fix a by the variance.",
        ),
    ),
)
