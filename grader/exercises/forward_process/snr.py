"""Signal to noise: `snr`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.forward_process.common import WITHHOLDS, criteria, random_alpha_bar


def snr(alpha_bar: Tensor) -> Tensor:
    """Equation (2.19)."""
    return alpha_bar / (1 - alpha_bar)


def _draw_snr(d: Draw) -> Iterator[Case]:
    alpha_bar = random_alpha_bar(d, d.integer(5, 9))
    yield Case("t = 1 .. T", (alpha_bar[1:],))
    yield Case("a long table without t = 0", (random_alpha_bar(d, 40)[1:],))
    yield Case("the whole table, infinite at t = 0", (alpha_bar,), "edges")
    yield Case("called twice", (alpha_bar[1:],), "edges", "twice")


EXERCISE = Exercise(
    name="forward.snr",
    prompt="Turn alpha_bar into the signal-to-noise ratio.",
    signature="snr(alpha_bar (N,)) -> (N,), infinite where alpha_bar is 1",
    reference=snr,
    draw=_draw_snr,
    criteria=criteria(1, 1, at="infinite at t = 0, input untouched"),
    equation="2.19",
    difficulty=1,
    minutes=3,
    hints=(
        "Of the variance of x_t, which share is data, which is noise? Divide the first by the second.",
        "SNR(t) = alpha_bar_t / (1 - alpha_bar_t). At t = 0 there is no noise, and a ratio of infinity is the right answer.",
        "return alpha_bar / (1 - alpha_bar)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "upside down",
            lambda ab: (1 - ab) / ab,
            "this is noise over signal. Divide the data's share by the noise's share.",
        ),
        Misconception(
            "ratio of amplitudes",
            lambda ab: (ab / (1 - ab)).sqrt(),
            "this is the ratio of standard deviations. The signal-to-noise ratio is a ratio of variances: no square root.",
        ),
        Misconception(
            "in decibels",
            lambda ab: 10 * torch.log10(ab / (1 - ab)),
            "this is the ratio in decibels. The plain ratio is asked for.",
        ),
        Misconception(
            "its logarithm",
            lambda ab: torch.log(ab / (1 - ab)),
            "this is the log-SNR. It is useful later; here the ratio itself is asked for.",
        ),
        Misconception(
            "guarded against zero",
            lambda ab: ab / (1 - ab + 1e-8),
            "a small number was added below the fraction line. It changes the answer: without noise the ratio is infinite.",
        ),
        Misconception(
            "share of the signal",
            lambda ab: ab / (ab + (1 - ab)),
            "this divides by signal plus noise, which is 1, and gives alpha_bar back. Divide by the noise alone.",
        ),
        Misconception(
            "noise squared",
            lambda ab: ab / (1 - ab) ** 2,
            "1 - alpha_bar is already a variance; do not square it again.",
        ),
    ),
)
