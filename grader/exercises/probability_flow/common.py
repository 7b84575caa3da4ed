"""What the exercises of this lesson share: criteria, random fields, and the names that would give answers away."""

from collections.abc import Callable

import torch
from torch import Tensor

from grader.exercise import Criterion, Draw

VALUE = "the right numbers"
CLEAN = "inputs untouched, gradients flow"
CALLS = "inputs untouched, no more calls than needed"

# Solvers and likelihood are not in the sandbox at all; they are named here because they are the answers.
WITHHOLDS = (
    "diffkit.schedule.broadcast",  # shapes coefficients per example, which exercise 9.1 is about
    "diffkit.sde.SDE.flow_drift",
    "diffkit.sde.SDE.reverse_drift",
    "diffkit.samplers.ode.euler",
    "diffkit.samplers.ode.heun",
    "diffkit.samplers.ode.rk4",
    "diffkit.samplers.ode.integrate",
    "diffkit.samplers.probability_flow.probability_flow",
    "diffkit.samplers.probability_flow.flow_velocity",
    "diffkit.likelihood.log_likelihood",
    "diffkit.likelihood.exact_divergence",
    "diffkit.likelihood.hutchinson",
    "diffkit.likelihood.dequantise",
    "diffkit.likelihood.dequantised_bits_per_dim",
)

Velocity = Callable[[Tensor, float], Tensor]


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


def per_example(values: Tensor, x: Tensor) -> Tensor:
    """(B,) coefficients in x's dtype, shaped to multiply x: (B, *D)."""
    return values.to(x).reshape(-1, *[1] * (x.ndim - 1))


def random_velocity(d: Draw) -> Velocity:
    """A made-up velocity that bends in x and changes with t: a sin(c x + t) - b (1 + t^2) x."""
    a, b, c = d.uniform(0.6, 1.0), d.uniform(0.3, 0.6), d.uniform(1.1, 1.6)

    def velocity(x: Tensor, t: float) -> Tensor:
        return a * torch.sin(c * x + t) - b * (1 + t**2) * x

    return velocity


def random_times(d: Draw, n: int) -> Tensor:
    """n + 1 rising times with unequal steps, (n + 1,) float64."""
    steps = torch.tensor([d.uniform(0.15, 0.4) for _ in range(n)], dtype=torch.float64)
    return d.uniform(0.1, 0.3) + torch.cat([torch.zeros(1, dtype=torch.float64), steps.cumsum(0)])


def random_layer(d: Draw, dims: int, units: int) -> tuple[Tensor, Tensor, Tensor]:
    """A (units, dims), b (units,) and C (dims, units) of the field v(x) = C tanh(A x + b), float64."""
    A, b = d.randn(units, dims, dtype=torch.float64), 0.5 * d.randn(units, dtype=torch.float64)
    return A, b, d.randn(dims, units, dtype=torch.float64)


def jacobian(x: Tensor, A: Tensor, b: Tensor, C: Tensor) -> Tensor:
    """d v_i / d x_j of that field, (B, dims, dims)."""
    slopes = 1 - torch.tanh(x @ A.mT + b) ** 2
    return torch.einsum("ih,bh,hj->bij", C, slopes, A)
