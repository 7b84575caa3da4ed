"""What the exercises of this lesson share: criteria, random schedules, predictors, and the names that would give
answers away."""

import torch
from torch import Tensor

from grader.exercise import Criterion, Draw

VALUE = "the right numbers"
CLEAN = "inputs untouched, gradients flow"

WITHHOLDS = (
    "diffkit.schedule.Schedule.alpha_bar",
    "diffkit.schedule.Schedule.noise_var",
    "diffkit.schedule.Schedule.beta_tilde",
    "diffkit.schedule.Schedule.snr",
    "diffkit.schedule.from_alpha_bar",
    "diffkit.forward.q_posterior",
    "diffkit.forward.q_marginal",
    "diffkit.forward.q_sample",
    "diffkit.parameterize.convert",
    "diffkit.parameterize.convert_at",
    "diffkit.parameterize._to_x0",
    "diffkit.parameterize._to_eps",
    "diffkit.parameterize.predicting",
    "diffkit.gaussian.kl",
    "diffkit.gaussian.FullGaussian.condition",
    "diffkit.oracle.Posterior.mean",
    "diffkit.oracle.GaussianMixture.responsibilities",
    "diffkit.oracle.GaussianMixture.score",
    "diffkit.oracle.GaussianMixture.posterior",
    "diffkit.oracle.GaussianMixture.denoiser",
    "diffkit.oracle.GaussianMixture.eps",
    "diffkit.oracle.GaussianMixture.reverse",
    "diffkit.oracle.GaussianMixture._log_joint",
    "diffkit.oracle.GaussianMixture._log_weighted",
    "diffkit.elbo.weights",
    "diffkit.elbo.p_reverse",
    "diffkit.losses.simple",
    "diffkit.nets.SinusoidalEmbedding",
    "diffkit.samplers.ancestral",
)


def criteria(value: float, edges: float = 0.0, clean: float = 0.0, *, at: str = "") -> tuple[Criterion, ...]:
    """The usual three criteria with their points.  at: which edge cases are asked."""
    all_three = (
        Criterion("value", value, VALUE),
        Criterion("edges", edges, f"edge cases: {at}"),
        Criterion("clean", clean, CLEAN),
    )
    return tuple(c for c in all_three if c.points)


def random_beta(d: Draw, T: int, low: float = 0.03, high: float = 0.4) -> Tensor:
    """A table (T+1,) of random betas with beta[0] = 0, float64."""
    beta = torch.zeros(T + 1, dtype=torch.float64)
    beta[1:] = low + (high - low) * torch.rand(T, generator=d.generator, dtype=torch.float64)
    return beta


def random_variance(d: Draw, beta: Tensor) -> Tensor:
    """A table (T+1,) of reverse variances, each between 0.3 and 0.9 times beta."""
    return beta * (0.3 + 0.6 * torch.rand(len(beta), generator=d.generator, dtype=torch.float64))


def bars(beta: Tensor) -> Tensor:
    """alpha_bar (T+1,) of a table of betas."""
    return torch.cumprod(1 - beta, 0)


def per_example(values: Tensor, x: Tensor) -> Tensor:
    """(B,) coefficients in x's dtype, shaped to multiply x: (B, *D)."""
    return values.to(x).reshape(-1, *[1] * (x.ndim - 1))


def wavy(x: Tensor, t: Tensor | int) -> Tensor:
    """A made-up noise predictor that depends on x and on t, each example on its own t (or one number for all)."""
    level = torch.as_tensor(t).to(x).reshape(-1, *[1] * (x.ndim - 1))
    return torch.sin(1.3 * x + 0.7 * level) + 0.1 * level * x
