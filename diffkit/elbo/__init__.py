"""The variational bound (ELBO) of a diffusion model: its terms, its units, and bounds built on it."""

from diffkit.elbo.continuous import continuous
from diffkit.elbo.curves import RateDistortion, rate_distortion, simple_over_t
from diffkit.elbo.discrete import bits_per_dim, discretized_log_prob
from diffkit.elbo.importance import importance_weighted, log_weight, path
from diffkit.elbo.terms import (
    Elbo,
    evaluate,
    interpolated_variance,
    p_reverse,
    variance_table,
    weights,
)

__all__ = [
    "Elbo",
    "RateDistortion",
    "bits_per_dim",
    "continuous",
    "discretized_log_prob",
    "evaluate",
    "importance_weighted",
    "interpolated_variance",
    "log_weight",
    "p_reverse",
    "path",
    "rate_distortion",
    "simple_over_t",
    "variance_table",
    "weights",
]
