"""How much fresh noise: `ddim_sigma`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.fast_sampling.common import F64, WITHHOLDS, criteria, two_bars


def ddim_sigma(bar_t: Tensor, bar_s: Tensor, eta: float) -> Tensor:
    """Equation (10.7)."""
    return eta * ((1 - bar_s) / (1 - bar_t) * (1 - bar_t / bar_s)).sqrt()


def _draw(d: Draw) -> Iterator[Case]:
    bar_t, bar_s = two_bars(d, 5)
    eta, one = d.uniform(0.2, 0.8), torch.ones(1, dtype=F64)
    yield Case("five pairs of steps", (bar_t, bar_s, eta))
    yield Case("more noise", (bar_t, bar_s, eta + 0.15))
    yield Case("eta = 1", (bar_t, bar_s, 1.0), "edges")
    yield Case("eta = 0", (bar_t, bar_s, 0.0), "edges")
    yield Case("s = 0, the data", (bar_t[:1], one, eta), "edges")
    yield Case("float64 stays float64", (bar_t, bar_s, eta), "edges", strict_dtype=True)
    yield Case("called twice", (bar_t, bar_s, eta), "edges", "twice")


EXERCISE = Exercise(
    name="fast.ddim_sigma",
    prompt="Compute the standard deviation of the fresh noise of a step from t to s.",
    signature="ddim_sigma(bar_t (B,), bar_s (B,), eta float) -> (B,)",
    reference=ddim_sigma,
    draw=_draw,
    criteria=criteria(3, 1, at="eta = 0 and 1, s = 0, inputs untouched"),
    equation="10.7",
    difficulty=1,
    minutes=6,
    hints=(
        "At eta = 1 it is the standard deviation of q(x_s | x_t, x_0) in the chain of lesson 02; eta scales it.",
        "eta times the root of (1 - alpha_bar_s)/(1 - alpha_bar_t) times (1 - alpha_bar_t/alpha_bar_s).",
        "return eta * ((1 - bar_s) / (1 - bar_t) * (1 - bar_t / bar_s)).sqrt()",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "variance",
            lambda bt, bs, eta: eta * (1 - bs) / (1 - bt) * (1 - bt / bs),
            "this is eta times a variance. sigma is a standard deviation: take the root of the product, then times eta.",
        ),
        Misconception(
            "eta under the root",
            lambda bt, bs, eta: (eta * (1 - bs) / (1 - bt) * (1 - bt / bs)).sqrt(),
            "eta stands under the root, so it scales the variance. It scales sigma: put it in front of the root.",
        ),
        Misconception(
            "ratio of variances missing",
            lambda bt, bs, eta: eta * (1 - bt / bs).sqrt(),
            "this is sqrt(beta), the noise of the step forward. The factor (1 - alpha_bar_s)/(1 - alpha_bar_t) is missing. It is "
            "what makes the noise vanish at the last step, s = 0.",
        ),
        Misconception(
            "only the ratio of variances",
            lambda bt, bs, eta: eta * ((1 - bs) / (1 - bt)).sqrt(),
            "the factor 1 - alpha_bar_t/alpha_bar_s is missing: the variance that the steps from s to t added.",
        ),
        Misconception(
            "s and t exchanged",
            lambda bt, bs, eta: ddim_sigma(bs, bt, eta),
            "alpha_bar_s and alpha_bar_t are exchanged; the root of a negative number is nan. s is the cleaner one.",
        ),
        Misconception(
            "ratio upside down",
            lambda bt, bs, eta: eta * ((1 - bt) / (1 - bs) * (1 - bt / bs)).sqrt(),
            "the ratio of noise variances is upside down: 1 - alpha_bar_s stands above, so that sigma is 0 for s = 0.",
        ),
        Misconception(
            "roots of the parts left out",
            lambda bt, bs, eta: eta * (1 - bs) / (1 - bt) * (1 - bt / bs).sqrt(),
            "the root has to cover the ratio (1 - alpha_bar_s)/(1 - alpha_bar_t) as well.",
        ),
        Misconception(
            "all the noise of t",
            lambda bt, bs, eta: eta * ((1 - bs) / (1 - bt) * (1 - bt)).sqrt(),
            "1 - alpha_bar_t is all the noise since the data. Only that between s and t counts: 1 - alpha_bar_t/alpha_bar_s.",
        ),
    ),
)
