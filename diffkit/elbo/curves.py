"""Sums over all noise levels: the simple loss, and what a progressive decoder knows after how many bits.

Source: Ho et al. 2020, eq. 14 and section 4.3 (progressive lossy compression).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from diffkit.elbo.rows import Draws, check_draws, over_t
from diffkit.elbo.terms import FixedSigma, squared_error, terms_from_errors
from diffkit.forward import kl_to_prior
from diffkit.parameterize import Predictor
from diffkit.schedule import Schedule


class RateDistortion(NamedTuple):
    """Column i belongs to t = i + 1: the decoder has received x_T, .., x_t and guesses x_0 from x_t."""

    rate: Tensor  # (B, T) nats per example: L_T + L_{T-1} + .. + L_t, the code that carries x_t over
    distortion: Tensor  # (B, T): root mean square error of the guess, in the units of x_0


def simple_over_t(
    predictor: Predictor,
    s: Schedule,
    x_0: Tensor,
    *,
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
) -> Tensor:
    """||eps - eps_hat||^2 at every t = 1..T, (B, T), summed over dimensions; its mean over t is Ho et al. 2020, eq. 14.

    The arguments are those of `evaluate`.  Many codes take the mean over dimensions: smaller by the factor D.
    """
    draws = check_draws(s, x_0, Draws(noise, generator, chunk_size))
    return over_t(predictor, s, x_0, range(1, s.T + 1), squared_error, draws)


def rate_distortion(
    predictor: Predictor,
    s: Schedule,
    x_0: Tensor,
    *,
    sigma: FixedSigma = "beta",
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
) -> RateDistortion:
    """What x_t costs to send, and how well it shows x_0, for every t.  Ho et al. 2020, section 4.3 and fig. 5.

    The arguments are those of `evaluate`; sigma is not learned.  The last part of the code, L_0, buys
    the exact data and is not in the curve.
    """
    errors = simple_over_t(predictor, s, x_0, noise=noise, generator=generator, chunk_size=chunk_size)
    dims = x_0[0].numel()
    parts = torch.cat([terms_from_errors(s, errors[:, 1:], sigma, dims), kl_to_prior(s, x_0).unsqueeze(1)], 1)
    rate = parts.flip(1).cumsum(1).flip(1)  # from L_T down to the term of t + 1
    # x_0_hat - x_0 = sqrt((1 - alpha_bar)/alpha_bar) (eps - eps_hat)
    distortion = (errors / dims / s.snr[1:].to(x_0)).sqrt()
    return RateDistortion(rate, distortion)
