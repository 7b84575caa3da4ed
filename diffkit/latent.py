"""Latent diffusion: a chain on codes z of an encoder instead of the data x, and one bound for both.

    -log p(x)  <=  E_q(z|x) [ -log p(x | z)  +  log q(z | x)  +  (bound of the chain on -log p(z)) ]
The codes are shifted and scaled to variance 1 first, the size that schedules are made for; a bound in scaled codes is
the same bound, since log q and log p change by the same amount.  Discrete data are the case with a table of vectors
for encoder: a token is its vector with a little noise.

Source: Rombach et al. 2022, section 3 and appendix G (scale); Vahdat et al. 2021, eq. 1-2 (joint bound);
Li et al. 2022, "Diffusion-LM", section 4 (embedding and rounding).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from diffkit.elbo import Elbo, evaluate
from diffkit.elbo.terms import Sigma
from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import Gaussian
from diffkit.inputs import check_batch, noise_like
from diffkit.parameterize import Predictor
from diffkit.schedule import Schedule


class JointBound(NamedTuple):
    """Terms of the bound on -log p(x), nats per example, estimated with one code each."""

    reconstruction: Tensor  # (B,) -log p(x | z)
    code: Tensor  # (B,) log q(u | x) of the scaled code u: in the mean, minus its entropy
    prior: Elbo  # of the chain at u: its total bounds -log p(u)

    @property
    def total(self) -> Tensor:
        """Their sum, (B,): an estimate of the upper bound on -log p(x)."""
        return self.reconstruction + self.code + self.prior.total


@dataclass(frozen=True, eq=False)
class LatentScale:
    """u = (z - mean) / std.  mean, std: () or shaped to broadcast to one code, such as (C, 1, 1)."""

    mean: Tensor
    std: Tensor

    def __post_init__(self) -> None:
        if not bool(((self.std > 0) & torch.isfinite(self.std)).all() and torch.isfinite(self.mean).all()):
            raise RangeError("std must be positive, mean and std finite: codes that never vary need no diffusion")

    def scale(self, z: Tensor) -> Tensor:
        """z to u, (B, *D)."""
        return (z - self.mean.to(z)) / self.std.to(z)

    def unscale(self, u: Tensor) -> Tensor:
        """u, such as a sampler's result, back to z, (B, *D)."""
        return u * self.std.to(u) + self.mean.to(u)

    def of(self, q: Gaussian) -> Gaussian:
        """The distribution of u when z ~ q."""
        return Gaussian(self.scale(q.mean), q.var / self.std.to(q.var) ** 2)


def fit_scale(z: Tensor, *, per_channel: bool = True) -> LatentScale:
    """The scale that gives the codes z, (N, C, *D), mean 0 and variance 1, one for each channel or one for all."""
    check_batch(z, "z")
    if z.ndim < 2 or len(z) < 2:
        raise ShapeError(f"z is {tuple(z.shape)}: pass at least two codes, (N, C, *D)")
    over = [d for d in range(z.ndim) if d != 1 or not per_channel]
    std, mean = torch.std_mean(z, dim=over, correction=0, keepdim=True)
    return LatentScale(mean[0], std[0])


def joint_bound(
    encode: Callable[[Tensor], Gaussian],
    log_likelihood: Callable[[Tensor, Tensor], Tensor],
    predictor: Predictor,
    s: Schedule,
    x: Tensor,
    *,
    scale: LatentScale | None = None,
    sigma: Sigma = "beta",
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
) -> JointBound:
    """The bound on -log p(x) of encoder, chain and decoder together.  Vahdat et al. 2021, eq. 1.

    encode(x): q(z | x), mean (B, *D).  log_likelihood(x, z): log p(x | z), (B,).  predictor: f(u_t, t) of eps, on
    scaled codes.  noise: (T + 1, B, *D): the first makes the code, the rest the chain; else drawn.
    Gradients reach encoder, decoder and predictor, so all three can learn from its mean.
    """
    scale = LatentScale(torch.zeros(()), torch.ones(())) if scale is None else scale
    q = scale.of(encode(x))
    if noise is not None and noise.shape != (s.T + 1, *q.mean.shape):
        raise ShapeError(f"noise is {tuple(noise.shape)}: pass {(s.T + 1, *q.mean.shape)}")
    u = q.sample(noise=noise_like(check_batch(q.mean, "the code"), None if noise is None else noise[0], generator))
    z = scale.unscale(u)
    likelihood = log_likelihood(x, z)
    if likelihood.shape != z.shape[:1]:
        raise ShapeError(f"log_likelihood returned {tuple(likelihood.shape)}: one number per example, ({len(z)},)")
    rest = None if noise is None else noise[1:]
    prior = evaluate(predictor, s, u, sigma=sigma, noise=rest, generator=generator, chunk_size=chunk_size)
    return JointBound(-likelihood, q.log_prob(u), prior)


@dataclass(frozen=True, eq=False)
class Embedding:
    """Tokens as vectors: q(z | w) = N(table[w], std^2 I) at each place.  table: (K, d); tokens: (B, *L) long.

    Its functions are the encoder and the likelihood that `joint_bound` asks for.
    """

    table: Tensor
    std: float

    def __post_init__(self) -> None:
        if self.table.ndim != 2 or len(self.table) < 2 or not 0 < self.std < float("inf"):
            raise RangeError(f"table is {tuple(self.table.shape)}, std = {self.std}: pass (K, d), K >= 2, and std > 0")

    def encode(self, tokens: Tensor) -> Gaussian:
        """q(z | tokens), mean (B, *L, d)."""
        mean = self.table[self._checked(tokens)]
        return Gaussian(mean, torch.full_like(mean, self.std**2))

    def log_likelihood(self, tokens: Tensor, z: Tensor) -> Tensor:
        """log p(tokens | z), (B,) nats: by Bayes' rule, with all tokens alike before z is seen.  z: (B, *L, d)."""
        log_p = torch.log_softmax(-0.5 * self._squared_distances(z) / self.std**2, -1)
        places = log_p.gather(-1, self._checked(tokens).unsqueeze(-1)).squeeze(-1)
        return places.flatten(1).sum(1) if places.ndim > 1 else places

    def round(self, z: Tensor) -> Tensor:
        """The nearest token at each place, (B, *L): what a sampler's result says."""
        return self._squared_distances(z).argmin(-1)

    def _squared_distances(self, z: Tensor) -> Tensor:
        if z.ndim < 2 or z.shape[-1] != self.table.shape[1]:
            raise ShapeError(f"z is {tuple(z.shape)}: pass (B, *L, {self.table.shape[1]})")
        return (z.unsqueeze(-2) - self.table.to(z)).square().sum(-1)

    def _checked(self, tokens: Tensor) -> Tensor:
        if tokens.dtype != torch.int64 or tokens.ndim < 1:
            raise RangeError(f"tokens are {tokens.dtype}, {tuple(tokens.shape)}: pass (B, *L) integers, tokens.long()")
        if (
            tokens.device.type == "cpu"
            and tokens.numel()
            and not 0 <= int(tokens.min()) <= int(tokens.max()) < len(self.table)
        ):
            raise RangeError(
                f"tokens run from {int(tokens.min())} to {int(tokens.max())}: the table has 0..{len(self.table) - 1}"
            )
        return tokens
