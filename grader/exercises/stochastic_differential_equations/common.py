"""What the exercises of this lesson share: criteria, functions that are handed to students, withheld names."""

from collections.abc import Callable

import torch
from torch import Tensor

from grader.exercise import Criterion, Draw

VALUE = "the right numbers"
CLEAN = "inputs untouched, no more calls than needed"
UNTOUCHED = "inputs untouched"
FLOWS = "inputs untouched, gradients flow"
F64 = torch.float64

# Neither `diffkit.sde` nor the samplers are in the sandbox; they are named here because they are the answers.
WITHHOLDS = (
    "diffkit.schedule.broadcast",  # shapes one coefficient per example, which half of these exercises ask for
    "diffkit.sde.VP.diffusion",
    "diffkit.sde.SubVP.diffusion",
    "diffkit.sde.VE.diffusion",
    "diffkit.sde.SDE.reverse_drift",
    "diffkit.samplers.euler_maruyama.euler_maruyama",
    "diffkit.samplers.euler_maruyama.reverse_sde",
    "diffkit.samplers.predictor_corrector.predictor_corrector",
    "diffkit.samplers.predictor_corrector.corrector_step",
)

Field = Callable[[Tensor, float], Tensor]


def criteria(
    value: float, edges: float = 0.0, clean: float = 0.0, *, at: str = "", clean_text: str = UNTOUCHED
) -> tuple[Criterion, ...]:
    """The usual three criteria with their points.  at: which edge cases are asked."""
    all_three = (
        Criterion("value", value, VALUE),
        Criterion("edges", edges, f"edge cases: {at}"),
        Criterion("clean", clean, clean_text),
    )
    return tuple(c for c in all_three if c.points)


def random_score(d: Draw) -> Field:
    """A score that depends on the place and on the time, like that of a density which melts."""
    a, c, v = d.uniform(0.5, 0.9), d.uniform(0.5, 1.0), d.uniform(0.8, 1.4)

    def score(x: Tensor, t: float) -> Tensor:
        return -a * torch.sin(x - c) / (1 + t) - x / (v + t)

    return score


def per_example(values: Tensor, x: Tensor) -> Tensor:
    """(B,) coefficients in x's dtype, shaped to multiply x: (B, *D)."""
    return values.to(x).reshape(-1, *[1] * (x.ndim - 1))


def random_times(d: Draw, n: int, low: float = 0.0) -> Tensor:
    """n + 1 rising times (float64) in steps of different lengths, from low to about 1."""
    lengths = torch.tensor([d.uniform(0.4, 1.6) for _ in range(n)], dtype=F64) * ((1 - low) / n)
    return low + torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
