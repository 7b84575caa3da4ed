"""One step back without noise: `cold_step`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.latent_diffusion.common import F64, UNTOUCHED, WITHHOLDS, criteria

Degrade = Callable[[Tensor, int], Tensor]


def cold_step(x_t: Tensor, x_0_hat: Tensor, t: int, degrade: Degrade) -> Tensor:
    """Equation (12.24)."""
    return x_t - degrade(x_0_hat, t) + degrade(x_0_hat, t - 1)


def _in_place(x_t: Tensor, x_0_hat: Tensor, t: int, degrade: Degrade) -> Tensor:
    x_t -= degrade(x_0_hat, t)
    x_t += degrade(x_0_hat, t - 1)
    return x_t


def _draw_cold(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 9)

    def question(t: int, *shape: int, dtype: torch.dtype = F64) -> tuple[object, ...]:
        pull, bend = d.uniform(0.1, 0.3), d.uniform(0.5, 1.5)

        def degrade(x: Tensor, t: int) -> Tensor:
            return x * (1 - pull) ** t + torch.sin(bend * x) * (0.1 * t)

        return d.randn(*shape, dtype=dtype), d.randn(*shape, dtype=dtype), t, Served(degrade)

    asked = question(d.integer(3, T - 1), 3, 4)
    yield Case("points", asked)
    yield Case("images", question(d.integer(3, T - 1), 2, 1, 3, 3))
    yield Case("t = T", question(T, 3, 4), "edges")
    yield Case("t = 1", question(1, 3, 4), "edges")
    yield Case("one example", question(2, 1, 4), "edges")
    yield Case("float32 stays float32", question(3, 2, 3, dtype=torch.float32), "edges", strict_dtype=True)
    yield Case("called twice", asked, "clean", "twice")
    yield Case("the damage done twice, not more", asked, "clean", max_calls=2)


EXERCISE = Exercise(
    name="latent.cold_step",
    prompt="Take one step of the improved sampler of cold diffusion.",
    signature="cold_step(x_t (B, *D), x_0_hat (B, *D), t int in 1..T, degrade: (x, t) -> (B, *D)) -> (B, *D)",
    reference=cold_step,
    draw=_draw_cold,
    criteria=criteria(2, 1, 1, at="t = 1, t = T, one example, float32", clean_text=UNTOUCHED + ", two calls"),
    equation="12.24",
    difficulty=2,
    minutes=6,
    hints=(
        "Keep what you have, and change it by what the last step of damage did to the restored image.",
        "x_t minus the restored image damaged t times, plus the restored image damaged t - 1 times.",
        "return x_t - degrade(x_0_hat, t) + degrade(x_0_hat, t - 1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "naive step",
            lambda x, x_0, t, degrade: degrade(x_0, t - 1),
            "this is the naive sampler: it throws x_t away, and the whole error of the restored image stays in.",
        ),
        Misconception(
            "signs exchanged",
            lambda x, x_0, t, degrade: x + degrade(x_0, t) - degrade(x_0, t - 1),
            "this adds damage instead of taking it away: subtract D(x_0_hat, t) and add D(x_0_hat, t - 1).",
        ),
        Misconception(
            "the next step instead of the last",
            lambda x, x_0, t, degrade: x - degrade(x_0, t + 1) + degrade(x_0, t),
            "you undid the step from t to t + 1, which has not been done. The last one led from t - 1 to t.",
        ),
        Misconception(
            "damage of the damaged",
            lambda x, x_0, t, degrade: x - degrade(x, t) + degrade(x, t - 1),
            "you damaged x_t, which is damaged already. The difference is taken of the restored image.",
        ),
        Misconception(
            "restored at once",
            lambda x, x_0, t, degrade: x - degrade(x_0, t) + x_0,
            "this undoes all the damage in one step. Only the last step is undone: + D(x_0_hat, t - 1).",
        ),
        Misconception(
            "nothing put back",
            lambda x, x_0, t, degrade: x - degrade(x_0, t),
            "the damaged image is subtracted and nothing put in its place: add D(x_0_hat, t - 1).",
        ),
        Misconception(
            "mean of both samplers",
            lambda x, x_0, t, degrade: 0.5 * (cold_step(x, x_0, t, degrade) + degrade(x_0, t - 1)),
            "this is half way to the naive sampler, and keeps half of its error.",
        ),
        Misconception(
            "changes x_t in place",
            _in_place,
            "the numbers are right, but x_t itself was changed. Build a new tensor.",
        ),
    ),
)
