"""The cards of "put the derivation in order": which line each goes from and to, and the numbers on both.

A card claims that its first line equals its second.  Whether that is so, numbers decide: `sides` evaluates every line
by quadrature on a random mixture of two bells on the line, with a drift f = c x, a diffusion g and a wave phi.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from grader.exercise import Draw
from grader.exercises.derivation import Deck
from grader.exercises.stochastic_differential_equations.common import F64

# Lines: "rate" is the rate of the mean of phi; "ito" what (8.11) makes of it; "one", "two" and "three" have one derivative
# after the other moved from phi to p; "end" is the integral of phi times the right side of Fokker and Planck.
CARDS: dict[int, tuple[str, str]] = {
    1: ("two", "three"),
    2: ("rate", "no noise"),
    3: ("ito", "one"),
    4: ("one", "two, plus"),
    5: ("three", "end"),
    6: ("rate", "ito"),
    7: ("ito", "one, f outside"),
    8: ("one", "two"),
    9: ("three", "end, g not squared"),
}
FALSE = (2, 4, 7, 9)


@dataclass(frozen=True)
class _World:
    """p, p', p'' and phi, phi', phi'' on a grid; drift f = c x and its slope c; diffusion g."""

    x: Tensor
    p: tuple[Tensor, Tensor, Tensor]
    phi: tuple[Tensor, Tensor, Tensor]
    c: float
    g: float
    rate: Tensor


def _world(d: Draw) -> _World:
    c, g, a, b = -d.uniform(0.4, 0.9), d.uniform(1.2, 1.8), d.uniform(0.8, 1.4), d.uniform(0.3, 1.0)
    x = torch.linspace(-14, 14, 4001, dtype=F64)
    p, rate = [torch.zeros_like(x) for _ in range(3)], torch.zeros((), dtype=F64)
    for w, m in ((0.4, -d.uniform(0.8, 1.5)), (0.6, d.uniform(0.8, 1.5))):
        v = d.uniform(0.3, 0.7)
        bell = w * torch.exp(-0.5 * (x - m) ** 2 / v) / math.sqrt(2 * math.pi * v)
        p[0] = p[0] + bell
        p[1] = p[1] - (x - m) / v * bell
        p[2] = p[2] + ((x - m) ** 2 / v**2 - 1 / v) * bell
        # The mean of sin(a x + b) on N(m, v) is exp(-a^2 v/2) sin(a m + b), with m' = c m and v' = 2 c v + g^2.
        damp = math.exp(-(a**2) * v / 2)
        rate = rate + w * damp * a * c * m * math.cos(a * m + b)
        rate = rate - w * damp * a**2 / 2 * (2 * c * v + g**2) * math.sin(a * m + b)
    phi = torch.sin(a * x + b), a * torch.cos(a * x + b), -(a**2) * torch.sin(a * x + b)
    return _World(x, (p[0], p[1], p[2]), phi, c, g, rate)


def sides(d: Draw) -> tuple[Tensor, Tensor]:
    """Both sides of cards 1..9 on a random world; two tensors (9,)."""
    k = _world(d)
    (p, dp, ddp), (phi, dphi, ddphi) = k.p, k.phi
    f, half = k.c * k.x, k.g**2 / 2
    flow = k.c * p + f * dp  # (f p)'

    def over(values: Tensor) -> Tensor:
        return torch.trapezoid(values, k.x)

    lines = {
        "rate": k.rate,
        "ito": over(p * (f * dphi + half * ddphi)),
        "one": over(-phi * flow + half * p * ddphi),
        "two": over(-phi * flow - half * dp * dphi),
        "three": over(-phi * flow + half * phi * ddp),
        "end": over(phi * (-flow + half * ddp)),
        "no noise": over(p * f * dphi),
        "two, plus": over(-phi * flow + half * dp * dphi),
        "one, f outside": over(-phi * f * dp + half * p * ddphi),
        "end, g not squared": over(phi * (-flow + k.g / 2 * ddp)),
    }
    both = [(lines[a], lines[b]) for a, b in CARDS.values()]
    return torch.stack([a for a, _ in both]), torch.stack([b for _, b in both])


DECK = Deck(CARDS, FALSE, sides)
true_cards = DECK.true
