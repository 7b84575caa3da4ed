"""From the variational autoencoder to the diffusion model, one level after the other.

A latent variable model says how data arise, p(z) p(x | z); its likelihood is an integral that nobody can do.
With any q(z | x), Jensen's inequality gives  -log p(x) <= E_q[ log q(z | x) - log p(x, z) ],  and the gap is
KL(q || p(z | x)).

    one level       z -> x                      q(z | x) learned
    two levels      z_2 -> z_1 -> x             q(z_1 | x) q(z_2 | z_1) learned
    any number      z_L -> .. -> z_1 -> x       the same, in a loop
    fixed encoder   x_T -> .. -> x_1 -> x_0     q(x_t | x_{t-1}) adds noise, learns nothing: a diffusion model

Each p and q is a function that returns a `Gaussian`.  p(top level) is N(0, I) throughout.

Source: Kingma & Welling 2014; Sohl-Dickstein et al. 2015; Ho et al. 2020.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from diffkit.errors import ShapeError
from diffkit.forward import q_marginal, q_posterior, q_step
from diffkit.gaussian import Gaussian, kl
from diffkit.inputs import check_batch, check_like, noise_like
from diffkit.schedule import Schedule

Conditional = Callable[[Tensor], Gaussian]
"""The variable behind the bar, (B, *D), to the distribution before it."""
Noises = Sequence[Tensor | None]


class Bound(NamedTuple):
    """Parts of an upper bound on -log p(x), in nats per example."""

    reconstruction: Tensor  # (B,): -log p(x | z_1)
    divergence: Tensor  # (B, L): column i belongs to level i + 1; what q(z | x) costs beyond the prior

    @property
    def total(self) -> Tensor:
        """reconstruction + all divergences, (B,): an estimate of an upper bound on -log p(x)."""
        return self.reconstruction + self.divergence.sum(1)


def standard(like: Tensor) -> Gaussian:
    """N(0, I) in the shape of a batch: the prior of the top level."""
    return Gaussian(torch.zeros_like(like), torch.ones_like(like))


def one_level(
    x: Tensor,
    encoder: Conditional,
    decoder: Conditional,
    *,
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Bound:
    """E_q[-log p(x | z)] + KL( q(z | x) || N(0, I) ), by one draw of z.  Kingma & Welling 2014, eq. 3.

    x: (B, *D); encoder: x to q(z | x); decoder: z to p(x | z); noise: in the shape of z, else drawn.
    """
    q = encoder(check_batch(x, "x"))
    z = _draw(q, noise, generator)
    return Bound(_nll(decoder(z), x), kl(q, standard(q.mean)).unsqueeze(1))


def two_levels(
    x: Tensor,
    encoders: tuple[Conditional, Conditional],
    decoders: tuple[Conditional, Conditional],
    *,
    noise: tuple[Tensor | None, Tensor | None] = (None, None),
    generator: torch.Generator | None = None,
) -> Bound:
    """The bound of x <- z_1 <- z_2, by one draw of each.

    encoders: x to q(z_1 | x), z_1 to q(z_2 | z_1); decoders: z_1 to p(x | z_1), z_2 to p(z_1 | z_2).
    Only the top divergence has a closed form: p(z_1 | z_2) depends on a z_2 that was drawn after z_1, so the
    level below is the log ratio at the drawn point.
    """
    q_1 = encoders[0](check_batch(x, "x"))
    z_1 = _draw(q_1, noise[0], generator)
    q_2 = encoders[1](z_1)
    z_2 = _draw(q_2, noise[1], generator)
    middle = q_1.log_prob(z_1) + _nll(decoders[1](z_2), z_1)
    return Bound(_nll(decoders[0](z_1), x), torch.stack([middle, kl(q_2, standard(z_2))], 1))


def levels(
    x: Tensor,
    encoders: Sequence[Conditional],
    decoders: Sequence[Conditional],
    *,
    noise: Noises | None = None,
    generator: torch.Generator | None = None,
) -> Bound:
    """The bound of x <- z_1 <- .. <- z_L, by one draw of each, log ratios throughout.

    encoders[i]: z_i to q(z_{i+1} | z_i); decoders[i]: z_{i+1} to p(z_i | z_{i+1}), with z_0 = x.
    Raises ShapeError unless there is one decoder, and one noise if any, per encoder.
    """
    noise = [None] * len(encoders) if noise is None else noise
    if not len(encoders) == len(decoders) == len(noise) > 0:
        raise ShapeError(f"{len(encoders)} encoders, {len(decoders)} decoders, {len(noise)} noises: one per level")
    z, log_q = [check_batch(x, "x")], []
    for encoder, draw in zip(encoders, noise, strict=True):
        q = encoder(z[-1])
        z.append(_draw(q, draw, generator))
        log_q.append(q.log_prob(z[-1]))
    nll = [_nll(decoder(above), below) for decoder, above, below in zip(decoders, z[1:], z[:-1], strict=True)]
    nll.append(-standard(z[-1]).log_prob(z[-1]))
    return Bound(nll[0], torch.stack(log_q, 1) + torch.stack(nll[1:], 1))


def noising_encoders(s: Schedule) -> list[Conditional]:
    """The forward process as encoders for `levels`: the t-th one is q(x_t | x_{t-1})."""

    def encoder(t: int) -> Conditional:
        return lambda x: q_step(s, x, t)

    return [encoder(t) for t in range(1, s.T + 1)]


def fixed_encoder(
    x_0: Tensor,
    s: Schedule,
    decoder: Callable[[Tensor, int], Gaussian],
    *,
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Bound:
    """T levels whose encoder adds noise: the bound of a diffusion model, by a plain loop over t.

    A fixed Gaussian encoder is known so well that two things simplify: x_t is drawn in one jump from x_0, and
    the encoder can be turned around, q(x_{t-1} | x_t, x_0), which gives every divergence its closed form.
    decoder: (x_t, t) to p(x_{t-1} | x_t); noise: (T, B, *D), noise[t - 1] makes x_t.
    `elbo.evaluate` returns the same numbers, all t in one batch.
    """
    noise = noise_like(check_batch(x_0).expand(s.T, *x_0.shape), noise, generator)
    divergence = []
    for t in range(1, s.T + 1):
        x_t = q_marginal(s, x_0, t).sample(noise=noise[t - 1])
        p = decoder(x_t, t)
        if t == 1:
            reconstruction = _nll(p, x_0)  # q(x_0 | x_1, x_0) is a point, so there is no divergence here
        else:
            divergence.append(kl(q_posterior(s, x_0, x_t, t), p))
    divergence.append(kl(q_marginal(s, x_0, s.T), standard(x_0)))
    return Bound(reconstruction, torch.stack(divergence, 1))


def _draw(q: Gaussian, noise: Tensor | None, generator: torch.Generator | None) -> Tensor:
    return q.sample(noise=noise_like(q.mean, noise, generator))


def _nll(p: Gaussian, x: Tensor) -> Tensor:
    check_like(p.mean, x, "the decoder's mean")
    return -p.log_prob(x)
