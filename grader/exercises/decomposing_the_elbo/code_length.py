"""What a progressive decoder has paid at each step: `code_length`."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.decomposing_the_elbo.common import WITHHOLDS, criteria


def code_length(L_T: Tensor, L_t: Tensor, L_0: Tensor) -> Tensor:
    """Equation (4.26), columns t = 0..T."""
    prices = torch.cat([L_0.unsqueeze(1), L_t, L_T.unsqueeze(1)], 1)
    return prices.flip(1).cumsum(1).flip(1)


def _draw(d: Draw) -> Iterator[Case]:
    def terms(T: int, B: int) -> tuple[Tensor, Tensor, Tensor]:
        numbers = torch.rand(B, T + 1, generator=d.generator, dtype=torch.float64) + 0.1
        return numbers[:, 0], numbers[:, 1:-1], numbers[:, -1] * 5

    T = d.integer(4, 7)
    some = terms(T, 3)
    yield Case("a chain", some)
    yield Case("a longer chain", terms(T + 5, 2))
    yield Case("T = 1: no middle term", terms(1, 3), "edges")
    yield Case("one example", terms(T, 1), "edges")
    yield Case("float32 stays float32", tuple(v.float() for v in some), "edges", strict_dtype=True)
    yield Case("called twice", some, "edges", "twice")


EXERCISE = Exercise(
    name="elbo.code_length",
    prompt="Give the nats that have been sent when x_t has arrived, for every t = 0..T.",
    signature="code_length(L_T (B,), L_t (B, T-1), L_0 (B,)) -> (B, T+1); column i of L_t belongs to the step from i+2 to i+1",
    reference=code_length,
    draw=_draw,
    criteria=criteria(2, 1, at="T = 1, one example, float32, inputs untouched"),
    equation="4.26",
    difficulty=2,
    minutes=10,
    level="stretch",
    hints=(
        "The decoder gets x_T first and x_0 last. So the sum runs from the right end of the table to the left.",
        "Put the prices in a row, L_0 | L_1 .. L_{T-1} | L_T, so that column t is what x_t costs. Then add from the right.",
        "prices = torch.cat([L_0.unsqueeze(1), L_t, L_T.unsqueeze(1)], 1); return prices.flip(1).cumsum(1).flip(1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "from the wrong end",
            lambda L_T, L_t, L_0: torch.cat([L_0.unsqueeze(1), L_t, L_T.unsqueeze(1)], 1).cumsum(1),
            "you added from t = 0 up. The decoder gets x_T first: add from t = T down.",
        ),
        Misconception(
            "each step's own price",
            lambda L_T, L_t, L_0: torch.cat([L_0.unsqueeze(1), L_t, L_T.unsqueeze(1)], 1),
            "this is what each step costs by itself. Asked for is what has been paid so far.",
        ),
        Misconception(
            "columns reversed",
            lambda L_T, L_t, L_0: code_length(L_T, L_t, L_0).flip(1),
            "the sums are right, but column t should belong to x_t: turn the columns around at the end.",
        ),
        Misconception(
            "L_T for free",
            lambda L_T, L_t, L_0: code_length(torch.zeros_like(L_T), L_t, L_0),
            "L_T is missing. It is small if T is large enough, but x_T has to be sent too.",
        ),
        Misconception(
            "without x_0",
            lambda L_T, L_t, L_0: code_length(L_T, L_t, L_0)[:, 1:],
            "column 0 is missing: the data itself, which costs the whole bound. There are T+1 columns.",
        ),
        Misconception(
            "in bits",
            lambda L_T, L_t, L_0: code_length(L_T, L_t, L_0) / math.log(2),
            "these are bits. Nats are asked for.",
        ),
        Misconception(
            "one step late",
            lambda L_T, L_t, L_0: (
                code_length(L_T, L_t, L_0) - torch.cat([L_0.unsqueeze(1), L_t, 0 * L_T.unsqueeze(1)], 1)
            ),
            "column t lacks the price of x_t itself. When x_t has arrived, it is paid.",
        ),
    ),
)
