"""One step of the family: `ddim_step`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.fast_sampling.common import F64, WITHHOLDS, criteria, shaped, two_bars
from grader.exercises.fast_sampling.ddim_sigma import ddim_sigma


def ddim_step(x_t: Tensor, eps: Tensor, bar_t: Tensor, bar_s: Tensor, eta: float, noise: Tensor) -> Tensor:
    """Equation (10.9)."""
    sigma = ddim_sigma(bar_t, bar_s, eta)
    column = (-1, *[1] * (x_t.ndim - 1))
    of_t, of_s = bar_t.to(x_t).reshape(column), bar_s.to(x_t).reshape(column)
    x_0 = (x_t - (1 - of_t).sqrt() * eps) / of_t.sqrt()
    left = (1 - bar_s - sigma**2).sqrt()
    return of_s.sqrt() * x_0 + left.to(x_t).reshape(column) * eps + sigma.to(x_t).reshape(column) * noise


Coefficients = Callable[[Tensor, Tensor, float], tuple[Tensor, Tensor, Tensor, Tensor, Tensor]]


def _by(parts: Coefficients) -> Callable[..., Tensor]:
    """A step from five (B,) numbers: of eps in x_0, under x_0, of x_0, of eps, of the noise."""

    def wrong(x_t: Tensor, eps: Tensor, bar_t: Tensor, bar_s: Tensor, eta: float, noise: Tensor) -> Tensor:
        inside, under, data, left, fresh = (shaped(v, x_t) for v in parts(bar_t, bar_s, eta))
        return data * (x_t - inside * eps) / under + left * eps + fresh * noise

    return wrong


def _right(bt: Tensor, bs: Tensor, eta: float) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    sigma = ddim_sigma(bt, bs, eta)
    return (1 - bt).sqrt(), bt.sqrt(), bs.sqrt(), (1 - bs - sigma**2).sqrt(), sigma


def _flat(x_t: Tensor, eps: Tensor, bar_t: Tensor, bar_s: Tensor, eta: float, noise: Tensor) -> Tensor:
    inside, under, data, left, fresh = (v.to(x_t) for v in _right(bar_t, bar_s, eta))
    return data * (x_t - inside * eps) / under + left * eps + fresh * noise


def _in_place(x_t: Tensor, eps: Tensor, bar_t: Tensor, bar_s: Tensor, eta: float, noise: Tensor) -> Tensor:
    with torch.no_grad():
        return x_t.copy_(ddim_step(x_t, eps, bar_t, bar_s, eta, noise))


def _float64(x_t: Tensor, eps: Tensor, bar_t: Tensor, bar_s: Tensor, eta: float, noise: Tensor) -> Tensor:
    return ddim_step(x_t.double(), eps.double(), bar_t, bar_s, eta, noise.double())


def _draw(d: Draw) -> Iterator[Case]:
    (bar_t, bar_s), eta = two_bars(d, 4), d.uniform(0.4, 0.9)
    x, eps, noise = (d.randn(4, 3) for _ in range(3))
    images = tuple(d.randn(4, 1, 4, 4) for _ in range(3))
    clean = torch.ones(4, dtype=F64)
    yield Case("a batch of points", (x, eps, bar_t, bar_s, eta, noise))
    yield Case("images, as many as they are wide", (*images[:2], bar_t, bar_s, eta, images[2]))
    yield Case("eta = 0", (x, eps, bar_t, bar_s, 0.0, noise), "edges")
    yield Case("eta = 1", (x, eps, bar_t, bar_s, 1.0, noise), "edges")
    yield Case("down to the data, s = 0", (x, eps, bar_t, clean, eta, noise), "edges")
    yield Case("one example", (x[:1], eps[:1], bar_t[:1], bar_s[:1], eta, noise[:1]), "edges")
    yield Case("float32 stays float32", (x, eps, bar_t, bar_s, eta, noise), "edges", strict_dtype=True)
    double = x.double(), eps.double(), bar_t, bar_s, eta, noise.double()
    yield Case("float64", double, "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(3, 4).mT, eps, bar_t, bar_s, eta, noise), "edges")
    yield Case("called twice", (x, eps, bar_t, bar_s, eta, noise), "clean", "twice")
    yield Case("gradient in x_t", (x, eps, bar_t, bar_s, eta, noise), "clean", "gradient", cotangent=d.randn(4, 3))


EXERCISE = Exercise(
    name="fast.ddim_step",
    prompt="Take one step from t to s: guess the clean point, put old noise back, add fresh noise.",
    signature=(
        "ddim_step(x_t (B, *D), eps (B, *D), bar_t (B,), bar_s (B,), eta float, noise (B, *D)) -> (B, *D) in x_t's dtype"
    ),
    reference=ddim_step,
    draw=_draw,
    criteria=criteria(
        3, 2, 1, at="eta = 0 and 1, s = 0, one example, dtypes", clean_text="inputs untouched, gradients flow"
    ),
    equation="10.9",
    difficulty=2,
    minutes=12,
    hints=(
        "Three parts: sqrt(alpha_bar_s) times the guess of x_0; the predicted noise, as much of it as there is room for; the "
        "fresh noise.",
        "x_0 = (x_t - sqrt(1 - alpha_bar_t) eps)/sqrt(alpha_bar_t); sqrt(alpha_bar_s) x_0 + sqrt(1 - alpha_bar_s - sigma^2) eps + sigma noise.",
        "return of_s.sqrt() * x_0 + (1 - of_s - sigma**2).sqrt() * eps + sigma * noise  # each (B,) reshaped to (B, 1, .., 1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "no room for the fresh noise",
            _by(lambda bt, bs, eta: (*_right(bt, bs, eta)[:3], (1 - bs).sqrt(), _right(bt, bs, eta)[4])),
            "the old noise is put back in full, and fresh noise comes on top: together their variance exceeds 1 - alpha_bar_s. "
            "Put back sqrt(1 - alpha_bar_s - sigma^2) of it.",
        ),
        Misconception(
            "sigma for sigma squared",
            _by(
                lambda bt, bs, eta: (
                    *_right(bt, bs, eta)[:3],
                    (1 - bs - _right(bt, bs, eta)[4]).clamp(min=0).sqrt(),
                    _right(bt, bs, eta)[4],
                )
            ),
            "under the root stands sigma instead of sigma^2. Variances are subtracted from variances. (A clamp at 0 hides it.)",
        ),
        Misconception(
            "fresh noise by its variance",
            _by(lambda bt, bs, eta: (*_right(bt, bs, eta)[:4], _right(bt, bs, eta)[4] ** 2)),
            "the fresh noise is multiplied by sigma^2, a variance. Multiply by sigma.",
        ),
        Misconception(
            "no fresh noise",
            _by(lambda bt, bs, eta: (*_right(bt, bs, eta)[:4], 0 * bt)),
            "room was made for the fresh noise, but it was not added: the points become less spread than they should be.",
        ),
        Misconception(
            "always deterministic",
            lambda x, e, bt, bs, eta, z: ddim_step(x, e, bt, bs, 0.0, z),
            "eta is not used: this is the step for eta = 0.",
        ),
        Misconception(
            "always eta = 1",
            lambda x, e, bt, bs, eta, z: ddim_step(x, e, bt, bs, 1.0, z),
            "eta is not used: this is the step for eta = 1, that of DDPM.",
        ),
        Misconception(
            "data not shrunk to s",
            _by(lambda bt, bs, eta: (*_right(bt, bs, eta)[:2], bt.sqrt(), *_right(bt, bs, eta)[3:])),
            "the guess of x_0 is multiplied by sqrt(alpha_bar_t). The step arrives at s: sqrt(alpha_bar_s).",
        ),
        Misconception(
            "stays at t",
            _by(
                lambda bt, bs, eta: (
                    *_right(bt, bs, eta)[:3],
                    (1 - bt - _right(bt, bs, eta)[4] ** 2).sqrt(),
                    _right(bt, bs, eta)[4],
                )
            ),
            "the old noise is put back with the size that it has at t. At s it is sqrt(1 - alpha_bar_s - sigma^2).",
        ),
        Misconception(
            "guess not divided",
            _by(lambda bt, bs, eta: (_right(bt, bs, eta)[0], torch.ones_like(bt), *_right(bt, bs, eta)[2:])),
            "x_t - sqrt(1 - alpha_bar_t) eps is sqrt(alpha_bar_t) x_0. Divide by sqrt(alpha_bar_t).",
        ),
        Misconception(
            "noise taken off without a root",
            _by(lambda bt, bs, eta: (1 - bt, *_right(bt, bs, eta)[1:])),
            "the noise in x_t has the standard deviation sqrt(1 - alpha_bar_t); the root is missing in the guess of x_0.",
        ),
        Misconception(
            "batch against the last axis",
            _flat,
            "the (B,) coefficients were multiplied right away, so torch lined them up with the last axis: an error, or, with B = W, "
            "wrong numbers without one. Reshape them to (B, 1, .., 1).",
        ),
        Misconception(
            "float64 comes out",
            _float64,
            "the values are right, but float32 points became float64. Cast the coefficients to x_t's dtype.",
        ),
        Misconception(
            "changes x_t in place",
            _in_place,
            "the numbers are right, but x_t itself was changed. Build a new tensor.",
        ),
    ),
)
