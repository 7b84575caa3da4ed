"""A small variational autoencoder: two networks that return Gaussians."""

import torch
from torch import Tensor, nn

from diffkit.gaussian import Gaussian, randn_like
from diffkit.vae.bounds import Bound, one_level


class GaussianNet(nn.Module):
    """(B, dims_in) to a Gaussian over (B, dims_out), with mean and log variance from one hidden layer pair."""

    def __init__(self, dims_in: int, dims_out: int, hidden: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(dims_in, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.mean = nn.Linear(hidden, dims_out)
        self.log_var = nn.Linear(hidden, dims_out)

    def forward(self, x: Tensor) -> Gaussian:
        """The distribution behind the bar: N(mean(x), exp(log_var(x)))."""
        h = self.body(x)
        return Gaussian(self.mean(h), self.log_var(h).exp())


class Vae(nn.Module):
    """encoder q(z | x), decoder p(x | z), prior N(0, I).  Kingma & Welling 2014."""

    def __init__(self, dims: int, latent_dims: int, hidden: int = 64) -> None:
        super().__init__()
        self.latent_dims = latent_dims
        self.encoder = GaussianNet(dims, latent_dims, hidden)
        self.decoder = GaussianNet(latent_dims, dims, hidden)

    def forward(self, x: Tensor, *, noise: Tensor | None = None, generator: torch.Generator | None = None) -> Bound:
        """The bound at x: (B, dims)."""
        return one_level(x, self.encoder, self.decoder, noise=noise, generator=generator)

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """n draws: z from the prior, then x from p(x | z), (n, dims)."""
        weight = self.decoder.mean.weight
        z = randn_like(weight.new_zeros(n, self.latent_dims), generator)
        p: Gaussian = self.decoder(z)
        return p.sample(generator=generator)
