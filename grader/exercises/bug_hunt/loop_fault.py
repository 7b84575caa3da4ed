"""A network that is told the wrong time: `loop_fault`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.bug_hunt.common import CRITERIA, WITHHOLDS, Checked, hidden, rising_beta, same, usual


def loop_fault(sample: Checked, beta: Tensor) -> int:
    """Equation (13.21): for standard normal data the sampler's coefficients are known; one call reads all of them."""
    T, bar = len(beta) - 1, torch.cumprod(1 - beta, 0)
    one, silent = torch.ones(1, dtype=torch.float64), torch.zeros(T + 1, 1, dtype=torch.float64)
    last = sample(one, silent, 1)
    if same(last, 1):
        return 1
    if not same(last, bar[1].sqrt()):
        return 2
    if not same(sample(one, silent, T), bar[T].sqrt()):
        return 3
    from_noise = sample(torch.zeros(T + 1, dtype=torch.float64), torch.eye(T + 1, dtype=torch.float64), T)
    right = beta[2:] * bar[1:-1]
    return 0 if same(from_noise[:2], 0) and same(from_noise[2:] ** 2, right) else 4


def _parts(sample: Checked, beta: Tensor) -> tuple[Tensor, Tensor]:
    """How much of x_T, and of the noise of each step, is left at the end."""
    T = len(beta) - 1
    one, silent = torch.ones(1, dtype=torch.float64), torch.zeros(T + 1, 1, dtype=torch.float64)
    from_noise = sample(torch.zeros(T + 1, dtype=torch.float64), torch.eye(T + 1, dtype=torch.float64), T)
    return sample(one, silent, T), from_noise


def _no_noise(sample: Checked, beta: Tensor) -> int:
    found = loop_fault(sample, beta)
    return 0 if found == 4 else found


def _last_step_only(sample: Checked, beta: Tensor) -> int:
    last = sample(torch.ones(1, dtype=torch.float64), torch.zeros(len(beta), 1, dtype=torch.float64), 1)
    if same(last, 1):
        return 1
    return 0 if same(last, (1 - beta[1]).sqrt()) else 2


def _long_chain_only(sample: Checked, beta: Tensor) -> int:
    from_start, _ = _parts(sample, beta)
    return 0 if same(from_start, torch.cumprod(1 - beta, 0)[-1].sqrt()) else 2


def _total_variance(sample: Checked, beta: Tensor) -> int:
    """What a histogram of the samples shows: their variance, near 1."""
    from_start, from_noise = _parts(sample, beta)
    return 0 if same(from_start**2 + (from_noise**2).sum(), 1, 0.15) else 2


def _variance_one(sample: Checked, beta: Tensor) -> int:
    from_start, from_noise = _parts(sample, beta)
    return 0 if same(from_start**2 + (from_noise**2).sum(), 1) else 2


def _draw(d: Draw) -> Iterator[Case]:
    beta = rising_beta(d, d.integer(4, 6))
    bar = torch.cumprod(1 - beta, 0)

    def predict(x: Tensor, t: int) -> Tensor:
        return (1 - bar[t]).sqrt() * x

    yield from hidden(d, "loop", (beta,), beta=beta, alpha=1 - beta, alpha_bar=bar, predict=predict)


EXERCISE = Exercise(
    name="hunt.loop_fault",
    prompt="Write a check of a whole sampler: 0 if it is sound, else the number of the broken line.",
    signature="loop_fault(sample: (x (B,), z (T+1, B), start int) -> (B,), beta (T+1,)) -> int",
    reference=loop_fault,
    draw=_draw,
    criteria=CRITERIA,
    equation="13.21",
    difficulty=4,
    minutes=25,
    hints=(
        "The sampler is linear in its start and in its noises. So nothing has to be drawn: give it a 1 in one place and zeros "
        "elsewhere, and read off how much of that 1 arrives.",
        "From start = 1 a 1 becomes sqrt(alpha_1); if it stays 1, no step was taken (line 1); anything else: line 2. From start = T "
        "it becomes sqrt(alpha_bar_T) (else line 3). Of z[s] arrives sqrt(beta_s alpha_bar_{s-1}), and nothing of z[1] (else line 4).",
        "sample(one, zeros (T+1, 1), 1); sample(one, zeros (T+1, 1), T); sample(zeros (T+1,), torch.eye(T + 1), T) reads all noises "
        "at once",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        *usual(loop_fault, 2),
        Misconception(
            "noises not looked at",
            _no_noise,
            "your check never gives the sampler a noise. Noise at t = 1, one noise used again and again and a wrong size all pass.",
        ),
        Misconception(
            "last step only",
            _last_step_only,
            "your check takes one step, t = 1. There alpha_bar_1 = alpha_1, and nobody can tell the two apart. Run the whole chain as "
            "well.",
        ),
        Misconception(
            "start of the chain only",
            _long_chain_only,
            "your check asks how much of x_T arrives, and blames line 2 if it is too much or too little. Three lines can be the reason: "
            "the single step from start = 1 tells them apart. And the noises are not looked at.",
        ),
        Misconception(
            "variance about 1",
            _total_variance,
            "your check asks whether the samples have a variance of about 1. That is what a plot shows, and most of these pipelines "
            "pass it.",
        ),
        Misconception(
            "variance exactly 1",
            _variance_one,
            "your check wants the variance 1. A sound sampler adds no noise at t = 1, so its samples have the variance 1 - beta_1.",
        ),
    ),
)
