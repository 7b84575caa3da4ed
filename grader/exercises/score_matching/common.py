"""What the exercises of this lesson share: criteria, a small score model, and the names that would give answers away."""

import torch
from torch import Tensor

from grader.exercise import Criterion, Draw

VALUE = "the right numbers"
CLEAN = "inputs untouched, gradients flow"

WITHHOLDS = (
    "diffkit.gaussian.Gaussian.log_prob",
    "diffkit.gaussian.FullGaussian.log_prob",
    "diffkit.gaussian.FullGaussian.condition",
    "diffkit.gaussian.product",
    "diffkit.oracle.Posterior.mean",
    "diffkit.oracle.GaussianMixture.score",
    "diffkit.oracle.GaussianMixture.score_jacobian",
    "diffkit.oracle.GaussianMixture.posterior",
    "diffkit.oracle.GaussianMixture.denoiser",
    "diffkit.oracle.GaussianMixture.eps",
    "diffkit.oracle.GaussianMixture.reverse",
    "diffkit.oracle.GaussianMixture._whiten",
    "diffkit.oracle.GaussianMixture._log_joint",
    "diffkit.oracle.GaussianMixture._log_weighted",
    "diffkit.oracle.GaussianMixture._component_scores",
    "diffkit.losses.score.explicit",
    "diffkit.losses.score.implicit",
    "diffkit.losses.score.sliced",
    "diffkit.losses.score.denoising",
    "diffkit.losses.score.multilevel",
    "diffkit.losses.autoencoder.denoising_autoencoder",
    "diffkit.losses.noise.simple",
    "diffkit.losses.noise.weighted",
    "diffkit.losses.noise.vlb",
    "diffkit.parameterize.convert",
    "diffkit.parameterize.convert_at",
    "diffkit.elbo.terms.weights",
)


def criteria(value: float, edges: float = 0.0, clean: float = 0.0, *, at: str = "") -> tuple[Criterion, ...]:
    """The usual three criteria with their points.  at: which edge cases are asked."""
    all_three = (
        Criterion("value", value, VALUE),
        Criterion("edges", edges, f"edge cases: {at}"),
        Criterion("clean", clean, CLEAN),
    )
    return tuple(c for c in all_three if c.points)


def event(x: Tensor) -> Tensor:
    """Sum over every axis but the first: (B, *D) -> (B,)."""
    return x.flatten(1).sum(1)


def per_example(values: Tensor, x: Tensor) -> Tensor:
    """(B,) coefficients in x's dtype, shaped to multiply x: (B, *D)."""
    return values.to(x).reshape(-1, *[1] * (x.ndim - 1))


def random_alpha_bar(d: Draw, T: int) -> Tensor:
    """A table (T+1,) of alpha_bar that belongs to random betas, float64."""
    beta = torch.zeros(T + 1, dtype=torch.float64)
    beta[1:] = 0.02 + 0.38 * torch.rand(T, generator=d.generator, dtype=torch.float64)
    return torch.cumprod(1 - beta, 0)


def random_layer(d: Draw, dims: int, units: int) -> tuple[Tensor, Tensor, Tensor]:
    """A (units, dims), b (units,) and C (dims, units) of the model s(x) = C tanh(A x + b), float64."""
    A, b = d.randn(units, dims, dtype=torch.float64), 0.5 * d.randn(units, dtype=torch.float64)
    return A, b, d.randn(dims, units, dtype=torch.float64)


def layer(x: Tensor, A: Tensor, b: Tensor, C: Tensor) -> tuple[Tensor, Tensor]:
    """The model's score (B, dims), and the slopes of its units (B, units)."""
    h = torch.tanh(x @ A.mT + b)
    return h @ C.mT, 1 - h**2


def jacobian(x: Tensor, A: Tensor, b: Tensor, C: Tensor) -> Tensor:
    """d s_i / d x_j of the model, (B, dims, dims)."""
    return torch.einsum("ih,bh,hj->bij", C, layer(x, A, b, C)[1], A)
