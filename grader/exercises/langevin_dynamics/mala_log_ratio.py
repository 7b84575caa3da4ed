"""Would the way back be as likely?  `mala_log_ratio`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.langevin_dynamics.common import FLOWS, WITHHOLDS, criteria


def mala_log_ratio(
    x: Tensor, y: Tensor, log_p_x: Tensor, log_p_y: Tensor, score_x: Tensor, score_y: Tensor, eta: float
) -> Tensor:
    """The logarithm of the ratio in equation (7.25)."""
    back, there = _miss(x, y, score_y, eta), _miss(y, x, score_x, eta)
    return log_p_y - log_p_x + (there - back) / (4 * eta)


def _miss(to: Tensor, start: Tensor, score: Tensor, eta: float) -> Tensor:
    """Squared distance between a point and the mean of the proposal, per example."""
    return ((to - start - eta * score) ** 2).flatten(1).sum(1)


Parts = tuple[Tensor, Tensor, Tensor, float]
Rule = Callable[[Tensor, Tensor, Tensor, float], Tensor]  # difference of log p, miss there, miss back, eta


def _with(rule: Rule) -> Callable[..., Tensor]:
    def wrong(x: Tensor, y: Tensor, px: Tensor, py: Tensor, sx: Tensor, sy: Tensor, eta: float) -> Tensor:
        return rule(py - px, _miss(y, x, sx, eta), _miss(x, y, sy, eta), eta)

    return wrong


def _same_score(x: Tensor, y: Tensor, px: Tensor, py: Tensor, sx: Tensor, sy: Tensor, eta: float) -> Tensor:
    return mala_log_ratio(x, y, px, py, sx, sx, eta)


def _scores_exchanged(x: Tensor, y: Tensor, px: Tensor, py: Tensor, sx: Tensor, sy: Tensor, eta: float) -> Tensor:
    return mala_log_ratio(x, y, px, py, sy, sx, eta)


def _draw_ratio(d: Draw) -> Iterator[Case]:
    def batch(*shape: int) -> tuple[Tensor, ...]:
        def r(*s: int) -> Tensor:
            return d.randn(*s, dtype=torch.float64)

        return r(*shape), r(*shape), r(shape[0]), r(shape[0]), r(*shape), r(*shape)

    points, eta = batch(4, 3), d.uniform(0.2, 0.6)
    yield Case("points", (*points, eta))
    yield Case("images, a larger step", (*batch(3, 1, 4, 4), 2.2 * eta))
    yield Case("one example", (*batch(1, 5), eta), "edges")
    yield Case("one coordinate", (*batch(4, 1), eta), "edges")
    yield Case("as many examples as coordinates", (*batch(3, 3), eta), "edges")
    x, _, log_p_x, log_p_y, score, _ = batch(4, 3)
    yield Case("a move of length 0", (x, x, log_p_x, log_p_y, score, score, eta), "edges")
    yield Case("gradient in x", (*points, eta), "clean", "gradient", cotangent=d.randn(4, dtype=torch.float64))
    yield Case("called twice", (*points, eta), "clean", "twice")


EXERCISE = Exercise(
    name="langevin.mala_log_ratio",
    prompt="The logarithm of p(y) q(x|y) / (p(x) q(y|x)) for Langevin proposals from x to y.",
    signature=(
        "mala_log_ratio(x (B, *D), y (B, *D), log_p_x (B,), log_p_y (B,), score_x (B, *D), score_y (B, *D), eta) -> (B,)"
    ),
    reference=mala_log_ratio,
    draw=_draw_ratio,
    criteria=criteria(2, 2, 1, at="one example, one coordinate, B = D, a move of length 0", clean_text=FLOWS),
    equation="7.25",
    difficulty=3,
    minutes=15,
    hints=(
        "Four logarithms: log p at both ends, and how well each end is hit by a proposal from the other.",
        "log q(y|x) = -|y - x - eta score_x|^2/(4 eta), log q(x|y) = -|x - y - eta score_y|^2/(4 eta), summed over all "
        "coordinates. Then log p(y) + log q(x|y) - log p(x) - log q(y|x).",
        "q = lambda b, a, s: -((b - a - eta * s) ** 2).flatten(1).sum(1) / (4 * eta); "
        "return log_p_y + q(x, y, score_y) - log_p_x - q(y, x, score_x)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "proposals left out",
            _with(lambda dp, there, back, eta: dp + 0 * there),
            "this is log p(y) - log p(x) alone, right for proposals that are as likely there and back. Langevin "
            "proposals are drawn uphill, so the way back is less likely: q belongs in.",
        ),
        Misconception(
            "there and back exchanged",
            _with(lambda dp, there, back, eta: dp + (back - there) / (4 * eta)),
            "q(x|y) and q(y|x) have changed places. The way back stands above the line.",
        ),
        Misconception(
            "p the wrong way round",
            _with(lambda dp, there, back, eta: (there - back) / (4 * eta) - dp),
            "log p(x) - log p(y): the move would be refused just where it improves. p(y) stands above the line.",
        ),
        Misconception(
            "2 eta for 4 eta",
            _with(lambda dp, there, back, eta: dp + (there - back) / (2 * eta)),
            "you divide by 2 eta. The proposal's variance is 2 eta, and a Gaussian's exponent is divided by twice its variance.",
        ),
        Misconception(
            "eta for 4 eta",
            _with(lambda dp, there, back, eta: dp + (there - back) / eta),
            "you divide by eta. The proposal's variance is 2 eta, so the exponent is divided by 4 eta.",
        ),
        Misconception(
            "one score for both",
            _same_score,
            "the way back uses the score at x. A proposal from y moves along the score at y.",
        ),
        Misconception(
            "scores exchanged",
            _scores_exchanged,
            "the scores have changed places: the proposal from x uses score_x, the one from y uses score_y.",
        ),
        Misconception(
            "mean over coordinates",
            lambda x, y, px, py, sx, sy, eta: (
                py - px + (_miss(y, x, sx, eta) - _miss(x, y, sy, eta)) / (4 * eta) / x[0].numel()
            ),
            "you averaged the squares over the coordinates. log densities of independent coordinates add up.",
        ),
        Misconception(
            "ratio, not logarithm",
            _with(lambda dp, there, back, eta: torch.exp(dp + (there - back) / (4 * eta))),
            "this is the ratio itself. In many dimensions it over- or underflows; keep its logarithm.",
        ),
        Misconception(
            "probability already",
            _with(lambda dp, there, back, eta: (dp + (there - back) / (4 * eta)).clamp(max=0)),
            "this is the logarithm of min(1, ratio). The logarithm of the ratio itself is asked for, which may be positive.",
        ),
    ),
)
