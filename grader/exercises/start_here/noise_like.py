"""Noise that comes out the same again: `noise_like`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.start_here.common import WITHHOLDS, criteria


def noise_like(x: Tensor, seed: int) -> Tensor:
    """Equation (0.2)."""
    g = torch.Generator(x.device).manual_seed(seed)
    return torch.randn(x.shape, generator=g, dtype=x.dtype, device=x.device)


def _from(draw: Callable[..., Tensor]) -> Callable[[Tensor, int], Tensor]:
    """draw(shape, generator=.., dtype=..) with a generator that was seeded."""
    return lambda x, seed: draw(x.shape, generator=torch.Generator().manual_seed(seed), dtype=x.dtype)


def _one_for_all(x: Tensor, seed: int) -> Tensor:
    return noise_like(x[:1], seed).expand(x.shape).clone()


def _draw_noise(d: Draw) -> Iterator[Case]:
    seeds = d.integers(1, 10_000, 2).tolist()
    yield Case("points", (d.randn(5, 3), seeds[0]))
    yield Case("images", (d.randn(3, 1, 4, 4), seeds[1]))
    yield Case("float64", (d.randn(4, 5, dtype=torch.float64), seeds[0]), "edges", strict_dtype=True)
    yield Case("float32 stays float32", (d.randn(4, 5), seeds[1]), "edges", strict_dtype=True)
    yield Case("called twice, the same seed", (d.randn(5, 3), seeds[0]), "edges", "twice")


EXERCISE = Exercise(
    name="start.noise_like",
    prompt="Draw standard normal noise in the shape of x, from a generator of your own that starts at the seed.",
    signature="noise_like(x (*any), seed int) -> noise of x's shape, dtype and device",
    reference=noise_like,
    draw=_draw_noise,
    criteria=criteria(1, 1, at="dtypes; the same seed gives the same noise"),
    equation="0.2",
    difficulty=1,
    minutes=5,
    hints=(
        "Make a generator, tell it the seed, and hand it to torch.randn with the shape that you want.",
        "g = torch.Generator(x.device).manual_seed(seed). torch.randn takes a shape, and generator=, dtype=, device=.",
        "return torch.randn(x.shape, generator=torch.Generator(x.device).manual_seed(seed), dtype=x.dtype, device=x.device)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "rand for randn",
            _from(torch.rand),
            "torch.rand draws evenly between 0 and 1. Normal noise comes from torch.randn, with an n.",
        ),
        Misconception(
            "seed ignored",
            lambda x, seed: noise_like(x, 0),
            "the generator always starts at 0, not at the seed that was given.",
        ),
        Misconception(
            "one noise for the batch",
            _one_for_all,
            "all examples have the same noise. Draw the whole shape of x at once, the first axis included.",
        ),
        Misconception(
            "one row",
            lambda x, seed: noise_like(x[0], seed),
            "this has the shape of one example. Draw in the shape of the whole batch, x.shape.",
        ),
        Misconception(
            "dtype forgotten",
            lambda x, seed: torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)),
            "the noise is float32, whatever x is. Pass dtype=x.dtype (and device=x.device, for graphics cards).",
        ),
        Misconception(
            "converted afterwards",
            lambda x, seed: torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).to(x.dtype),
            "the noise was drawn in float32 and converted. Drawn in float64, the same seed gives other numbers: pass "
            "dtype=x.dtype to torch.randn itself.",
        ),
        Misconception(
            "added to x",
            lambda x, seed: x + noise_like(x, seed),
            "this is x plus the noise. The noise alone is asked for.",
        ),
        Misconception(
            "always double",
            lambda x, seed: torch.randn(x.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64),
            "the noise is float64, whatever x is. Pass dtype=x.dtype.",
        ),
    ),
)
