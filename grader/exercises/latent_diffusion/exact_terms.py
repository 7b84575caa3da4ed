"""The case where every term is known: `exact_terms`."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.latent_diffusion.common import F64, UNTOUCHED, WITHHOLDS, criteria

Terms = tuple[Tensor, Tensor, Tensor]


def exact_terms(x: Tensor, w: float, b: float, var_x: float, m: Tensor, v: Tensor) -> Terms:
    """Equations (12.3), (12.2) and (12.4)."""
    square = (x - w * m - b) ** 2 + w**2 * v
    reconstruction = 0.5 * (square / var_x + math.log(2 * math.pi * var_x))
    code = -0.5 * torch.log(2 * math.pi * math.e * v)
    return reconstruction, code, 0.5 * (m**2 + v + math.log(2 * math.pi))


def _then(change: Callable[[Terms], Terms]) -> Callable[..., Terms]:
    return lambda *args: change(exact_terms(*args))


def _spread(rule: Callable[[float, Tensor], Tensor]) -> Callable[..., Terms]:
    """Another share of the code's variance in the squared error."""

    def wrong(x: Tensor, w: float, b: float, var_x: float, m: Tensor, v: Tensor) -> Terms:
        _, code, prior = exact_terms(x, w, b, var_x, m, v)
        square = (x - w * m - b) ** 2 + rule(w, v)
        return 0.5 * (square / var_x + math.log(2 * math.pi * var_x)), code, prior

    return wrong


def _draw_exact(d: Draw) -> Iterator[Case]:
    def question(n: int) -> tuple[Tensor | float, ...]:
        v = 0.2 + 0.7 * torch.rand(n, generator=d.generator, dtype=F64)
        decoder = d.uniform(1.2, 1.8), d.uniform(0.5, 1), d.uniform(0.2, 0.5)
        return d.randn(n, dtype=F64), *decoder, d.randn(n, dtype=F64), v

    asked = question(4)
    yield Case("four data points", asked)
    yield Case("another model", question(5))
    yield Case("one data point", question(1), "edges")
    x, w, b, var_x, *_ = asked
    assert isinstance(x, Tensor)
    assert isinstance(w, float)
    assert isinstance(b, float)
    assert isinstance(var_x, float)
    precision = 1 + w**2 / var_x
    best = w * (x - b) / var_x / precision, torch.full_like(x, 1 / precision)
    yield Case("q is the true posterior", (x, w, b, var_x, *best), "edges")
    yield Case("called twice", asked, "clean", "twice")


EXERCISE = Exercise(
    name="latent.exact_terms",
    prompt="Give the three terms exactly when everything is linear and Gaussian.",
    signature="exact_terms(x (B,), w float, b float, var_x float, m (B,), v (B,)) -> (reconstruction, code, prior)",
    reference=exact_terms,
    draw=_draw_exact,
    criteria=criteria(3, 1, 1, at="one data point, the true posterior", clean_text=UNTOUCHED),
    equation="12.3",
    difficulty=3,
    minutes=15,
    hints=(
        "Each term is the mean of a square of a normal number, plus constants. The mean of a square is the squared mean plus "
        "the variance.",
        "x - w z - b has the mean x - w m - b and the variance w^2 v. z has the mean m and the variance v. E[log q] is minus "
        "the entropy.",
        "0.5 * (((x - w*m - b)**2 + w**2 * v) / var_x + math.log(2*math.pi*var_x)), -0.5 * torch.log(2*math.pi*math.e*v), "
        "0.5 * (m**2 + v + math.log(2*math.pi))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "code without spread in the reconstruction",
            _spread(lambda w, v: torch.zeros_like(v)),
            "w^2 v is missing: the code is not a point, and the decoder carries its spread into x.",
        ),
        Misconception(
            "slope not squared",
            _spread(lambda w, v: w * v),
            "a slope w multiplies a variance by w^2, not by w.",
        ),
        Misconception(
            "slope forgotten in the spread",
            _spread(lambda w, v: v.clone()),
            "the code's variance v reaches x through the slope: w^2 v.",
        ),
        Misconception(
            "entropy with a plus",
            _then(lambda t: (t[0], -t[1], t[2])),
            "E[log q] is minus the entropy. In the bound a wide code is rewarded.",
        ),
        Misconception(
            "entropy without e",
            _then(lambda t: (t[0], t[1] + 0.5, t[2])),
            "the 1/2 of the mean square is missing in E[log q]: log(2 pi e v), with the e.",
        ),
        Misconception(
            "prior without variance",
            lambda x, w, b, var_x, m, v: (
                *exact_terms(x, w, b, var_x, m, v)[:2],
                0.5 * (m**2 + math.log(2 * math.pi)),
            ),
            "the mean of z^2 is m^2 + v: the variance of the code is missing in the prior term.",
        ),
        Misconception(
            "divergence for the prior term",
            _then(lambda t: (t[0], t[1], t[1] + t[2])),
            "the third value is the whole divergence KL(q || p). It holds E[log q] already, so the sum would count that twice.",
        ),
        Misconception(
            "shift forgotten",
            lambda x, w, b, var_x, m, v: exact_terms(x, w, 0.0, var_x, m, v),
            "the decoder's mean is w z + b; you left out b.",
        ),
        Misconception(
            "normaliser forgotten",
            lambda x, w, b, var_x, m, v: (
                0.5 * ((x - w * m - b) ** 2 + w**2 * v) / var_x,
                *exact_terms(x, w, b, var_x, m, v)[1:],
            ),
            "log(2 pi var_x)/2 is missing in the reconstruction: this is a bound in nats, so the constants count.",
        ),
        Misconception(
            "variance as standard deviation",
            lambda x, w, b, var_x, m, v: exact_terms(x, w, b, var_x**2, m, v),
            "var_x is a variance; you square it once more.",
        ),
    ),
)
