"""What the exercises of this lesson share: criteria, the given density, and the names to withhold."""

import math

import torch
from torch import Tensor

from grader.exercise import Criterion

VALUE = "the right numbers"
CLEAN = "inputs untouched, gradients flow"
UNTOUCHED = "inputs untouched"
F64 = torch.float64

# Most of these are not in the sandbox at all; they are named here because they are the answers.
WITHHOLDS = (
    "diffkit.gaussian.kl",
    "diffkit.gaussian.Gaussian.entropy",
    "diffkit.gaussian.Gaussian.sample",
    "diffkit.gaussian.FullGaussian.entropy",
    "diffkit.latent.fit_scale",
    "diffkit.latent.LatentScale.scale",
    "diffkit.latent.LatentScale.unscale",
    "diffkit.latent.LatentScale.of",
    "diffkit.latent.joint_bound",
    "diffkit.latent.Embedding.log_likelihood",
    "diffkit.latent.Embedding.round",
    "diffkit.latent.Embedding._squared_distances",
    "diffkit.nets.log_snr.LogSnr.forward",
    "diffkit.nets.log_snr.LogSnr._rise",
    "diffkit.elbo.terms.weights",
    "diffkit.elbo.continuous.continuous",
    "diffkit.oracle.GaussianMixture.responsibilities",
    "diffkit.oracle.GaussianMixture._log_joint",
    "diffkit.oracle.GaussianMixture._log_weighted",
    "diffkit.oracle.GaussianMixture._whiten",
    "diffkit.samplers.cold.cold",
    "diffkit.samplers.cold._cold",
    "diffkit.schedule.Schedule.snr",
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


def summed(values: Tensor) -> Tensor:
    """Sum over every axis but the first: (B, *D) -> (B,)."""
    return values.flatten(1).sum(1)


def log_normal(x: Tensor, mean: Tensor | float, var: Tensor | float) -> Tensor:
    """log N(x; mean, var) of each example, the function that the lesson gives.  x: (B, *D).  Returns (B,)."""
    var = torch.as_tensor(var, dtype=x.dtype)
    return summed(-0.5 * ((x - mean) ** 2 / var + torch.log(2 * math.pi * var)))
