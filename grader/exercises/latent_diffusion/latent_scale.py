"""Mean and size of the codes: `latent_scale`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.latent_diffusion.common import F64, WITHHOLDS, criteria

Pair = tuple[Tensor, Tensor]


def latent_scale(z: Tensor) -> Pair:
    """The m and s of equation (12.11), one pair per channel."""
    rows = z.transpose(0, 1).flatten(1)
    return rows.mean(1), rows.var(1, correction=0).sqrt()


def _rows(rule: Callable[[Tensor], Pair]) -> Callable[[Tensor], Pair]:
    return lambda z: rule(z.transpose(0, 1).flatten(1))


def _one_for_all(z: Tensor) -> Pair:
    C = z.shape[1]
    return z.mean().expand(C), z.std(correction=0).expand(C)


def _mean_of_stds(z: Tensor) -> Pair:
    by_image = z.flatten(2) if z.ndim > 2 else z.unsqueeze(2)
    return by_image.mean((0, 2)), by_image.std(2, correction=0).mean(0)


def _draw_scale(d: Draw) -> Iterator[Case]:
    def codes(n: int, c: int, *rest: int, dtype: torch.dtype = F64) -> Tensor:
        size = torch.tensor([d.uniform(0.2, 3) for _ in range(c)]).to(dtype).reshape(-1, *[1] * len(rest))
        middle = 1 + d.randn(c, dtype=dtype).abs().reshape(-1, *[1] * len(rest))
        return d.randn(n, c, *rest, dtype=dtype) * size + middle

    asked = codes(6, 2, 2, 3)
    yield Case("two channels of 2 x 3", (asked,))
    yield Case("three channels", (codes(5, 3, 2, 2),))
    yield Case("as many codes as channels", (codes(3, 3, 2, 2),), "edges")
    yield Case("codes without places, (N, C)", (codes(7, 3),), "edges")
    yield Case("float32 stays float32", (codes(6, 2, 2, 2, dtype=torch.float32),), "edges")
    yield Case("a transposed view", (codes(6, 2, 2, 3).mT,), "edges")
    yield Case("called twice", (asked,), "clean", "twice")


EXERCISE = Exercise(
    name="latent.latent_scale",
    prompt="Find mean and standard deviation of the codes, one pair per channel.",
    signature="latent_scale(z (N, C, *D)) -> (mean (C,), std (C,))",
    reference=latent_scale,
    draw=_draw_scale,
    criteria=criteria(
        2, 1, 1, at="N = C, codes without places, float32, any memory layout", clean_text="input untouched"
    ),
    equation="12.11",
    difficulty=2,
    minutes=8,
    hints=(
        "Every place of every code tells something about its channel. Average over all axes but the channel.",
        "Put the channels first and flatten the rest: C rows. Mean and standard deviation of each row, dividing by the number "
        "of entries.",
        "rows = z.transpose(0, 1).flatten(1); return rows.mean(1), rows.std(1, correction=0)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "one for all channels",
            _one_for_all,
            "you used one mean and one size for all channels. A channel that hardly varies would drown in noise.",
        ),
        Misconception(
            "variance for the standard deviation",
            _rows(lambda r: (r.mean(1), r.var(1, correction=0))),
            "the second value is the variance. Codes are divided by the standard deviation.",
        ),
        Misconception(
            "mean not removed",
            _rows(lambda r: (r.mean(1), (r**2).mean(1).sqrt())),
            "this is the root mean square. Remove the mean before squaring.",
        ),
        Misconception(
            "divided by n - 1",
            _rows(lambda r: (r.mean(1), r.std(1))),
            "torch divides by n - 1. Use correction=0: then the scaled codes have the variance 1 exactly.",
        ),
        Misconception(
            "one pair per place",
            lambda z: (z.mean(0), z.std(0, correction=0)),
            "you averaged over the codes only, and got one pair per place. One pair per channel is asked for.",
        ),
        Misconception(
            "spread within each code",
            _mean_of_stds,
            "you measured the spread inside each code and averaged that. How codes differ from each other is lost.",
        ),
        Misconception(
            "over the wrong axis",
            lambda z: (z.flatten(1).mean(1), z.flatten(1).std(1, correction=0)),
            "these are numbers per example. The channels are the second axis: average over all others.",
        ),
        Misconception(
            "mean absolute deviation",
            _rows(lambda r: (r.mean(1), (r - r.mean(1, keepdim=True)).abs().mean(1))),
            "this is the mean absolute deviation. A schedule counts variances: root of the mean square.",
        ),
        Misconception(
            "one over the size",
            _rows(lambda r: (r.mean(1), 1 / r.std(1, correction=0))),
            "the second value is 1/std, the factor to multiply with. Asked for is the standard deviation itself.",
        ),
    ),
)
