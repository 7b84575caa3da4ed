"""Down the ladder: `annealed_langevin`."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.langevin_dynamics.common import WITHHOLDS, criteria
from grader.exercises.langevin_dynamics.sigma_ladder import sigma_ladder
from grader.exercises.langevin_dynamics.step_sizes import step_sizes

NoisyScore = Callable[[Tensor, float], Tensor]
Plan = Sequence[tuple[float, float, float, int, int]]  # sigma, drift, noise factor, level and step of the noise


def annealed_langevin(score: NoisyScore, sigmas: Tensor, x: Tensor, h: float, noises: Tensor) -> Tensor:
    """Equation (7.19) with the step sizes (7.17)."""
    alpha = step_sizes(sigmas, h)
    for i in range(len(sigmas) - 1, 0, -1):
        for k in range(noises.shape[1]):
            drift = alpha[i].to(x) / 2 * score(x, float(sigmas[i]))
            x = x + drift + alpha[i].sqrt().to(x) * noises[i, k]
    return x


def _follow(score: NoisyScore, x: Tensor, noises: Tensor, plan: Plan) -> Tensor:
    for sigma, drift, factor, i, k in plan:
        x = x + drift * score(x, sigma) + factor * noises[i, k]
    return x


def _plan(sigmas: Tensor, h: float, noises: Tensor) -> list[tuple[float, float, float, int, int]]:
    """The right plan: level by level from the noisiest down."""
    alpha = step_sizes(sigmas, h).tolist()
    levels = [(i, k) for i in range(len(sigmas) - 1, 0, -1) for k in range(noises.shape[1])]
    return [(float(sigmas[i]), alpha[i] / 2, alpha[i] ** 0.5, i, k) for i, k in levels]


Change = Callable[[float, float, float, int, int], tuple[float, float, float, int, int]]


def _changed(change: Callable[[Tensor, float], Change]) -> Callable[..., Tensor]:
    """The right sampler with every step of its plan changed."""

    def wrong(score: NoisyScore, sigmas: Tensor, x: Tensor, h: float, noises: Tensor) -> Tensor:
        rule = change(sigmas, h)
        return _follow(score, x, noises, [rule(*step) for step in _plan(sigmas, h, noises)])

    return wrong


def _from_the_clean_end(score: NoisyScore, sigmas: Tensor, x: Tensor, h: float, noises: Tensor) -> Tensor:
    plan = _plan(sigmas, h, noises)
    return _follow(score, x, noises, sorted(plan, key=lambda step: step[3:]))


def _cleanest_left_out(score: NoisyScore, sigmas: Tensor, x: Tensor, h: float, noises: Tensor) -> Tensor:
    return _follow(score, x, noises, [step for step in _plan(sigmas, h, noises) if step[3] > 1])


def _one_step_each(score: NoisyScore, sigmas: Tensor, x: Tensor, h: float, noises: Tensor) -> Tensor:
    return _follow(score, x, noises, [step for step in _plan(sigmas, h, noises) if step[4] == 0])


def _every_level_from_the_start(score: NoisyScore, sigmas: Tensor, x: Tensor, h: float, noises: Tensor) -> Tensor:
    plan = _plan(sigmas, h, noises)
    return _follow(score, x, noises, [step for step in plan if step[3] == 1])


def _in_place(score: NoisyScore, sigmas: Tensor, x: Tensor, h: float, noises: Tensor) -> Tensor:
    x.copy_(annealed_langevin(score, sigmas, x, h, noises))
    return x


def _draw_annealed(d: Draw) -> Iterator[Case]:
    centre, v = d.uniform(0.5, 1.5), d.uniform(0.2, 0.5)

    def noisy_score(x: Tensor, sigma: float) -> Tensor:
        return (centre - x) / (v + float(sigma) ** 2)

    score, n, K = Served(noisy_score), 4, 3
    sigmas, h = sigma_ladder(n, d.uniform(0.2, 0.4), d.uniform(2, 4)), d.uniform(0.02, 0.06)
    x, noises = 3 * d.randn(5, 2, dtype=torch.float64), d.randn(n + 1, K, 5, 2, dtype=torch.float64)
    images = d.randn(2, 1, 3, 3, dtype=torch.float64)
    yield Case("four levels, three steps each", (score, sigmas, x, h, noises))
    yield Case("images", (score, sigmas, images, h, d.randn(n + 1, 2, 2, 1, 3, 3, dtype=torch.float64)))
    yield Case("one level", (score, sigmas[:2], x, h, noises[:2]), "edges")
    yield Case("one step per level", (score, sigmas, x, h, noises[:, :1]), "edges")
    yield Case("one example", (score, sigmas, x[:1], h, noises[:, :, :1]), "edges")
    yield Case("float32 stays float32", (score, sigmas, x.float(), h, noises.float()), "edges", strict_dtype=True)
    yield Case("called twice", (score, sigmas, x, h, noises), "clean", "twice")
    yield Case("one call of the score per step", (score, sigmas, x, h, noises), "clean", max_calls=n * K)


EXERCISE = Exercise(
    name="langevin.annealed_langevin",
    prompt="Sample by annealed Langevin dynamics: K steps at each noise level, from the noisiest down.",
    signature=(
        "annealed_langevin(score: (x, sigma float) -> (B, *D), sigmas (n+1,), x (B, *D), h float, "
        "noises (n+1, K, B, *D)) -> (B, *D)"
    ),
    reference=annealed_langevin,
    draw=_draw_annealed,
    criteria=criteria(3, 2, 1, at="one level, one step, one example, float32"),
    equation="7.19",
    difficulty=3,
    minutes=20,
    hints=(
        "Two loops: over the levels from n down to 1, and over the K steps of a level. x is carried on all the time.",
        "x = x + alpha_i/2 score(x, sigma_i) + sqrt(alpha_i) noises[i, k], with alpha_i = h sigma_i^2/sigma_1^2.",
        "for i in range(len(sigmas) - 1, 0, -1): for k in range(noises.shape[1]): "
        "x = x + a[i].to(x) / 2 * score(x, float(sigmas[i])) + a[i].sqrt().to(x) * noises[i, k]",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "from the clean end up",
            _from_the_clean_end,
            "the levels run from clean to noisy. Begin at the noisiest, where all modes hang together, and end at the cleanest.",
        ),
        Misconception(
            "one step size for all levels",
            _changed(lambda s, h: lambda sigma, drift, factor, i, k: (sigma, h / 2, h**0.5, i, k)),
            "every level takes steps of size h. They grow with the noise: alpha_i = h sigma_i^2/sigma_1^2.",
        ),
        Misconception(
            "full drift",
            _changed(lambda s, h: lambda sigma, drift, factor, i, k: (sigma, 2 * drift, factor, i, k)),
            "the drift is alpha with noise sqrt(alpha): two conventions mixed. With sqrt(alpha) the drift is alpha/2.",
        ),
        Misconception(
            "noise of the other convention",
            _changed(lambda s, h: lambda sigma, drift, factor, i, k: (sigma, drift, 2**0.5 * factor, i, k)),
            "the noise is sqrt(2 alpha) with drift alpha/2: two conventions mixed. Samples come out too wide.",
        ),
        Misconception(
            "minus the score",
            _changed(lambda s, h: lambda sigma, drift, factor, i, k: (sigma, -drift, factor, i, k)),
            "the score is subtracted. It points uphill: add it.",
        ),
        Misconception(
            "no noise",
            _changed(lambda s, h: lambda sigma, drift, factor, i, k: (sigma, drift, 0.0, i, k)),
            "no noise is added. Then every particle climbs to the nearest peak of each level, and the spread is lost.",
        ),
        Misconception(
            "score of the cleanest level",
            _changed(lambda s, h: lambda sigma, drift, factor, i, k: (float(s[1]), drift, factor, i, k)),
            "the score is asked at the cleanest level throughout. At level i, ask score(x, sigma_i).",
        ),
        Misconception(
            "variance handed to the score",
            _changed(lambda s, h: lambda sigma, drift, factor, i, k: (sigma**2, drift, factor, i, k)),
            "the score is handed sigma^2. It wants the standard deviation sigma.",
        ),
        Misconception(
            "first noise again and again",
            _changed(lambda s, h: lambda sigma, drift, factor, i, k: (sigma, drift, factor, i, 0)),
            "all steps of a level use the same noise, noises[i, 0]. Step k has its own, noises[i, k].",
        ),
        Misconception(
            "cleanest level left out",
            _cleanest_left_out,
            "level 1 is left out. range(n, 1, -1) ends before 1: go down to range(n, 0, -1).",
        ),
        Misconception(
            "one step per level",
            _one_step_each,
            "only one step is taken at each level. Take K = noises.shape[1] of them.",
        ),
        Misconception(
            "every level from the start",
            _every_level_from_the_start,
            "each level begins again at the first x, so only the last one counts. Carry x from level to level.",
        ),
        Misconception(
            "changes x in place",
            _in_place,
            "the numbers are right, but the caller's x was changed in place (x += ...). Build a new tensor in each step.",
        ),
    ),
)
