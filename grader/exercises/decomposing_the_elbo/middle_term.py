"""One step back, compared: `L_t`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.decomposing_the_elbo.common import (
    WITHHOLDS,
    criteria,
    dims,
    per_example,
    random_alpha_bar,
    random_var,
    sum_of_squares,
)
from grader.exercises.decomposing_the_elbo.kl_isotropic import kl_isotropic
from grader.exercises.decomposing_the_elbo.posterior_q import posterior_q


def L_t(x_0: Tensor, x_t: Tensor, t: Tensor, mean_p: Tensor, var_p: Tensor, alpha_bar: Tensor) -> Tensor:
    """Equation (4.15) for one draw of x_t."""
    mean_q, var_q = posterior_q(x_0, x_t, t, alpha_bar)
    return kl_isotropic(mean_q, var_q, mean_p, var_p)


def _against_the_data(x_0: Tensor, x_t: Tensor, t: Tensor, mean_p: Tensor, var_p: Tensor, alpha_bar: Tensor) -> Tensor:
    return kl_isotropic(x_0, posterior_q(x_0, x_t, t, alpha_bar)[1], mean_p, var_p)


def _printed_mean(x_0: Tensor, x_t: Tensor, t: Tensor, mean_p: Tensor, var_p: Tensor, alpha_bar: Tensor) -> Tensor:
    mean, var = posterior_q(x_0, x_t, t, alpha_bar)
    a, b = alpha_bar[t], alpha_bar[t - 1]
    return kl_isotropic(
        mean + per_example((a.sqrt() - b.sqrt()) * (1 - a / b) / (1 - a), x_0) * x_0, var, mean_p, var_p
    )


def _forward_variance(x_0: Tensor, x_t: Tensor, t: Tensor, mean_p: Tensor, var_p: Tensor, alpha_bar: Tensor) -> Tensor:
    mean, _ = posterior_q(x_0, x_t, t, alpha_bar)
    return kl_isotropic(mean, (1 - alpha_bar[t] / alpha_bar[t - 1]).to(x_0), mean_p, var_p)


def _means_alone(x_0: Tensor, x_t: Tensor, t: Tensor, mean_p: Tensor, var_p: Tensor, alpha_bar: Tensor) -> Tensor:
    return sum_of_squares(posterior_q(x_0, x_t, t, alpha_bar)[0] - mean_p) / (2 * var_p)


def _other_way(x_0: Tensor, x_t: Tensor, t: Tensor, mean_p: Tensor, var_p: Tensor, alpha_bar: Tensor) -> Tensor:
    return kl_isotropic(mean_p, var_p, *posterior_q(x_0, x_t, t, alpha_bar))


def _marginal(x_0: Tensor, x_t: Tensor, t: Tensor, mean_p: Tensor, var_p: Tensor, alpha_bar: Tensor) -> Tensor:
    before = alpha_bar[t - 1]
    return kl_isotropic(per_example(before.sqrt(), x_0) * x_0, (1 - before).to(x_0), mean_p, var_p)


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(5, 8)
    alpha_bar, t = random_alpha_bar(d, T), d.integers(3, T - 1, 3)
    x_0, x_t, mean = (d.randn(3, 5, dtype=torch.float64) for _ in range(3))
    var, some = random_var(d, 3), random_var(d, 4)
    square = [d.randn(4, 1, 4, 4, dtype=torch.float64) for _ in range(3)]
    yield Case("vectors, one t each", (x_0, x_t, t, mean, var, alpha_bar))
    yield Case(
        "images as wide as the batch is long",
        (*square[:2], d.integers(2, T, 4), square[2], some, alpha_bar),
    )
    yield Case("t = 2 and t = T", (x_0[:2], x_t[:2], torch.tensor([2, T]), mean[:2], var[:2], alpha_bar), "edges")
    yield Case("one example", (x_0[:1], x_t[:1], t[:1], mean[:1], var[:1], alpha_bar), "edges")
    few = [v.float() for v in (x_0, x_t)]
    yield Case("float32", (*few, t, mean.float(), var.float(), alpha_bar), "edges")
    asked = (x_0, x_t, t, mean, var, alpha_bar)
    yield Case("gradient in the mean of p", asked, "clean", "gradient", wrt=3, cotangent=random_var(d, 3))
    yield Case("called twice", asked, "clean", "twice")


EXERCISE = Exercise(
    name="elbo.L_t",
    prompt="Give the middle term of the bound at one drawn x_t: what the model's step back costs, per example.",
    signature="L_t(x_0 (B, *D), x_t (B, *D), t (B,) int in 2..T, mean_p (B, *D), var_p (B,), alpha_bar (T+1,)) -> (B,) nats",
    reference=L_t,
    draw=_draw,
    criteria=criteria(2, 1, 1, at="t = 2, t = T, one example, float32"),
    equation="4.15",
    difficulty=2,
    minutes=8,
    hints=(
        "Two Gaussians for x_{t-1}: the one that knows x_0, and the model's. You have written functions for the first one, "
        "and for the divergence of two.",
        "KL( N(mu_tilde_t, beta_tilde_t I) || N(mean_p, var_p I) ), with the posterior first.",
        "return kl_isotropic(*posterior_q(x_0, x_t, t, alpha_bar), mean_p, var_p)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "against x_0",
            _against_the_data,
            "you compare the model's mean with x_0. It aims at x_{t-1}: compare with the posterior's mean.",
        ),
        Misconception(
            "sqrt(alpha_bar_t) in the mean",
            _printed_mean,
            "your posterior's mean has sqrt(alpha_bar_t) with x_0. It should be sqrt(alpha_bar_{t-1}).",
        ),
        Misconception(
            "beta for beta_tilde",
            _forward_variance,
            "the first Gaussian has the variance beta_t. Given x_0 as well, it is beta_tilde_t, which is smaller.",
        ),
        Misconception(
            "means alone",
            _means_alone,
            "only the distance of the means is there. That is enough for a gradient in the mean, not for the bound: C_t is missing.",
        ),
        Misconception(
            "the other way round",
            _other_way,
            "this is KL(p || q). The posterior q comes first: the expectation in the bound is over q.",
        ),
        Misconception(
            "x_t not used",
            _marginal,
            "this compares with q(x_{t-1} | x_0). Step t starts from a known x_t: use q(x_{t-1} | x_t, x_0).",
        ),
        Misconception(
            "mean over coordinates",
            lambda x_0, x_t, t, mean_p, var_p, alpha_bar: L_t(x_0, x_t, t, mean_p, var_p, alpha_bar) / dims(x_0),
            "you averaged over the coordinates. A bound on log p adds them up.",
        ),
    ),
)
