"""Four names for one prediction: `convert`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.ddpm.common import WITHHOLDS, bars, criteria, per_example, random_beta

NAMES = ("eps", "x0", "score", "v")


def convert(value: Tensor, source: str, target: str, x_t: Tensor, t: Tensor, alpha_bar: Tensor) -> Tensor:
    """Equations (5.1), (5.5), (5.6)."""
    a, b = per_example(alpha_bar[t].sqrt(), x_t), per_example((1 - alpha_bar[t]).sqrt(), x_t)
    if source == "x0":
        eps = (x_t - a * value) / b
    elif source == "score":
        eps = -b * value
    elif source == "v":
        eps = b * x_t + a * value
    else:
        eps = value
    if target == "x0":
        return (x_t - b * eps) / a
    if target == "score":
        return -eps / b
    if target == "v":
        return a * eps - b * (x_t - b * eps) / a
    return eps


Convert = Callable[[Tensor, str, str, Tensor, Tensor, Tensor], Tensor]


def _with_score(to_eps: Callable[[Tensor, Tensor], Tensor], from_eps: Callable[[Tensor, Tensor], Tensor]) -> Convert:
    """Right but for the score: to_eps(score, sigma) and from_eps(eps, sigma)."""

    def wrong(value: Tensor, source: str, target: str, x_t: Tensor, t: Tensor, alpha_bar: Tensor) -> Tensor:
        if source == target:
            return value
        b = per_example((1 - alpha_bar[t]).sqrt(), x_t)
        if source == "score":
            value, source = to_eps(value, b), "eps"
        if target == "score":
            return from_eps(convert(value, source, "eps", x_t, t, alpha_bar), b)
        return convert(value, source, target, x_t, t, alpha_bar)

    return wrong


def _with_levels(levels: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Convert:
    """The right formulas with other coefficients."""

    def wrong(value: Tensor, source: str, target: str, x_t: Tensor, t: Tensor, alpha_bar: Tensor) -> Tensor:
        a, b = (per_example(c, x_t) for c in levels(alpha_bar[t]))
        eps = {"eps": value, "x0": (x_t - a * value) / b, "score": -b * value, "v": b * x_t + a * value}[source]
        x_0 = (x_t - b * eps) / a
        return {"eps": eps, "x0": x_0, "score": -eps / b, "v": a * eps - b * x_0}[target]

    return wrong


def _velocity_turned(value: Tensor, source: str, target: str, x_t: Tensor, t: Tensor, alpha_bar: Tensor) -> Tensor:
    if source == target:
        return value
    if source == "v":
        value = -value
    out = convert(value, source, target, x_t, t, alpha_bar)
    return -out if target == "v" else out


def _shrinking_forgotten(value: Tensor, source: str, target: str, x_t: Tensor, t: Tensor, alpha_bar: Tensor) -> Tensor:
    if source == target:
        return value
    a, b = per_example(alpha_bar[t].sqrt(), x_t), per_example((1 - alpha_bar[t]).sqrt(), x_t)
    eps = (x_t - value) / b if source == "x0" else convert(value, source, "eps", x_t, t, alpha_bar)
    x_0 = x_t - b * eps
    return {"eps": eps, "x0": x_0, "score": -eps / b, "v": a * eps - b * x_0}[target]


def _last_axis(value: Tensor, source: str, target: str, x_t: Tensor, t: Tensor, alpha_bar: Tensor) -> Tensor:
    a, b = alpha_bar[t].sqrt().to(x_t), (1 - alpha_bar[t]).sqrt().to(x_t)
    eps = {"eps": value, "x0": (x_t - a * value) / b, "score": -b * value, "v": b * x_t + a * value}[source]
    x_0 = (x_t - b * eps) / a
    return {"eps": eps, "x0": x_0, "score": -eps / b, "v": a * eps - b * x_0}[target]


def _no_cast(value: Tensor, source: str, target: str, x_t: Tensor, t: Tensor, alpha_bar: Tensor) -> Tensor:
    return convert(value.double(), source, target, x_t.double(), t, alpha_bar)


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 12)
    alpha_bar = bars(random_beta(d, T, 0.06, 0.2))
    f64 = torch.float64
    x, value, t = d.randn(4, 4, dtype=f64), d.randn(4, 4, dtype=f64), d.integers(1, T, 4)
    for source in NAMES:
        for target in NAMES:
            yield Case(f"from {source} to {target}", (value, source, target, x, t, alpha_bar))
    for source, target in (("eps", "x0"), ("score", "v"), ("v", "eps")):
        args = (d.randn(4, 1, 4, 4), source, target, d.randn(4, 1, 4, 4), t, alpha_bar)
        yield Case(f"images, from {source} to {target}", args, "edges", strict_dtype=True)
        ends = (value[:2], source, target, x[:2], torch.tensor([1, T]), alpha_bar)
        yield Case(f"t = 1 and T in float64, from {source} to {target}", ends, "edges", strict_dtype=True)
    yield Case("one example", (value[:1], "x0", "score", x[:1], t[:1], alpha_bar), "edges")
    yield Case("a transposed view", (value, "x0", "v", d.randn(4, 4, dtype=f64).mT, t, alpha_bar), "edges")
    yield Case("called twice", (value, "v", "x0", x, t, alpha_bar), "clean", "twice")
    yield Case(
        "gradient in the value",
        (value, "eps", "v", x, t, alpha_bar),
        "clean",
        "gradient",
        cotangent=d.randn(4, 4, dtype=f64),
    )


EXERCISE = Exercise(
    name="ddpm.convert",
    prompt='Turn a prediction of "eps", "x0", "score" or "v" into any other of the four.',
    signature="convert(value (B, *D), source str, target str, x_t (B, *D), t (B,) int in 1..T, alpha_bar (T+1,)) -> (B, *D)",
    reference=convert,
    draw=_draw,
    criteria=criteria(3, 1, 1, at="t = 1 and T, images, one example, dtypes, any memory layout"),
    equation="5.6",
    difficulty=3,
    minutes=20,
    hints=(
        "Sixteen pairs, but you need not write sixteen formulas: turn whatever comes into eps, then eps into whatever is asked.",
        "With a = sqrt(alpha_bar_t), b = sqrt(1 - alpha_bar_t): x_t = a x_0 + b eps, score = -eps / b, v = a eps - b x_0, "
        "so eps = (x_t - a x_0)/b = -b score = b x_t + a v.",
        'eps = {"eps": value, "x0": (x_t - a * value) / b, "score": -b * value, "v": b * x_t + a * value}[source]; '
        "x_0 = (x_t - b * eps) / a; then the same for the target",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "sign of the score",
            _with_score(lambda s, b: b * s, lambda e, b: e / b),
            "the minus sign between score and noise is missing. Noise leads away from the data, the score leads towards it.",
        ),
        Misconception(
            "score not scaled",
            _with_score(lambda s, b: -s, lambda e, b: -e),
            "the score is -eps / sqrt(1 - alpha_bar_t), not just -eps: a steep density has a large slope.",
        ),
        Misconception(
            "score over the variance",
            _with_score(lambda s, b: -(b**2) * s, lambda e, b: -e / b**2),
            "you divide by 1 - alpha_bar_t. For eps it is its root; the variance belongs under x_t - sqrt(alpha_bar_t) x_0.",
        ),
        Misconception(
            "score multiplied",
            _with_score(lambda s, b: -s / b, lambda e, b: -e * b),
            "you multiply where the score divides: score = -eps / sqrt(1 - alpha_bar_t), so eps = -sqrt(1 - alpha_bar_t) score.",
        ),
        Misconception(
            "score is eps",
            _with_score(lambda s, b: s, lambda e, b: e),
            "you use the score as if it were eps. They differ by the factor -1/sqrt(1 - alpha_bar_t).",
        ),
        Misconception(
            "v turned round",
            _velocity_turned,
            "v has the wrong sign: it is sqrt(alpha_bar_t) eps - sqrt(1 - alpha_bar_t) x_0, plus the noise and minus the data.",
        ),
        Misconception(
            "x_0 not stretched",
            _shrinking_forgotten,
            "x_t - sqrt(1 - alpha_bar_t) eps is sqrt(alpha_bar_t) x_0. Divide by sqrt(alpha_bar_t) to get x_0.",
        ),
        Misconception(
            "roots missing",
            _with_levels(lambda ab: (ab, 1 - ab)),
            "both roots are missing: x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps.",
        ),
        Misconception(
            "signal without root",
            _with_levels(lambda ab: (ab, (1 - ab).sqrt())),
            "x_0 is scaled by alpha_bar_t; its square root belongs there.",
        ),
        Misconception(
            "noise without root",
            _with_levels(lambda ab: (ab.sqrt(), 1 - ab)),
            "the noise is scaled by 1 - alpha_bar_t, its variance; its square root belongs there.",
        ),
        Misconception(
            "coefficients exchanged",
            _with_levels(lambda ab: ((1 - ab).sqrt(), ab.sqrt())),
            "the two coefficients are exchanged: sqrt(alpha_bar_t) belongs to the data.",
        ),
        Misconception(
            "(B,) against the last axis",
            _last_axis,
            "the coefficients have shape (B,) and line up with the last axis of x_t. Reshape them to (B, 1, .., 1).",
        ),
        Misconception(
            "float64 comes out",
            _no_cast,
            "the values are right, but float32 became float64, because alpha_bar is float64. Cast the coefficients to x_t.",
        ),
    ),
)
