"""The linear table: `linear_betas`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.forward_process.common import WITHHOLDS, criteria


def linear_betas(T: int, beta_1: float, beta_T: float) -> Tensor:
    """Equation (2.17)."""
    beta = torch.zeros(T + 1, dtype=torch.float64)
    beta[1:] = torch.linspace(beta_1, beta_T, T, dtype=torch.float64)
    return beta


def _draw_linear(d: Draw) -> Iterator[Case]:
    low, high = d.uniform(1e-4, 0.02), d.uniform(0.03, 0.3)
    yield Case("a short table", (d.integer(5, 9), low, high))
    yield Case("a long table", (d.integer(100, 300), low, high))
    yield Case("a single step, T = 1", (1, low, high), "edges")
    yield Case("the table is float64", (20, low, high), "edges", strict_dtype=True)


def _from_rule(rule: str) -> Callable[[int, float, float], Tensor]:
    def wrong(T: int, beta_1: float, beta_T: float) -> Tensor:
        t = torch.arange(1, T + 1, dtype=torch.float64)
        share = {"no end": (t - 1) / T, "no start": t / T}[rule]
        return torch.cat([torch.zeros(1, dtype=torch.float64), beta_1 + share * (beta_T - beta_1)])

    return wrong


EXERCISE = Exercise(
    name="forward.linear_betas",
    prompt="Build the linear table of betas, with beta[0] = 0.",
    signature="linear_betas(T int, beta_1 float, beta_T float) -> beta (T+1,) float64",
    reference=linear_betas,
    draw=_draw_linear,
    criteria=criteria(2, 1, at="T = 1, a float64 table"),
    equation="2.17",
    difficulty=1,
    minutes=5,
    hints=(
        "T numbers on a straight line, and one more in front of them for t = 0.",
        "beta[0] = 0; beta[1] = beta_1; beta[T] = beta_T; equal steps between. torch.linspace counts points, not gaps.",
        "torch.cat([torch.zeros(1, dtype=torch.float64), torch.linspace(beta_1, beta_T, T, dtype=torch.float64)])",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "no entry for t = 0",
            lambda T, a, b: torch.linspace(a, b, T, dtype=torch.float64),
            "the table has T entries. It needs T+1: beta[0] = 0 stands for the clean data, so that beta[t] belongs to step t.",
        ),
        Misconception(
            "beta[0] = beta_1",
            lambda T, a, b: torch.linspace(a, b, T + 1, dtype=torch.float64),
            "the line starts at t = 0, so beta[0] = beta_1. No noise is in x_0: beta[0] must be 0, and the line runs from t = 1.",
        ),
        Misconception(
            "line from zero",
            lambda T, a, b: torch.linspace(0, b, T + 1, dtype=torch.float64),
            "the line runs from 0 to beta_T and never takes the value beta_1 at t = 1.",
        ),
        Misconception(
            "end not reached",
            _from_rule("no end"),
            "the line is divided into T gaps and stops short of beta_T. From t = 1 to t = T there are T - 1 gaps.",
        ),
        Misconception(
            "start not reached",
            _from_rule("no start"),
            "beta[1] is already one gap above beta_1. Use (t - 1)/(T - 1), which is 0 at t = 1.",
        ),
        Misconception(
            "float32",
            lambda T, a, b: linear_betas(T, a, b).float(),
            "the values are right, but the table is float32. Products of a thousand factors want float64.",
        ),
        Misconception(
            "falls instead of rises",
            lambda T, a, b: torch.cat([torch.zeros(1, dtype=torch.float64), linear_betas(T, b, a)[1:]]),
            "the table runs from beta_T down to beta_1. Noise is added gently first: it starts at beta_1.",
        ),
    ),
)
