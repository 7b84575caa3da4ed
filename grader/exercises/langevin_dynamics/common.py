"""What the exercises of this lesson share: criteria, scores that are handed to students, and withheld names."""

from collections.abc import Callable

import torch
from torch import Tensor

from grader.exercise import Criterion, Draw

VALUE = "the right numbers"
CLEAN = "inputs untouched, no more calls than needed"
FLOWS = "inputs untouched, gradients flow"

# The samplers are not in the sandbox at all; they are named here because they are the answers.
WITHHOLDS = (
    "diffkit.sigmas.geometric",
    "diffkit.sigmas._ladder",
    "diffkit.samplers.langevin.ula",
    "diffkit.samplers.langevin.mala",
    "diffkit.samplers.langevin.log_proposal",
    "diffkit.samplers.annealed_langevin.annealed_langevin",
)

Score = Callable[[Tensor], Tensor]


def criteria(
    value: float, edges: float = 0.0, clean: float = 0.0, *, at: str = "", clean_text: str = CLEAN
) -> tuple[Criterion, ...]:
    """The usual three criteria with their points.  at: which edge cases are asked."""
    all_three = (
        Criterion("value", value, VALUE),
        Criterion("edges", edges, f"edge cases: {at}"),
        Criterion("clean", clean, clean_text),
    )
    return tuple(c for c in all_three if c.points)


def random_density(d: Draw) -> tuple[Callable[[Tensor], Tensor], Score]:
    """log density (up to a constant) and score of independent coordinates with density exp(a cos(x - c) - x^2/(2v))."""
    a, c, v = d.uniform(0.5, 0.9), d.uniform(0.5, 1.0), d.uniform(0.8, 1.4)

    def log_prob(x: Tensor) -> Tensor:
        return (a * torch.cos(x - c) - x**2 / (2 * v)).flatten(1).sum(1)

    def score(x: Tensor) -> Tensor:
        return -a * torch.sin(x - c) - x / v

    return log_prob, score


def per_example(values: Tensor, x: Tensor) -> Tensor:
    """(B,) coefficients in x's dtype, shaped to multiply x: (B, *D)."""
    return values.to(x).reshape(-1, *[1] * (x.ndim - 1))
