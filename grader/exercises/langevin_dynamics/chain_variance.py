"""The variance of the particles after k steps: `chain_variance`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.langevin_dynamics.common import FLOWS, WITHHOLDS, criteria

Rule = Callable[[Tensor, Tensor], Tensor]  # (shrink, variance) -> variance


def chain_variance(v_0: Tensor, v: Tensor, eta: float, k: int) -> Tensor:
    """Equation (7.4), k times."""
    now = v_0
    for _ in range(k):
        now = (1 - eta / v) ** 2 * now + 2 * eta
    return now


def _chain(rule: Rule, v_0: Tensor, shrink: Tensor, k: int) -> Tensor:
    for _ in range(k):
        v_0 = rule(shrink, v_0)
    return v_0


def _closed(v_0: Tensor, v: Tensor, eta: float, power: int, start: float = 1.0) -> Tensor:
    limit = v / (1 - eta / (2 * v))
    return limit + (1 - eta / v) ** power * (start * v_0 - limit)


def _draw_chain(d: Draw) -> Iterator[Case]:
    def variances(n: int) -> Tensor:
        return torch.tensor([d.uniform(0.6, 2.5) for _ in range(n)], dtype=torch.float64)

    v_0, v, eta, k = 3 * variances(4), variances(4), d.uniform(0.15, 0.4), d.integer(3, 5)
    yield Case("a few steps", (v_0, v, eta, k))
    yield Case("from a single point, v_0 = 0", (torch.zeros(3, dtype=torch.float64), v[:3], eta, k + 1))
    yield Case("no step, k = 0", (v_0, v, eta, 0), "edges")
    yield Case("one step, k = 1", (v_0, v, eta, 1), "edges")
    yield Case("many steps", (v_0, v, eta, 300), "edges")
    yield Case("a step so large that it overshoots", (v_0, v, 1.5 * float(v.min()), k), "edges")
    yield Case("gradient in v_0", (v_0, v, eta, k), "clean", "gradient", cotangent=d.randn(4, dtype=torch.float64))
    yield Case("called twice", (v_0, v, eta, k), "clean", "twice")


EXERCISE = Exercise(
    name="langevin.chain_variance",
    prompt="What variance do the particles have after k steps towards N(m, v), if they start with variance v_0?",
    signature="chain_variance(v_0 (D,), v (D,), eta float, k int >= 0) -> (D,)",
    reference=chain_variance,
    draw=_draw_chain,
    criteria=criteria(2, 1, 1, at="no step, one step, many steps, overshooting", clean_text=FLOWS),
    equation="7.4",
    difficulty=2,
    minutes=8,
    hints=(
        "One step multiplies the distance to the mean by a number and adds fresh noise. What does that do to the variance?",
        "v_next = (1 - eta/v)^2 v_now + 2 eta, k times. A factor on the distance is a squared factor on the variance.",
        "for _ in range(k): now = (1 - eta / v) ** 2 * now + 2 * eta",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "factor not squared",
            lambda v_0, v, eta, k: _chain(lambda s, x: s * x + 2 * eta, v_0, 1 - eta / v, k),
            "the distance shrinks by 1 - eta/v, so the variance shrinks by the square of it.",
        ),
        Misconception(
            "noise of variance eta",
            lambda v_0, v, eta, k: _chain(lambda s, x: s**2 * x + eta, v_0, 1 - eta / v, k),
            "each step adds noise of variance 2 eta: the factor of the noise is sqrt(2 eta), and a variance is its square.",
        ),
        Misconception(
            "standard deviation added",
            lambda v_0, v, eta, k: _chain(lambda s, x: s**2 * x + (2 * eta) ** 0.5, v_0, 1 - eta / v, k),
            "you add sqrt(2 eta), the standard deviation of the noise. Variances add: 2 eta.",
        ),
        Misconception(
            "noise shrinks as well",
            lambda v_0, v, eta, k: _chain(lambda s, x: s**2 * (x + 2 * eta), v_0, 1 - eta / v, k),
            "the fresh noise is shrunk in its own step. The step shrinks first, what was there before, and adds noise after.",
        ),
        Misconception(
            "target of variance 1",
            lambda v_0, v, eta, k: _chain(lambda s, x: s**2 * x + 2 * eta, v_0, 1 - eta * torch.ones_like(v), k),
            "the factor is 1 - eta, which is right only for v = 1. The score of N(m, v) is -(x - m)/v.",
        ),
        Misconception(
            "downhill",
            lambda v_0, v, eta, k: _chain(lambda s, x: s**2 * x + 2 * eta, v_0, 1 + eta / v, k),
            "the factor is 1 + eta/v, which grows: that is the step with the minus sign, away from the mean.",
        ),
        Misconception(
            "no noise",
            lambda v_0, v, eta, k: _chain(lambda s, x: s**2 * x, v_0, 1 - eta / v, k),
            "the noise is missing. Without it all particles end at the mean, and the variance at 0.",
        ),
        Misconception(
            "exponent k",
            lambda v_0, v, eta, k: _closed(v_0, v, eta, k),
            "in the closed form the exponent is 2k, because a variance shrinks by the square of the factor.",
        ),
        Misconception(
            "one step too many",
            lambda v_0, v, eta, k: chain_variance(v_0, v, eta, k + 1),
            "you took k + 1 steps. For k = 0 the variance is still v_0.",
        ),
        Misconception(
            "start forgotten",
            lambda v_0, v, eta, k: _closed(v_0, v, eta, 2 * k, 0.0),
            "this starts all particles at one point. They start with variance v_0.",
        ),
    ),
)
