"""What the exercises of this lesson share: criteria, labelled mixtures, random tables, and withheld names."""

from typing import NamedTuple

import torch
from torch import Tensor

from grader.exercise import Criterion, Draw

VALUE = "the right numbers"
CLEAN = "inputs untouched"
FLOWS = "inputs untouched, gradients flow"
F64 = torch.float64

# Guidance, samplers and networks are not in the sandbox at all; they are named because they are the answers.
WITHHOLDS = (
    "diffkit.guidance.classifier_guided",
    "diffkit.guidance.classifier_guided_score",
    "diffkit.guidance.combine_w",
    "diffkit.guidance.combine_scale",
    "diffkit.guidance.classifier_free",
    "diffkit.guidance.linear_inverse",
    "diffkit.samplers.inpaint.inpaint",
    "diffkit.samplers.ancestral.reverse_kernel",
    "diffkit.nets.embeddings.drop_labels",
    "diffkit.metrics.modes.coverage",
    "diffkit.gaussian.product",
    "diffkit.gaussian.FullGaussian.condition",
    "diffkit.oracle.GaussianMixture.noised",
    "diffkit.oracle.GaussianMixture.log_prob",
    "diffkit.oracle.GaussianMixture.responsibilities",
    "diffkit.oracle.GaussianMixture.score",
    "diffkit.oracle.GaussianMixture.posterior",
    "diffkit.oracle.GaussianMixture.denoiser",
    "diffkit.oracle.GaussianMixture.eps",
    "diffkit.oracle.GaussianMixture._log_joint",
    "diffkit.oracle.GaussianMixture._log_weighted",
)


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


class Labelled(NamedTuple):
    """The arguments of an exercise about a mixture whose components have classes, without the noisy points."""

    y: int
    labels: Tensor
    weights: Tensor
    means: Tensor
    var: Tensor


def labelled(d: Draw, dims: int = 2) -> Labelled:
    """Five components in three classes, all float64; class y has two components."""
    labels = torch.tensor([0, 1, 2, 1, 0])[torch.randperm(5, generator=d.generator)]
    weights = torch.softmax(0.6 * d.randn(5, dtype=F64), 0)
    var = 0.2 + 0.6 * torch.rand(5, generator=d.generator, dtype=F64)
    return Labelled(d.integer(0, 1), labels, weights, 1.3 * d.randn(5, dims, dtype=F64), var)


def log_joint(x_t: Tensor, m: Labelled, alpha_bar: float) -> Tensor:
    """log of weight times noisy density, up to a constant, (B, K)."""
    var = alpha_bar * m.var + 1 - alpha_bar
    square = ((x_t.unsqueeze(1) - alpha_bar**0.5 * m.means) ** 2).sum(2)
    return torch.log(m.weights) - 0.5 * (square / var + x_t.shape[1] * torch.log(var))


def random_beta(d: Draw, T: int, low: float = 0.05, high: float = 0.3) -> Tensor:
    """A table (T+1,) of random betas with beta[0] = 0, float64."""
    beta = torch.zeros(T + 1, dtype=F64)
    beta[1:] = low + (high - low) * torch.rand(T, generator=d.generator, dtype=F64)
    return beta


def bars(beta: Tensor) -> Tensor:
    """alpha_bar (T+1,) of a table of betas."""
    return torch.cumprod(1 - beta, 0)


def step_mean(x_t: Tensor, eps: Tensor, t: int, beta: Tensor) -> Tensor:
    """Mean of the reverse step of DDPM, lesson 05."""
    return (x_t - beta[t] / (1 - bars(beta)[t]).sqrt() * eps) / (1 - beta[t]).sqrt()


def per_example(values: Tensor, x: Tensor) -> Tensor:
    """(B,) coefficients in x's dtype, shaped to multiply x: (B, *D)."""
    return values.to(x).reshape(-1, *[1] * (x.ndim - 1))
