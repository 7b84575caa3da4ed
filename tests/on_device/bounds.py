"""Bounds, losses, autoencoders of several levels, likelihood."""

from typing import Any

import torch

from diffkit import data, elbo, forward, likelihood, losses, vae
from diffkit.gaussian import Gaussian
from diffkit.schedule import linear
from diffkit.sde import VP
from tests.on_device import S, net, pull, schedules, unit

TIMES = [1e-3, 0.5, 1.0]


def x_0(p):
    return p.randn(4, 3)


def noise(p):
    return p.randn(8, 4, 3, seed=1)


def each(p, f):
    """f(schedule, x_0, how the noise comes): for either place of the schedule, drawn and given."""
    given = [{"noise": noise(p)}, {"generator": p.draw()}]
    return [f(s, x_0(p), how) for s in schedules(p) for how in given]


def row(p, f):
    """The same with one noise, (B, *D)."""
    given = [{"noise": noise(p)[0]}, {"generator": p.draw()}]
    return [f(s, x_0(p), how) for s in schedules(p) for how in given]


def pixels(p):
    x = p((torch.arange(16, dtype=torch.float64) * 2 / 15 - 1).unsqueeze(1))
    q = Gaussian(0.5 * x, torch.full_like(x, 0.01))
    return [elbo.discretized_log_prob(q, x, 16), elbo.evaluate(net, S, x, data="discrete", bins=16, generator=p.draw())]


def every_variance(p):
    s, learned = S.to(p.device), lambda x, t: torch.full_like(x, 0.1)
    names = ["beta", "beta_tilde", s.beta + 0.01, S.beta + 0.01, learned]
    return [elbo.evaluate(net, s, x_0(p), sigma=v, noise=noise(p)) for v in names]


def at_t(p, f):
    t = p(torch.tensor([1, 2, 5, 8]))
    return [f(s, x_0(p), i) for s in schedules(p) for i in (t, t.cpu(), 3)]


def line(p):
    return data.bumps().to(p.device)


def gaps(p):
    s = S.to(p.device)
    facts = elbo.levels(line(p), s)
    return [elbo.gap(s, facts, v) for v in ("beta", "beta_tilde", "best", s.beta)]


def slopes(p):
    """Gradients reach what learns, there."""
    w = p(torch.ones(3, dtype=torch.float64)).requires_grad_()
    (
        losses.implicit(lambda x: torch.sin(w * x), x_0(p)).sum()
        + losses.simple(lambda x, t: w * x, S, x_0(p), 3, noise=noise(p)[0]).sum()
    ).backward()
    return w.grad


def multilevel(p):
    levels = torch.tensor([0.1, 1.0])
    score = lambda x, i: -x * (1 + i).unsqueeze(1)  # noqa: E731
    return [losses.multilevel(score, x_0(p), v, noise=noise(p)[:2]) for v in (levels, p(levels))]


def model(p):
    return vae.LinearModel(p.randn(3, 2), p.randn(3, seed=1), 0.3)


def linear_model(p):
    m = model(p)
    return [m.decoder(p.randn(4, 2)), m.marginal, m.posterior(x_0(p))]


def two_levels(p):
    given = {"noise": (x_0(p), x_0(p))}, {"generator": p.draw()}
    return [vae.two_levels(x_0(p), (unit, unit), (unit, unit), **how) for how in given]


def likelihoods(p):
    probes = p.randn(2, 4, 3, seed=2)
    ways = [{}, {"divergence": likelihood.hutchinson(probes)}, {"prior": lambda x: -x.square().sum(1)}]
    return [likelihood.log_likelihood(pull, VP(), x_0(p), TIMES, **way) for way in ways]


# Loops beside those of the samplers, over n levels or steps each.
RUNS: dict[str, Any] = {
    "log_likelihood": lambda p, n: likelihood.log_likelihood(
        pull, VP(), x_0(p), torch.linspace(1e-3, 1, n + 1).tolist()
    ),
    "evaluate": lambda p, n: elbo.evaluate(net, linear(n).to(p.device), x_0(p), generator=p.draw()),
    "fixed_encoder": lambda p, n: vae.fixed_encoder(x_0(p), linear(n).to(p.device), unit, generator=p.draw()),
    "levels": lambda p, n: vae.levels(
        x_0(p), vae.noising_encoders(linear(n).to(p.device)), [unit] * n, generator=p.draw()
    ),
    "trajectory": lambda p, n: forward.trajectory(linear(n).to(p.device), x_0(p), generator=p.draw()),
    "trajectory, tables on the CPU": lambda p, n: forward.trajectory(linear(n), x_0(p), generator=p.draw()),
    "importance_weighted": lambda p, n: elbo.importance_weighted(
        net, linear(n).to(p.device), x_0(p), 2, generator=p.draw()
    ),
}

CLAIMS: dict[str, Any] = {
    "elbo.evaluate": lambda p: [each(p, lambda s, x, how: elbo.evaluate(net, s, x, **how)), every_variance(p)],
    "elbo.discretized_log_prob": pixels,
    "elbo.bits_per_dim": lambda p: elbo.bits_per_dim(p.randn(4), 3),
    "elbo.simple_over_t": lambda p: each(p, lambda s, x, how: elbo.simple_over_t(net, s, x, **how)),
    "elbo.rate_distortion": lambda p: each(p, lambda s, x, how: elbo.rate_distortion(net, s, x, **how)),
    "elbo.path": lambda p: each(p, lambda s, x, how: elbo.path(s, x, **how)),
    "elbo.log_weight": lambda p: each(p, lambda s, x, how: elbo.log_weight(net, s, elbo.path(s, x, **how))),
    "elbo.importance_weighted": lambda p: elbo.importance_weighted(net, S, x_0(p), 3, generator=p.draw()),
    "elbo.weights": lambda p: [elbo.weights(S.to(p.device), v) for v in ("beta", "beta_tilde", S.beta)],
    "elbo.variance_table": lambda p: [elbo.variance_table(S.to(p.device), v) for v in ("beta", "beta_tilde", S.beta)],
    "elbo.p_reverse": lambda p: at_t(p, lambda s, x, t: elbo.p_reverse(s, x + 1, x, t)),
    "elbo.interpolated_variance": lambda p: at_t(p, lambda s, x, t: elbo.interpolated_variance(s, x.sigmoid(), t)),
    "elbo.levels": lambda p: elbo.levels(line(p), S.to(p.device)),
    "elbo.gap": gaps,
    "elbo.continuous": lambda p: elbo.continuous(
        lambda x, r: x, lambda u: 5 - 10 * u, x_0(p), p.randn(4).sigmoid(), noise=noise(p)[0]
    ),
    "losses.draw_t": lambda p: losses.draw_t(S, x_0(p), generator=p.draw()),
    "losses.simple": lambda p: [at_t(p, lambda s, x, t: losses.simple(net, s, x, t, noise=noise(p)[0])), slopes(p)],
    "losses.vlb": lambda p: at_t(p, lambda s, x, t: losses.vlb(net, s, x, t, generator=p.draw())),
    "losses.weighted": lambda p: at_t(p, lambda s, x, t: losses.weighted(net, s, x, t, s.snr, noise=noise(p)[0])),
    "losses.explicit": lambda p: losses.explicit(torch.sin, torch.cos, x_0(p)),
    "losses.implicit": lambda p: losses.implicit(torch.sin, x_0(p)),
    "losses.sliced": lambda p: [
        losses.sliced(torch.sin, x_0(p), generator=p.draw(), n=3),
        losses.sliced(torch.sin, x_0(p), directions=noise(p)[:2], variance_reduced=False),
    ],
    "losses.denoising": lambda p: row(
        p, lambda s, x, how: [losses.denoising(torch.sin, x, v, **how) for v in (0.3, p.randn(4).exp())]
    ),
    "losses.multilevel": multilevel,
    "losses.denoising_autoencoder": lambda p: row(
        p, lambda s, x, how: losses.denoising_autoencoder(torch.sin, x, 0.3, **how)
    ),
    "vae.standard": lambda p: vae.standard(x_0(p)),
    "vae.one_level": lambda p: row(p, lambda s, x, how: vae.one_level(x, unit, unit, **how)),
    "vae.two_levels": two_levels,
    "vae.levels": lambda p: vae.levels(x_0(p), [unit] * 3, [unit] * 3, generator=p.draw()),
    "vae.noising_encoders": lambda p: [
        vae.levels(x_0(p), vae.noising_encoders(s), [unit] * 8, generator=p.draw()) for s in schedules(p)
    ],
    "vae.fixed_encoder": lambda p: each(p, lambda s, x, how: vae.fixed_encoder(x, s, unit, **how)),
    "vae.LinearModel": linear_model,
    "likelihood.log_likelihood": likelihoods,
    "likelihood.exact_divergence": lambda p: likelihood.exact_divergence(torch.sin, x_0(p)),
    "likelihood.hutchinson": lambda p: likelihood.hutchinson(p.randn(2, 4, 3))(torch.sin, x_0(p)),
    "likelihood.rademacher": lambda p: likelihood.rademacher(2, x_0(p), generator=p.draw()),
    "likelihood.normal_probes": lambda p: likelihood.normal_probes(2, x_0(p), generator=p.draw()),
    "likelihood.dequantise": lambda p: likelihood.dequantise(p(torch.arange(6)), 8, generator=p.draw()),
    "likelihood.dequantised_bits_per_dim": lambda p: likelihood.dequantised_bits_per_dim(p.randn(4), 3),
}
