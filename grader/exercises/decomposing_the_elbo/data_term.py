"""The last step, onto pixels: `L_0`."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.special import log_ndtr, ndtr

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception
from grader.exercises.decomposing_the_elbo.common import WITHHOLDS, criteria, log_normal


def L_0(x_0: Tensor, mean: Tensor, var: float, bins: int) -> Tensor:
    """Equation (4.20)."""
    half, std = 1 / (bins - 1), math.sqrt(var)
    low, high = (x_0 - half - mean) / std, (x_0 + half - mean) / std
    first, last = x_0 < -1 + half, x_0 > 1 - half
    out = torch.where(first, log_ndtr(high), torch.where(last, log_ndtr(-low), _log_interval(low, high)))
    return -out.flatten(1).sum(1)


def _ends(x_0: Tensor, mean: Tensor, var: float, half: float) -> tuple[Tensor, Tensor]:
    return (x_0 - half - mean) / math.sqrt(var), (x_0 + half - mean) / math.sqrt(var)


def _log_interval(low: Tensor, high: Tensor) -> Tensor:
    """log(Phi(high) - Phi(low)), mirrored into the lower tail, where both have their digits."""
    mirror = low + high > 0
    a, b = torch.where(mirror, -high, low), torch.where(mirror, -low, high)
    log_b = log_ndtr(b)
    return log_b + torch.log(-torch.expm1(log_ndtr(a) - log_b))


Prob = Callable[[Tensor, Tensor], Tensor]


def _naive(low: Tensor, high: Tensor) -> Tensor:
    return torch.log(ndtr(high) - ndtr(low))


def _clamped(low: Tensor, high: Tensor) -> Tensor:
    return torch.log((ndtr(high) - ndtr(low)).clamp(min=1e-12))


def _with(interval: Prob, half: Callable[[int], float], *, open_ends: bool = True) -> Callable[..., Tensor]:
    """A wrong function from how it takes an interval's probability, and the half-width of a bin."""

    def wrong(x_0: Tensor, mean: Tensor, var: float, bins: int) -> Tensor:
        low, high = _ends(x_0, mean, var, half(bins))
        if open_ends:
            edge = 0.5 / (bins - 1)
            low = torch.where(x_0 < -1 + edge, -math.inf, low)
            high = torch.where(x_0 > 1 - edge, math.inf, high)
        return -interval(low, high).flatten(1).sum(1)

    return wrong


def _half(bins: int) -> float:
    return 1 / (bins - 1)


def _draw(d: Draw) -> Iterator[Case]:
    def pixels(bins: int, low: int, high: int, *shape: int) -> Tensor:
        k = torch.randint(low, high + 1, shape, generator=d.generator)
        return 2 * k.double() / (bins - 1) - 1

    var = d.uniform(0.02, 0.05)
    x = pixels(17, 1, 15, 3, 5)
    near = x + 0.2 * d.randn(3, 5, dtype=torch.float64)
    image = pixels(17, 0, 16, 4, 1, 4, 4)
    image[:, 0, 0, 0], image[:, 0, 3, 3] = -1.0, 1.0
    noisy = image + 0.2 * d.randn(4, 1, 4, 4, dtype=torch.float64)
    fine = pixels(256, 1, 254, 2, 6)
    ends = pixels(17, 0, 16, 2, 5)
    ends[:, 0], ends[:, 1] = -1.0, 1.0
    far = ends - 6 * torch.sign(ends + 1e-3) * (1 + 0.2 * torch.rand(2, 5, generator=d.generator, dtype=torch.float64))
    yield Case("inner pixels, 17 values", (x, near, var, 17))
    yield Case("images, black and white pixels too", (image, noisy, var, 17))
    yield Case("256 values", (fine, fine + 0.1 * d.randn(2, 6, dtype=torch.float64), var, 256), "edges")
    yield Case("two values", (torch.sign(x + 1e-3), near, var, 2), "edges")
    yield Case("one example", (x[:1], near[:1], var, 17), "edges")
    yield Case("float32", (image.float(), noisy.float(), var, 17), "edges")
    yield Case("a mean far away: tiny probabilities", (ends, far, var, 17), "tails")
    cotangent = d.randn(4, dtype=torch.float64)
    yield Case("gradient in the mean", (image, noisy, var, 17), "clean", "gradient", wrt=1, cotangent=cotangent)
    yield Case("called twice", (image, noisy, var, 17), "clean", "twice")


EXERCISE = Exercise(
    name="elbo.L_0",
    prompt="Give -log of the probability that a Gaussian puts on the pixels' intervals, per example.",
    signature="L_0(x_0 (B, *D) on the grid, mean (B, *D), var float, bins int) -> (B,) nats",
    reference=L_0,
    draw=_draw,
    criteria=(
        *criteria(2, 1, at="2 and 256 values, one example, float32"),
        Criterion("tails", 1, "probabilities too small for a difference of two numbers near 1"),
        *criteria(0, 0, 1),
    ),
    equation="4.20",
    difficulty=4,
    minutes=25,
    hints=(
        "Each pixel owns an interval of half-width 1/(bins - 1) around its value; the first and the last one reach to "
        "infinity. What is the probability of an interval under a normal distribution?",
        "log(Phi(high) - Phi(low)); at the dark end log Phi(high), at the bright end log Phi(-low). In the upper tail use "
        "Phi(high) - Phi(low) = Phi(-low) - Phi(-high), and take torch.special.log_ndtr of both instead of subtracting.",
        "log_b = log_ndtr(b); log_interval = log_b + torch.log(-torch.expm1(log_ndtr(a) - log_b)), with (a, b) = (low, high), "
        "or (-high, -low) where low + high > 0",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "a density",
            lambda x_0, mean, var, bins: -log_normal(x_0, mean, var),
            "this is a density. A pixel is a whole number and has a probability, which is never above 1; a density can be, "
            "and then L_0 is negative.",
        ),
        Misconception(
            "density times width",
            lambda x_0, mean, var, bins: -log_normal(x_0, mean, var) - x_0[0].numel() * math.log(2 / (bins - 1)),
            "density times width is only near the interval's probability, and it forgets that the first and the last "
            "interval have no end.",
        ),
        Misconception(
            "ends closed",
            _with(_log_interval, _half, open_ends=False),
            "the first and the last interval reach to infinity. With closed ends the probabilities of all values do not sum to 1.",
        ),
        Misconception(
            "half the width",
            _with(_naive, lambda bins: 0.5 / (bins - 1)),
            "the half-width is too small by 2: neighbouring values are 2/(bins - 1) apart, so each owns 1/(bins - 1) to "
            "either side.",
        ),
        Misconception(
            "1/bins",
            _with(_naive, lambda bins: 1 / bins),
            "the half-width is 1/(bins - 1): there are bins - 1 gaps between -1 and 1. With 1/bins the intervals do not meet.",
        ),
        Misconception(
            "difference of numbers near 1",
            _with(_naive, _half),
            "right where the probability is not small. Far from the mean both Phi are rounded to the same number and the "
            "logarithm of 0 is taken: use log_ndtr, mirrored into the lower tail.",
        ),
        Misconception(
            "clamped",
            _with(_clamped, _half),
            "you replaced tiny probabilities by 1e-12. It hides how wrong the model is, and there the gradient is 0: use "
            "log_ndtr, mirrored into the lower tail.",
        ),
        Misconception(
            "variance for deviation",
            lambda x_0, mean, var, bins: L_0(x_0, mean, var**2, bins),
            "you divided by the variance. Phi wants the distance in standard deviations: divide by its root.",
        ),
        Misconception(
            "a likelihood",
            lambda x_0, mean, var, bins: -L_0(x_0, mean, var, bins),
            "the sign is turned: L_0 is minus the logarithm, never negative.",
        ),
        Misconception(
            "mean over coordinates",
            lambda x_0, mean, var, bins: L_0(x_0, mean, var, bins) / x_0[0].numel(),
            "you averaged over the pixels. Their log probabilities add up; the division comes later, with bits per dimension.",
        ),
    ),
)
