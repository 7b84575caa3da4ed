"""A weighted loss whose weights meet the wrong examples: `loss_fault`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.bug_hunt.common import CRITERIA, WITHHOLDS, Checked, hidden, same, usual


def loss_fault(loss: Checked, B: int, D: int) -> int:
    """Guesses whose loss is known: none wrong, all wrong by 1, by 2, and one example wrong at a time (13.19)."""
    eps, weight = torch.ones(B, D, dtype=torch.float64), torch.arange(1, B + 1, dtype=torch.float64)
    eps[0] = 3.0
    if not same(loss(eps, eps, weight), 0):
        return 1
    one, unit = eps[:1], torch.ones(1, dtype=torch.float64)
    if not same(loss(one + 1, one, unit), 1):
        return 3
    if not same(loss(one + 2, one, unit), 4):
        return 2
    for i in range(B):
        guess = eps.clone()
        guess[i] += 1
        if not same(loss(guess, eps, weight), weight[i] / B):
            return 4
    return 0


def _noise(B: int, D: int) -> Tensor:
    return torch.arange(B * D, dtype=torch.float64).reshape(B, D)


def _by_hand(loss: Checked, eps: Tensor, weight: Tensor, doubled: bool = True) -> int:
    """The right questions, asked with this noise and these weights."""
    one, unit = eps[:1], torch.ones(1, dtype=torch.float64)
    if not same(loss(eps, eps, weight), 0):
        return 1
    if not same(loss(one + 1, one, unit), 1):
        return 3
    if doubled and not same(loss(one + 2, one, unit), 4):
        return 2
    for i in range(len(eps)):
        guess = eps.clone()
        guess[i] += 1
        if not same(loss(guess, eps, weight), weight[i] / len(eps)):
            return 4
    return 0


def _equal_weights(loss: Checked, B: int, D: int) -> int:
    return _by_hand(loss, _noise(B, D), torch.ones(B, dtype=torch.float64))


def _no_doubling(loss: Checked, B: int, D: int) -> int:
    return _by_hand(loss, _noise(B, D), torch.arange(1, B + 1, dtype=torch.float64), doubled=False)


def _no_noise(loss: Checked, B: int, D: int) -> int:
    return _by_hand(loss, torch.zeros(B, D, dtype=torch.float64), torch.arange(1, B + 1, dtype=torch.float64))


def _zero_only(loss: Checked, B: int, D: int) -> int:
    return 0 if same(loss(_noise(B, D), _noise(B, D), torch.ones(B)), 0) else 1


def _all_wrong_alike(loss: Checked, B: int, D: int) -> int:
    eps, weight = _noise(B, D), torch.arange(1, B + 1, dtype=torch.float64)
    return 0 if same(loss(eps + 1, eps, weight), weight.mean()) else 4


def _draw(d: Draw) -> Iterator[Case]:
    yield from hidden(d, "loss", (d.integer(3, 5), d.integer(3, 40)))


EXERCISE = Exercise(
    name="hunt.loss_fault",
    prompt="Write a check of the weighted noise loss: 0 if it is sound, else the number of the broken line.",
    signature="loss_fault(loss: (guess (B, D), eps (B, D), weight (B,)) -> number, B int, D int) -> int",
    reference=loss_fault,
    draw=_draw,
    criteria=CRITERIA,
    equation="13.19",
    difficulty=3,
    minutes=20,
    hints=(
        "Make up guesses whose loss you can work out in your head: all right, all wrong by 1, all wrong by 2, one example wrong.",
        "A perfect guess has loss 0 (else line 1). One example, wrong by 1 everywhere, with weight 1: loss 1 (else line 3, "
        "the coordinates are summed); wrong by 2: loss 4 (else line 2). Only example i wrong by 1: loss w_i/B (else line 4).",
        "guess = eps.clone(); guess[i] += 1; if not same(loss(guess, eps, weight), weight[i] / len(eps)): return 4",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        *usual(loss_fault, 4),
        Misconception(
            "equal weights only",
            _equal_weights,
            "your check sets all weights to 1. Then it makes no difference which weight meets which example, and that is the "
            "mistake that you are after.",
        ),
        Misconception(
            "no noise",
            _no_noise,
            "your check uses eps = 0. Then adding the noise and subtracting it are the same. Use a noise that differs from example "
            "to example.",
        ),
        Misconception(
            "perfect guess only",
            _zero_only,
            "your check only asks whether a perfect guess has loss 0. So it has under nearly every wrong loss.",
        ),
        Misconception(
            "all examples wrong alike",
            _all_wrong_alike,
            "your check makes every example wrong by the same amount. Then the mean over all pairs (weight, example) equals the "
            "mean over the right pairs. Make one example wrong at a time.",
        ),
        Misconception(
            "error never doubled",
            _no_doubling,
            "your check uses errors of 1 only. Their square, their size and they themselves are all 1: use 2 as well.",
        ),
    ),
)
