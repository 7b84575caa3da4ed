"""The loop that most samplers share: x_next = a x + b f(x, t) + c z, with z ~ N(0, I).

Ancestral sampling, DDIM, Langevin dynamics and Euler-Maruyama differ only in the three coefficients.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor

from diffkit.errors import RangeError
from diffkit.samplers.checks import check_output
from diffkit.samplers.step import Model, Step


class Affine(NamedTuple):
    """The coefficients of n updates, n numbers each: x_next = a x + b f(x, t) + c z."""

    a: list[float]
    b: list[float]
    c: list[float]


def affine_chain(
    f: Model,
    x: Tensor,
    times: Sequence[float],
    given: Sequence[Tensor] | Sequence[float],
    k: Affine,
    generator: torch.Generator | None,
) -> Iterator[Step]:
    """Yields x, then one Step per update.  times: n+1 numbers for `Step.t`; given: n values of t for f.

    Beside the call of f this does as little as it can: for a small network every operation here shows.
    """
    shape, dtype, device = x.shape, x.dtype, x.device
    largest = torch.finfo(dtype).max
    if not all(abs(v) <= largest for v in chain(*k)):
        raise RangeError(f"a coefficient of this chain does not fit {dtype}: smaller steps, or x.double()")
    no_grad = torch.no_grad()  # entered for each update: around a yield it would turn gradients off in the caller
    yield Step(times[0], x)
    for t, t_next, a, b, c in zip(given, times[1:], *k, strict=True):
        with no_grad:
            out = f(x, t)
            check_output(out, shape)
            if c == 0:
                x = torch.mul(x, a)  # a new tensor, as below: the caller may keep the last one
            else:
                noise = torch.normal(0.0, c, shape, generator=generator, dtype=dtype, device=device)
                x = noise.add_(x, alpha=a)
            x.add_(out, alpha=b)
        yield Step(t_next, x, out)
