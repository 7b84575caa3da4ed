"""How mean and variance change: `moment_rates`."""

from collections.abc import Iterator

from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.stochastic_differential_equations.common import WITHHOLDS, criteria

Pair = tuple[Tensor, Tensor]


def moment_rates(m: Tensor, v: Tensor, f: float, g: float) -> Pair:
    """Equation (8.12)."""
    return f * m, 2 * f * v + g**2


def _draw_rates(d: Draw) -> Iterator[Case]:
    m, v, f, g = d.randn(4), d.randn(4).exp(), -d.uniform(0.3, 2), d.uniform(1.2, 2.5)
    yield Case("four coordinates", (m, v, f, g))
    yield Case("no drift", (m, v, 0.0, g), "edges")
    yield Case("no noise", (m, v, f, 0.0), "edges")
    yield Case("a drift outwards", (m, v, -f, g), "edges")
    yield Case("float64", (m.double(), v.double(), f, g), "edges", strict_dtype=True)
    yield Case("called twice", (m, v, f, g), "clean", "twice")


EXERCISE = Exercise(
    name="sde.moment_rates",
    prompt="Say how fast mean and variance change when the drift is f x and the diffusion g.",
    signature="moment_rates(m (D,), v (D,), f float, g float) -> (dm/dt (D,), dv/dt (D,))",
    reference=moment_rates,
    draw=_draw_rates,
    criteria=criteria(2, 1, 1, at="no drift, no noise, drift outwards, dtype"),
    equation="8.12",
    difficulty=2,
    minutes=6,
    hints=(
        "Put x into (8.11), and then (x - m)^2. Which of the two has a second derivative?",
        "dm/dt = f m. For the variance the drift counts twice, and the noise adds g^2.",
        "return f * m, 2 * f * v + g**2",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "variance shrinks like the mean",
            lambda m, v, f, g: (f * m, f * v + g**2),
            "a variance is a square, so a factor of x acts on it twice: 2 f v.",
        ),
        Misconception(
            "diffusion not squared",
            lambda m, v, f, g: (f * m, 2 * f * v + g),
            "the noise adds g to the variance per time. A standard deviation g sqrt(dt) is a variance g^2 dt.",
        ),
        Misconception(
            "half of g squared",
            lambda m, v, f, g: (f * m, 2 * f * v + g**2 / 2),
            "the half of (8.11) meets the second derivative of (x - m)^2, which is 2. Together: g^2.",
        ),
        Misconception(
            "noise forgotten",
            lambda m, v, f, g: (f * m, 2 * f * v),
            "the noise does not occur. This is the ordinary chain rule: dw^2 = dt was forgotten.",
        ),
        Misconception(
            "factor squared",
            lambda m, v, f, g: (f * m, f**2 * v + g**2),
            "f^2 v belongs to a whole multiplication by f. A rate: (1 + f dt)^2 = 1 + 2 f dt + ..., so 2 f v.",
        ),
        Misconception(
            "noise in the mean",
            lambda m, v, f, g: (f * m + g, 2 * f * v + g**2),
            "the noise has mean 0: it does not move the mean.",
        ),
        Misconception(
            "drift as for x in the variance",
            lambda m, v, f, g: (f * m, 2 * f * m + g**2),
            "the variance changes in proportion to itself, 2 f v, not to the mean.",
        ),
        Misconception(
            "sign of the drift",
            lambda m, v, f, g: (-f * m, -2 * f * v + g**2),
            "f keeps its sign: for VP it is negative already.",
        ),
    ),
)
