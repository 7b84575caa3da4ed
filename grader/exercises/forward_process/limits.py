"""Where the chain goes: signal-to-noise ratio, distance to the prior, number of steps, density of a noisy mixture."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception, Served
from grader.exercises.forward_process.common import WITHHOLDS, criteria, random_alpha_bar
from grader.exercises.forward_process.steps import linear_betas


def snr(alpha_bar: Tensor) -> Tensor:
    """Equation (2.19)."""
    return alpha_bar / (1 - alpha_bar)


def _draw_snr(d: Draw) -> Iterator[Case]:
    alpha_bar = random_alpha_bar(d, d.integer(5, 9))
    yield Case("t = 1 .. T", (alpha_bar[1:],))
    yield Case("a long table without t = 0", (random_alpha_bar(d, 40)[1:],))
    yield Case("the whole table, infinite at t = 0", (alpha_bar,), "edges")
    yield Case("called twice", (alpha_bar[1:],), "edges", "twice")


SNR = Exercise(
    name="forward.snr",
    prompt="Turn alpha_bar into the signal-to-noise ratio.",
    signature="snr(alpha_bar (N,)) -> (N,), infinite where alpha_bar is 1",
    reference=snr,
    draw=_draw_snr,
    criteria=criteria(1, 1, at="infinite at t = 0, input untouched"),
    equation="2.19",
    difficulty=1,
    minutes=3,
    hints=(
        "Of the variance of x_t, which share is data, which is noise? Divide the first by the second.",
        "SNR(t) = alpha_bar_t / (1 - alpha_bar_t). At t = 0 there is no noise, and a ratio of infinity is the right answer.",
        "return alpha_bar / (1 - alpha_bar)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "upside down",
            lambda ab: (1 - ab) / ab,
            "this is noise over signal. Divide the data's share by the noise's share.",
        ),
        Misconception(
            "ratio of amplitudes",
            lambda ab: (ab / (1 - ab)).sqrt(),
            "this is the ratio of standard deviations. The signal-to-noise ratio is a ratio of variances: no square root.",
        ),
        Misconception(
            "in decibels",
            lambda ab: 10 * torch.log10(ab / (1 - ab)),
            "this is the ratio in decibels. The plain ratio is asked for.",
        ),
        Misconception(
            "its logarithm",
            lambda ab: torch.log(ab / (1 - ab)),
            "this is the log-SNR. It is useful later; here the ratio itself is asked for.",
        ),
        Misconception(
            "guarded against zero",
            lambda ab: ab / (1 - ab + 1e-8),
            "a small number was added below the fraction line. It changes the answer: without noise the ratio is infinite.",
        ),
        Misconception(
            "share of the signal",
            lambda ab: ab / (ab + (1 - ab)),
            "this divides by signal plus noise, which is 1, and gives alpha_bar back. Divide by the noise alone.",
        ),
        Misconception(
            "noise squared",
            lambda ab: ab / (1 - ab) ** 2,
            "1 - alpha_bar is already a variance; do not square it again.",
        ),
    ),
)


def kl_to_prior(x_0: Tensor, t: Tensor, alpha_bar: Tensor) -> Tensor:
    """Equation (2.20)."""
    a = alpha_bar[t].to(x_0)
    square, d = (x_0.flatten(1) ** 2).sum(1), x_0.flatten(1).shape[1]
    return 0.5 * (a * (square - d) - d * torch.log(1 - a))


def _kl_parts(x_0: Tensor, t: Tensor, alpha_bar: Tensor) -> tuple[Tensor, Tensor, int]:
    return alpha_bar[t].to(x_0), (x_0.flatten(1) ** 2).sum(1), x_0.flatten(1).shape[1]


def _kl_wrong(rule: Callable[[Tensor, Tensor, int], Tensor]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    return lambda x_0, t, alpha_bar: rule(*_kl_parts(x_0, t, alpha_bar))


def _draw_kl(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 10)
    alpha_bar = random_alpha_bar(d, T)
    x, t = d.randn(3, 5, dtype=torch.float64), d.integers(2, T - 1, 3)
    yield Case("vectors, one t each", (x, t, alpha_bar))
    yield Case("images", (d.randn(2, 1, 4, 4, dtype=torch.float64), t[:2], alpha_bar))
    yield Case("t = 1 and t = T", (x[:2], torch.tensor([1, T]), alpha_bar), "edges")
    yield Case("one example", (x[:1], t[:1], alpha_bar), "edges")
    yield Case("float32", (x.float(), t, alpha_bar), "edges")
    yield Case("gradient in x_0", (x, t, alpha_bar), "clean", "gradient", cotangent=d.randn(3, dtype=torch.float64))
    yield Case("called twice", (x, t, alpha_bar), "clean", "twice")


KL = Exercise(
    name="forward.kl_to_prior",
    prompt="How far is q(x_t | x_0) from the prior N(0, I), in nats, for each example?",
    signature="kl_to_prior(x_0 (B, *D), t (B,) int in 1..T, alpha_bar (T+1,)) -> (B,)",
    reference=kl_to_prior,
    draw=_draw_kl,
    criteria=criteria(2, 1, 1, at="t = 1, t = T, one example, float32"),
    equation="2.20",
    difficulty=3,
    minutes=12,
    hints=(
        "Both are Gaussians with independent coordinates, so the divergence is a sum over coordinates. Sum, do not average.",
        "One coordinate with mean m and variance v against N(0, 1): (m^2 + v - 1 - log v)/2. Here m^2 = alpha_bar_t x_0^2 "
        "and v = 1 - alpha_bar_t.",
        "a = alpha_bar[t].to(x_0); x = x_0.flatten(1); d = x.shape[1]; "
        "return 0.5 * (a * ((x**2).sum(1) - d) - d * torch.log(1 - a))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "mean over coordinates",
            _kl_wrong(lambda a, sq, d: 0.5 * (a * (sq - d) - d * torch.log(1 - a)) / d),
            "you averaged over the coordinates. Divergences of independent coordinates add up.",
        ),
        Misconception(
            "half forgotten",
            _kl_wrong(lambda a, sq, d: a * (sq - d) - d * torch.log(1 - a)),
            "the factor 1/2 is missing.",
        ),
        Misconception(
            "minus d forgotten",
            _kl_wrong(lambda a, sq, d: 0.5 * (a * sq - d * torch.log(1 - a))),
            "the part v - 1 = -alpha_bar_t of each coordinate is missing: at x_0 = 0 the divergence would be too large.",
        ),
        Misconception(
            "in bits",
            _kl_wrong(lambda a, sq, d: 0.5 * (a * (sq - d) - d * torch.log(1 - a)) / math.log(2)),
            "this is the divergence in bits. Nats are asked for: use the natural logarithm and do not divide.",
        ),
        Misconception(
            "the other way round",
            _kl_wrong(lambda a, sq, d: 0.5 * ((d + a * sq) / (1 - a) - d + d * torch.log(1 - a))),
            "this is KL(N(0, I) || q). The divergence is not symmetric: q(x_t | x_0) comes first.",
        ),
        Misconception(
            "sum over the batch",
            _kl_wrong(lambda a, sq, d: (0.5 * (a * (sq - d) - d * torch.log(1 - a))).sum()),
            "you summed over the batch as well. One number per example is asked for, shape (B,).",
        ),
        Misconception(
            "log of the standard deviation",
            _kl_wrong(lambda a, sq, d: 0.5 * (a * (sq - d) - d * torch.log((1 - a).sqrt()))),
            "inside the bracket stands the log of the variance; you took the log of the standard deviation.",
        ),
        Misconception(
            "mean not squared right",
            _kl_wrong(lambda a, sq, d: 0.5 * (a.sqrt() * sq - a * d - d * torch.log(1 - a))),
            "the mean is sqrt(alpha_bar_t) x_0, so its square has alpha_bar_t, not the root of it.",
        ),
    ),
)


def smallest_T(make_beta: Callable[[int], Tensor], x_0: Tensor, kl_max: float) -> int:
    """Equation (2.20) averaged over the batch; double T until it is enough, then bisect."""

    def enough(T: int) -> bool:
        return float(_mean_kl(make_beta, x_0, T)) <= kl_max

    high = 1
    while not enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _mean_kl(make_beta: Callable[[int], Tensor], x_0: Tensor, T: int) -> Tensor:
    alpha_bar = torch.cumprod(1 - make_beta(T), 0)
    return kl_to_prior(x_0, torch.full((len(x_0),), T), alpha_bar).mean()


def _first(make_beta: Callable[[int], Tensor], enough: Callable[[Tensor, int], bool]) -> int:
    """Smallest T for another idea of enough, by the same search."""
    high = 1
    while not enough(make_beta(high), high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(make_beta(middle), middle) else (middle, high)
    return high


def _kl_of(beta: Tensor, x_0: Tensor) -> Tensor:
    return kl_to_prior(x_0, torch.full((len(x_0),), len(beta) - 1), torch.cumprod(1 - beta, 0))


def _scan(make_beta: Callable[[int], Tensor], x_0: Tensor, kl_max: float) -> int:
    T = 1
    while float(_mean_kl(make_beta, x_0, T)) > kl_max:
        T += 1
    return T


def _doubling(make_beta: Callable[[int], Tensor], x_0: Tensor, kl_max: float) -> int:
    T = 1
    while float(_mean_kl(make_beta, x_0, T)) > kl_max:
        T *= 2
    return T


def _exponential(beta: Tensor, x_0: Tensor) -> float:
    a = torch.exp(-beta.sum())
    square, d = (x_0.flatten(1) ** 2).sum(1), x_0.flatten(1).shape[1]
    return float((0.5 * (a * (square - d) - d * torch.log(1 - a))).mean())


def _draw_smallest_T(d: Draw) -> Iterator[Case]:
    last = d.uniform(0.05, 0.09)
    make_beta = Served(lambda T: linear_betas(int(T), 1e-4, last))
    x_0 = d.randn(4, 6, dtype=torch.float64) * d.uniform(1.2, 1.6)
    yield Case("a loose bound", (make_beta, x_0, d.uniform(0.3, 0.5)))
    yield Case("a tight bound", (make_beta, x_0, d.uniform(0.004, 0.01)))
    yield Case("few questions", (make_beta, x_0, d.uniform(0.01, 0.02)), "calls", max_calls=40)


SMALLEST_T = Exercise(
    name="forward.smallest_T",
    prompt="Find the smallest number of steps T whose mean divergence from the prior is at most kl_max.",
    signature="smallest_T(make_beta: T -> beta (T+1,), x_0 (B, *D), kl_max float) -> int",
    reference=smallest_T,
    draw=_draw_smallest_T,
    criteria=(
        *criteria(3),
        Criterion("calls", 1, "at most 40 calls of make_beta"),
    ),
    equation="2.20",
    difficulty=3,
    minutes=15,
    level="stretch",
    hints=(
        "The divergence falls as T grows. A sorted list, a threshold: how do you find the place without trying everything?",
        "Double T until the mean of kl_to_prior at t = T is at most kl_max; then halve the gap between the last T that "
        "fails and the first that works.",
        "while high - low > 1: middle = (low + high) // 2; if enough(middle): high = middle, else: low = middle",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "last that fails",
            lambda make, x, k: smallest_T(make, x, k) - 1,
            "this T still misses the bound: it is the last one that fails. Return the next.",
        ),
        Misconception(
            "next power of two",
            _doubling,
            "doubling finds a T that is enough, not the smallest one. Go back between the last two powers of two.",
        ),
        Misconception(
            "one by one",
            _scan,
            "the answer is right, but trying T = 1, 2, 3, .. asks make_beta hundreds of times. Double, then bisect.",
        ),
        Misconception(
            "per coordinate",
            lambda make, x, k: _first(make, lambda b, T: float(_kl_of(b, x).mean()) / x[0].numel() <= k),
            "you compare the divergence per coordinate with the bound. It is meant for the whole example: sum over coordinates.",
        ),
        Misconception(
            "worst example",
            lambda make, x, k: _first(make, lambda b, T: float(_kl_of(b, x).max()) <= k),
            "you ask every single example to meet the bound. The mean over the batch is asked for.",
        ),
        Misconception(
            "sum over the batch",
            lambda make, x, k: _first(make, lambda b, T: float(_kl_of(b, x).sum()) <= k),
            "you compare the sum over the batch with the bound. The mean over the batch is asked for.",
        ),
        Misconception(
            "exponential of minus sum",
            lambda make, x, k: _first(make, lambda b, T: _exponential(b, x) <= k),
            "you replaced the product of the alphas by exp(-sum of beta). It is close, but not the same.",
        ),
    ),
)


def noisy_mixture_log_density(
    x: Tensor, t: int, alpha_bar: Tensor, weights: Tensor, means: Tensor, stds: Tensor
) -> Tensor:
    """Equation (2.22) on the line."""
    a = alpha_bar[t]
    return _log_mixture(x, weights, a.sqrt() * means, a * stds**2 + 1 - a)


def _log_mixture(x: Tensor, weights: Tensor, means: Tensor, var: Tensor) -> Tensor:
    parts = -0.5 * ((x.unsqueeze(1) - means) ** 2 / var + torch.log(2 * math.pi * var))
    return torch.logsumexp(torch.log(weights) + parts, 1)


def _draw_mixture(d: Draw) -> Iterator[Case]:
    T, K = d.integer(6, 10), 3
    alpha_bar = random_alpha_bar(d, T)
    weights = torch.softmax(d.randn(K, dtype=torch.float64), 0)
    means, stds = (
        1.5 * d.randn(K, dtype=torch.float64),
        0.2 + 0.5 * torch.sigmoid(d.randn(K, dtype=torch.float64)),
    )
    x, t = 1.5 * d.randn(9, dtype=torch.float64), d.integer(2, T - 1)
    mixture = (weights, means, stds)
    yield Case("points in the middle", (x, t, alpha_bar, *mixture))
    yield Case("one step of noise", (x, 1, alpha_bar, *mixture))
    yield Case("the data itself, t = 0", (x, 0, alpha_bar, *mixture), "edges")
    yield Case("the end, t = T", (x, T, alpha_bar, *mixture), "edges")
    yield Case("one point", (x[:1], t, alpha_bar, *mixture), "edges")
    far = torch.tensor([-90.0, 80.0], dtype=torch.float64) + x[:2]
    yield Case("points far out", (far, t, alpha_bar, *mixture), "far")


def _mixture_wrong(
    rule: Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]],
) -> Callable[..., Tensor]:
    def wrong(x: Tensor, t: int, ab: Tensor, w: Tensor, means: Tensor, stds: Tensor) -> Tensor:
        return _log_mixture(x, w, *rule(ab[t], 1 - ab[t], means, stds))

    return wrong


def _naive(x: Tensor, t: int, ab: Tensor, w: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    var = ab[t] * stds**2 + 1 - ab[t]
    z = (x.unsqueeze(1) - ab[t].sqrt() * means) ** 2 / var
    return torch.log((w * torch.exp(-0.5 * z) / (2 * math.pi * var).sqrt()).sum(1))


MIXTURE = Exercise(
    name="forward.noisy_mixture_log_density",
    prompt="Log density of x_t when x_0 comes from a Gaussian mixture on the line.",
    signature="noisy_mixture_log_density(x (N,), t int, alpha_bar (T+1,), weights (K,), means (K,), stds (K,)) -> (N,)",
    reference=noisy_mixture_log_density,
    draw=_draw_mixture,
    criteria=(
        *criteria(3, 1, at="t = 0, t = T, one point"),
        Criterion("far", 1, "finite far from the data"),
    ),
    equation="2.22",
    difficulty=3,
    minutes=15,
    hints=(
        "Noise acts on each component alone: it moves its mean towards 0 and changes its variance towards 1. The weights stay.",
        "Component k of x_t is N(sqrt(alpha_bar_t) mu_k, alpha_bar_t std_k^2 + 1 - alpha_bar_t). Add weighted densities "
        "with torch.logsumexp, so that far points do not become log(0).",
        "torch.logsumexp(torch.log(weights) - 0.5 * ((x[:, None] - m)**2 / v + torch.log(2 * torch.pi * v)), dim=1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "means stay",
            _mixture_wrong(lambda a, n, m, s: (m, a * s**2 + n)),
            "the means stay where they were. Each step shrinks x, and the mean with it: sqrt(alpha_bar_t) mu_k.",
        ),
        Misconception(
            "means without root",
            _mixture_wrong(lambda a, n, m, s: (a * m, a * s**2 + n)),
            "the means are multiplied by alpha_bar_t; its square root belongs there.",
        ),
        Misconception(
            "noise forgotten",
            _mixture_wrong(lambda a, n, m, s: (a.sqrt() * m, a * s**2)),
            "the components are shrunk but not widened: the noise adds the variance 1 - alpha_bar_t.",
        ),
        Misconception(
            "variances not shrunk",
            _mixture_wrong(lambda a, n, m, s: (a.sqrt() * m, s**2 + n)),
            "the component's own variance must shrink too: alpha_bar_t std_k^2.",
        ),
        Misconception(
            "standard deviations added",
            _mixture_wrong(lambda a, n, m, s: (a.sqrt() * m, (a.sqrt() * s + n.sqrt()) ** 2)),
            "you added standard deviations. For independent parts the variances add.",
        ),
        Misconception(
            "std taken for variance",
            _mixture_wrong(lambda a, n, m, s: (a.sqrt() * m, a * s + n)),
            "stds are standard deviations; square them before adding variances.",
        ),
        Misconception(
            "weights shrunk too",
            lambda x, t, ab, w, m, s: noisy_mixture_log_density(x, t, ab, w * ab[t].sqrt(), m, s),
            "the weights were scaled as well. The chance to come from component k does not change with noise.",
        ),
        Misconception(
            "density, not its log",
            lambda *args: torch.exp(noisy_mixture_log_density(*args)),
            "this is the density. Its logarithm is asked for.",
        ),
        Misconception(
            "log of a sum of exponentials",
            _naive,
            "right near the data, but far out every density rounds to 0 and the log becomes -inf. Use torch.logsumexp.",
        ),
    ),
)
