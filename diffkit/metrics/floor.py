"""The noise floor: what a metric says about two samples of the same distribution.

noise_floor      data against data, in random halves: nothing assumed, but only at half the size.
bootstrap_floor  data drawn again with replacement: any size, but copies of points make distances of nearest
                 neighbours (coverage) too small, and the spread of few data is taken for the truth.
mode_floor       mode weights: the samples are a roll of the dice with known odds.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.metrics.modes import check_weights
from diffkit.metrics.points import as_points

Metric = Callable[[Tensor, Tensor], Tensor]


class Floor(NamedTuple):
    """values: (repeats,) float64, the metric between samples that are right."""

    values: Tensor

    @property
    def mean(self) -> float:
        """The level to expect from right samples."""
        return float(self.values.mean())

    @property
    def sd(self) -> float:
        """Standard deviation from one comparison to the next."""
        return float(self.values.std())

    def p_value(self, value: Tensor | float) -> float:
        """Share of right samples that are as far off as `value`, or farther; 1/(repeats + 1) at least."""
        return (1 + int((self.values >= float(value)).sum())) / (1 + len(self.values))


def noise_floor(
    metric: Metric,
    x: Tensor,
    *,
    n: int | None = None,
    m: int | None = None,
    repeats: int = 20,
    generator: torch.Generator | None = None,
) -> Floor:
    """The metric between n and m examples of x, disjoint, drawn without replacement; by default both N // 2.

    x: (N, *D).  Take n and m as in the comparison that you want to judge: most metrics fall with the size.
    """
    total = len(as_points(x, "x", 2))
    n, m = total // 2 if n is None else n, total // 2 if m is None else m
    if n < 1 or m < 1 or n + m > total or repeats < 2:
        raise RangeError(f"n = {n}, m = {m} of {total} examples, repeats = {repeats}: n + m <= {total}, repeats >= 2")
    values = []
    for _ in range(repeats):
        order = torch.randperm(total, generator=generator, device=_place(x, generator)).to(x.device)
        values.append(metric(x[order[:n]], x[order[n : n + m]]))
    return Floor(torch.stack(values).double().cpu())


def bootstrap_floor(
    metric: Metric, x: Tensor, n: int, m: int, *, repeats: int = 20, generator: torch.Generator | None = None
) -> Floor:
    """The metric between n and m examples of x, both drawn with replacement.  Efron & Tibshirani 1993, chapter 16."""
    total = len(as_points(x, "x", 2))
    if n < 1 or m < 1 or repeats < 2:
        raise RangeError(f"n = {n}, m = {m}, repeats = {repeats}: at least 1, 1 and 2")
    values = []
    for _ in range(repeats):
        i = torch.randint(total, (n + m,), generator=generator, device=_place(x, generator)).to(x.device)
        values.append(metric(x[i[:n]], x[i[n:]]))
    return Floor(torch.stack(values).double().cpu())


def mode_floor(weights: Tensor, n: int, *, repeats: int = 1000, generator: torch.Generator | None = None) -> Floor:
    """`mode_error` of n right samples of a mixture with these weights, (K,)."""
    if weights.ndim != 1:
        raise ShapeError(f"weights are {tuple(weights.shape)}: pass one per mode, (K,)")
    w = check_weights(weights, len(weights)).cpu()
    if n < 1 or repeats < 2:
        raise RangeError(f"n = {n}, repeats = {repeats}: at least 1 and 2")
    drawn = torch.multinomial(w, n * repeats, replacement=True, generator=generator).reshape(repeats, n)
    shares = torch.nn.functional.one_hot(drawn, len(w)).double().mean(1)
    return Floor(0.5 * (shares - w).abs().sum(1))


def _place(x: Tensor, generator: torch.Generator | None) -> torch.device:
    return x.device if generator is None else generator.device
