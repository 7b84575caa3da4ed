"""Is what the guided sampler follows the noised tilted density?  The difference: `marginal_gap`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.controllable_generation.common import F64, WITHHOLDS, criteria, labelled, log_joint


def marginal_gap(p: Tensor, p_class: Tensor, x: Tensor, alpha_bar: float, s: float) -> Tensor:
    """Total variation between both sides of (11.17), each normalised."""
    jump = torch.exp(-((x.unsqueeze(1) - alpha_bar**0.5 * x) ** 2) / (2 * (1 - alpha_bar)))
    q = jump @ p
    q_class = jump @ (p * p_class) / q
    followed, wanted = q * q_class**s, jump @ (p * p_class**s)
    followed, wanted = followed / torch.trapezoid(followed, x), wanted / torch.trapezoid(wanted, x)
    return 0.5 * torch.trapezoid((followed - wanted).abs(), x)


def _two(
    p: Tensor,
    c: Tensor,
    x: Tensor,
    alpha_bar: float,
    s: float,
    *,
    shrink: float | None = None,
    var: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Both densities, normalised; with another shrinking or another variance of the jump if given."""
    shrink, var = alpha_bar**0.5 if shrink is None else shrink, 1 - alpha_bar if var is None else var
    jump = torch.exp(-((x.unsqueeze(1) - shrink * x) ** 2) / (2 * var))
    q = jump @ p
    followed, wanted = q * (jump @ (p * c) / q) ** s, jump @ (p * c**s)
    return followed / torch.trapezoid(followed, x), wanted / torch.trapezoid(wanted, x)


def _distance(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    return 0.5 * torch.trapezoid((a / torch.trapezoid(a, x) - b / torch.trapezoid(b, x)).abs(), x)


def _against(other: str) -> Callable[..., Tensor]:
    """The distance between other pairs of densities."""

    def wrong(p: Tensor, c: Tensor, x: Tensor, alpha_bar: float, s: float) -> Tensor:
        jump = torch.exp(-((x.unsqueeze(1) - alpha_bar**0.5 * x) ** 2) / (2 * (1 - alpha_bar)))
        q = jump @ p
        followed, wanted = q * (jump @ (p * c) / q) ** s, jump @ (p * c**s)
        pairs = {
            "clean tilt": (followed, p * c**s),
            "clean classifier": (q * c**s, wanted),
            "unweighted": (q * (jump @ c / jump.sum(1)) ** s, wanted),
            "conditional": (followed, jump @ (p * c)),
        }
        return _distance(*pairs[other], x)

    return wrong


def _draw(d: Draw) -> Iterator[Case]:
    def lines(n: int) -> tuple[Tensor, Tensor, Tensor]:
        """p, p(y | x), x on n even points; p not normalised."""
        x = torch.linspace(-2.5, 7, n, dtype=F64)  # not even about 0: a density turned round must be noticed
        m = labelled(d, 1)
        m = m._replace(means=m.means + 1.2)
        parts = torch.exp(log_joint(x.unsqueeze(1), m, 1.0))
        return parts.sum(1), parts[:, m.labels == m.y].sum(1) / parts.sum(1), x

    grid, level, s = lines(101), d.uniform(0.3, 0.7), d.uniform(2, 4)
    yield Case("half noise", (*grid, level, s))
    yield Case("another mixture, more noise", (*lines(81), level / 2, s))
    yield Case("s = 2", (*grid, level, 2.0))
    yield Case("s between 0 and 1", (*grid, level, 0.4), "edges")
    yield Case("little noise", (*grid, 0.9, s), "edges")
    yield Case("a density that is not normalised", (7.0 * grid[0], grid[1], grid[2], level, s), "edges")
    yield Case("called twice", (*grid, level, s), "clean", "twice")


EXERCISE = Exercise(
    name="guidance.marginal_gap",
    prompt="Compute the total variation distance between what the guided sampler follows at a noise level and the noised tilted density.",
    signature="marginal_gap(p (n,), p_class (n,), x (n,) evenly spaced, alpha_bar float, s float) -> number",
    reference=marginal_gap,
    draw=_draw,
    criteria=criteria(3, 1, 1, at="s below 1, little noise, a density that is not normalised"),
    equation="11.17",
    difficulty=4,
    minutes=25,
    hints=(
        "Noise is a matrix here: row i holds the density of x_t = x[i] for each x_0 = x[j]. Noise p, noise p times p_class, "
        "noise p times p_class^s.",
        "followed = q (q_y / q)^s with q = jump @ p, q_y = jump @ (p p_class); wanted = jump @ (p p_class^s). Normalise both "
        "by torch.trapezoid; half the integral of their absolute difference.",
        "jump = torch.exp(-((x[:, None] - alpha_bar**0.5 * x) ** 2) / (2 * (1 - alpha_bar))); its constant factor cancels",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "half forgotten",
            lambda p, c, x, ab, s: 2 * marginal_gap(p, c, x, ab, s),
            "this is the integral of the absolute difference. Total variation is half of it, between 0 and 1.",
        ),
        Misconception(
            "no absolute value",
            lambda p, c, x, ab, s: 0.0 * marginal_gap(p, c, x, ab, s),
            "your distance is zero: without the absolute value two densities always differ by 1 - 1 = 0.",
        ),
        Misconception(
            "clean tilted density",
            _against("clean tilt"),
            "the tilted density is not noised. At a noise level, compare with the tilted density after that noise.",
        ),
        Misconception(
            "clean classifier",
            _against("clean classifier"),
            "what the sampler follows needs the noise-aware classifier, q_y / q; you took the clean one.",
        ),
        Misconception(
            "classifier averaged without the data",
            _against("unweighted"),
            "you average p_class over the noise alone. The average runs over what x_0 may have been, so it is weighted "
            "with p: noise p p_class, then divide by the noised p.",
        ),
        Misconception(
            "not tilted",
            _against("conditional"),
            "you compare with the noised p(x | y). That is the target for s = 1.",
        ),
        Misconception(
            "not shrunk",
            lambda p, c, x, ab, s: _distance(*_two(p, c, x, ab, s, shrink=1.0), x),
            "x_t sits around sqrt(alpha_bar) x_0, not around x_0.",
        ),
        Misconception(
            "no root",
            lambda p, c, x, ab, s: _distance(*_two(p, c, x, ab, s, shrink=ab), x),
            "x_t sits around sqrt(alpha_bar) x_0; the root is missing.",
        ),
        Misconception(
            "divided by the deviation",
            lambda p, c, x, ab, s: _distance(*_two(p, c, x, ab, s, var=(1 - ab) ** 0.5), x),
            "the exponent has the variance 1 - alpha_bar; you divide by the standard deviation.",
        ),
        Misconception(
            "the 2 forgotten",
            lambda p, c, x, ab, s: _distance(*_two(p, c, x, ab, s, var=(1 - ab) / 2), x),
            "the exponent of a normal density is -square / (2 variance): the 2 is missing.",
        ),
        Misconception(
            "the other convention",
            lambda p, c, x, ab, s: marginal_gap(p, c, x, ab, 1 + s),
            "you use 1 + s. In this lesson s is the power of the classifier.",
        ),
    ),
)
