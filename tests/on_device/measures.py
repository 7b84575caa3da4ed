"""Latent diffusion, metrics, quality."""

from typing import Any

import torch

from diffkit import data, latent, metrics, quality
from diffkit.gaussian import Gaussian
from tests.on_device import net, pull, schedules, unit


def on_the_line(p):
    return data.bumps().to(p.device)


def encode(p):
    return lambda x: Gaussian(x[:, :2], torch.full_like(x[:, :2], 0.1))


def joint_bound(p):
    likely = lambda x, z: -(x.sum(1) - z.sum(1)).square()  # noqa: E731
    scales = [None, latent.fit_scale(p.randn(9, 2)), latent.fit_scale(torch.ones(9, 2).cumsum(0))]
    return [
        latent.joint_bound(encode(p), likely, net, s, p.randn(4, 3), scale=scale, generator=p.draw())
        for s in schedules(p)
        for scale in scales
    ]


def tokens(p):
    e, words, z = latent.Embedding(p.randn(5, 2), 0.3), p(torch.tensor([[0, 4], [2, 2]])), p.randn(2, 2, 2)
    return [e.encode(words), e.log_likelihood(words, z), e.round(z)]


def two(p, f):
    return f(p.randn(30, 2), p.randn(20, 2, seed=1))


def drawn_directions(p):
    x, y = p.randn(30, 2), p.randn(20, 2, seed=1)
    ways = [{"generator": p.draw()}, {"generator": torch.Generator().manual_seed(0)}, {"directions": p.randn(5, 2)}]
    return [metrics.sliced_wasserstein(x, y, n_directions=5, **way) for way in ways]


def race(p):
    return quality.race(on_the_line(p), budgets=(3,), n_points=8, spacings=("karras",))._replace(spent=p.randn(1))


CLAIMS: dict[str, Any] = {
    "latent.LatentScale": lambda p: [
        [s.scale(p.randn(4, 3)), s.unscale(p.randn(4, 3)), s.of(unit(p.randn(4, 3)))]
        for s in (latent.LatentScale(p.randn(3), p.randn(3).exp()), latent.LatentScale(torch.zeros(3), torch.ones(3)))
    ],
    "latent.fit_scale": lambda p: [latent.fit_scale(p.randn(5, 2, 3), per_channel=c) for c in (True, False)],
    "latent.joint_bound": joint_bound,
    "latent.Embedding": tokens,
    "metrics.energy_distance": lambda p: two(p, metrics.energy_distance),
    "metrics.sliced_wasserstein": drawn_directions,
    "metrics.wasserstein_1d": lambda p: metrics.wasserstein_1d(p.randn(9, 1), p.randn(7, 1, seed=1)),
    "metrics.frechet_distance": lambda p: two(p, metrics.frechet_distance),
    "metrics.frechet_gaussian": lambda p: metrics.frechet_gaussian(p.randn(3), p.spd(3), p.randn(3), 2 * p.spd(3)),
    "metrics.coverage": lambda p: two(p, metrics.coverage),
    "metrics.mode_weights": lambda p: metrics.mode_weights(p.randn(30, 2), p.randn(4, 2)),
    "metrics.mode_error": lambda p: [
        metrics.mode_error(p.randn(30, 2), p.randn(4, 2), w)
        for w in (torch.full((4,), 0.25), p(torch.full((4,), 0.25)))
    ],
    "quality.quantiles": lambda p: quality.quantiles(on_the_line(p), 16),
    "quality.line_eps": lambda p: quality.line_eps(on_the_line(p))(p.randn(5, 1), 0.7),
    "quality.samples": lambda p: [
        quality.samples(on_the_line(p), m, quality.levels("time", 3), 8) for m in ("ancestral", "multistep")
    ],
    "quality.heun_until_zero": lambda p: [quality.heun_until_zero(pull, p.randn(4, 3), 1.0, dt) for dt in (-0.5, -1.0)],
    "quality.race": race,
}
