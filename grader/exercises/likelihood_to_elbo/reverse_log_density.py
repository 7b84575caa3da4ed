"""The true way back for a mixture: `reverse_log_density`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.likelihood_to_elbo.common import F64, WITHHOLDS, criteria, per_number, random_alpha_bar


def _log_marginal(x: Tensor, bar: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    """log q(x_t) of the noised mixture: equation (2.22)."""
    parts = per_number(x.unsqueeze(1), bar.sqrt() * means, bar * stds**2 + 1 - bar)
    return torch.logsumexp(torch.log(weights) + parts, 1)


def _log_step(x_t: Tensor, x_prev: Tensor, alpha: Tensor) -> Tensor:
    return per_number(x_t, alpha.sqrt() * x_prev, 1 - alpha)


def reverse_log_density(
    x_prev: Tensor, x_t: Tensor, t: int, alpha_bar: Tensor, weights: Tensor, means: Tensor, stds: Tensor
) -> Tensor:
    """Equation (3.21), in logarithms."""

    def marginal(x: Tensor, level: Tensor) -> Tensor:
        parts = per_number(x.unsqueeze(1), level.sqrt() * means, level * stds**2 + 1 - level)
        return torch.logsumexp(torch.log(weights) + parts, 1)

    alpha = alpha_bar[t] / alpha_bar[t - 1]
    step = per_number(x_t, alpha.sqrt() * x_prev, 1 - alpha)
    return step + marginal(x_prev, alpha_bar[t - 1]) - marginal(x_t, alpha_bar[t])


def _no_evidence(xp: Tensor, xt: Tensor, t: int, ab: Tensor, *mix: Tensor) -> Tensor:
    return _log_step(xt, xp, ab[t] / ab[t - 1]) + _log_marginal(xp, ab[t - 1], *mix)


def _jump_for_step(xp: Tensor, xt: Tensor, t: int, ab: Tensor, *mix: Tensor) -> Tensor:
    return _log_step(xt, xp, ab[t]) + _log_marginal(xp, ab[t - 1], *mix) - _log_marginal(xt, ab[t], *mix)


def _data_for_marginal(xp: Tensor, xt: Tensor, t: int, ab: Tensor, *mix: Tensor) -> Tensor:
    step = _log_step(xt, xp, ab[t] / ab[t - 1])
    return step + _log_marginal(xp, ab[0], *mix) - _log_marginal(xt, ab[t], *mix)


def _levels_swapped(xp: Tensor, xt: Tensor, t: int, ab: Tensor, *mix: Tensor) -> Tensor:
    step = _log_step(xt, xp, ab[t] / ab[t - 1])
    return step + _log_marginal(xp, ab[t], *mix) - _log_marginal(xt, ab[t - 1], *mix)


def _turned_step(xp: Tensor, xt: Tensor, t: int, ab: Tensor, *mix: Tensor) -> Tensor:
    step = _log_step(xp, xt, ab[t] / ab[t - 1])
    return step + _log_marginal(xp, ab[t - 1], *mix) - _log_marginal(xt, ab[t], *mix)


def _variance_for_std(xp: Tensor, xt: Tensor, t: int, ab: Tensor, w: Tensor, m: Tensor, s: Tensor) -> Tensor:
    return reverse_log_density(xp, xt, t, ab, w, m, s.sqrt())


def _exponentials(xp: Tensor, xt: Tensor, t: int, ab: Tensor, w: Tensor, m: Tensor, s: Tensor) -> Tensor:
    def marginal(x: Tensor, bar: Tensor) -> Tensor:
        return (w * torch.exp(per_number(x.unsqueeze(1), bar.sqrt() * m, bar * s**2 + 1 - bar))).sum(1)

    step = torch.exp(_log_step(xt, xp, ab[t] / ab[t - 1]))
    return torch.log(step * marginal(xp, ab[t - 1]) / marginal(xt, ab[t]))


def _gaussian_guess(xp: Tensor, xt: Tensor, t: int, ab: Tensor, w: Tensor, m: Tensor, s: Tensor) -> Tensor:
    a, mean = ab[t] / ab[t - 1], (w * m).sum()
    v = (w * (s**2 + m**2)).sum() - mean**2
    before, now = (bar * v + 1 - bar for bar in (ab[t - 1], ab[t]))
    centre = ab[t - 1].sqrt() * mean + a.sqrt() * before / now * (xt - ab[t].sqrt() * mean)
    return per_number(xp, centre, (1 - a) * before / now)


def _draw_reverse(d: Draw) -> Iterator[Case]:
    T, K = d.integer(5, 8), 3
    alpha_bar, t = random_alpha_bar(d, T), d.integer(3, T - 1)
    weights = torch.softmax(d.randn(K, dtype=F64), 0)
    mix = weights, torch.tensor([-1.5, 0.3, 1.8], dtype=F64) + 0.1 * d.randn(K, dtype=F64), d.uniform(0.3, 0.5)
    stds = mix[2] * (1 + 0.3 * torch.arange(K, dtype=F64))
    x_prev, x_t = d.randn(6, dtype=F64), d.randn(6, dtype=F64)
    bumps = weights, mix[1], stds
    yield Case("three bumps", (x_prev, x_t, t, alpha_bar, *bumps))
    yield Case(
        "two bumps, another step", (x_t, x_prev, 2, alpha_bar, torch.softmax(weights[:2], 0), mix[1][:2], stds[:2])
    )
    yield Case("the step to the data, t = 1", (x_prev, x_t, 1, alpha_bar, *bumps), "edges")
    yield Case("the first step back, t = T", (x_prev, x_t, T, alpha_bar, *bumps), "edges")
    yield Case("far from the data", (x_prev + 120, x_t - 120, t, alpha_bar, *bumps), "edges")
    yield Case("one point", (x_prev[:1], x_t[:1], t, alpha_bar, *bumps), "edges")
    yield Case("as many points as bumps", (x_prev[:3], x_t[:3], t, alpha_bar, *bumps), "edges")
    yield Case("called twice", (x_prev, x_t, t, alpha_bar, *bumps), "clean", "twice")
    cotangent = d.randn(6, dtype=F64)
    yield Case("gradient in x_prev", (x_prev, x_t, t, alpha_bar, *bumps), "clean", "gradient", cotangent=cotangent)


EXERCISE = Exercise(
    name="bound.reverse_log_density",
    prompt="Give the exact log q(x_{t-1} | x_t) when the data are a mixture on the line.",
    signature="reverse_log_density(x_prev (N,), x_t (N,), t int, alpha_bar (T+1,), weights (K,), means (K,), stds (K,)) -> (N,)",
    reference=reverse_log_density,
    draw=_draw_reverse,
    criteria=criteria(3, 1, 1, at="t = 1, t = T, far tails, one point, N = K"),
    equation="3.21",
    difficulty=3,
    minutes=15,
    hints=(
        "Bayes: the step forward you know, and both marginals you wrote in lesson 02 (exercise 2.12). Work with logarithms.",
        "log q(x_t | x_{t-1}) + log q(x_{t-1}) - log q(x_t). The step has alpha_t = alpha_bar_t / alpha_bar_{t-1}; the marginal "
        "at level u has means sqrt(alpha_bar_u) m_k and variances alpha_bar_u s_k^2 + 1 - alpha_bar_u.",
        "a = alpha_bar[t] / alpha_bar[t-1]; return log_step(x_t, a.sqrt() * x_prev, 1 - a) + log_marginal(x_prev, alpha_bar[t-1]) "
        "- log_marginal(x_t, alpha_bar[t])",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "evidence forgotten",
            _no_evidence,
            "log q(x_t) is not subtracted: as a density of x_{t-1} this does not integrate to 1.",
        ),
        Misconception(
            "jump for the step",
            _jump_for_step,
            "you used alpha_bar_t in the step from x_{t-1} to x_t. One step keeps alpha_t = alpha_bar_t / alpha_bar_{t-1}.",
        ),
        Misconception(
            "data for the level below",
            _data_for_marginal,
            "you took the density of the clean data for x_{t-1}. It has t - 1 steps of noise already: use level t - 1.",
        ),
        Misconception(
            "levels swapped",
            _levels_swapped,
            "the levels of the two marginals are swapped: x_{t-1} has level t - 1, x_t has level t.",
        ),
        Misconception(
            "the step turned round",
            _turned_step,
            "you put x_{t-1} and x_t into the step the wrong way round. Noise turns x_{t-1} into x_t.",
        ),
        Misconception(
            "variance as standard deviation",
            _variance_for_std,
            "stds holds standard deviations; square them to get variances.",
        ),
        Misconception(
            "no logsumexp",
            _exponentials,
            "right near the data, but far away every density is rounded to 0. Add them with torch.logsumexp.",
        ),
        Misconception(
            "one Gaussian for the mixture",
            _gaussian_guess,
            "this is the way back for Gaussian data with the mixture's mean and variance. For a mixture it is not Gaussian.",
        ),
        Misconception(
            "density instead of its logarithm",
            lambda *args: torch.exp(reverse_log_density(*args)),
            "this is the density. Its logarithm is asked for.",
        ),
    ),
)
