"""Losses of a noise predictor at one drawn level per example: the simple loss and its weighted forms.

All of them are w_t ||eps - eps_hat(x_t, t)||^2 with x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps;
only the weights w_t differ.  Norms are sums over dimensions, and what comes back is one loss per example:
take the mean yourself.

Source: Ho et al. 2020, eq. 12 (w_t = lambda_t, the bound) and eq. 14 (w_t = 1, simple).
"""

import torch
from torch import Tensor

from diffkit.elbo.terms import FixedSigma, weights
from diffkit.errors import ShapeError
from diffkit.forward import q_sample
from diffkit.gaussian import sum_event
from diffkit.inputs import check_batch, check_like, noise_like
from diffkit.parameterize import Predictor
from diffkit.schedule import Index, Schedule


def draw_t(s: Schedule, x_0: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """One level per example, uniform on 1..T, (B,) on x_0's device."""
    return torch.randint(1, s.T + 1, (len(x_0),), generator=generator, device=x_0.device)


def simple(
    predictor: Predictor,
    s: Schedule,
    x_0: Tensor,
    t: Index,
    *,
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """||eps - eps_hat(x_t, t)||^2, (B,).  Ho et al. 2020, eq. 14.

    predictor: f(x_t, t) of eps; x_0: (B, *D); t: an int or (B,) in 1..T; noise: (B, *D), else drawn.
    Its least value is not 0: x_t does not tell the noise.  Raises ShapeError or RangeError for bad input.
    """
    check_batch(x_0)
    t = s.check_t(t, lowest=1).to(x_0.device)
    t = t.expand(len(x_0)) if t.ndim == 0 else t  # a network wants one level per example
    noise = noise_like(x_0, noise, generator)
    eps = predictor(q_sample(s, x_0, t, noise=noise), t)
    return sum_event((check_like(eps, x_0, "the prediction") - noise) ** 2)


def weighted(
    predictor: Predictor,
    s: Schedule,
    x_0: Tensor,
    t: Index,
    weight: Tensor,
    *,
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """weight[t] ||eps - eps_hat||^2, (B,).  weight: (T+1,), such as `elbo.weights` or a table of your own."""
    if weight.shape != s.beta.shape:
        raise ShapeError(f"weight is {tuple(weight.shape)}: pass one per t = 0..T, {tuple(s.beta.shape)}")
    loss = simple(predictor, s, x_0, t, noise=noise, generator=generator)
    return s.at(weight, t, loss) * loss


def vlb(
    predictor: Predictor,
    s: Schedule,
    x_0: Tensor,
    t: Index,
    *,
    sigma: FixedSigma = "beta",
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """lambda_t ||eps - eps_hat||^2, (B,): the part of the bound at t that the predictor can change.

    With t uniform on 1..T, T times its mean estimates their sum.  Ho et al. 2020, eq. 12.
    """
    return weighted(predictor, s, x_0, t, weights(s, sigma), noise=noise, generator=generator)
