"""Arbitrary values for the public functions, most of them wrong in some way."""

import math

import torch
from hypothesis import strategies as st

SHAPES = st.lists(st.integers(0, 3), max_size=3).map(tuple)
DTYPES = st.sampled_from([torch.float32, torch.float64, torch.float16, torch.int64, torch.bool, torch.complex64])
FILLS = st.sampled_from([0.0, 1.0, -1.0, 0.3, 1e30, float("nan"), float("inf")])
NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 0.3, 2.5, 1e-12, 1e30, float("nan"), float("inf"), -3])


@st.composite
def tensors(draw, shape=SHAPES):
    """A constant tensor of any shape and dtype."""
    kind, fill = draw(DTYPES), draw(FILLS)
    if not kind.is_floating_point and not kind.is_complex:
        fill = 1.0
    return torch.full(draw(shape), fill).to(kind)


class Drawn:
    """Draws values of each kind, and remembers whether all of them were tame: finite, and of modest size."""

    def __init__(self, data):
        self.data, self.tame = data, True

    def _noted(self, value, size):
        self.tame = self.tame and math.isfinite(size) and size < 1e3
        return value

    def tensor(self):
        x = self.data.draw(tensors())
        return self._noted(x, float(x.to(torch.complex64).abs().max()) if x.numel() else 0.0)

    def batch(self):
        """Often a good batch of points (2, 3) with some spread, else anything."""
        good = torch.tensor([[0.3, -1.0, 0.5], [1.0, 0.2, -0.4]])
        return self.data.draw(st.sampled_from([good, good.double(), None])) if self.flag() else self.tensor()

    def number(self):
        value = self.data.draw(NUMBERS)
        return self._noted(value, abs(value))

    def integer(self):
        return self.data.draw(st.integers(-2, 6))

    def flag(self):
        return self.data.draw(st.booleans())

    def times(self):
        """Falling times, or what only looks like them."""
        return self.data.draw(
            st.one_of(
                st.sampled_from([[1.0, 0.5, 0.01], [4, 2, 0], [1, 1], [], [0.5], [2.0, -1.0], ["a"], None, 3]),
                st.lists(NUMBERS, max_size=4),
                tensors(),
            )
        )
