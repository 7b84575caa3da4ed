"""One step of Algorithm 2: `ancestral_step`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.ddpm.common import WITHHOLDS, bars, criteria, random_beta, random_variance


def ancestral_step(x_t: Tensor, eps: Tensor, t: int, noise: Tensor, beta: Tensor, sigma2: Tensor) -> Tensor:
    """Equation (5.20)."""
    alpha_bar = torch.cumprod(1 - beta, dim=0)
    weight = beta[t] / (1 - alpha_bar[t]).sqrt()
    mean = (x_t - weight.to(x_t) * eps) / (1 - beta[t]).sqrt().to(x_t)
    return mean + sigma2[t].sqrt().to(x_t) * noise if t > 1 else mean


def _step(x: Tensor, eps: Tensor, noise: Tensor, root: Tensor, weight: Tensor, size: Tensor | float) -> Tensor:
    """(x - weight eps) / root + size noise."""
    return (x - weight.to(x) * eps) / root.to(x) + torch.as_tensor(size).to(x) * noise


def _size(t: int, sigma2: Tensor) -> Tensor:
    return sigma2[t].sqrt() if t > 1 else torch.zeros((), dtype=sigma2.dtype)


def _right(t: int, beta: Tensor) -> tuple[Tensor, Tensor]:
    return (1 - beta[t]).sqrt(), beta[t] / (1 - bars(beta)[t]).sqrt()


def _in_place(x_t: Tensor, eps: Tensor, t: int, noise: Tensor, beta: Tensor, sigma2: Tensor) -> Tensor:
    root, weight = _right(t, beta)
    with torch.no_grad():
        x_t -= weight.to(x_t) * eps
        x_t /= root.to(x_t)
        x_t += _size(t, sigma2).to(x_t) * noise
    return x_t


def _no_cast(x_t: Tensor, eps: Tensor, t: int, noise: Tensor, beta: Tensor, sigma2: Tensor) -> Tensor:
    return ancestral_step(x_t.double(), eps, t, noise, beta, sigma2)


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 12)
    beta = random_beta(d, T)
    sigma2, t = random_variance(d, beta), d.integer(3, T - 1)
    x, eps, noise = d.randn(3, 5), d.randn(3, 5), d.randn(3, 5)
    images = (d.randn(2, 1, 4, 4), d.randn(2, 1, 4, 4))
    yield Case("a step in the middle", (x, eps, t, noise, beta, sigma2))
    yield Case("sigma^2 = beta", (x, eps, t, noise, beta, beta.clone()))
    yield Case("images", (*images, t - 1, d.randn(2, 1, 4, 4), beta, sigma2))
    yield Case("the last step, t = 1", (x, eps, 1, noise, beta, sigma2), "edges")
    yield Case("t = 2", (x, eps, 2, noise, beta, sigma2), "edges")
    yield Case("the first step, t = T", (x, eps, T, noise, beta, sigma2), "edges")
    yield Case("one example", (x[:1], eps[:1], t, noise[:1], beta, sigma2), "edges")
    yield Case("float32 stays float32", (x, eps, t, noise, beta, sigma2), "edges", strict_dtype=True)
    yield Case("float64", (x.double(), eps.double(), t, noise.double(), beta, sigma2), "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(5, 3).mT, eps, t, noise, beta, sigma2), "edges")
    yield Case("called twice", (x, eps, t, noise, beta, sigma2), "clean", "twice")
    yield Case("gradient in x_t", (x, eps, t, noise, beta, sigma2), "clean", "gradient", cotangent=d.randn(3, 5))


EXERCISE = Exercise(
    name="ddpm.ancestral_step",
    prompt="Take one step of Algorithm 2: from x_t to x_{t-1}.",
    signature="ancestral_step(x_t (B, *D), eps (B, *D), t int in 1..T, noise (B, *D), beta (T+1,), sigma2 (T+1,)) -> x_{t-1}",
    reference=ancestral_step,
    draw=_draw,
    criteria=criteria(2, 2, 1, at="t = 1, 2 and T, one example, dtypes, any memory layout"),
    equation="5.20",
    difficulty=2,
    minutes=10,
    hints=(
        "The mean that you know from the first exercise, plus fresh noise of the size that sigma2 says. One step is different.",
        "x_{t-1} = (x_t - beta_t / sqrt(1 - alpha_bar_t) eps) / sqrt(1 - beta_t) + sqrt(sigma2_t) noise; at t = 1 without noise.",
        "mean = (x_t - beta[t] / (1 - alpha_bar[t]).sqrt() * eps) / (1 - beta[t]).sqrt(); "
        "return mean + sigma2[t].sqrt() * noise if t > 1 else mean",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "noise at t = 1",
            lambda x, e, t, n, b, s2: _step(x, e, n, *_right(t, b), s2[t].sqrt()),
            "the last step, t = 1, adds noise too. Nothing removes it afterwards: return the mean. In a plot nobody sees it.",
        ),
        Misconception(
            "no noise at all",
            lambda x, e, t, n, b, s2: _step(x, e, n, *_right(t, b), 0.0),
            "no noise is added back. Then the spread shrinks at every step, and the samples crowd together.",
        ),
        Misconception(
            "variance as standard deviation",
            lambda x, e, t, n, b, s2: _step(x, e, n, *_right(t, b), s2[t] if t > 1 else 0.0),
            "the noise is multiplied by sigma_t^2, a variance. Multiply by the standard deviation, its root.",
        ),
        Misconception(
            "always beta",
            lambda x, e, t, n, b, s2: _step(x, e, n, *_right(t, b), _size(t, b)),
            "you use beta_t as the variance. It is one choice; use the table sigma2 that is given.",
        ),
        Misconception(
            "noise shrunk as well",
            lambda x, e, t, n, b, s2: _step(x, e, n, *_right(t, b), _size(t, s2) / (1 - b[t]).sqrt()),
            "the fresh noise is divided by sqrt(alpha_t) as well. It is added after that division.",
        ),
        Misconception(
            "alpha_bar in front",
            lambda x, e, t, n, b, s2: _step(x, e, n, bars(b)[t].sqrt(), _right(t, b)[1], _size(t, s2)),
            "you divide by sqrt(alpha_bar_t): that undoes all steps at once, and the chain explodes. Divide by sqrt(alpha_t).",
        ),
        Misconception(
            "alpha under the root",
            lambda x, e, t, n, b, s2: _step(x, e, n, _right(t, b)[0], b[t] / b[t].sqrt(), _size(t, s2)),
            "you divide by sqrt(1 - alpha_t). Under the root stands alpha_bar_t. In a plot this is hardly seen.",
        ),
        Misconception(
            "no root",
            lambda x, e, t, n, b, s2: _step(x, e, n, _right(t, b)[0], b[t] / (1 - bars(b)[t]), _size(t, s2)),
            "you divide by 1 - alpha_bar_t; its root belongs there. In a plot this is hardly seen.",
        ),
        Misconception(
            "sign of eps",
            lambda x, e, t, n, b, s2: _step(x, e, n, _right(t, b)[0], -_right(t, b)[1], _size(t, s2)),
            "the predicted noise is added. Take it away.",
        ),
        Misconception(
            "score where eps is meant",
            lambda x, e, t, n, b, s2: _step(x, e, n, _right(t, b)[0], -b[t], _size(t, s2)),
            "this is the step for a predicted score: x_t + beta_t score. Here a noise comes in; divide by sqrt(1 - alpha_bar_t) "
            "and subtract.",
        ),
        Misconception(
            "index t-1",
            lambda x, e, t, n, b, s2: _step(
                x, e, n, (1 - b[t]).sqrt(), b[t - 1] / (1 - bars(b)[t]).sqrt(), _size(t, s2)
            ),
            "beta is read at t - 1. The tables have T+1 entries, so step t uses beta[t].",
        ),
        Misconception(
            "float64 comes out",
            _no_cast,
            "the values are right, but float32 images became float64. Cast the coefficients to x_t's dtype.",
        ),
        Misconception(
            "changes x_t in place",
            _in_place,
            "the numbers are right, but x_t itself is changed. Build a new tensor: whoever keeps the trajectory needs the old one.",
        ),
    ),
)
