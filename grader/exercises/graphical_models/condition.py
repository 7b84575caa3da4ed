"""A Gaussian once some coordinates are seen: `condition`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.graphical_models.common import WITHHOLDS, criteria, random_cov

Seen = tuple[int, ...]
Moments = tuple[Tensor, Tensor]
Blocks = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]  # mean of the rest, S_rr, S_ro, S_oo, value - mean


def condition(mean: Tensor, cov: Tensor, seen: Seen, value: Tensor) -> Moments:
    """Equation (1.30)."""
    s = list(seen)
    r = [i for i in range(len(mean)) if i not in s]
    gain = torch.linalg.solve(cov[s][:, s], cov[r][:, s].mT).mT
    return mean[r] + gain @ (value - mean[s]), cov[r][:, r] - gain @ cov[r][:, s].mT


def _blocks(mean: Tensor, cov: Tensor, seen: Seen, value: Tensor) -> Blocks:
    o = list(seen)
    r = [i for i in range(len(mean)) if i not in o]
    return mean[r], cov[r][:, r], cov[r][:, o], cov[o][:, o], value - mean[o]


def _draw_gaussians(d: Draw) -> Iterator[Case]:
    double = torch.float64
    mean, cov = d.randn(4, dtype=double), random_cov(d, 4)
    three, cov3 = d.randn(3, dtype=double), random_cov(d, 3)
    two = d.randn(2, dtype=double)
    yield Case("two of four seen", (mean, cov, (1, 3), two))
    yield Case("one of three seen", (three, cov3, (d.integer(0, 2),), d.randn(1, dtype=double)))
    yield Case("seen in another order", (mean, cov, (3, 0), two), "edges")
    yield Case("all but one seen", (mean, cov, (0, 1, 3), d.randn(3, dtype=double)), "edges")
    yield Case("nothing new: the value is the mean", (mean, cov, (0, 2), mean[[0, 2]]), "edges")
    apart = torch.block_diag(cov3[:2, :2], cov[:2, :2])
    yield Case("seen ones that tell nothing", (mean, apart, (0, 1), two), "edges")
    f32 = mean.float(), cov.float(), (1, 3), two.float()
    yield Case("float32 stays float32", f32, "edges", strict_dtype=True)
    yield Case("called twice", (mean, cov, (1, 3), two), "clean", "twice")


def _with(change: Callable[..., Moments]) -> Callable[[Tensor, Tensor, Seen, Tensor], Moments]:
    """change gets the blocks and the seen value."""
    return lambda mean, cov, seen, value: change(*_blocks(mean, cov, seen, value), value)


def _gain(ro: Tensor, oo: Tensor) -> Tensor:
    return torch.linalg.solve(oo, ro.mT).mT


EXERCISE = Exercise(
    name="graphs.condition",
    prompt="Give mean and covariance of the other coordinates of a Gaussian once some are seen.",
    signature="condition(mean (d,), cov (d, d), seen tuple of k ints, value (k,)) -> (mean (d-k,), cov (d-k, d-k))",
    reference=condition,
    draw=_draw_gaussians,
    criteria=criteria(3, 1, 1, at="any order, all but one, no news, blocks that do not touch, dtypes"),
    equation="1.30",
    difficulty=4,
    minutes=20,
    hints=(
        "Cut mean and covariance into blocks: seen and rest. What was seen differs from its mean; pass a part of that on.",
        "gain = S_rs S_ss^-1. mean = mu_r + gain (value - mu_s), cov = S_rr - gain S_sr. The seen value moves the mean "
        "only; how sure we are does not depend on it.",
        "gain = torch.linalg.solve(S_ss, S_rs.mT).mT, with S_rs = cov[rest][:, list(seen)]",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "nothing learned",
            _with(lambda mu, rr, ro, oo, off, value: (mu, rr)),
            "this is the marginal: mean and covariance as if nothing had been seen.",
        ),
        Misconception(
            "covariance as before",
            _with(lambda mu, rr, ro, oo, off, value: (mu + _gain(ro, oo) @ off, rr)),
            "the covariance is still that of the marginal. Seeing something makes the rest more certain: subtract.",
        ),
        Misconception(
            "plus for minus",
            _with(lambda mu, rr, ro, oo, off, value: (mu + _gain(ro, oo) @ off, rr + _gain(ro, oo) @ ro.mT)),
            "your covariance has grown. Seeing something can only make a Gaussian more certain: minus.",
        ),
        Misconception(
            "value not centred",
            _with(lambda mu, rr, ro, oo, off, value: (mu + _gain(ro, oo) @ value, rr - _gain(ro, oo) @ ro.mT)),
            "the gain acts on the surprise, value minus mean of the seen ones, not on the value.",
        ),
        Misconception(
            "own mean forgotten",
            _with(lambda mu, rr, ro, oo, off, value: (_gain(ro, oo) @ off, rr - _gain(ro, oo) @ ro.mT)),
            "the mean of the rest is missing: start there and add what was learned.",
        ),
        Misconception(
            "sign of the surprise",
            _with(lambda mu, rr, ro, oo, off, value: (mu - _gain(ro, oo) @ off, rr - _gain(ro, oo) @ ro.mT)),
            "the mean moves the wrong way: the surprise is value minus mean.",
        ),
        Misconception(
            "no inverse",
            _with(lambda mu, rr, ro, oo, off, value: (mu + ro @ off, rr - ro @ ro.mT)),
            "the inverse of S_ss is missing: what varies a lot by itself tells less.",
        ),
        Misconception(
            "variances only",
            _with(
                lambda mu, rr, ro, oo, off, value: (
                    mu + (ro / oo.diagonal()) @ off,
                    rr - (ro / oo.diagonal()) @ ro.mT,
                )
            ),
            "you divide by the variances of the seen ones. They are correlated with each other and partly tell the same "
            "thing: multiply by the inverse of the whole block.",
        ),
    ),
)
