"""The tilted density, by quadrature: `tilted_density`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception
from grader.exercises.controllable_generation.common import F64, WITHHOLDS, criteria, labelled, log_joint


def tilted_density(log_p: Tensor, log_class: Tensor, s: float, x: Tensor) -> Tensor:
    """Equation (11.14)."""
    log_density = log_p + s * log_class
    density = torch.exp(log_density - log_density.max())
    return density / torch.trapezoid(density, x)


def _of(log_density: Callable[[Tensor, Tensor, float], Tensor]) -> Callable[..., Tensor]:
    def wrong(log_p: Tensor, log_class: Tensor, s: float, x: Tensor) -> Tensor:
        return tilted_density(log_density(log_p, log_class, s), torch.zeros_like(log_p), 0.0, x)

    return wrong


def _by_the_sum(log_p: Tensor, log_class: Tensor, s: float, x: Tensor) -> Tensor:
    return torch.softmax(log_p + s * log_class, 0)


def _even_spacing(log_p: Tensor, log_class: Tensor, s: float, x: Tensor) -> Tensor:
    return torch.softmax(log_p + s * log_class, 0) / (x[1] - x[0])


def _exp_first(log_p: Tensor, log_class: Tensor, s: float, x: Tensor) -> Tensor:
    density = torch.exp(log_p) * torch.exp(log_class) ** s
    return density / torch.trapezoid(density, x)


def _draw(d: Draw) -> Iterator[Case]:
    def lines(n: int) -> tuple[Tensor, Tensor, Tensor]:
        """log p, log p(y | x), x on n uneven points."""
        u = torch.linspace(-1, 1, n, dtype=F64)
        x = 4 * u + d.uniform(0.8, 1.6) * u**3
        m = labelled(d, 1)
        parts = log_joint(x.unsqueeze(1), m, 1.0)
        whole = torch.logsumexp(parts, 1)
        return whole, torch.logsumexp(parts[:, m.labels == m.y], 1) - whole, x

    log_p, log_class, x = lines(60)
    s = d.uniform(1.5, 4)
    yield Case("sixty uneven points", (log_p, log_class, s, x))
    yield Case("another mixture", (*(part := lines(41))[:2], s / 2, part[2]))
    yield Case("s = 0", (log_p, log_class, 0.0, x), "edges")
    yield Case("s = 1, Bayes' rule", (log_p, log_class, 1.0, x), "edges")
    yield Case("a very strong tilt", (log_p, log_class, 40.0, x), "edges")
    yield Case("called twice", (log_p, log_class, s, x), "edges", "twice")
    yield Case("log p near -2000", (log_p - 2000, log_class, s, x), "far")


EXERCISE = Exercise(
    name="guidance.tilted_density",
    prompt="Compute the tilted density p(x) p(y | x)^s, normalised, on the points x of the line.",
    signature="tilted_density(log_p (n,), log_class (n,), s float, x (n,) rising) -> (n,)",
    reference=tilted_density,
    draw=_draw,
    criteria=(*criteria(2, 1, at="s = 0, 1 and 40, called twice"), Criterion("far", 1, "log p near -2000")),
    equation="11.14",
    difficulty=2,
    minutes=10,
    hints=(
        "A power of a probability is a factor in front of its logarithm. Add the logarithms, exponentiate, and divide by the "
        "integral.",
        "exp(log_p + s log_class - its maximum), divided by torch.trapezoid(.., x).",
        "density = torch.exp(log_density - log_density.max()); return density / torch.trapezoid(density, x)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "not normalised",
            lambda p, c, s, x: torch.exp(p + s * c),
            "the integral of your density is not 1. Divide by the integral, Z_s.",
        ),
        Misconception(
            "sums to 1",
            _by_the_sum,
            "your values sum to 1: that is a table of probabilities. A density has the integral 1; divide by torch.trapezoid.",
        ),
        Misconception(
            "even spacing",
            _even_spacing,
            "you divide by the sum times the first spacing. The points are not evenly spaced: torch.trapezoid(density, x).",
        ),
        Misconception(
            "tilt forgotten",
            _of(lambda p, c, s: p + c),
            "this is Bayes' rule, s = 1: the strength s has no effect. (As a factor in front of p(y | x) it would cancel; it is a "
            "power.)",
        ),
        Misconception(
            "both to the power s",
            _of(lambda p, c, s: s * (p + c)),
            "the density of the data is raised to the power s too. Only the classifier is: p(x) p(y | x)^s.",
        ),
        Misconception(
            "the wrong factor to the power s",
            _of(lambda p, c, s: s * p + c),
            "you raise p(x) to the power s, and not p(y | x).",
        ),
        Misconception(
            "the other convention",
            _of(lambda p, c, s: p + (1 + s) * c),
            "you use 1 + s. With s = 0 the density must be p(x) itself.",
        ),
        Misconception(
            "exp first",
            _exp_first,
            "exp(-2000) is rounded to 0, and 0/0 is nan. Subtract the largest log density before exp; it cancels.",
        ),
    ),
)
