"""The denoising autoencoder: learn to undo noise, and so learn the score.

Its best reconstruction is E[x_0 | x] = x + sigma^2 grad log p(x) (Tweedie's formula), so it moves a noisy point toward
the data; with r(x) = x + sigma^2 s(x) its loss is 2 sigma^4 times the denoising score matching loss of s.

Source: Vincent et al. 2010; Vincent 2011, section 4.3.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from diffkit.errors import RangeError
from diffkit.gaussian import sum_event
from diffkit.inputs import check_batch, check_like, noise_like


def denoising_autoencoder(
    reconstruct: Callable[[Tensor], Tensor],
    x_0: Tensor,
    sigma: float,
    *,
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """||x_0 - r(x_0 + sigma eps)||^2, (B,).  reconstruct: (B, *D) to (B, *D); noise: eps, else drawn."""
    if not sigma > 0:
        raise RangeError(f"sigma = {sigma}: it must be positive, without noise the identity is the best answer")
    noise = noise_like(check_batch(x_0), noise, generator)
    guess = check_like(reconstruct(x_0 + sigma * noise), x_0, "the reconstruction")
    return sum_event((x_0 - guess) ** 2)
