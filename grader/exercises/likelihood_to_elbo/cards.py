"""The cards of "put the derivation in order": which line each goes from and to, and the numbers on both.

A card claims that its first line equals its second (one card: is at most its second).  Whether that is so, numbers
decide: `sides` evaluates both lines on a random model with one latent variable, where every density is known.  Which
card comes next is then no matter of taste: the one true card that begins with the line where the last one ended.
"""

import math

import torch
from torch import Tensor

from grader.exercise import Draw
from grader.exercises.derivation import Deck
from grader.exercises.likelihood_to_elbo.common import F64

# Lines: "start" is -log p(x_0); "constant" the same under E_q; "ratio" has p(x_{0:T})/p(x_{1:T}|x_0) inside; "q/q" the
# same times q/q; "split" is E_q[log q/p] - KL; "bound" is E_q[log q/p].  The others occur on false cards only.
CARDS: dict[int, tuple[str, str]] = {
    1: ("split", "bound"),
    2: ("constant", "ratio"),
    3: ("ratio", "q for the posterior"),
    4: ("start", "constant"),
    5: ("q/q", "sum"),
    6: ("ratio", "q/q"),
    7: ("q/q", "split"),
    8: ("start", "joint averaged"),
    9: ("constant", "prior divided out"),
}
AT_MOST = (1,)
FALSE = (3, 5, 8, 9)


def sides(d: Draw) -> tuple[Tensor, Tensor]:
    """Both sides of cards 1..9 on a random model x_0 <- x_1, q(x_1 | x_0) a random normal; two tensors (9,)."""
    scale, shift, var = d.uniform(0.5, 1.1), d.uniform(-0.5, 0.5), d.uniform(0.3, 0.9)
    x_0, keep = d.uniform(0.8, 2.0), d.uniform(0.3, 0.7)
    x = torch.linspace(-12, 12, 6001, dtype=F64)  # x_1
    log_q = _log_normal(x, keep**0.5 * x_0, 1 - keep)
    log_prior = _log_normal(x, 0.0, 1.0)
    log_joint = log_prior + _log_normal(torch.tensor(x_0, dtype=F64), scale * x + shift, var)
    log_p = torch.logsumexp(log_joint, 0) + math.log(24 / 6000)

    def mean(values: Tensor) -> Tensor:
        return (torch.exp(log_q) * values).sum() * (24 / 6000)

    log_posterior = log_joint - log_p
    bound, gap = mean(log_q - log_joint), mean(log_q - log_posterior)
    lines = {
        "start": -log_p,
        "constant": mean(-log_p.expand_as(x)),
        "ratio": mean(log_posterior - log_joint),
        "q/q": mean(-((log_joint - log_q) + (log_q - log_posterior))),
        "split": bound - gap,
        "bound": bound,
        "sum": bound + gap,
        "q for the posterior": mean(log_q - log_joint),
        "joint averaged": -torch.log(mean(torch.exp(log_joint))),
        "prior divided out": mean(log_prior - log_joint),
    }
    both = [(lines[a], lines[b]) for a, b in CARDS.values()]
    return torch.stack([a for a, _ in both]), torch.stack([b for _, b in both])


def _log_normal(x: Tensor, mean: Tensor | float, var: float) -> Tensor:
    return -0.5 * ((x - mean) ** 2 / var + math.log(2 * math.pi * var))


DECK = Deck(CARDS, FALSE, sides, at_most=AT_MOST)
true_cards = DECK.true
