"""The cards of "put the derivation in order": which line each goes from and to, and the numbers on both.

A card claims that its first line equals its second.  Whether that is so, numbers decide: `sides` evaluates both lines
at a random noisy point of a random mixture, where every score is known.
"""

import torch
from torch import Tensor

from grader.exercise import Draw
from grader.exercises.controllable_generation.common import F64, Labelled, labelled, log_joint
from grader.exercises.derivation import Deck

# Lines: "start" is the gradient of log q(x_t) + s log q(y | x_t); "bayes" has Bayes' rule put in; "scores" has the
# gradient of log q(y) gone; "noises" is the same through eps; "w" in the other convention.  The rest is on false cards.
CARDS: dict[int, tuple[str, str]] = {
    1: ("noises", "w"),
    2: ("bayes", "scores"),
    3: ("scores", "factors exchanged"),
    4: ("start", "bayes"),
    5: ("noises", "w = s"),
    6: ("bayes", "normaliser kept"),
    7: ("scores", "noises"),
    8: ("start", "tilted and noised"),
    9: ("scores", "sign lost"),
}
FALSE = (3, 5, 6, 8, 9)


def sides(d: Draw) -> tuple[Tensor, Tensor]:
    """Both sides of cards 1..9 at a random point of a random mixture on the line; two tensors (9,)."""
    m, alpha_bar, s = labelled(d, 1), d.uniform(0.3, 0.7), d.uniform(1.5, 3.5)
    x = torch.tensor([[d.uniform(-1, 1)]], dtype=F64)
    sigma = (1 - alpha_bar) ** 0.5

    def log_q(v: Tensor) -> Tensor:
        return torch.logsumexp(log_joint(v, m, alpha_bar), 1)

    def log_q_and_y(v: Tensor) -> Tensor:
        return torch.logsumexp(log_joint(v, m, alpha_bar)[:, m.labels == m.y], 1)

    share = m.weights[m.labels == m.y].sum().log()
    score, score_y = _slope(log_q, x), _slope(log_q_and_y, x)
    null, eps_y = -sigma * score, -sigma * score_y
    lines = {
        "start": _slope(lambda v: log_q(v) + s * (log_q_and_y(v) - log_q(v)), x),
        "bayes": _slope(lambda v: log_q(v) + s * (log_q_and_y(v) - share + share - log_q(v)), x),
        "scores": score + s * (score_y - score),
        "noises": -(null + s * (eps_y - null)) / sigma,
        "w": -((1 + (s - 1)) * eps_y - (s - 1) * null) / sigma,
        "factors exchanged": s * score + (1 - s) * score_y,
        "w = s": -((1 + s) * eps_y - s * null) / sigma,
        "normaliser kept": score + s * (score_y + share - score),
        "tilted and noised": _noised_tilted(x, m, alpha_bar, s),
        "sign lost": (null + s * (eps_y - null)) / sigma,
    }
    both = [(lines[a], lines[b]) for a, b in CARDS.values()]
    return torch.stack([a for a, _ in both]), torch.stack([b for _, b in both])


def _slope(f: object, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(f(x).sum(), x)  # type: ignore[operator]
    return slope[0, 0]


def _noised_tilted(x: Tensor, m: Labelled, alpha_bar: float, s: float) -> Tensor:
    """Score at x of p(x_0) p(y | x_0)^s after noise, by the trapezoidal rule (the ends are empty)."""
    x_0 = torch.linspace(-12, 12, 2001, dtype=F64)
    parts = log_joint(x_0.unsqueeze(1), m, 1.0)
    whole, of_y = torch.logsumexp(parts, 1), torch.logsumexp(parts[:, m.labels == m.y], 1)
    away = alpha_bar**0.5 * x_0 - x[0, 0]
    share = torch.softmax(whole + s * (of_y - whole) - away**2 / (2 * (1 - alpha_bar)), 0)
    return (share @ away) / (1 - alpha_bar)


DECK = Deck(CARDS, FALSE, sides)
true_cards = DECK.true
