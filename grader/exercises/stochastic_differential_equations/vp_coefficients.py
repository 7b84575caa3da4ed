"""Drift and diffusion of the limit of the DDPM chain: `vp_coefficients`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.stochastic_differential_equations.common import F64, WITHHOLDS, criteria

Pair = tuple[Tensor, Tensor]


def vp_coefficients(t: Tensor, beta_min: float, beta_max: float) -> Pair:
    """Equation (8.6): f = -beta/2, g = sqrt(beta)."""
    beta = beta_min + t * (beta_max - beta_min)
    return -0.5 * beta, beta.sqrt()


def _beta(t: Tensor, low: float, high: float) -> Tensor:
    return low + t * (high - low)


def _of(beta: Tensor) -> Pair:
    return -0.5 * beta, beta.sqrt()


def _draw_vp(d: Draw) -> Iterator[Case]:
    low, high = d.uniform(0.05, 0.5), d.uniform(5, 25)
    t = torch.tensor([d.uniform(0.05, 0.95) for _ in range(6)], dtype=F64)
    yield Case("some times", (t, low, high))
    yield Case("the ends, t = 0 and t = 1", (torch.tensor([0.0, 1.0], dtype=F64), low, high), "edges")
    yield Case("beta that does not change", (t, high, high), "edges")
    yield Case("float32 times", (t.float(), low, high), "edges", strict_dtype=True)
    yield Case("called twice", (t, low, high), "clean", "twice")


EXERCISE = Exercise(
    name="sde.vp_coefficients",
    prompt="Give drift factor and diffusion of the variance-preserving equation with a straight beta(t).",
    signature="vp_coefficients(t (N,), beta_min float, beta_max float) -> (f (N,), g (N,))",
    reference=vp_coefficients,
    draw=_draw_vp,
    criteria=criteria(2, 1, 1, at="t = 0 and 1, constant beta, float32"),
    equation="8.6",
    difficulty=1,
    minutes=5,
    hints=(
        "First beta(t), a straight line. Then compare dx = f(t) x dt + g(t) dw with (8.6).",
        "beta = beta_min + t (beta_max - beta_min); f = -beta/2; g = sqrt(beta).",
        "beta = beta_min + t * (beta_max - beta_min); return -0.5 * beta, beta.sqrt()",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "drift without the half",
            lambda t, low, high: (-_beta(t, low, high), _beta(t, low, high).sqrt()),
            "the drift is -beta. The chain shrinks by sqrt(1 - beta dt), which is 1 - beta dt/2: half of it. With -beta the "
            "variance settles at 1/2.",
        ),
        Misconception(
            "drift outwards",
            lambda t, low, high: (0.5 * _beta(t, low, high), _beta(t, low, high).sqrt()),
            "the drift points away from 0. The chain shrinks x, so f is negative.",
        ),
        Misconception(
            "variance as diffusion",
            lambda t, low, high: (-0.5 * _beta(t, low, high), _beta(t, low, high)),
            "g is beta. That is the variance per time, g^2; g is its root.",
        ),
        Misconception(
            "half the noise variance",
            lambda t, low, high: (-0.5 * _beta(t, low, high), (0.5 * _beta(t, low, high)).sqrt()),
            "g^2 is beta/2. The half belongs to the drift only: the noise variance of a step is beta dt.",
        ),
        Misconception(
            "shrinking of the chain",
            lambda t, low, high: ((1 - _beta(t, low, high)).abs().sqrt(), _beta(t, low, high).sqrt()),
            "sqrt(1 - beta) is what a step of the chain multiplies by. The drift is a rate: what changes per time, -beta/2.",
        ),
        Misconception(
            "slope beta_max",
            lambda t, low, high: _of(low + t * high),
            "beta rises by beta_max instead of beta_max - beta_min, so beta(1) is too large.",
        ),
        Misconception(
            "integral of beta",
            lambda t, low, high: _of(low * t + 0.5 * t**2 * (high - low)),
            "this is B(t), the integral. Drift and diffusion at time t take beta(t) itself.",
        ),
        Misconception(
            "time reversed",
            lambda t, low, high: _of(_beta(1 - t, low, high)),
            "beta falls with t. At t = 0, at the data, it is beta_min.",
        ),
        Misconception(
            "geometric beta",
            lambda t, low, high: _of(low * (high / low) ** t),
            "beta grows geometrically, like the levels of VE. Here it is a straight line.",
        ),
    ),
)
