"""The DDIM step, repaired: `mended_ddim`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception
from grader.exercises.bug_hunt.common import WITHHOLDS, rising_beta


def mended_ddim(x: Tensor, eps: Tensor, t: int, s: int, z: Tensor, eta: float, alpha_bar: Tensor) -> Tensor:
    """The lines of the pipeline, with room made for the new noise."""
    now, then = alpha_bar[t].to(x), alpha_bar[s].to(x)
    x_0 = (x - (1 - now).sqrt() * eps) / now.sqrt()
    sigma = eta * ((1 - then) / (1 - now) * (1 - now / then)).sqrt()
    toward = (1 - then - sigma**2).sqrt()
    return then.sqrt() * x_0 + toward * eps + sigma * z


def _step(x: Tensor, eps: Tensor, z: Tensor, ends: tuple[Tensor, Tensor], sigma: Tensor, room: Tensor) -> Tensor:
    now, then = ends
    x_0 = (x - (1 - now).sqrt() * eps) / now.sqrt()
    return then.sqrt() * x_0 + (1 - then - room).clamp(min=0).sqrt() * eps + sigma * z


def _ends(x: Tensor, t: int, s: int, alpha_bar: Tensor) -> tuple[Tensor, Tensor]:
    return alpha_bar[t].to(x), alpha_bar[s].to(x)


def _beta_tilde(ends: tuple[Tensor, Tensor]) -> Tensor:
    now, then = ends
    return (1 - then) / (1 - now) * (1 - now / then)


def _no_room(x: Tensor, eps: Tensor, t: int, s: int, z: Tensor, eta: float, alpha_bar: Tensor) -> Tensor:
    ends = _ends(x, t, s, alpha_bar)
    sigma = eta * _beta_tilde(ends).sqrt()
    return _step(x, eps, z, ends, sigma, 0 * sigma)


def _not_squared(x: Tensor, eps: Tensor, t: int, s: int, z: Tensor, eta: float, alpha_bar: Tensor) -> Tensor:
    ends = _ends(x, t, s, alpha_bar)
    sigma = eta * _beta_tilde(ends).sqrt()
    return _step(x, eps, z, ends, sigma, sigma)


def _variance(x: Tensor, eps: Tensor, t: int, s: int, z: Tensor, eta: float, alpha_bar: Tensor) -> Tensor:
    ends = _ends(x, t, s, alpha_bar)
    sigma = eta * _beta_tilde(ends)
    return _step(x, eps, z, ends, sigma, sigma**2)


def _root_eta(x: Tensor, eps: Tensor, t: int, s: int, z: Tensor, eta: float, alpha_bar: Tensor) -> Tensor:
    ends = _ends(x, t, s, alpha_bar)
    sigma = (eta * _beta_tilde(ends)).sqrt()
    return _step(x, eps, z, ends, sigma, sigma**2)


def _room_only(x: Tensor, eps: Tensor, t: int, s: int, z: Tensor, eta: float, alpha_bar: Tensor) -> Tensor:
    ends = _ends(x, t, s, alpha_bar)
    room = eta**2 * _beta_tilde(ends)
    return _step(x, eps, z, ends, 0 * room, room)


def _eta_one(x: Tensor, eps: Tensor, t: int, s: int, z: Tensor, eta: float, alpha_bar: Tensor) -> Tensor:
    return mended_ddim(x, eps, t, s, z, 1.0, alpha_bar)


def _one_step_back(x: Tensor, eps: Tensor, t: int, s: int, z: Tensor, eta: float, alpha_bar: Tensor) -> Tensor:
    return mended_ddim(x, eps, t, t - 1, z, eta, alpha_bar)


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(5, 8)
    alpha_bar = torch.cumprod(1 - rising_beta(d, T), 0)
    x, eps, z = d.randn(3, 4, 2, dtype=torch.float64)
    eta = d.uniform(0.3, 0.8)
    images = d.randn(3, 2, 1, 3, 3)
    yield Case("two steps back", (x, eps, T, T - 2, z, eta, alpha_bar))
    yield Case("one step back", (x, eps, T - 1, T - 2, z, eta, alpha_bar))
    yield Case("images, float32", (*images[:2], T, 2, images[2], eta, alpha_bar), strict_dtype=True)
    yield Case("no noise, eta = 0", (x, eps, T, T - 2, z, 0.0, alpha_bar), "edges")
    yield Case("as much as DDPM, eta = 1", (x, eps, T, T - 2, z, 1.0, alpha_bar), "edges")
    yield Case("down to s = 0", (x, eps, T, 0, z, eta, alpha_bar), "edges")
    yield Case("s = 0 with eta = 1", (x, eps, 1, 0, z, 1.0, alpha_bar), "edges")
    yield Case("called twice", (x, eps, T, T - 2, z, eta, alpha_bar), "clean", "twice")
    cotangent = d.randn(4, 2, dtype=torch.float64)
    yield Case("gradient", (x, eps, T, T - 2, z, eta, alpha_bar), "clean", "gradient", wrt=1, cotangent=cotangent)


EXERCISE = Exercise(
    name="hunt.mended_ddim",
    prompt="Write the DDIM step with its broken line repaired.",
    signature="mended_ddim(x, eps (B, *D), t int, s int < t, z (B, *D), eta float in 0..1, alpha_bar (T+1,)) -> x_s (B, *D)",
    reference=mended_ddim,
    draw=_draw,
    criteria=(
        Criterion("value", 2, "the right numbers"),
        Criterion("edges", 1, "eta = 0 and 1, s = 0"),
        Criterion("clean", 1, "inputs untouched, gradients flow"),
    ),
    equation="13.22",
    difficulty=2,
    minutes=8,
    hints=(
        "The new noise has the variance sigma^2. All noise together may have the variance 1 - alpha_bar_s, so the old noise gets "
        "what is left.",
        "toward = sqrt(1 - alpha_bar_s - sigma^2).",
        "toward = (1 - alpha_bar[s] - sigma**2).clamp(min=0).sqrt()",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "no room made",
            _no_room,
            "the old noise keeps its full share while new noise is added. Then x_s has more noise than its level allows.",
        ),
        Misconception(
            "sigma not squared",
            _not_squared,
            "you take sigma away where sigma^2 belongs. Variances are subtracted, not deviations; a clamp hides it.",
        ),
        Misconception(
            "variance as deviation",
            _variance,
            "sigma is a variance here: the root over beta_tilde is missing.",
        ),
        Misconception(
            "eta under the root",
            _root_eta,
            "eta stands under the root. It scales the deviation, so its square scales the variance.",
        ),
        Misconception(
            "new noise left out",
            _room_only,
            "room is made for the new noise, but it is never added.",
        ),
        Misconception(
            "eta always 1",
            _eta_one,
            "eta is ignored: your step always adds as much noise as DDPM.",
        ),
        Misconception(
            "always one step back",
            _one_step_back,
            "your step goes to t - 1. It should go to s, which may be far away.",
        ),
    ),
)
