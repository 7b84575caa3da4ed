"""All noise levels at once: a network sees (t, example) pairs in large batches, not one t after the other.

A bound over T = 1000 levels needs T predictions per example.  Asked for one by one, a small network spends
its time on the overhead of the calls.  Here the pairs (1, first example), (1, second), .., (2, first), ..
form one long list of rows, which is cut into chunks of equal size.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from diffkit.errors import RangeError
from diffkit.forward import q_sample
from diffkit.inputs import check_batch, check_like, noise_like
from diffkit.parameterize import Predictor
from diffkit.schedule import Schedule

CPU_CALL, GPU_CALL = 2**11, 2**20  # numbers of x_t that go into one call of the network
MANY = 2**17  # from so many numbers of x_t on, a call on a CPU takes twice as many
CPU_BLOCK, GPU_BLOCK = 2**18, 2**24  # and for which x_t and the errors are computed at once: they need less memory


class Rows(NamedTuple):
    """n pairs of a noise level and an example.  t: (n,); the others: (n, *D)."""

    x_0: Tensor
    t: Tensor
    noise: Tensor
    x_t: Tensor
    eps: Tensor  # the prediction


class Draws(NamedTuple):
    """Where the noise comes from, and how many rows go into one call of the network."""

    noise: Tensor | None  # (T, B, *D): noise[t - 1] makes x_t
    generator: torch.Generator | None
    chunk_size: int | None


def over_t(
    predictor: Predictor, s: Schedule, x_0: Tensor, t: range, measure: Callable[[Rows], Tensor], draws: Draws
) -> Tensor:
    """measure(rows) -> (n,), at every t of the range and every example.  Returns (B, len(t))."""
    out = []
    given = None if draws.noise is None else draws.noise.flatten(0, 1)
    first, end = (t.start - 1) * len(x_0), (t.stop - 1) * len(x_0)
    size = chunk_of(x_0, draws.chunk_size, len(t) * len(x_0))
    for rows in torch.arange(first, end, device=x_0.device).split(block_of(x_0, size)):
        level, x = rows // len(x_0) + 1, x_0[rows % len(x_0)]
        noise = noise_like(x, None, draws.generator) if given is None else given[first : first + len(rows)]
        first += len(rows)
        x_t = q_sample(s, x, level, noise=noise)
        out.append(measure(Rows(x, level, noise, x_t, predict(predictor, x_t, level, size))))
    return torch.cat(out).reshape(len(t), len(x_0)).T


def predict(predictor: Predictor, x_t: Tensor, t: Tensor, size: int) -> Tensor:
    """predictor(x_t, t), so many rows per call, checked: an (n, 1) answer to (n, d) would broadcast in silence."""
    pairs = zip(x_t.split(size), t.split(size), strict=True)
    return torch.cat([check_like(predictor(x, level), x, "the prediction") for x, level in pairs])


def chunk_of(x_0: Tensor, chunk_size: int | None, rows: int) -> int:
    """How many of the rows go into one call, if it is not asked for.

    On a CPU a layer 32 channels wide then holds a quarter of a megabyte, which stays in the cache of a core and in
    memory that the C library keeps: larger blocks it gives back to the system after each layer, and fetching them again
    can cost as much as the convolutions.  Once it has seen half a megabyte freed, it keeps blocks of that size too, so
    if x_t holds as much, a call is twice as large.  A GPU gets 512 times as much.
    """
    if chunk_size is None:
        numbers = max(4, x_0[0].numel())
        budget = GPU_CALL if x_0.device.type != "cpu" else 2 * CPU_CALL if rows * numbers >= MANY else CPU_CALL
        return max(16, budget // numbers)
    if chunk_size < 1:
        raise RangeError(f"chunk_size = {chunk_size}: at least one row must go into a call")
    return chunk_size


def block_of(x_0: Tensor, size: int) -> int:
    """Rows per block, a multiple of the rows per call: on a CPU a megabyte of x_t, if one call is not more."""
    budget = CPU_BLOCK if x_0.device.type == "cpu" else GPU_BLOCK
    return size * max(1, budget // (size * x_0[0].numel()))


def check_draws(s: Schedule, x_0: Tensor, draws: Draws) -> Draws:
    """The draws unchanged, after checking the batch, and the noise against it: (T, B, *D)."""
    check_batch(x_0)
    if draws.noise is not None:
        check_like(draws.noise, x_0.expand(s.T, *x_0.shape), "noise (one per t = 1..T)")
    return draws
