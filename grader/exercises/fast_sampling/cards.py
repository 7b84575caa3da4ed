"""The cards of "put the derivation in order": which line each goes from and to, and the numbers on both.

A card claims that its first line equals its second.  Whether that is so, numbers decide: `sides` evaluates both on
Gaussian data, where the path of the flow is known: y = m + k sqrt(v + u^2), eps = dy/du.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from grader.exercise import Draw
from grader.exercises.derivation import Deck
from grader.exercises.fast_sampling.common import F64

# Lines: "start" is x_s; "y" is sqrt(bar_s) y_s; "ftc" has y_t plus the integral over u inside; "split" has the factor of
# x_t by itself; "lambda" integrates over lambda; "scaled" has sqrt(1 - bar_s) in front.  The others are on false cards.
CARDS: dict[int, tuple[str, str]] = {
    1: ("split", "lambda"),
    2: ("ftc", "x for y"),
    3: ("start", "y"),
    4: ("split", "sign lost"),
    5: ("y", "ftc"),
    6: ("lambda", "scaled"),
    7: ("y", "slope held"),
    8: ("ftc", "split"),
    9: ("split", "wrong power"),
    10: ("lambda", "upside down"),
}
TRUE = (3, 5, 8, 1, 6)
FALSE = (2, 4, 7, 9, 10)


def sides(d: Draw) -> tuple[Tensor, Tensor]:
    """Both sides of cards 1..10 on random Gaussian data and two random levels; two tensors (10,)."""
    m, v, k = d.uniform(0.5, 1.5), d.uniform(0.2, 0.8), d.uniform(0.7, 1.5)
    u_t, u_s = d.uniform(1.2, 2.0), d.uniform(0.3, 0.7)
    lam_t, lam_s = -math.log(u_t), -math.log(u_s)
    root_t, root_s = (1 / (1 + u_t**2)) ** 0.5, (1 / (1 + u_s**2)) ** 0.5
    y_t, y_s = m + k * (v + u_t**2) ** 0.5, m + k * (v + u_s**2) ** 0.5

    def eps(u: Tensor) -> Tensor:
        return k * u / (v + u**2).sqrt()

    over_u = _simpson(eps, u_t, u_s)

    def over_lam(weight: float, shift: float = 0.0) -> float:
        return _simpson(lambda lam: torch.exp(weight * (lam - shift)) * eps(torch.exp(-lam)), lam_t, lam_s)

    x_t = root_t * y_t
    lines = {
        "start": root_s * y_s,
        "y": root_s * y_s,
        "ftc": root_s * (y_t + over_u),
        "x for y": root_s * x_t + root_s * over_u,
        "slope held": root_s * (y_t + (u_s - u_t) * float(eps(torch.tensor(u_t, dtype=F64)))),
        "split": root_s / root_t * x_t + root_s * over_u,
        "lambda": root_s / root_t * x_t - root_s * over_lam(-1),
        "sign lost": root_s / root_t * x_t + root_s * over_lam(-1),
        "wrong power": root_s / root_t * x_t - root_s * over_lam(1),
        "scaled": root_s / root_t * x_t - u_s * root_s * over_lam(-1, lam_s),
        "upside down": root_s / root_t * x_t - u_s * root_s * over_lam(1, lam_s),
    }
    both = torch.tensor([(lines[a], lines[b]) for a, b in CARDS.values()], dtype=F64)
    return both[:, 0], both[:, 1]


def _simpson(f: Callable[[Tensor], Tensor], low: float, high: float, n: int = 400) -> float:
    """The integral of a smooth f from low to high, also backwards."""
    x = torch.linspace(low, high, n + 1, dtype=F64)
    w = torch.full((n + 1,), 2.0, dtype=F64)
    w[1::2] = 4.0
    w[0] = w[-1] = 1.0
    return float((w * f(x)).sum() * (high - low) / (3 * n))


DECK = Deck(CARDS, FALSE, sides, tolerance=1e-8)
true_cards = DECK.true
