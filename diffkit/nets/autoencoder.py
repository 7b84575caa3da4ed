"""An autoencoder of small images, for diffusion in a latent space.

Source: Kingma & Welling 2014 (Gaussian code); Rombach et al. 2022, section 3.1 (latent diffusion).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from diffkit.errors import RangeError
from diffkit.nets.checks import check_data, check_sides


class Code(NamedTuple):
    """q(z | x) = N(mean, diag(var)); both (B, latent_channels, H/f, W/f)."""

    mean: Tensor
    var: Tensor


class AutoEncoder(nn.Module):
    """encode: (B, in_channels, H, W) to a Gaussian code, smaller by f = 2^levels; decode: back to the mean of p(x | z).

    H and W must be multiples of f.  It draws nothing: sample the code yourself.  The variance stays in
    exp(-12)..exp(2), so that no code becomes a point or overflows.
    """

    def __init__(self, in_channels: int = 1, latent_channels: int = 2, *, channels: int = 32, levels: int = 1) -> None:
        super().__init__()
        if min(in_channels, latent_channels, levels) < 1 or channels < 8 or channels % 8:
            raise RangeError(f"levels = {levels} (at least 1), channels = {channels} (a multiple of 8)")
        self.in_channels, self.latent_channels, self.factor = in_channels, latent_channels, 2**levels
        down: list[nn.Module] = [nn.Conv2d(in_channels, channels, 3, padding=1)]
        up: list[nn.Module] = [nn.Conv2d(latent_channels, channels, 3, padding=1)]
        for _ in range(levels):
            down += [nn.GroupNorm(8, channels), nn.SiLU(), nn.Conv2d(channels, channels, 4, stride=2, padding=1)]
            up += [nn.GroupNorm(8, channels), nn.SiLU(), nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1)]
        down += [nn.GroupNorm(8, channels), nn.SiLU(), nn.Conv2d(channels, 2 * latent_channels, 3, padding=1)]
        up += [nn.GroupNorm(8, channels), nn.SiLU(), nn.Conv2d(channels, in_channels, 3, padding=1)]
        self.encoder, self.decoder = nn.Sequential(*down), nn.Sequential(*up)

    def encode(self, x: Tensor) -> Code:
        check_data(x, (self.in_channels, None, None), next(self.parameters()))
        check_sides(x, self.factor)
        mean, raw = self.encoder(x).chunk(2, 1)
        return Code(mean, torch.exp(-5 + 7 * torch.tanh(raw / 7)))  # smooth, so the gradient never dies

    def decode(self, z: Tensor) -> Tensor:
        check_data(z, (self.latent_channels, None, None), next(self.parameters()))
        return self.decoder(z)

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction from the mean of the code."""
        return self.decode(self.encode(x).mean)
