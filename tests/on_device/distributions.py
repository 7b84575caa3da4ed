"""Graphs, Gaussians, schedules, the forward process, the oracle, parameterizations."""

from typing import Any

import torch

from diffkit import forward, gaussian, graph, inputs, oracle, parameterize, schedule
from diffkit.gaussian import FullGaussian, Gaussian
from tests.on_device import S, net, schedules
from tests.sampler_checks import mixture

DAG = graph.dag("a -> c <- b")
LINE = graph.examples.fork()


def joint(p):
    return graph.joint(DAG, graph.random_tables(DAG, 3, generator=p.draw()))


def linear(p):
    one = p(torch.ones((), dtype=torch.float64))
    return graph.linear_gaussian(LINE, {("c", "a"): 5 * one, ("c", "b"): 1.0}, dict.fromkeys("abc", one), {"a": 0.5})


def log_joint(p):
    normal = lambda x, *above: -((x - sum(above)) ** 2)  # noqa: E731
    return graph.log_joint(DAG, dict.fromkeys("abc", normal))(**{n: p.randn(4, seed=i) for i, n in enumerate("abc")})


def joint_questions(p):
    j = joint(p)
    parts = [j, j.marginal(["b", "a"]), j.conditional("c", "a"), j.condition({"c": 1}), j.information("a", "b", "c")]
    return [*parts, j.deviation("a", "b"), graph.imap(DAG, j), graph.independent(j, "a", "b")]


def linear_questions(p):
    j, x = linear(p), {n: p.randn(4, seed=i) for i, n in enumerate("abc")}
    seen = [j.condition({"a": 0.3}), j.condition({"a": p(torch.tensor(0.3))})]
    parts = [j, j.marginal(["c", "a"]), *seen, j.log_prob(x), j.information("a", "b", "c"), j.deviation("a", "b", "c")]
    return [*parts, graph.imap(LINE, j)]


def diagonal(p):
    q = Gaussian(p.randn(4, 3), p.randn(4, 3, seed=1).exp())
    made = [q, q.std, q.log_prob(p.randn(4, 3, seed=2)), q.entropy(), q.affine(2.0, 1.0), q.affine(p.randn(3)), q + q]
    return [*made, q.sample(generator=p.draw()), q.sample(noise=p.randn(4, 3))]


def full(p):
    q = FullGaussian(p.randn(5, 3), p.spd(3))
    moved = q.affine(p.randn(2, 3), p.randn(2), p.spd(2))
    seen = q.condition([1], p.randn(5, 1))
    return [
        q.log_prob(p.randn(5, 3)),
        q.sample(4, generator=p.draw()),
        q.entropy(),
        moved,
        q + q,
        q.marginal([2, 0]),
        seen,
    ]


def kl(p):
    a, b = (Gaussian(p.randn(4, 3, seed=i), p.randn(4, 3, seed=i).exp()) for i in (1, 2))
    c, d = FullGaussian(p.randn(3), p.spd(3)), FullGaussian(p.randn(3, seed=1), 2 * p.spd(3))
    return [gaussian.kl(a, b), gaussian.kl(c, d)]


def product(p):
    return gaussian.product(*(Gaussian(p.randn(4, seed=i), p.randn(4, seed=i).exp()) for i in (1, 2)))


def tables(p):
    s, x, t = S.to(p.device), p.randn(3, 2), p(torch.tensor([1, 5, 8]))
    made = [s.beta, s.alpha, s.alpha_bar, s.noise_var, s.beta_tilde, s.snr]
    assert repr(s) == repr(S)
    return [*made, *(c.at(c.alpha_bar, i, x) for c in (s, S) for i in (t, t.cpu(), 3)), s.check_t(t)]


def q(p, f):
    x, t = p.randn(3, 2), p(torch.tensor([1, 5, 8]))
    return [f(s, x, i) for s in schedules(p) for i in (t, t.cpu(), 3)]


def mix(p):
    return mixture().to(p.device)


def exact(p):
    m, x = mix(p), p.randn(4, 2)
    levels = [(0.8, 0.6), (p(torch.full((4,), 0.8)), p(torch.full((4,), 0.6)))]
    names = ["log_prob", "responsibilities", "score", "score_jacobian", "denoiser", "eps", "posterior"]
    asked = [getattr(m, name)(x, *level) for name in names for level in levels]
    half = oracle.GaussianMixture.isotropic(m.weights, m.means, 0.5)
    drawn = [m.sample(5, generator=p.draw()), half.covs, m.to(dtype=torch.float32).means]
    return [*asked, m.noised(0.8, 0.6).covs, m.reverse(x, (0.9, 0.4), (0.8, 0.6)), *drawn]


def posterior(p):
    q = mix(p).posterior(p.randn(4, 2), 0.8, 0.6)
    return [q.mean, q.log_prob(p.randn(4, 2)), q.sample(generator=p.draw())]


def converted(p):
    x, t, names = p.randn(3, 2), p(torch.tensor([1, 5, 8])), ("eps", "x0", "score", "v")
    pairs = [(a, b) for a in names for b in names]
    return [parameterize.convert(p.randn(3, 2, seed=1), a, b, s, x, t) for a, b in pairs for s in schedules(p)]


def converted_at(p):
    x, levels = p.randn(3, 2), [(0.8, 0.6), (p.randn(3).exp(), p.randn(3).exp())]
    return [parameterize.convert_at(x, "eps", "v", x + 1, a, s) for a, s in levels]


def noise_schedule(make):
    return lambda p: make(8, device=p.device)


CLAIMS: dict[str, Any] = {
    "graph.joint": joint,
    "graph.random_tables": lambda p: graph.random_tables(DAG, 3, generator=p.draw()),
    "graph.Joint": joint_questions,
    "graph.linear_gaussian": linear,
    "graph.GaussianJoint": linear_questions,
    "graph.log_joint": log_joint,
    "gaussian.Gaussian": diagonal,
    "gaussian.FullGaussian": full,
    "gaussian.kl": kl,
    "gaussian.product": product,
    "gaussian.sum_event": lambda p: gaussian.sum_event(p.randn(2, 3, 4)),
    "gaussian.randn_like": lambda p: gaussian.randn_like(p.randn(2, 3), p.draw()),
    "schedule.Schedule": tables,
    "schedule.broadcast": lambda p: [schedule.broadcast(v, p.randn(3, 2)) for v in (p.randn(3), torch.ones(3))],
    "schedule.alongside": lambda p: [schedule.alongside(v, p.randn(3, 2)) for v in (0.5, torch.ones(3), p.randn(3))],
    "schedule.linear": noise_schedule(schedule.linear),
    "schedule.cosine": noise_schedule(schedule.cosine),
    "schedule.sigmoid": noise_schedule(schedule.sigmoid),
    "schedule.from_alpha_bar": lambda p: schedule.from_alpha_bar(p(S.alpha_bar)),
    "schedule.from_log_snr": lambda p: schedule.from_log_snr(p(S.snr[1:].log())),
    "forward.q_step": lambda p: q(p, forward.q_step),
    "forward.q_marginal": lambda p: q(p, forward.q_marginal),
    "forward.q_between": lambda p: q(p, lambda s, x, t: forward.q_between(s, x, 2, 5)),
    "forward.q_posterior": lambda p: q(p, lambda s, x, t: forward.q_posterior(s, x, x + 1, t)),
    "forward.q_sample": lambda p: q(p, lambda s, x, t: forward.q_sample(s, x, t, generator=p.draw())),
    "forward.kl_to_prior": lambda p: q(p, lambda s, x, t: [forward.kl_to_prior(s, x), forward.kl_to_prior(s, x, t)]),
    "forward.trajectory": lambda p: [forward.trajectory(s, p.randn(3, 2), generator=p.draw()) for s in schedules(p)],
    "oracle.GaussianMixture": exact,
    "oracle.Posterior": posterior,
    "parameterize.convert": converted,
    "parameterize.convert_at": converted_at,
    "parameterize.predicting": lambda p: q(
        p, lambda s, x, t: parameterize.predicting("eps", net, "v", s)(x, p(torch.tensor([1, 5, 8])))
    ),
    "inputs.noise_like": lambda p: [
        inputs.noise_like(p.randn(3), n, g) for n, g in [(None, p.draw()), (p.randn(3), None)]
    ],
}
