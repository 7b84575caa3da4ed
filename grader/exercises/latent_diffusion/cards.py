"""The cards of "put the joint bound in order": which line each goes from and to, and the numbers on both.

The model is the smallest that has every part: one number x, a code z, the scaled code u = z/s, and a chain of one step as
prior of u.  All densities are Gaussian, so every line is a number.
"""

import math

import torch
from torch import Tensor

from grader.exercise import Draw
from grader.exercises.derivation import Deck
from grader.exercises.latent_diffusion.common import F64

# Lines.  "start" is -log p(x); "joint" is E_q[log q(z|x)/p(x,z)]; "terms" has it as three; "scaled" speaks of u; "chain"
# has the chain's bound for -log p(u); "entropy" writes -H for E[log q].  The others occur on false cards only.
CARDS: dict[int, tuple[str, str]] = {
    1: ("terms", "scaled, other sign"),
    2: ("terms", "scaled"),
    3: ("chain", "entropy added"),
    4: ("start", "joint"),
    5: ("chain", "entropy"),
    6: ("start", "decoder alone"),
    7: ("joint", "terms"),
    8: ("scaled", "chain"),
    9: ("scaled", "chain"),
    10: ("terms", "chain unscaled"),
}
AT_MOST = (4, 9)
FALSE = (1, 3, 6, 8, 10)
TRUE = (4, 7, 2, 9, 5)


def sides(d: Draw) -> tuple[Tensor, Tensor]:
    """Both sides of cards 1..10 on a random model; two tensors (10,)."""
    w, var_x, x, s = d.uniform(0.6, 1.4), d.uniform(0.3, 0.8), d.uniform(0.5, 2), d.uniform(1.5, 3)
    a, c, step, keep = d.uniform(-0.4, 0.4), d.uniform(0.4, 0.9), d.uniform(0.3, 0.8), d.uniform(0.3, 0.7)
    m, v = d.uniform(-0.5, 1.5), d.uniform(0.2, 0.9)
    z = m + v**0.5 * torch.tensor([-(3**0.5), 0.0, 3**0.5], dtype=F64)  # exact for squares
    weights = torch.tensor([1 / 6, 2 / 3, 1 / 6], dtype=F64)
    var_u = c**2 + step  # p(u), when u is made from N(0, 1) as c u_1 + a plus noise of variance `step`

    def mean(values: Tensor) -> float:
        return float(weights @ values)

    rec = mean(-_log_normal(x, w * z, var_x))
    log_q, log_s = mean(_log_normal(z, m, v)), math.log(s)
    log_p_z, log_p_u = mean(_log_normal(z, s * a, s**2 * var_u)), mean(_log_normal(z / s, a, var_u))
    lines = {
        "start": float(-_log_normal(x, w * s * a, torch.tensor(w**2 * s**2 * var_u + var_x))),
        "joint": mean(_log_normal(z, m, v) - _log_normal(x, w * z, var_x) - _log_normal(z, s * a, s**2 * var_u)),
        "terms": rec + log_q - log_p_z,
        "scaled": rec + log_q + log_s - log_p_u,
        "scaled, other sign": rec + log_q - log_s - log_p_u,
        "chain": rec + log_q + log_s + mean(_chain(z / s, a, c, step, keep)),
        "chain unscaled": rec + log_q + mean(_chain(z, a, c, step, keep)),
        "entropy": rec - 0.5 * math.log(2 * math.pi * math.e * v) + log_s + mean(_chain(z / s, a, c, step, keep)),
        "entropy added": rec + 0.5 * math.log(2 * math.pi * math.e * v) + log_s + mean(_chain(z / s, a, c, step, keep)),
        "decoder alone": rec,
    }
    both = torch.tensor([[lines[a], lines[b]] for a, b in CARDS.values()], dtype=F64)
    return both[:, 0], both[:, 1]


def _log_normal(x: Tensor | float, mean: Tensor | float, var: Tensor | float) -> Tensor:
    square = torch.as_tensor((x - mean) ** 2, dtype=F64)
    return -0.5 * (square / var + math.log(2 * math.pi * float(var)))


def _chain(u: Tensor, a: float, c: float, step: float, keep: float) -> Tensor:
    """The bound of a chain of one step at u: KL(q(u_1 | u) || N(0, 1)) + E[-log p(u | u_1)]."""
    mean, var = keep**0.5 * u, 1 - keep
    prior = 0.5 * (mean**2 + var - 1 - math.log(var))
    return prior + 0.5 * (((u - c * mean - a) ** 2 + c**2 * var) / step + math.log(2 * math.pi * step))


DECK = Deck(CARDS, FALSE, sides, at_most=AT_MOST)
true_cards = DECK.true
