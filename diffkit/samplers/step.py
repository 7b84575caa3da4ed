"""What every sampler yields, and how to consume it.

A sampler is a generator of `Step`s: the start first, then one step after each update.  Gradients are off
inside it and untouched in the caller.  Arguments are checked when the sampler is made; nothing is drawn or computed
before the next step is asked for.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from diffkit.errors import RangeError

# f(x, t) in x's shape.  t is (B,) long where the noise is a Schedule, a float where it is an SDE or a ladder.
Model = Callable[[Tensor, Any], Tensor]


class Step(NamedTuple):
    """The state of a sampler.

    t: the step index, time or noise level that x belongs to.
    x: (B, *D).  Never changed afterwards by the sampler, so it is safe to keep.
    out: (B, *D), what the network said in the update that led here; None at the start.
    """

    t: float
    x: Tensor
    out: Tensor | None = None


def last(steps: Iterable[Step]) -> Tensor:
    """Run a sampler to its end and return the final x, (B, *D)."""
    final = deque(steps, maxlen=1)
    if not final:
        raise RangeError("this sampler has no steps left: a generator runs once, so make a new one")
    return final[0].x


def per_example(net: Model) -> Model:
    """Adapter: makes a network that wants t as (B,) take one number for the whole batch."""
    return lambda x, t: net(x, torch.full((len(x),), t, dtype=x.dtype, device=x.device))
