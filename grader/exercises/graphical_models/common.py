"""What the exercises of this lesson share: criteria, random tables and graphs, and the names that give answers away."""

import torch
from torch import Tensor

from grader.exercise import Criterion, Draw

VALUE = "the right numbers"
CLEAN = "inputs untouched, gradients flow"
Parents = tuple[tuple[int, ...], ...]  # parents[i] of node i; parents have smaller numbers than their children

WITHHOLDS = (
    "diffkit.gaussian.kl",
    "diffkit.gaussian.product",
    "diffkit.gaussian.sum_event",
    "diffkit.gaussian.Gaussian.log_prob",
    "diffkit.gaussian.Gaussian.affine",
    "diffkit.gaussian.Gaussian.entropy",
    "diffkit.gaussian.Gaussian.__add__",
    "diffkit.gaussian.FullGaussian.log_prob",
    "diffkit.gaussian.FullGaussian.affine",
    "diffkit.gaussian.FullGaussian.entropy",
    "diffkit.gaussian.FullGaussian.__add__",
    "diffkit.gaussian.FullGaussian.marginal",
    "diffkit.gaussian.FullGaussian.condition",
    # All of `diffkit.graph` is absent while grading; these names say what is in it that would be an answer.
    "diffkit.graph.joint",
    "diffkit.graph.log_joint",
    "diffkit.graph.independent",
    "diffkit.graph.d_separated",
    "diffkit.graph.active_paths",
    "diffkit.graph.droppable",
    "diffkit.graph.linear_gaussian",
    "diffkit.graph.Joint.marginal",
    "diffkit.graph.Joint.conditional",
    "diffkit.graph.Joint.information",
    "diffkit.graph.Joint.deviation",
)


def criteria(value: float, edges: float = 0.0, clean: float = 0.0, *, at: str = "") -> tuple[Criterion, ...]:
    """The usual three criteria with their points.  at: which edge cases are asked."""
    all_three = (
        Criterion("value", value, VALUE),
        Criterion("edges", edges, f"edge cases: {at}"),
        Criterion("clean", clean, CLEAN),
    )
    return tuple(c for c in all_three if c.points)


def random_table(d: Draw, *shape: int) -> Tensor:
    """A conditional table: positive, the last axis sums to 1.  float64.  No entry is tiny, no two rows are alike."""
    rows = 0.1 + torch.rand(shape, generator=d.generator, dtype=torch.float64)
    return rows / rows.sum(-1, keepdim=True)


def random_joint(d: Draw, *shape: int) -> Tensor:
    """A joint table: positive, all entries together sum to 1.  float64."""
    p = 0.1 + torch.rand(shape, generator=d.generator, dtype=torch.float64)
    return p / p.sum()


def random_parents(d: Draw, n: int, arrow: float = 0.5) -> Parents:
    """A random graph: each arrow from a smaller to a larger number is there with this probability."""
    return tuple(tuple(j for j in range(i) if d.uniform(0, 1) < arrow) for i in range(n))


def random_cov(d: Draw, n: int) -> Tensor:
    """A covariance matrix with all entries different from 0 and a good condition number.  float64."""
    mix = d.randn(n, n, dtype=torch.float64)
    return mix @ mix.mT + torch.eye(n, dtype=torch.float64)


def no_zero(p: Tensor) -> Tensor:
    """The denominators, with 1 in place of 0: what is divided there is 0 itself."""
    return torch.where(p > 0, p, torch.ones_like(p))
