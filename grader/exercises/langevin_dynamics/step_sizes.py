"""How far to go at each noise level: `step_sizes`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.langevin_dynamics.common import FLOWS, WITHHOLDS, criteria
from grader.exercises.langevin_dynamics.sigma_ladder import sigma_ladder


def step_sizes(sigmas: Tensor, h: float) -> Tensor:
    """Equation (7.17)."""
    return h * (sigmas / sigmas[1]) ** 2


def _draw_steps(d: Draw) -> Iterator[Case]:
    def ladder(n: int) -> Tensor:
        return sigma_ladder(n, d.uniform(0.05, 0.3), d.uniform(2, 9))

    irregular = torch.cumsum(torch.tensor([0.0] + [d.uniform(0.1, 0.6) for _ in range(5)], dtype=torch.float64), 0)
    yield Case("a geometric ladder", (ladder(6), d.uniform(0.01, 0.1)))
    yield Case("a ladder without a rule", (irregular, d.uniform(0.01, 0.1)))
    yield Case("one level", (ladder(4)[:2], d.uniform(0.01, 0.1)), "edges")
    yield Case("two levels", (ladder(2), d.uniform(0.01, 0.1)), "edges")
    yield Case("called twice", (ladder(5), d.uniform(0.01, 0.1)), "clean", "twice")
    yield Case("gradient in sigmas", (ladder(4), 0.05), "clean", "gradient", cotangent=d.randn(5, dtype=torch.float64))


EXERCISE = Exercise(
    name="langevin.step_sizes",
    prompt="The step size alpha of each noise level, if the cleanest level takes steps of size h.",
    signature="step_sizes(sigmas (n+1,) with sigmas[0] = 0, h float) -> alpha (n+1,) with alpha[0] = 0",
    reference=step_sizes,
    draw=_draw_steps,
    criteria=criteria(2, 1, 1, at="one level, two levels", clean_text=FLOWS),
    equation="7.17",
    difficulty=2,
    minutes=6,
    hints=(
        "Every level should see the same picture at its own scale. A length scales with sigma; how does alpha scale?",
        "alpha_i = h sigma_i^2 / sigma_1^2. The cleanest level is sigma_1, entry 1 of the table.",
        "return h * (sigmas / sigmas[1]) ** 2",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "not squared",
            lambda s, h: h * s / s[1],
            "alpha grows like sigma here. It is a variance: alpha/sigma^2 must be the same at all levels.",
        ),
        Misconception(
            "measured by the noisiest level",
            lambda s, h: h * (s / s[-1]) ** 2,
            "you divide by the noisiest level. h belongs to the cleanest: divide by sigmas[1]. (The paper's sigma_L is its "
            "cleanest level, because it counts the other way.)",
        ),
        Misconception(
            "divided by entry 0",
            lambda s, h: h * (s / s[0]) ** 2,
            "you divide by sigmas[0], which is 0. The cleanest level with noise is sigmas[1].",
        ),
        Misconception(
            "not divided",
            lambda s, h: h * s**2,
            "this is h sigma^2. Then h is not the step of the cleanest level: divide by `sigmas[1] ** 2`.",
        ),
        Misconception(
            "ratio upside down",
            lambda s, h: torch.cat([s[:1], h * (s[1] / s[1:]) ** 2]),
            "the ratio is upside down: noisy levels take large steps, clean levels small ones.",
        ),
        Misconception(
            "constant",
            lambda s, h: h * (s > 0).to(s) * torch.ones_like(s) + 0 * s,
            "all levels take the same step. At the noisy levels nothing would move, or at the clean ones all would explode.",
        ),
        Misconception(
            "noisiest first",
            lambda s, h: (h * (s / s[1]) ** 2).flip(0),
            "the table is turned round. alpha[i] belongs to sigmas[i].",
        ),
        Misconception(
            "without level 0",
            lambda s, h: h * (s[1:] / s[1]) ** 2,
            "entry 0 is missing. alpha has n+1 entries like sigmas, and alpha[0] = 0: clean data does not move.",
        ),
    ),
)
