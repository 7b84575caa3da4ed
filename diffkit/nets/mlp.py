"""A residual multilayer perceptron for points: f(x, t), x in D dimensions."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diffkit.errors import RangeError
from diffkit.nets.checks import check_data, check_one_each
from diffkit.nets.embeddings import LabelEmbedding, SinusoidalEmbedding


class Mlp(nn.Module):
    """f(x, t) or f(x, t, y): (B, dims) to (B, out).  x: (B, dims); t: (B,); y: (B,) long or None.

    `depth` hidden layers of `width`, each added to what it got, so that depth does no harm.  It starts as f = 0,
    the best guess of noise that sees nothing.  classes > 0 makes it conditional; label `classes` means no class.
    embedding: a module from t (B,) to (B, n), by default sinusoidal with n = 64 for t = 0..1000.
    """

    def __init__(
        self,
        dims: int,
        *,
        out: int | None = None,
        width: int = 128,
        depth: int = 3,
        classes: int = 0,
        embedding: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if min(dims, width, depth) < 1 or classes < 0:
            raise RangeError(f"dims, width, depth = {dims}, {width}, {depth}, classes = {classes}: at least 1, 1, 1, 0")
        self.dims = dims
        self.embedding = SinusoidalEmbedding(64) if embedding is None else embedding
        self.time = nn.LazyLinear(width) if embedding is not None else nn.Linear(64, width)
        self.label = LabelEmbedding(classes, width) if classes else None
        self.space = nn.Linear(dims, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.last = nn.Linear(width, dims if out is None else out)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        if embedding is not None:
            self.time(embedding(torch.zeros(1)))  # now its shape is known

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        check_data(x, (self.dims,), self.space.weight)
        check_one_each(t, x)
        h = self.space(x) + self.time(self.embedding(t))
        h = h + label_of(self.label, y, len(x))
        for layer in self.hidden:
            h = h + layer(F.silu(h))
        return self.last(F.silu(h))


def label_of(label: LabelEmbedding | None, y: Tensor | None, batch: int) -> Tensor | float:
    """The class as a vector, or 0 for a network without classes."""
    if label is not None:
        return label(y, batch)
    if y is not None:
        raise RangeError("this network has no classes: make it with classes=10, or pass no y")
    return 0.0
