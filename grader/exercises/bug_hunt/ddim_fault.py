"""A DDIM step that forgets to make room for its noise: `ddim_fault`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.bug_hunt.common import CRITERIA, WITHHOLDS, Checked, hidden, rising_beta, same, usual


def ddim_fault(ddim: Checked, alpha_bar: Tensor, t: int, s: int, eta: float) -> int:
    """Equation (13.22): the step must carry q(x_t | x_0) to q(x_s | x_0), whatever eta is."""
    now, then = alpha_bar[t], alpha_bar[s]
    signal = ddim(now.sqrt(), 0.0, t, s, 0.0, eta)
    if not same(signal, then.sqrt()):
        return 4 if same(signal, now.sqrt()) else 1
    if not same(ddim((1 - now).sqrt(), 1.0, t, s, 0.0, 0.0), (1 - then).sqrt()):
        return 1
    fresh = ddim(0.0, 0.0, t, s, 1.0, eta)
    if not same(fresh**2, eta**2 * (1 - then) / (1 - now) * (1 - now / then)):
        return 2
    kept = ddim((1 - now).sqrt(), 1.0, t, s, 0.0, eta)
    return 0 if same(kept**2 + fresh**2, 1 - then) else 3


def _as_if(eta: float) -> Checked:
    return lambda ddim, alpha_bar, t, s, _: ddim_fault(ddim, alpha_bar, t, s, eta)


def _parts(ddim: Checked, alpha_bar: Tensor, t: int, s: int, eta: float) -> tuple[Tensor, Tensor, Tensor]:
    """What the step makes of x_0 = 1, of eps = 1, and of z = 1."""
    now = alpha_bar[t]
    kept = ddim((1 - now).sqrt(), 1.0, t, s, 0.0, eta)
    return ddim(now.sqrt(), 0.0, t, s, 0.0, eta), kept, ddim(0.0, 0.0, t, s, 1.0, eta)


def _variance_only(ddim: Checked, alpha_bar: Tensor, t: int, s: int, eta: float) -> int:
    _, kept, fresh = _parts(ddim, alpha_bar, t, s, eta)
    return 0 if same(kept**2 + fresh**2, 1 - alpha_bar[s]) else 3


def _signal_only(ddim: Checked, alpha_bar: Tensor, t: int, s: int, eta: float) -> int:
    return 0 if same(_parts(ddim, alpha_bar, t, s, eta)[0], alpha_bar[s].sqrt()) else 1


def _never_without_new_noise(ddim: Checked, alpha_bar: Tensor, t: int, s: int, eta: float) -> int:
    found, (signal, kept, _) = ddim_fault(ddim, alpha_bar, t, s, eta), _parts(ddim, alpha_bar, t, s, 0.0)
    late = found == 1 and same(signal, alpha_bar[s].sqrt()) and not same(kept, (1 - alpha_bar[s]).sqrt())
    return 3 if late else found


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(5, 7)
    alpha_bar = torch.cumprod(1 - rising_beta(d, T), 0)
    s = d.integer(1, T - 2)
    arguments = alpha_bar, d.integer(s + 2, T), s, d.uniform(0.5, 0.8)
    yield from hidden(d, "ddim", arguments, alpha_bar=alpha_bar)


EXERCISE = Exercise(
    name="hunt.ddim_fault",
    prompt="Write a check of a DDIM step: 0 if it is sound, else the number of the broken line.",
    signature="ddim_fault(ddim: (x, eps, t int, s int, z, eta) -> x_s, alpha_bar (T+1,), t, s, eta float in 0..1) -> int",
    reference=ddim_fault,
    draw=_draw,
    criteria=CRITERIA,
    equation="13.22",
    difficulty=4,
    minutes=25,
    hints=(
        "Give the step an x_t whose parts you know: only data (x_0 = 1, eps = 0), only old noise (x_0 = 0, eps = 1), only new noise "
        "(z = 1). What must arrive is the share of level s.",
        "Data: sqrt(alpha_bar_t) becomes sqrt(alpha_bar_s); if it stays sqrt(alpha_bar_t), line 4, if it is anything else, line 1. "
        "Old noise at eta = 0: sqrt(1 - alpha_bar_t) becomes sqrt(1 - alpha_bar_s), else line 1. New noise at eta: its square is "
        "eta^2 beta_tilde, else line 2. The squares of old and new noise sum to 1 - alpha_bar_s, else line 3.",
        "ddim(now.sqrt(), 0.0, t, s, 0.0, eta); ddim((1 - now).sqrt(), 1.0, t, s, 0.0, 0.0); ddim(0.0, 0.0, t, s, 1.0, eta); "
        "ddim((1 - now).sqrt(), 1.0, t, s, 0.0, eta)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        *usual(ddim_fault, 3),
        Misconception(
            "eta = 0 only",
            _as_if(0.0),
            "your check runs the step with eta = 0. Then there is no new noise, and the line that must make room for it has "
            "nothing to do. Use the eta that you are given.",
        ),
        Misconception(
            "eta = 1 only",
            _as_if(1.0),
            "your check runs the step with eta = 1, where eta and its square are the same. Use the eta that you are given.",
        ),
        Misconception(
            "variance only",
            _variance_only,
            "your check asks only whether the variances sum to 1 - alpha_bar_s. A wrong share of noise may be made up for by the next "
            "line, and the data are not looked at.",
        ),
        Misconception(
            "data only",
            _signal_only,
            "your check follows the data and never the noise.",
        ),
        Misconception(
            "never without new noise",
            _never_without_new_noise,
            "your check follows the old noise only when new noise is added, and blames line 3 if the sum is off. At eta = 0 line 3 has "
            "nothing to do: what is off there was line 1.",
        ),
    ),
)
