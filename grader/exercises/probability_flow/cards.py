"""The cards of "put the derivation in order": which line each goes from and to, and the numbers on both.

All lines are worked out for a bump mixture on the line that a flow carries along, at one place and time.  Numbers
decide which cards are true; the order is then the only one in which each begins where the last one ended.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from grader.exercise import Draw
from grader.exercises.derivation import Deck

# Lines: "start" is d/dt log p_t(x_t); "total" is d_t log p + v . s; "over p" has (d_t p)/p instead; "continuity" has
# -div(v p)/p instead; "product" is -div v - v . grad p / p + v . s; "end" is -div v.  The others occur on false cards.
CARDS: dict[int, tuple[str, str]] = {
    1: ("product", "end"),
    2: ("over p", "inflow"),
    3: ("start", "total"),
    4: ("continuity", "half of the product"),
    5: ("over p", "continuity"),
    6: ("start", "standing still"),
    7: ("total", "over p"),
    8: ("total", "not divided"),
    9: ("continuity", "product"),
    10: ("product", "plus"),
}
FALSE = (2, 4, 6, 8, 10)
STENCIL = (4 / 5, -1 / 5, 4 / 105, -1 / 280)  # a derivative from eight values nearby
F64 = torch.float64


def sides(d: Draw) -> tuple[Tensor, Tensor]:
    """Both sides of cards 1..10, two tensors (10,)."""
    means = torch.tensor([-d.uniform(0.5, 1.0), d.uniform(0.5, 1.0)], dtype=F64)
    rate, drift, t_0, x_0 = d.uniform(0.6, 1.0), d.uniform(0.5, 1.0), d.uniform(0.3, 0.6), d.uniform(2.8, 3.4)

    def log_p(x: Tensor, t: Tensor) -> Tensor:
        """Two bumps that the velocity rate * (x - drift * t) + drift carries along."""
        grown = torch.exp(rate * t)
        z = (x - drift * t) / grown - means
        return torch.logsumexp(-2 * z**2, 0) - rate * t - torch.log(torch.tensor(2 * (torch.pi / 2) ** 0.5, dtype=F64))

    x, t = torch.tensor(x_0, dtype=F64, requires_grad=True), torch.tensor(t_0, dtype=F64, requires_grad=True)
    s, log_rate = torch.autograd.grad(log_p(x, t), (x, t))
    p, dp, dp_dt = _density(log_p, x, t)
    v, dv = rate * (x_0 - drift * t_0) + drift, rate
    moving = torch.stack(
        [log_p(x + k * 0.01 * v, t + k * 0.01) - log_p(x - k * 0.01 * v, t - k * 0.01) for k in range(1, 5)]
    )
    lines = {
        "start": (moving @ torch.tensor(STENCIL, dtype=F64)) / 0.01,
        "total": log_rate + v * s,
        "over p": dp_dt / p + v * s,
        "continuity": -(dv * p + v * dp) / p + v * s,
        "product": -dv - v * dp / p + v * s,
        "end": torch.tensor(-dv, dtype=F64),
        "standing still": log_rate,
        "not divided": dp_dt + v * s,
        "inflow": (dv * p + v * dp) / p + v * s,
        "half of the product": -dv + v * s,
        "plus": torch.tensor(dv, dtype=F64),
    }
    both = [(lines[a].detach(), lines[b].detach()) for a, b in CARDS.values()]
    return torch.stack([a for a, _ in both]), torch.stack([b for _, b in both])


def _density(log_p: Callable[[Tensor, Tensor], Tensor], x: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """p and its derivatives along x and t."""
    p = torch.exp(log_p(x, t))
    dp, dp_dt = torch.autograd.grad(p, (x, t))
    return p.detach(), dp, dp_dt


DECK = Deck(CARDS, FALSE, sides, tolerance=1e-8)
true_cards = DECK.true
