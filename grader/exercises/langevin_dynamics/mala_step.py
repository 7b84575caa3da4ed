"""Propose, then accept or stay: `mala_step`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.langevin_dynamics.common import WITHHOLDS, Score, criteria, per_example, random_density
from grader.exercises.langevin_dynamics.mala_log_ratio import mala_log_ratio
from grader.exercises.langevin_dynamics.ula_step import ula_step

LogProb = Callable[[Tensor], Tensor]


def mala_step(log_prob: LogProb, score: Score, x: Tensor, eta: float, noise: Tensor, u: Tensor) -> Tensor:
    """Equations (7.1) and (7.25)."""
    y, log_ratio = _propose(log_prob, score, x, eta, noise)
    return _choose(torch.log(u) < log_ratio, y, x)


def _propose(log_prob: LogProb, score: Score, x: Tensor, eta: float, noise: Tensor) -> tuple[Tensor, Tensor]:
    y = ula_step(score, x, eta, noise)
    return y, mala_log_ratio(x, y, log_prob(x), log_prob(y), score(x), score(y), eta)


def _choose(accept: Tensor, y: Tensor, x: Tensor) -> Tensor:
    return torch.where(accept.reshape(-1, *[1] * (x.ndim - 1)), y, x)


Rule = Callable[[Tensor, Tensor], Tensor]  # log ratio, u -> accept


def _by(rule: Rule) -> Callable[..., Tensor]:
    def wrong(log_prob: LogProb, score: Score, x: Tensor, eta: float, noise: Tensor, u: Tensor) -> Tensor:
        y, log_ratio = _propose(log_prob, score, x, eta, noise)
        return _choose(rule(log_ratio, u), y, x)

    return wrong


def _no_proposals(log_prob: LogProb, score: Score, x: Tensor, eta: float, noise: Tensor, u: Tensor) -> Tensor:
    y = ula_step(score, x, eta, noise)
    return _choose(torch.log(u) < log_prob(y) - log_prob(x), y, x)


def _last_axis(log_prob: LogProb, score: Score, x: Tensor, eta: float, noise: Tensor, u: Tensor) -> Tensor:
    y, log_ratio = _propose(log_prob, score, x, eta, noise)
    return torch.where(torch.log(u) < log_ratio, y, x)


def _blend(log_prob: LogProb, score: Score, x: Tensor, eta: float, noise: Tensor, u: Tensor) -> Tensor:
    y, log_ratio = _propose(log_prob, score, x, eta, noise)
    a = per_example(torch.exp(log_ratio.clamp(max=0)), x)
    return a * y + (1 - a) * x


def _other_noise(log_prob: LogProb, score: Score, x: Tensor, eta: float, noise: Tensor, u: Tensor) -> Tensor:
    return mala_step(log_prob, score, x, eta, noise / 2**0.5, u)


def _in_place(log_prob: LogProb, score: Score, x: Tensor, eta: float, noise: Tensor, u: Tensor) -> Tensor:
    y, log_ratio = _propose(log_prob, score, x, eta, noise)
    accept = torch.log(u) < log_ratio
    x[accept] = y[accept]
    return x


def _draw_mala(d: Draw) -> Iterator[Case]:
    log_prob, score = random_density(d)
    served = Served(log_prob), Served(score)

    def batch(eta: float, *shape: int) -> tuple[Tensor, float, Tensor, Tensor]:
        """x, eta, noise, and u well away from the acceptance, so that rounding decides nothing."""
        x, noise = 1.5 * d.randn(*shape, dtype=torch.float64), d.randn(*shape, dtype=torch.float64)
        a = torch.exp(_propose(log_prob, score, x, eta, noise)[1].clamp(max=0))
        likely_first = torch.argsort(a == a.max(), descending=True, stable=True)
        x, noise, a = x[likely_first], noise[likely_first], a[likely_first]
        share = torch.tensor([d.uniform(0.2, 0.8) for _ in range(shape[0])], dtype=torch.float64)
        accept = torch.arange(shape[0]) % 2 == 0
        return x, eta, noise, torch.where(accept, share * a, a + share * (1 - a))

    eta = d.uniform(0.9, 1.2)
    points = batch(eta, 60, 2)
    images = batch(0.4 * eta, 20, 1, 3, 3)
    yield Case("many points, a large step", (*served, *points))
    yield Case("images", (*served, *images))
    yield Case("as many examples as coordinates", (*served, *batch(0.7 * eta, 6, 6)), "edges")
    yield Case("one example", (*served, *(v[:1] if isinstance(v, Tensor) else v for v in points)), "edges")
    floats = tuple(v.float() if isinstance(v, Tensor) else v for v in batch(eta, 10, 2))
    yield Case("float32 stays float32", (*served, *floats), "edges", strict_dtype=True)
    yield Case("called twice", (*served, *points), "clean", "twice")
    yield Case("no more than six calls", (*served, *points), "clean", max_calls=6)


EXERCISE = Exercise(
    name="langevin.mala_step",
    prompt="Propose a Langevin step for every example, and accept it or stay, so that p is kept exactly.",
    signature=(
        "mala_step(log_prob: x -> (B,), score: x -> (B, *D), x (B, *D), eta float, noise (B, *D), u (B,) in (0, 1)) "
        "-> (B, *D)"
    ),
    reference=mala_step,
    draw=_draw_mala,
    criteria=criteria(3, 1, 1, at="B = D, one example, float32"),
    equation="7.25",
    difficulty=3,
    minutes=15,
    hints=(
        "You have both halves already: ula_step proposes, mala_log_ratio judges. Each example decides for itself.",
        "Accept where log u < log ratio. Where not, the particle stays at x, and that counts as a step. "
        "Reshape the mask to (B, 1, .., 1).",
        "accept = torch.log(u) < mala_log_ratio(...); return torch.where(accept.reshape(-1, *[1] * (x.ndim - 1)), y, x)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "always accepted",
            _by(lambda r, u: torch.ones_like(u, dtype=torch.bool)),
            "every proposal is accepted. That is plain Langevin dynamics, with its bias.",
        ),
        Misconception(
            "accepted and refused exchanged",
            _by(lambda r, u: torch.log(u) >= r),
            "what should be accepted is refused, and the other way round. Accept where log u < log ratio.",
        ),
        Misconception(
            "only uphill",
            _by(lambda r, u: r > 0),
            "only moves with a ratio above 1 are accepted. The others are accepted too, with the probability of their ratio.",
        ),
        Misconception(
            "u without logarithm",
            _by(lambda r, u: u < r),
            "u is compared with the logarithm of the ratio. Compare log u with it, or u with the ratio.",
        ),
        Misconception(
            "one u for all",
            _by(lambda r, u: torch.log(u[0]) < r),
            "all examples use the first u. Each has its own.",
        ),
        Misconception(
            "one decision for the batch",
            _by(lambda r, u: (torch.log(u) < r).all().expand(len(u))),
            "the whole batch is accepted or refused together. Each example decides for itself.",
        ),
        Misconception(
            "proposals left out",
            _no_proposals,
            "the ratio lacks q(x|y)/q(y|x). Langevin proposals are drawn uphill, so the way back is not as likely.",
        ),
        Misconception(
            "mask along the last axis",
            _last_axis,
            "the mask has shape (B,) and lines up with the last axis of x. Reshape it to (B, 1, .., 1).",
        ),
        Misconception(
            "mixture of both places",
            _blend,
            "you return the average of y and x, weighted by the probability. The particle is in one place or the other: draw with u.",
        ),
        Misconception(
            "noise of variance eta",
            _other_noise,
            "the proposal's noise has variance eta. With drift eta it is 2 eta, and log q counts on that.",
        ),
        Misconception(
            "changes x in place",
            _in_place,
            "the numbers are right, but x itself was changed. Build a new tensor: torch.where does.",
        ),
    ),
)
