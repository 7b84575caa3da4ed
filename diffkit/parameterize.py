"""Four names for one prediction: the noise eps, the data x0, the score, and the velocity v.

A noisy point is x_t = alpha x_0 + sigma eps.  A network may predict any of these; with x_t known each fixes
the others:
    eps                                   the noise                      Ho et al. 2020
    x0    = (x_t - sigma eps) / alpha     the data
    score = -eps / sigma                  gradient of log q(x_t)         Song & Ermon 2019
    v     = alpha eps - sigma x0          the velocity                   Salimans & Ho 2022, section 4
"""

from collections.abc import Callable
from typing import Literal, get_args

from torch import Tensor

from diffkit.errors import RangeError
from diffkit.inputs import check_like
from diffkit.schedule import Index, Schedule, alongside, broadcast

Name = Literal["eps", "x0", "score", "v"]
Predictor = Callable[[Tensor, Tensor], Tensor]
"""f(x_t, t): x_t (B, *D), t (B,) integers in 1..T; returns a prediction (B, *D)."""


def convert(value: Tensor, source: Name, target: Name, s: Schedule, x_t: Tensor, t: Index) -> Tensor:
    """The prediction `value`, given as `source`, as `target`.

    value, x_t: (B, *D); t: an int or (B,) in 0..T.  Raises RangeError at t = 0, where x_t = x_0 holds no
    noise, for what would divide by it: any target but x0 from x0, and the score from anything.  On a GPU the
    result is then infinite or nan: finding out would stall the device.
    """
    alpha, sigma = s.at(s.alpha_bar.sqrt(), t, x_t), s.at(s.noise_var.sqrt(), t, x_t)
    return convert_at(value, source, target, x_t, alpha, sigma)


def convert_at(
    value: Tensor, source: Name, target: Name, x_t: Tensor, alpha: Tensor | float, sigma: Tensor | float
) -> Tensor:
    """`convert` at any noise level x_t = alpha x_0 + sigma eps, whether alpha^2 + sigma^2 = 1 or not.

    value, x_t: (B, *D); alpha, sigma: numbers, (B,), or ready to multiply x_t.
    """
    for name in (source, target):
        if name not in get_args(Name):
            raise RangeError(f"{name!r} is no parameterization: choose one of {', '.join(get_args(Name))}")
    if not x_t.is_floating_point():
        raise RangeError(f"x_t is {x_t.dtype}: pass a floating-point tensor, e.g. x_t.float()")
    check_like(value, x_t, f"the {source} value")
    if source == target:
        return value
    a, s = _coefficient(alpha, x_t), _coefficient(sigma, x_t)
    _check_noise(source, target, a, s)
    if target == "x0":
        return _to_x0(value, source, x_t, a, s)
    eps = _to_eps(value, source, x_t, a, s)
    if target == "eps":
        return eps
    if target == "score":
        return -eps / s
    return a * eps - s * _to_x0(value, source, x_t, a, s)


def predicting(target: Name, f: Predictor, source: Name, s: Schedule) -> Predictor:
    """The predictor f of `source` as a predictor of `target`, e.g. predicting("eps", net, "v", s)."""
    return lambda x_t, t: convert(f(x_t, t), source, target, s, x_t, t)


def _to_x0(value: Tensor, source: Name, x_t: Tensor, a: Tensor, s: Tensor) -> Tensor:
    if source == "x0":
        return value
    if source == "eps":
        return (x_t - s * value) / a
    if source == "score":
        return (x_t + s**2 * value) / a  # Tweedie's formula
    return (a * x_t - s * value) / (a**2 + s**2)


def _to_eps(value: Tensor, source: Name, x_t: Tensor, a: Tensor, s: Tensor) -> Tensor:
    if source == "eps":
        return value
    if source == "x0":
        return (x_t - a * value) / s
    if source == "score":
        return -s * value
    return (s * x_t + a * value) / (a**2 + s**2)


def _coefficient(value: Tensor | float, x: Tensor) -> Tensor:
    if not isinstance(value, Tensor):
        return alongside(value, x)
    return value.to(x) if value.ndim == x.ndim > 1 else broadcast(value, x)


def _check_noise(source: Name, target: Name, a: Tensor, s: Tensor) -> None:
    if s.device.type != "cpu":
        return
    divides_by_sigma = target == "score" or source == "x0"
    divides_by_alpha = source in ("eps", "score") and target in ("x0", "v")
    if divides_by_sigma and bool((s == 0).any()):
        raise RangeError(f"{target} from {source} needs noise, but sigma = 0 here: use t >= 1 (t = 0 is clean data)")
    if divides_by_alpha and bool((a == 0).any()):
        raise RangeError(f"{target} from {source} needs signal, but alpha = 0 here: x_t is pure noise")
