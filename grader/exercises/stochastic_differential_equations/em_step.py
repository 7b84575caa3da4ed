"""One step of Euler and Maruyama: `em_step`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.stochastic_differential_equations.common import F64, FLOWS, WITHHOLDS, criteria, per_example


def em_step(x: Tensor, drift: Tensor, g: Tensor, dt: float, noise: Tensor) -> Tensor:
    """Equation (8.4), for steps of either sign."""
    return x + dt * drift + abs(dt) ** 0.5 * per_example(g, x) * noise


Change = Callable[[Tensor, Tensor, Tensor, float, Tensor], Tensor]


def _last_axis(x: Tensor, drift: Tensor, g: Tensor, dt: float, noise: Tensor) -> Tensor:
    return x + dt * drift + abs(dt) ** 0.5 * g.to(x) * noise


def _float64(x: Tensor, drift: Tensor, g: Tensor, dt: float, noise: Tensor) -> Tensor:
    return x + dt * drift + abs(dt) ** 0.5 * g.reshape(-1, *[1] * (x.ndim - 1)) * noise


def _root_of_negative(x: Tensor, drift: Tensor, g: Tensor, dt: float, noise: Tensor) -> Tensor:
    return x + dt * drift + torch.tensor(dt, dtype=x.dtype).sqrt() * per_example(g, x) * noise


def _in_place(x: Tensor, drift: Tensor, g: Tensor, dt: float, noise: Tensor) -> Tensor:
    x += dt * drift + abs(dt) ** 0.5 * per_example(g, x) * noise
    return x


def _draw_step(d: Draw) -> Iterator[Case]:
    def rates(n: int) -> Tensor:
        return torch.tensor([d.uniform(0.5, 3) for _ in range(n)], dtype=F64)

    x, drift, noise, g, dt = d.randn(4, 3), d.randn(4, 3), d.randn(4, 3), rates(4), d.uniform(0.05, 0.2)
    images = [d.randn(4, 1, 4, 4) for _ in range(3)]
    yield Case("forward in time", (x, drift, g, dt, noise))
    yield Case("backward in time, dt < 0", (x, drift, g, -dt, noise))
    yield Case("images as wide as the batch is long", (images[0], images[1], g, -2 * dt, images[2]))
    yield Case("one example", (x[:1], drift[:1], g[:1], dt, noise[:1]), "edges")
    yield Case("no diffusion", (x, drift, 0 * g, dt, noise), "edges")
    yield Case("float32 stays float32", (x, drift, g, dt, noise), "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(3, 4).mT, drift, g, dt, noise), "edges")
    yield Case("gradient in x", (x, drift, g, dt, noise), "clean", "gradient", cotangent=d.randn(4, 3))
    yield Case("called twice", (x, drift, g, dt, noise), "clean", "twice")


EXERCISE = Exercise(
    name="sde.em_step",
    prompt="Take one step of Euler and Maruyama, forward (dt > 0) or backward (dt < 0) in time.",
    signature="em_step(x (B, *D), drift (B, *D), g (B,) float64, dt float, noise (B, *D)) -> (B, *D)",
    reference=em_step,
    draw=_draw_step,
    criteria=criteria(2, 1, 1, at="one example, g = 0, dtype, any memory layout", clean_text=FLOWS),
    equation="8.4",
    difficulty=1,
    minutes=6,
    hints=(
        "The mean moves by the drift times dt. The noise has variance g^2 |dt|: a time is never negative in a variance.",
        "x + drift * dt + g * sqrt(|dt|) * noise, with g reshaped to (B, 1, .., 1) and in x's dtype.",
        "return x + dt * drift + abs(dt) ** 0.5 * g.to(x).reshape(-1, *[1] * (x.ndim - 1)) * noise",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "noise times dt",
            lambda x, drift, g, dt, noise: x + dt * drift + abs(dt) * per_example(g, x) * noise,
            "the noise is multiplied by dt. Its variance is g^2 dt, so its factor is g sqrt(dt). With dt the noise dies out "
            "when the steps shrink.",
        ),
        Misconception(
            "noise times minus dt",
            lambda x, drift, g, dt, noise: x + dt * (drift + per_example(g, x) * noise),
            "drift and noise are both multiplied by dt, as if the noise were a velocity. It counts with sqrt(|dt|).",
        ),
        Misconception(
            "root of a negative step",
            _root_of_negative,
            "backward in time your noise is not a number: the root of a negative dt. Take sqrt(|dt|).",
        ),
        Misconception(
            "always forward",
            lambda x, drift, g, dt, noise: x + abs(dt) * drift + abs(dt) ** 0.5 * per_example(g, x) * noise,
            "the drift goes forward although dt < 0. Only the noise takes |dt|; the drift is multiplied by dt with its sign.",
        ),
        Misconception(
            "g squared",
            lambda x, drift, g, dt, noise: x + dt * drift + abs(dt) ** 0.5 * per_example(g**2, x) * noise,
            "the noise has the factor g^2. That is the variance per time; the factor is g.",
        ),
        Misconception(
            "root of g",
            lambda x, drift, g, dt, noise: x + dt * drift + (abs(dt) * per_example(g, x)).sqrt() * noise,
            "the root covers g too: sqrt(g dt). The factor of the noise is g sqrt(dt).",
        ),
        Misconception(
            "drift with the root as well",
            lambda x, drift, g, dt, noise: x + abs(dt) ** 0.5 * (drift + per_example(g, x) * noise),
            "the drift is multiplied by sqrt(dt). Only noise adds up like a root; the drift counts with dt.",
        ),
        Misconception(
            "step length forgotten in the noise",
            lambda x, drift, g, dt, noise: x + dt * drift + per_example(g, x) * noise,
            "the noise has the same size for every step. Over a time dt it has variance g^2 dt.",
        ),
        Misconception(
            "no noise",
            lambda x, drift, g, dt, noise: x + dt * drift,
            "without noise this is Euler's step for an ordinary differential equation.",
        ),
        Misconception(
            "g along the last axis",
            _last_axis,
            "g has shape (B,) and lines up with the last axis of x, not with the batch. Reshape it to (B, 1, .., 1).",
        ),
        Misconception(
            "float64 comes out",
            _float64,
            "the values are right, but float32 became float64 because g is float64. Cast it to x's dtype.",
        ),
        Misconception(
            "changes x in place",
            _in_place,
            "the numbers are right, but x itself is changed (x += ...). Build a new tensor.",
        ),
    ),
)
