"""The perfect model of Gaussian data: `gaussian_reverse`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.likelihood_to_elbo.common import F64, WITHHOLDS, criteria, random_alpha_bar

Tables = tuple[Tensor, Tensor, Tensor]


def gaussian_reverse(m: float, v: float, alpha_bar: Tensor) -> Tables:
    """Equation (3.23) as a straight line: a_t x_t + b_t, and its variance."""
    alpha, nu = alpha_bar[1:] / alpha_bar[:-1], alpha_bar * v + 1 - alpha_bar
    a = alpha.sqrt() * nu[:-1] / nu[1:]
    b = alpha_bar[:-1].sqrt() * m - a * alpha_bar[1:].sqrt() * m
    return _padded(a, b, (1 - alpha) * nu[:-1] / nu[1:])


def _padded(*tables: Tensor) -> Tables:
    a, b, var = (torch.cat([torch.zeros(1, dtype=F64), table]) for table in tables)
    return a, b, var


def _given_x_0(m: float, v: float, ab: Tensor) -> Tables:
    return gaussian_reverse(m, 0.0, ab)


def _undo_the_shrinking(m: float, v: float, ab: Tensor) -> Tables:
    alpha = ab[1:] / ab[:-1]
    return _padded(1 / alpha.sqrt(), torch.zeros_like(alpha), 1 - alpha)


def _changed(change: Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, ...]]) -> Callable[..., Tables]:
    def wrong(m: float, v: float, ab: Tensor) -> Tables:
        a, b, var = change(*gaussian_reverse(m, v, ab), ab)
        return a, b, var

    return wrong


def _beta(ab: Tensor) -> Tensor:
    return torch.cat([torch.zeros(1, dtype=F64), 1 - ab[1:] / ab[:-1]])


def _upside_down(m: float, v: float, ab: Tensor) -> Tables:
    alpha, nu = ab[1:] / ab[:-1], ab * v + 1 - ab
    a = alpha.sqrt() * nu[1:] / nu[:-1]
    return _padded(a, ab[:-1].sqrt() * m - a * ab[1:].sqrt() * m, (1 - alpha) * nu[1:] / nu[:-1])


def _shift_not_shrunk(m: float, v: float, ab: Tensor) -> Tables:
    a, _, var = gaussian_reverse(m, v, ab)
    b = m - a * m
    b[0] = 0
    return a, b, var


def _no_root(m: float, v: float, ab: Tensor) -> Tables:
    alpha, nu = ab[1:] / ab[:-1], ab * v + 1 - ab
    a = alpha * nu[:-1] / nu[1:]
    return _padded(a, ab[:-1].sqrt() * m - a * ab[1:].sqrt() * m, (1 - alpha) * nu[:-1] / nu[1:])


def _draw_gaussian(d: Draw) -> Iterator[Case]:
    T = d.integer(4, 7)
    alpha_bar, m = random_alpha_bar(d, T), d.uniform(0.5, 1.5)
    yield Case("narrow data", (m, d.uniform(0.2, 0.5), alpha_bar))
    yield Case("wide data", (-m, d.uniform(2, 4), alpha_bar))
    yield Case("a long table", (m, d.uniform(0.2, 0.5), random_alpha_bar(d, 30)))
    yield Case("one step, T = 1", (m, d.uniform(0.3, 0.6), random_alpha_bar(d, 1)), "edges")
    yield Case("data like the prior, m = 0, v = 1", (0.0, 1.0, alpha_bar), "edges")
    yield Case("called twice", (m, 0.4, alpha_bar), "edges", "twice")


EXERCISE = Exercise(
    name="bound.gaussian_reverse",
    prompt="Give the steps of the perfect model for Gaussian data, as tables of scale, shift and variance.",
    signature="gaussian_reverse(m float, v float, alpha_bar (T+1,)) -> (a (T+1,), b (T+1,), var (T+1,)), entries 0 are 0",
    reference=gaussian_reverse,
    draw=_draw_gaussian,
    criteria=criteria(3, 1, at="T = 1, m = 0 and v = 1, input untouched"),
    equation="3.23",
    difficulty=4,
    minutes=20,
    level="stretch",
    hints=(
        "The way back is normal with a mean that is a straight line in x_t. Sort (3.23) into what multiplies x_t and what does not.",
        "nu_t = alpha_bar_t v + 1 - alpha_bar_t; a_t = sqrt(alpha_t) nu_{t-1}/nu_t; b_t = sqrt(alpha_bar_{t-1}) m - a_t "
        "sqrt(alpha_bar_t) m; var_t = beta_t nu_{t-1}/nu_t.",
        "al, nu = ab[1:] / ab[:-1], ab * v + 1 - ab; a = al.sqrt() * nu[:-1] / nu[1:]; "
        "b = ab[:-1].sqrt() * m - a * ab[1:].sqrt() * m; var = (1 - al) * nu[:-1] / nu[1:]; then put a 0 before each",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "as if x_0 were known",
            _given_x_0,
            "this is the way back when the data are the single point m. The data have a variance v: use nu_t with it.",
        ),
        Misconception(
            "only undoes the shrinking",
            _undo_the_shrinking,
            "you divide by sqrt(alpha_t), which undoes the shrinking but not the noise. The best guess also pulls towards the "
            "data: a_t = sqrt(alpha_t) nu_{t-1}/nu_t.",
        ),
        Misconception(
            "variance of the step forward",
            _changed(lambda a, b, var, ab: (a, b, _beta(ab))),
            "the variance is beta_t only when v = 1. In general it is beta_t nu_{t-1}/nu_t.",
        ),
        Misconception(
            "shift forgotten",
            _changed(lambda a, b, var, ab: (a, torch.zeros_like(b), var)),
            "the shift is missing: data with mean m are not centred at 0.",
        ),
        Misconception(
            "shift not shrunk",
            _shift_not_shrunk,
            "the mean of x_t is sqrt(alpha_bar_t) m, not m: noise shrinks the mean too.",
        ),
        Misconception(
            "ratio upside down",
            _upside_down,
            "the ratio is upside down: it is nu_{t-1}/nu_t.",
        ),
        Misconception(
            "scale without root",
            _no_root,
            "the scale has the factor sqrt(alpha_t); you left out the root.",
        ),
        Misconception(
            "standard deviation",
            _changed(lambda a, b, var, ab: (a, b, var.sqrt())),
            "the third table holds standard deviations. Variances are asked for.",
        ),
    ),
)
