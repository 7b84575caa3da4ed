"""The diffusion of the sub-variance-preserving equation: `sub_vp_diffusion`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.stochastic_differential_equations.common import F64, WITHHOLDS, criteria


def sub_vp_diffusion(t: Tensor, beta_min: float, beta_max: float) -> Tensor:
    """Equation (8.15): g^2 = beta (1 - exp(-2B))."""
    beta = beta_min + t * (beta_max - beta_min)
    B = beta_min * t + 0.5 * (beta_max - beta_min) * t**2
    return (beta * (1 - torch.exp(-2 * B))).sqrt()


def _beta(t: Tensor, low: float, high: float) -> Tensor:
    return low + t * (high - low)


def _B(t: Tensor, low: float, high: float) -> Tensor:
    return low * t + 0.5 * (high - low) * t**2


def _with(t: Tensor, low: float, high: float, exponent: Tensor) -> Tensor:
    return (_beta(t, low, high) * (1 - torch.exp(-exponent))).sqrt()


def _draw_sub_vp(d: Draw) -> Iterator[Case]:
    low, high = d.uniform(0.1, 0.5), d.uniform(3, 8)
    t = torch.tensor([d.uniform(0.1, 0.6) for _ in range(6)], dtype=F64)
    yield Case("some times", (t, low, high))
    yield Case("the ends, t = 0 and t = 1", (torch.tensor([0.0, 1.0], dtype=F64), low, high), "edges")
    yield Case("beta that does not change", (t, high, high), "edges")
    yield Case("float32 times", (t.float(), low, high), "edges", strict_dtype=True)
    yield Case("called twice", (t, low, high), "clean", "twice")


EXERCISE = Exercise(
    name="sde.sub_vp_diffusion",
    prompt="Give the diffusion of the sub-variance-preserving equation with a straight beta(t).",
    signature="sub_vp_diffusion(t (N,), beta_min float, beta_max float) -> g (N,)",
    reference=sub_vp_diffusion,
    draw=_draw_sub_vp,
    criteria=criteria(2, 1, 1, at="t = 0 and 1, constant beta, float32"),
    equation="8.15",
    difficulty=2,
    minutes=8,
    hints=(
        "You need beta(t) and its integral B(t), both for a straight line.",
        "B(t) = beta_min t + (beta_max - beta_min) t^2/2, and g^2 = beta(t) (1 - exp(-2 B(t))).",
        "return (beta * (1 - torch.exp(-2 * B))).sqrt()",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "root forgotten",
            lambda t, low, high: _with(t, low, high, 2 * _B(t, low, high)) ** 2,
            "this is g^2. Take the root.",
        ),
        Misconception(
            "exponent B",
            lambda t, low, high: _with(t, low, high, _B(t, low, high)),
            "the exponent is -B. In g^2 it is -2B; with -B the variance would not be the square of 1 - exp(-B).",
        ),
        Misconception(
            "diffusion of VP",
            lambda t, low, high: _beta(t, low, high).sqrt(),
            "this is VP. Sub-VP has the same drift and less noise: the factor 1 - exp(-2B) is missing.",
        ),
        Misconception(
            "beta t for its integral",
            lambda t, low, high: _with(t, low, high, 2 * t * _beta(t, low, high)),
            "the exponent has beta(t) times t. Beta changes on the way: its integral has half of the slope times t^2.",
        ),
        Misconception(
            "beta_min left out of the integral",
            lambda t, low, high: _with(t, low, high, (high - low) * t**2),
            "B(t) lacks beta_min t: the line does not begin at 0.",
        ),
        Misconception(
            "beta in the exponent",
            lambda t, low, high: _with(t, low, high, 2 * _beta(t, low, high)),
            "the exponent has beta(t). It is the integral B(t), which is 0 at t = 0: then there is no noise at all at first.",
        ),
        Misconception(
            "standard deviation of x",
            lambda t, low, high: 1 - torch.exp(-_B(t, low, high)),
            "this is sigma(t), the noise that has come together up to t. Asked is the diffusion g(t).",
        ),
        Misconception(
            "1 + exp",
            lambda t, low, high: (_beta(t, low, high) * (1 + torch.exp(-2 * _B(t, low, high)))).sqrt(),
            "the sign before the exponential is wrong: sub-VP has less noise than VP, not more.",
        ),
    ),
)
