"""How many steps are enough: `smallest_T`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception, Served
from grader.exercises.forward_process.common import WITHHOLDS, criteria
from grader.exercises.forward_process.kl_to_prior import kl_to_prior
from grader.exercises.forward_process.linear_betas import linear_betas


def smallest_T(make_beta: Callable[[int], Tensor], x_0: Tensor, kl_max: float) -> int:
    """Equation (2.20) averaged over the batch; double T until it is enough, then bisect."""

    def enough(T: int) -> bool:
        return float(_mean_kl(make_beta, x_0, T)) <= kl_max

    high = 1
    while not enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _mean_kl(make_beta: Callable[[int], Tensor], x_0: Tensor, T: int) -> Tensor:
    alpha_bar = torch.cumprod(1 - make_beta(T), 0)
    return kl_to_prior(x_0, torch.full((len(x_0),), T), alpha_bar).mean()


def _first(make_beta: Callable[[int], Tensor], enough: Callable[[Tensor, int], bool]) -> int:
    """Smallest T for another idea of enough, by the same search."""
    high = 1
    while not enough(make_beta(high), high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(make_beta(middle), middle) else (middle, high)
    return high


def _kl_of(beta: Tensor, x_0: Tensor) -> Tensor:
    return kl_to_prior(x_0, torch.full((len(x_0),), len(beta) - 1), torch.cumprod(1 - beta, 0))


def _scan(make_beta: Callable[[int], Tensor], x_0: Tensor, kl_max: float) -> int:
    T = 1
    while float(_mean_kl(make_beta, x_0, T)) > kl_max:
        T += 1
    return T


def _doubling(make_beta: Callable[[int], Tensor], x_0: Tensor, kl_max: float) -> int:
    T = 1
    while float(_mean_kl(make_beta, x_0, T)) > kl_max:
        T *= 2
    return T


def _exponential(beta: Tensor, x_0: Tensor) -> float:
    a = torch.exp(-beta.sum())
    square, d = (x_0.flatten(1) ** 2).sum(1), x_0.flatten(1).shape[1]
    return float((0.5 * (a * (square - d) - d * torch.log(1 - a))).mean())


def _parity(T: int) -> str:
    """A case's label must not tell its answer."""
    return "the first" if T == 1 else "an odd" if T % 2 else "an even"


def _draw_smallest_T(d: Draw) -> Iterator[Case]:
    last = d.uniform(0.05, 0.09)
    make_beta = Served(lambda T: linear_betas(int(T), 1e-4, last))
    x_0 = d.randn(4, 6, dtype=torch.float64) * d.uniform(1.2, 1.6)
    yield Case("a loose bound", (make_beta, x_0, d.uniform(0.3, 0.5)))
    yield Case("a tight bound", (make_beta, x_0, d.uniform(0.004, 0.01)))
    for T in (2 * d.integer(20, 40), 2 * d.integer(42, 59) + 1, 1):
        reached, before = (float(_mean_kl(make_beta.function, x_0, n)) for n in (T, max(T - 1, 1)))
        between = (reached * before) ** 0.5 if T > 1 else 1.1 * reached
        yield Case(f"just enough at {_parity(T)} T", (make_beta, x_0, between))
    yield Case("called twice", (make_beta, x_0, d.uniform(0.02, 0.04)), "value", "twice")
    yield Case("few questions", (make_beta, x_0, d.uniform(0.01, 0.02)), "calls", max_calls=40)


EXERCISE = Exercise(
    name="forward.smallest_T",
    prompt="Find the smallest number of steps T whose mean divergence from the prior is at most kl_max.",
    signature="smallest_T(make_beta: T -> beta (T+1,), x_0 (B, *D), kl_max float) -> int",
    reference=smallest_T,
    draw=_draw_smallest_T,
    criteria=(
        *criteria(3),
        Criterion("calls", 1, "at most 40 calls of make_beta"),
    ),
    equation="2.20",
    difficulty=3,
    minutes=15,
    level="stretch",
    hints=(
        "The divergence falls as T grows. A sorted list, a threshold: how do you find the place without trying everything?",
        "Double T until the mean of kl_to_prior at t = T is at most kl_max; then halve the gap between the last T that "
        "fails and the first that works.",
        "while high - low > 1: middle = (low + high) // 2; if enough(middle): high = middle, else: low = middle",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "last that fails",
            lambda make, x, k: smallest_T(make, x, k) - 1,
            "this T still misses the bound: it is the last one that fails. Return the next.",
        ),
        Misconception(
            "next power of two",
            _doubling,
            "doubling finds a T that is enough, not the smallest one. Go back between the last two powers of two.",
        ),
        Misconception(
            "one by one",
            _scan,
            "the answer is right, but trying T = 1, 2, 3, .. asks make_beta hundreds of times. Double, then bisect.",
        ),
        Misconception(
            "per coordinate",
            lambda make, x, k: _first(make, lambda b, T: float(_kl_of(b, x).mean()) / x[0].numel() <= k),
            "you compare the divergence per coordinate with the bound. It is meant for the whole example: sum over coordinates.",
        ),
        Misconception(
            "worst example",
            lambda make, x, k: _first(make, lambda b, T: float(_kl_of(b, x).max()) <= k),
            "you ask every single example to meet the bound. The mean over the batch is asked for.",
        ),
        Misconception(
            "sum over the batch",
            lambda make, x, k: _first(make, lambda b, T: float(_kl_of(b, x).sum()) <= k),
            "you compare the sum over the batch with the bound. The mean over the batch is asked for.",
        ),
        Misconception(
            "exponential of minus sum",
            lambda make, x, k: _first(make, lambda b, T: _exponential(b, x) <= k),
            "you replaced the product of the alphas by exp(-sum of beta). It is close, but not the same.",
        ),
    ),
)
