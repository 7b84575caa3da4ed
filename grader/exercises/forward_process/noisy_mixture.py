"""Density of a noisy mixture: `noisy_mixture_log_density`."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception
from grader.exercises.forward_process.common import WITHHOLDS, criteria, random_alpha_bar


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
    yield Case("called twice", (x, t, alpha_bar, *mixture), "edges", "twice")
    far = torch.tensor([-90.0, 80.0], dtype=torch.float64) + x[:2]
    yield Case("points far out", (far, t, alpha_bar, *mixture), "far")
    # There the squares are in the thousands, and beside them a wrong weight is not seen.
    yield Case("points a little out", (far / 16, t, alpha_bar, *mixture), "far")


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


EXERCISE = Exercise(
    name="forward.noisy_mixture_log_density",
    prompt="Log density of x_t when x_0 comes from a Gaussian mixture on the line.",
    signature="noisy_mixture_log_density(x (N,), t int, alpha_bar (T+1,), weights (K,), means (K,), stds (K,)) -> (N,)",
    reference=noisy_mixture_log_density,
    draw=_draw_mixture,
    criteria=(
        *criteria(3, 1, at="t = 0, t = T, one point, inputs untouched"),
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
