"""What cancels: `telescope`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.decomposing_the_elbo.common import WITHHOLDS, criteria

Groups = tuple[Tensor, Tensor, Tensor]


def telescope(log_prior: Tensor, log_p: Tensor, log_step: Tensor, log_jump: Tensor) -> Groups:
    """Equation (4.7)."""
    posterior = log_step[2:] + log_jump[1:-1] - log_jump[2:]
    return log_jump[-1] - log_prior, (posterior - log_p[2:]).T, -log_p[1]


def _bayes_everywhere(log_prior: Tensor, log_p: Tensor, log_step: Tensor, log_jump: Tensor) -> Groups:
    posterior = log_step[1:] + log_jump[:-1] - log_jump[1:]
    return log_jump[-1] - log_prior, (posterior - log_p[1:]).T, -log_p[1]


def _upside_down(log_prior: Tensor, log_p: Tensor, log_step: Tensor, log_jump: Tensor) -> Groups:
    posterior = log_step[2:] - log_jump[1:-1] + log_jump[2:]
    return log_jump[-1] - log_prior, (posterior - log_p[2:]).T, -log_p[1]


def _one_back(log_prior: Tensor, log_p: Tensor, log_step: Tensor, log_jump: Tensor) -> Groups:
    posterior = log_step[2:] + log_jump[1:-1] - log_jump[2:]
    return log_jump[-1] - log_prior, (posterior - log_p[1:-1]).T, -log_p[-1]


def _draw(d: Draw) -> Iterator[Case]:
    def tables(T: int, B: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
        rows = [d.randn(T + 1, B, dtype=dtype) for _ in range(3)]
        for r in rows:
            r[0] = torch.inf  # there is no density at t = 0
        return d.randn(B, dtype=dtype), *rows

    T = d.integer(4, 7)
    some = tables(T, 3)
    yield Case("a chain", some)
    yield Case("a longer chain", tables(T + 3, 2))
    yield Case("T = 2", tables(2, 3), "edges")
    yield Case("T = 1: no middle term", tables(1, 3), "edges")
    yield Case("one example", tables(T, 1), "edges")
    yield Case("float32 stays float32", tables(T, 3, torch.float32), "edges", strict_dtype=True)
    yield Case("called twice", some, "clean", "twice")


EXERCISE = Exercise(
    name="elbo.telescope",
    prompt="Group -log p(x_0:T)/q(x_1:T | x_0) into its three kinds of terms, from tables of forward log densities.",
    signature="telescope(log_prior (B,), log_p (T+1, B), log_step (T+1, B), log_jump (T+1, B)) -> "
    "(top (B,), middle (B, T-1), bottom (B,))",
    reference=telescope,
    draw=_draw,
    criteria=criteria(3, 2, 1, at="T = 1, T = 2, one example, float32"),
    equation="4.7",
    difficulty=4,
    minutes=20,
    hints=(
        "Column t - 2 of the middle belongs to step t. Which of your tables do you need to turn step t around? What is "
        "left over of all the ratios, and which group takes it?",
        "top = log q(x_T | x_0) - log p(x_T); middle at t = [log_step + log_jump at t-1 - log_jump at t] - log_p; "
        "bottom = -log_p at 1. Bayes' rule is used for t = 2 .. T only.",
        "posterior = log_step[2:] + log_jump[1:-1] - log_jump[2:]; return log_jump[-1] - log_prior, "
        "(posterior - log_p[2:]).T, -log_p[1]",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "Bayes at t = 1",
            _bayes_everywhere,
            "you turned step 1 around as well. q(x_0 | x_1, x_0) is a point and has no density; row 0 of the tables is "
            "inf for that reason. The middle has T - 1 columns, for t = 2 .. T.",
        ),
        Misconception(
            "q(x_1 | x_0) kept",
            lambda prior, p, step, jump: (*telescope(prior, p, step, jump)[:2], step[1] - p[1]),
            "the bottom still holds log q(x_1 | x_0). It is what the telescoping sum leaves at its lower end with the "
            "other sign, so the two cancel.",
        ),
        Misconception(
            "nothing turned around",
            lambda prior, p, step, jump: (-prior, (step[2:] - p[2:]).T, step[1] - p[1]),
            "the sum of your groups is right, but these are the forward factors. Each middle column should compare two "
            "densities of x_{t-1}: use Bayes' rule.",
        ),
        Misconception(
            "ratio upside down",
            _upside_down,
            "in Bayes' rule the two jumps are exchanged: multiply by q(x_{t-1} | x_0), divide by q(x_t | x_0).",
        ),
        Misconception(
            "the bound itself",
            lambda prior, p, step, jump: tuple(-g for g in telescope(prior, p, step, jump)),
            "all signs are turned: this is log p/q. Asked for is -log p/q, what one minimises.",
        ),
        Misconception(
            "top without q",
            lambda prior, p, step, jump: (-prior, *telescope(prior, p, step, jump)[1:]),
            "the top lacks log q(x_T | x_0), which the telescoping sum leaves at its upper end.",
        ),
        Misconception(
            "p of the step before",
            _one_back,
            "log_p[t] is log p(x_{t-1} | x_t). Step t of q stands against log_p[t], not log_p[t - 1].",
        ),
        Misconception(
            "middle lying down",
            lambda prior, p, step, jump: (
                (g := telescope(prior, p, step, jump))[0],
                g[1].T,
                g[2],
            ),
            "the middle has shape (T-1, B). Examples come first everywhere: transpose it.",
        ),
    ),
)
