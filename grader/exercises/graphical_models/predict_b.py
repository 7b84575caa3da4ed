"""a = gain c + noise, b = c + noise, and a is seen: `predict_b`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.graphical_models.common import WITHHOLDS, criteria

Answer = tuple[Tensor, float]


def predict_b(a: Tensor, gain: float, var_c: float, var_a: float, var_b: float) -> Answer:
    """Equation (1.11)."""
    total = gain**2 * var_c + var_a
    return gain * var_c / total * a, var_b + var_c * var_a / total


def _draw_numbers(d: Draw) -> Iterator[Case]:
    a, variances = d.randn(6), [d.uniform(0.4, 2) for _ in range(3)]
    gain = d.uniform(2, 5)
    yield Case("a batch of observations", (a, gain, *variances))
    yield Case("another gain", (a, gain / 3, *reversed(variances)))
    yield Case("a = 5 c + noise, a = 1, variances 1", (torch.ones(1, dtype=torch.float64), 5.0, 1.0, 1.0, 1.0), "edges")
    yield Case("a negative gain", (a, -gain, *variances), "edges")
    yield Case("gain 0: a knows nothing", (a, 0.0, *variances), "edges")
    yield Case("a almost without noise", (a, gain, variances[0], 1e-3, variances[2]), "edges")
    yield Case("float64", (a.double(), gain, *variances), "edges", strict_dtype=False)
    yield Case("called twice", (a, gain, *variances), "clean", "twice")


def _with(
    mean: Callable[[Tensor, float, float, float, float], Tensor] | None = None,
    var: Callable[[float, float, float, float], float] | None = None,
) -> Callable[[Tensor, float, float, float, float], Answer]:
    """Another mean, another variance, or both."""

    def wrong(a: Tensor, gain: float, var_c: float, var_a: float, var_b: float) -> Answer:
        right = predict_b(a, gain, var_c, var_a, var_b)
        m = mean(a, gain, var_c, var_a, var_b) if mean else right[0]
        return m, var(gain, var_c, var_a, var_b) if var else right[1]

    return wrong


EXERCISE = Exercise(
    name="graphs.predict_b",
    prompt="With a = gain c + noise and b = c + noise, give mean and variance of b once a is seen.",
    signature="predict_b(a (B,), gain, var_c, var_a, var_b floats) -> (mean (B,), variance)",
    reference=predict_b,
    draw=_draw_numbers,
    criteria=criteria(3, 1, 1, at="the numbers of the lecture, negative gain, gain 0, no noise"),
    equation="1.11",
    difficulty=3,
    minutes=12,
    hints=(
        "First guess c from a, with how sure you are; then add b's own noise.",
        "c given a is Gaussian. Its precision is 1/var_c + gain^2/var_a, its mean is gain var_c / (gain^2 var_c + var_a) times a.",
        "total = gain**2 * var_c + var_a; return gain * var_c / total * a, var_b + var_c * var_a / total",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "a divided by the gain",
            _with(lambda a, g, c, va, vb: a / g if g else a * torch.nan),
            "your guess for c is a / gain. That trusts a fully. a is noisy, and c is probably near 0 to begin with, so "
            "the guess shrinks: with the lecture's numbers 5/26, not 1/5.",
        ),
        Misconception(
            "own noise of b forgotten",
            _with(var=lambda g, c, va, vb: c * va / (g**2 * c + va)),
            "this variance is that of c. b has its own noise on top: add var_b.",
        ),
        Misconception(
            "variance as if a were unseen",
            _with(var=lambda g, c, va, vb: c + vb),
            "var_c + var_b is the variance of b before a is seen. Seeing a makes c more certain.",
        ),
        Misconception(
            "variance as if c were seen",
            _with(var=lambda g, c, va, vb: vb),
            "var_b is the variance of b once c is known. Only a is known, so some of c's variance is left.",
        ),
        Misconception(
            "standard deviation",
            _with(var=lambda g, c, va, vb: (vb + c * va / (g**2 * c + va)) ** 0.5),
            "the second value is the standard deviation. The variance is asked for.",
        ),
        Misconception(
            "gain squared above",
            _with(lambda a, g, c, va, vb: g**2 * c / (g**2 * c + va) * a),
            "this is the best guess of gain times c. b follows c itself: one factor gain less.",
        ),
        Misconception(
            "gain not squared",
            _with(lambda a, g, c, va, vb: g * c / (g * c + va) * a),
            "the variance of gain times c is gain^2 var_c: constants leave a variance squared.",
        ),
        Misconception(
            "correlation as slope",
            _with(lambda a, g, c, va, vb: g * c / ((g**2 * c + va) * (c + vb)) ** 0.5 * a),
            "you multiplied a by the correlation. The slope is the covariance divided by the variance of a.",
        ),
        Misconception(
            "a from b",
            _with(lambda a, g, c, va, vb: g * c / (c + vb) * a, lambda g, c, va, vb: va + g**2 * c * vb / (c + vb)),
            "this is the distribution of a once b is seen. Exchange the roles: a is seen, b is guessed.",
        ),
    ),
)
